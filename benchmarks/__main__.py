"""Run all benchmarks and print their tables."""

from benchmarks import (
    index,
    memory,
    overhead,
    planning,
    plate_view,
    preview,
    speed,
    stalls,
    timeline,
    writing,
)

if __name__ == "__main__":
    speed.main()
    planning.main()
    writing.main()
    overhead.main()
    memory.main()
    index.main()
    stalls.main()
    plate_view.main()
    preview.main()
    timeline.main()
