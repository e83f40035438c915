"""Run all benchmarks and print their tables."""

from benchmarks import memory, overhead, speed, stalls

if __name__ == "__main__":
    speed.main()
    overhead.main()
    memory.main()
    stalls.main()
