"""Light actors and learners, and what is watched meanwhile: the parts of `relay_scale.py`."""
