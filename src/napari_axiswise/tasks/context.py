"""The context of a task: everything a worker needs to run it, without pixels."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import POSITION_COMPONENTS, Calibration
from ..planes.table import Planes
from ..results.run_log.records import UnitRecord


@dataclass(frozen=True, eq=False, slots=True)
class TaskContext:
    """The context of a task: where its planes are, and where results go. It can be pickled.

    Parameters
    ----------
    axis, axis_value : str
        The multiprocessing axis, and its value for this task.
    index : Planes
        The planes of the dataset. Only those of the task are pickled.
    rows : ndarray of int
        Rows of the task in the index.
    plane_shape : tuple of int
        (Y, X) of the dataset's first plane.
    variable : tuple of str
        Components that steps stack by default.
    group_by : str, optional
        Component by whose value steps choose their function by default.
    output : str
        The output folder.
    cancelled : str
        A file. Once it exists, the task stops after its current unit.
    finished : tuple of UnitRecord
        Units of the task that an earlier run has finished.
    sharded : bool
        Whether planes will be packed into shards when the run ends.
    calibration : Calibration
        That of the dataset. Only the stage positions of the task's wells and sites are pickled.
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
    calibration: Calibration = field(default_factory=Calibration)

    @property
    def planes(self) -> Planes:
        """The planes of the task."""
        return self.index.select(self.rows)

    def __reduce__(self) -> tuple[type[TaskContext], tuple[Any, ...]]:
        planes = self.planes
        places = [self._present(planes, name) for name in POSITION_COMPONENTS]
        positions = {
            key: position
            for key, position in self.calibration.positions.items()
            if all(there is None or value in there for value, there in zip(key, places, strict=True))
        }
        own = replace(
            self,
            index=planes,
            rows=np.arange(len(self.rows)),
            calibration=replace(self.calibration, positions=positions),
        )
        return TaskContext, tuple(getattr(own, field.name) for field in fields(own))

    @staticmethod
    def _present(planes: Planes, name: str) -> set[str] | None:
        """Return the values that planes have of a component; None if the dataset does not have it."""
        if name not in planes.components:
            return None
        return {planes.components[name][code] for code in np.unique(planes.column(name))}

    @property
    def is_cancelled(self) -> bool:
        """Whether the task was asked to stop."""
        return Path(self.cancelled).exists()

    def check_output(self) -> None:
        """Check that the output folder still exists.

        Raises
        ------
        FileNotFoundError
            The output folder was deleted.
        """
        if not Path(self.output).is_dir():
            raise FileNotFoundError(f"The output folder {self.output} no longer exists. Run again.")
