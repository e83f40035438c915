"""List scheduling: each worker takes the next task as soon as it is free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Schedule:
    """A schedule: the worker of each task, its start and its end.

    Parameters
    ----------
    lanes : ndarray of int, shape (tasks,)
        Number of the worker of each task, from 0.
    started, stopped : ndarray of float, shape (tasks,)
        Seconds since the start.
    """

    lanes: NDArray[np.intp]
    started: NDArray[np.float64]
    stopped: NDArray[np.float64]

    @property
    def makespan(self) -> float:
        """Seconds until the last task ends; 0 without tasks."""
        return float(self.stopped.max(initial=0.0))


def deal_out(seconds: Sequence[float], lanes: int, free_at: Sequence[float] | None = None) -> Schedule:
    """Schedule tasks in order, each on the worker that is free first, and on the first of several.

    This is list scheduling (R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969), as `LaneExecutor` does
    it. It takes O(tasks · log(lanes)).

    Parameters
    ----------
    seconds : sequence of float
        Duration of each task.
    lanes : int
        Number of workers.
    free_at : sequence of float, optional
        When each worker becomes free, in seconds. By default, all at 0.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError
        `lanes` is below 1, or `free_at` has another length.
    """
    if lanes < 1:
        raise ValueError(f"lanes={lanes}: give at least 1.")
    if free_at is not None and len(free_at) != lanes:
        raise ValueError(f"free_at has {len(free_at)} times for {lanes} lanes; give one for each.")
    costs = np.asarray(seconds, dtype=np.float64)
    free = [(0.0 if free_at is None else float(free_at[lane]), lane) for lane in range(lanes)]
    heapify(free)
    taken: list[tuple[float, int]] = []
    for cost in costs.tolist():
        start, lane = free[0]
        taken.append((start, lane))
        heapreplace(free, (start + cost, lane))
    started = np.array([start for start, _ in taken], dtype=np.float64)
    return Schedule(np.array([lane for _, lane in taken], dtype=np.intp), started, started + costs)
