"""Benchmarks of speed, memory and responsiveness. Run them with ``make bench``."""
