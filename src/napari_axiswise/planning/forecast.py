"""Workload: the tasks that an axis makes, and how long workers take for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..core.axes import axis_name
from ..timeline.scheduling import deal_out
from .blocks import Blocks
from .pilot import Pilot

Limit = Literal["too few tasks", "one long task", "memory", "reading", "processors", "unknown"]

LONG_TASK = 1.05
"""A task that takes this many times a worker's share of the work is what a run waits for."""

IDLE = 0.9
"""Share of their time that workers must be busy; below it, there are too few tasks."""

MOSTLY = 0.5
"""Share of the time above which reading limits a run."""


@dataclass(frozen=True, eq=False)
class Workload:
    """The tasks that an axis makes.

    Parameters
    ----------
    axis : str
        The axis; components of a product are joined by commas.
    seconds, planes, units : ndarray, shape (tasks,)
        Duration, number of planes and number of units of each task, in the order in which they run.
    """

    axis: str
    seconds: NDArray[np.float64]
    planes: NDArray[np.int64]
    units: NDArray[np.int64]

    @classmethod
    def of(cls, blocks: Blocks, names: Sequence[str], seconds: NDArray[np.float64], pilot: Pilot) -> Workload:
        """Return the tasks of an axis.

        Parameters
        ----------
        blocks : Blocks
            All blocks.
        names : sequence of str
            The component of the axis, or the components of a product.
        seconds : ndarray of float, shape (blocks,)
            Duration of each block.
        pilot : Pilot
            Holds the number of units per block, and the time between two tasks.
        """
        task = blocks.tasks(names)
        count = int(task.max()) + 1
        planes = np.bincount(task, blocks.plane_counts, count).astype(np.int64)
        own = np.bincount(task, seconds, count).astype(np.float64) + pilot.between
        return cls(axis_name(names), own, planes, np.bincount(task, minlength=count) * pilot.units)

    def __len__(self) -> int:
        return len(self.seconds)

    def wall(self, lanes: int, pilot: Pilot) -> float:
        """Return the seconds from the start of the first task to the end of the last.

        Parameters
        ----------
        lanes : int
            Number of workers.
        pilot : Pilot
            Holds how much busy workers slow each other down.
        """
        if not np.isfinite(self.seconds).all():
            return float("nan")
        schedule = deal_out((self.seconds * pilot.slowdown(lanes)).tolist(), lanes)
        # Once no task is waiting, fewer and fewer workers are busy, so the rest run faster.
        empty = float(schedule.started.max(initial=0.0))
        left = np.sort(schedule.stopped[schedule.stopped > empty] - empty)
        busy = np.arange(len(left), 0, -1)
        relief = pilot.slowdown(busy) / pilot.slowdown(lanes)
        return empty + float((np.diff(left, prepend=0.0) * relief).sum())

    def limit(self, lanes: int, wanted: int, reading: float) -> Limit:
        """Return what limits the speed of a run.

        Parameters
        ----------
        lanes : int
            Number of workers.
        wanted : int
            Number of workers without the limit of memory.
        reading : float
            Share of the time that is spent on reading.
        """
        total, longest = float(self.seconds.sum()), float(self.seconds.max(initial=0.0))
        if not np.isfinite(total):
            return "unknown"
        if len(self) < lanes:
            return "too few tasks"
        if lanes < wanted:
            return "memory"
        wall = deal_out(self.seconds.tolist(), lanes).makespan
        if total < IDLE * lanes * wall:
            is_one = longest > LONG_TASK * total / lanes and longest > 2 * float(np.median(self.seconds))
            return "one long task" if is_one else "too few tasks"
        return "reading" if reading > MOSTLY else "processors"
