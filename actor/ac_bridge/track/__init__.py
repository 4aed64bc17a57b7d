"""A track as its files describe it: read, cleaned, and asked where a car is on it."""
