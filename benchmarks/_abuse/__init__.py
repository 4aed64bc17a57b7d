"""Attackers, and what is watched while they are at it: the parts of `benchmarks/abuse.py`."""
