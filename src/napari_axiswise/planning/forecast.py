"""What a run along one axis would take: its tasks, and how the lanes would deal with them."""

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
"""How many times a lane's share of the work a task has to take to be what a run waits for."""

IDLE = 0.9
"""The part of their time that lanes have something to do, below which there are too few tasks."""

MOSTLY = 0.5
"""The part of the time that reading has to take to be what limits a run."""


@dataclass(frozen=True, eq=False)
class Workload:
    """The tasks that an axis makes of the work.

    Parameters
    ----------
    axis : str
        The axis; a product of components with commas.
    seconds, planes, units : ndarray, shape (tasks,)
        Of each task, in the order in which they run.
    """

    axis: str
    seconds: NDArray[np.float64]
    planes: NDArray[np.int64]
    units: NDArray[np.int64]

    @classmethod
    def of(cls, blocks: Blocks, names: Sequence[str], seconds: NDArray[np.float64], pilot: Pilot) -> Workload:
        """Return the tasks of the axis that is the product of some components.

        Parameters
        ----------
        blocks : Blocks
            All there are.
        names : sequence of str
            The components.
        seconds : ndarray of float, shape (blocks,)
            What each block takes.
        pilot : Pilot
            Says how many units a block has, and what comes between two tasks.
        """
        task = blocks.tasks(names)
        count = int(task.max()) + 1
        planes = np.bincount(task, blocks.plane_counts, count).astype(np.int64)
        own = np.bincount(task, seconds, count).astype(np.float64) + pilot.between
        return cls(axis_name(names), own, planes, np.bincount(task, minlength=count) * pilot.units)

    def __len__(self) -> int:
        return len(self.seconds)

    def wall(self, lanes: int, pilot: Pilot) -> float:
        """Return the seconds until the last task is over, without what comes before the first and after the last.

        Parameters
        ----------
        lanes : int
            How many there are.
        pilot : Pilot
            Says how much lanes that are at work slow each other down.
        """
        if not np.isfinite(self.seconds).all():
            return float("nan")
        schedule = deal_out((self.seconds * pilot.slowdown(lanes)).tolist(), lanes)
        # From when nothing waits any more, there is ever less company.
        empty = float(schedule.started.max(initial=0.0))
        left = np.sort(schedule.stopped[schedule.stopped > empty] - empty)
        busy = np.arange(len(left), 0, -1)
        relief = pilot.slowdown(busy) / pilot.slowdown(lanes)
        return empty + float((np.diff(left, prepend=0.0) * relief).sum())

    def limit(self, lanes: int, wanted: int, reading: float) -> Limit:
        """Return what keeps a run from being quicker.

        Parameters
        ----------
        lanes : int
            How many there are.
        wanted : int
            How many there would be, if memory had room for them.
        reading : float
            The part of the time that is spent on reading.
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
