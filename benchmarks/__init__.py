"""Benchmarks: what is promised of speed and smoothness, measured side by side. Run by ``make bench``."""
