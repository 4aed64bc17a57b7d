"""Fuzzing: what strangers can send, driven by what it reaches in the code that reads it."""
