"""The rows of `benchmarks/faults.py`: each brings a fault about and measures what was promised."""
