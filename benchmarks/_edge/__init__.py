"""The parts of the benchmarks of a policy that acts on the gaming PC."""
