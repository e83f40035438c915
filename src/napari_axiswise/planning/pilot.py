"""Pilot: measurements of a few blocks of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Pilot:
    """Measurements of a few blocks.

    Parameters
    ----------
    blocks : tuple of int
        Blocks that were measured.
    seconds : tuple of float
        Duration of each while all workers were busy.
    failed : mapping
        Errors of blocks with a unit that failed or a worker that died.
    unfinished : mapping
        Seconds spent on blocks that were stopped because the pilot ran out of time; 0 for those that had not started.
    units : int
        Number of units of a complete block.
    reading, computing, writing : float
        Seconds spent on each, summed over blocks.
    memory : int
        Peak memory of a worker, in bytes.
    starting : float
        Seconds from the start of the run to the first unit. If the run starts processes, the extra time of their first
        units is included.
    between : float
        Seconds between two tasks on the same worker.
    ending : float
        Seconds from the last task to the end of the run.
    copying : float
        Seconds to copy a plane of a dataset in memory to disk.
    contention : float
        Ratio of the durations of a block with all workers busy and with one worker busy.
    workers : int
        Number of workers.
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
        """Whether all blocks finished without failures."""
        return not self.failed and not self.unfinished

    @property
    def tried(self) -> int:
        """Number of blocks that were chosen."""
        return len({*self.blocks, *self.failed, *self.unfinished})

    def slowdown(self, busy: NDArray[np.intp] | int) -> NDArray[np.float64]:
        """Return the ratio of the durations of a block with `busy` workers and in the pilot.

        Interpolated between one worker and the number of workers of the pilot. Workers beyond that number are assumed
        to have processors of their own, as on a larger machine.
        """
        company = np.minimum(1.0, (np.asarray(busy) - 1) / max(1, self.workers - 1))
        return np.asarray((1.0 + (self.contention - 1.0) * company) / self.contention)
