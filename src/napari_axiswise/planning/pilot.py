"""The pilot: what a few blocks of a dataset took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pilot:
    """What a few blocks took.

    Parameters
    ----------
    blocks : tuple of int
        Which blocks were measured.
    seconds : tuple of float
        What each took while all workers were at work.
    failed : mapping
        From blocks of which a unit failed, or whose worker died, to the error.
    unfinished : mapping
        From blocks that were given up because the pilot had taken long enough to the seconds that they had taken; 0
        for those that were not begun.
    units : int
        Units of a block of which nothing is missing.
    reading, computing, writing : float
        Seconds of all blocks spent on each.
    memory : int
        The most bytes that a worker held.
    starting : float
        Seconds from the beginning of the run to the first unit. Where processes begin with the run, what their first
        units took longer is included.
    between : float
        Seconds from the end of a task to the beginning of the next on the same worker.
    ending : float
        Seconds from the last task to the end of the run.
    copying : float
        Seconds that it takes to copy a plane to where workers can read it, of a dataset in memory.
    contention : float
        How many times longer a block takes while all workers are at work than while one is.
    workers : int
        How many there were at a time.
    """

    blocks: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    unfinished: Mapping[int, float] = field(default_factory=dict)
    units: int = 1
    reading: float = 0.0
    computing: float = 0.0
    writing: float = 0.0
    memory: int = 0
    starting: float = 0.0
    between: float = 0.0
    ending: float = 0.0
    copying: float = 0.0
    contention: float = 1.0
    workers: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether all blocks came to an end, and none failed."""
        return not self.failed and not self.unfinished

    @property
    def tried(self) -> int:
        """How many blocks were to be measured."""
        return len({*self.blocks, *self.failed, *self.unfinished})

    def slowdown(self, busy: NDArray[np.intp] | int) -> NDArray[np.float64]:
        """Return how many times longer a block takes while some workers are busy than it did in the pilot.

        Between one worker and as many as the pilot had it is interpolated; more than these have processors of their
        own, as they would on a larger machine.
        """
        company = np.minimum(1.0, (np.asarray(busy) - 1) / max(1, self.workers - 1))
        return np.asarray((1.0 + (self.contention - 1.0) * company) / self.contention)
