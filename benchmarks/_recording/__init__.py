"""Parts of `recording.py`: a recorder that is killed, and an actor that records by turns."""
