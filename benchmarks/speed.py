"""Speed of a run, compared with a perfect split and with other ways of distributing the same work.

All sides run one after the other, in several rounds. The result is each side's speed relative to the perfect split of
the same round: two processes, started and warmed up beforehand, each a for-loop over half of the planes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

import napari_axiswise as aw
from benchmarks.hosts import Cost, Host
from benchmarks.sides import PERFECT, WAYS, analyse, jobs
from benchmarks.tables import print_machine, print_table, spread
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate

ROUNDS = 5
PLAN = PlatePlan(
    wells=("B02", "B03", "B04", "B05", "C02", "C03", "C04", "C05"), sites=1, timepoints=6, size=640
)


def measure(folder: Path) -> dict[str, list[Cost]]:
    """Return the costs of each side in each round, after a warm-up round."""
    hosts = {name: Host(name, folder) for name in WAYS}
    costs: dict[str, list[Cost]] = {name: [] for name in WAYS}
    try:
        for number in range(ROUNDS + 1):
            for name, host in hosts.items():
                cost = host.run()
                if number:
                    costs[name].append(cost)
    finally:
        for host in hosts.values():
            host.close()
    return costs


def median(costs: list[Cost], name: str) -> float:
    return float(np.median([getattr(cost, name) for cost in costs]))


def main() -> None:
    print_machine()
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_plate(Path(scratch, "plate"), PLAN)
        dataset = aw.open_dataset(folder)
        analyse(jobs(dataset)[0])
        started = perf_counter()
        for job in jobs(dataset)[:10]:
            analyse(job)
        print(f"{len(dataset)} planes of {PLAN.size}², {(perf_counter() - started) * 100:.0f} ms each")
        costs = measure(folder)
    print_table(
        [
            "",
            "share of the perfect split",
            "wall, s",
            "processor, s",
            "parent, MB",
            "sum, MB",
            "first result, s",
        ],
        [
            [
                name,
                spread([best.wall / cost.wall for best, cost in zip(costs[PERFECT], own, strict=True)]),
                f"{median(own, 'wall'):.2f}",
                f"{median(own, 'processor'):.2f}",
                f"{median(own, 'parent_memory'):.0f}",
                f"{median(own, 'whole_memory'):.0f}",
                f"{median(own, 'first'):.2f}",
            ]
            for name, own in costs.items()
        ],
    )


if __name__ == "__main__":
    main()
