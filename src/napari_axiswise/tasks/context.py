"""What a worker needs to know to run a task."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..planes.table import Planes
from ..results.run_log.records import UnitRecord


@dataclass(frozen=True, eq=False, slots=True)
class TaskContext:
    """What a worker needs to know to run a task: where its planes are, and where results go.

    Parameters
    ----------
    axis, axis_value : str
        The multiprocessing axis, and its value that this task is about.
    index : Planes
        The planes of the dataset, or of the task: what travels to a worker is only the latter.
    rows : ndarray of int
        Those in the index that are the task's.
    plane_shape : tuple of int
        (Y, X) of the dataset's first plane.
    variable : tuple of str
        Components that steps stack if they do not say.
    group_by : str, optional
        Component by whose value steps pick their function if they do not say.
    output : str
        The folder to write to.
    cancelled : str
        A file; once it exists, the task is to stop at the end of the unit it is at.
    finished : tuple of UnitRecord
        Units of these planes that an earlier run has finished.
    sharded : bool
        Whether planes are to be put into shards once the run is over.
    """

    axis: str
    axis_value: str
    index: Planes
    rows: NDArray[np.intp]
    plane_shape: tuple[int, int]
    variable: tuple[str, ...]
    group_by: str | None
    output: str
    cancelled: str
    finished: tuple[UnitRecord, ...] = ()
    sharded: bool = False

    @property
    def planes(self) -> Planes:
        """The planes of the task."""
        return self.index.select(self.rows)

    def __reduce__(self) -> tuple[type[TaskContext], tuple[Any, ...]]:
        own = replace(self, index=self.planes, rows=np.arange(len(self.rows)))
        return TaskContext, tuple(getattr(own, field.name) for field in fields(own))

    @property
    def is_cancelled(self) -> bool:
        """Whether the task was asked to stop."""
        return Path(self.cancelled).exists()

    def check_output(self) -> None:
        """Check that there is still a place for results.

        Raises
        ------
        FileNotFoundError
            The output is gone.
        """
        if not Path(self.output).is_dir():
            raise FileNotFoundError(f"The output folder {self.output} no longer exists. Run again.")
