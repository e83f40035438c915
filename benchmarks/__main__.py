"""Run all benchmarks and print their tables."""

from benchmarks import speed, stalls

if __name__ == "__main__":
    speed.main()
    stalls.main()
