"""The training side."""
