"""What coordination costs per task: 10,000 tasks that do nothing, against bare ``ProcessPoolExecutor.submit``."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter

import numpy as np

import napari_axiswise as aw
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
    print(
        f"{'':28} microseconds per empty task: median (lowest – highest of {ROUNDS} rounds), ratio to bare submit"
    )
    for name, values in costs.items():
        told = f"{np.median(values):5.0f}  ({min(values):.0f} – {max(values):.0f})"
        print(f"{name:28} {told}  {np.median(values) / bare:.2f}")


if __name__ == "__main__":
    main()
