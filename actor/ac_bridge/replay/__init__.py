"""Recordings played again: served as an actor would, given as pages, or held against the code."""
