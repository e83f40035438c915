"""Cost of coordination per task: 10,000 empty tasks, compared with bare ``ProcessPoolExecutor.submit``."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

import numpy as np

import napari_axiswise as aw
from benchmarks.tables import print_table, spread
from napari_axiswise.executors.lanes import available_cores

ROUNDS = 5
TASKS = 10_000


def nothing(context: object, pipeline: object) -> None:
    """Do nothing."""


def main() -> None:
    config = aw.ComponentConfigurationFactory.create_configuration(
        aw.StandardComponents, aw.StandardComponents.WELL
    )
    coordinator = aw.MultiprocessingCoordinator(config)
    tasks = {str(number): aw.Task(str(number), number) for number in range(TASKS)}
    context = multiprocessing.get_context("spawn")
    with aw.LaneExecutor() as lanes, ProcessPoolExecutor(available_cores(), mp_context=context) as pool:

        def bare_submit() -> None:
            for future in [pool.submit(nothing, number, None) for number in range(TASKS)]:
                future.result()

        sides: dict[str, Callable[[], object]] = {
            "bare submit": bare_submit,
            "coordinator on lanes": lambda: coordinator.execute_tasks(tasks, None, lanes, nothing),
            "coordinator on a bare pool": lambda: coordinator.execute_tasks(tasks, None, pool, nothing),
        }
        costs: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(ROUNDS + 1):
            for name, side in sides.items():
                started = perf_counter()
                side()
                if number:  # the first round warms everything up
                    costs[name].append((perf_counter() - started) / TASKS * 1e6)
    bare = np.median(costs["bare submit"])
    print_table(
        ["", "microseconds per empty task", "ratio to bare submit"],
        [[name, spread(values, ".0f"), f"{np.median(values) / bare:.2f}"] for name, values in costs.items()],
    )


if __name__ == "__main__":
    # Import it by name, like `make bench`: functions of `__main__` are sent by value, which costs more.
    from benchmarks import overhead

    overhead.main()
