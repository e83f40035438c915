"""Run all benchmarks and print their tables."""

from benchmarks import stalls

stalls.main()
