"""Run all benchmarks and print their tables."""

from benchmarks import overhead, speed, stalls

if __name__ == "__main__":
    speed.main()
    overhead.main()
    stalls.main()
