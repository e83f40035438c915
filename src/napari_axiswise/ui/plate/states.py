"""States of the fields of a plate: pending, running, done, failed, or without an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ...core.axes import axis_parts, value_codes
from ...core.events import Status, TaskEvent
from ...planes.table import Planes
from ...plates.geometry import SLIDERS, PlateGeometry
from ...results.step_output import STATES


class FieldState(IntEnum):
    """State of a field, at the current slider position."""

    PENDING = 0
    """The task has not started, is not part of the run, or was cancelled."""
    RUNNING = 1
    """The task is running."""
    DONE = 2
    """The task has written this plane."""
    FAILED = 3
    """The task failed or was lost, or did not write this plane."""
    MISSING = 4
    """No image was taken."""


OF_TASKS: dict[Status, FieldState] = {
    "waiting": FieldState.PENDING,
    "started": FieldState.RUNNING,
    "done": FieldState.DONE,
    "failed": FieldState.FAILED,
    "lost": FieldState.FAILED,
    # A cancelled task is not a failure.
    "cancelled": FieldState.PENDING,
}
"""State of the fields of a task with this status, as long as they have no values."""


@dataclass(frozen=True, eq=False)
class RecordedStates:
    """Plane states of a step that a run recorded in its output.

    Parameters
    ----------
    names : tuple of str
        The components of the step's output.
    states : ndarray of uint8, an axis for each of `names`
        See `StepOutput.states`.
    """

    names: tuple[str, ...]
    states: NDArray[np.uint8]

    def missing(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> NDArray[np.bool_]:
        """Return which fields have no image in the data, shape (wells, fields)."""
        at = self.states[tuple(fixed.get(name, slice(None)) for name in self.names)]
        left = [name for name in self.names if name not in fixed]
        order = [left.index(name) for name in ("well", *geometry.field_components)]
        is_missing = at.transpose(order) == STATES.index("missing")
        return is_missing.reshape(geometry.boxes.shape[:2])


class PlateStates:
    """States of all fields, at any slider position.

    Parameters
    ----------
    planes : Planes
        Planes of the dataset; empty if the run was opened from its output folder.
    axis : str
        The axis of the run.
    recorded : RecordedStates, optional
        Plane states from the output folder.
    is_of_planes : bool
        Whether images or labels are shown. If so, and without `recorded`, a plane that a finished task did not write
        counts as missing from the data. A table cannot tell: a field without rows may have no objects.
    """

    def __init__(
        self, planes: Planes, axis: str, recorded: RecordedStates | None = None, is_of_planes: bool = True
    ) -> None:
        self._is_of_planes = is_of_planes
        self._planes = planes
        self._recorded = recorded
        self._parts = axis_parts(axis, planes.components)
        lengths = [len(planes.components[name]) for name in self._parts]
        self._tasks = np.full(lengths, FieldState.PENDING, np.uint8)
        if len(planes):
            there = np.zeros(lengths, bool)
            there[tuple(planes.column(name) for name in self._parts)] = True
            self._tasks[~there] = FieldState.MISSING

    def update(self, event: TaskEvent) -> None:
        """Set the state of a task."""
        codes = value_codes(event.axis_value, self._parts, self._planes.components)
        if codes:
            self._tasks[tuple(codes.values())] = OF_TASKS[event.status]

    def of(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> NDArray[np.uint8]:
        """Return the `FieldState` of every field.

        Parameters
        ----------
        geometry : PlateGeometry
            Layout of the picture, with the components that distinguish fields.
        fixed : mapping
            From slider components to the index of their current value.

        Returns
        -------
        ndarray of uint8, shape (wells, fields)
        """
        states = np.broadcast_to(self._of_tasks(geometry, fixed), geometry.boxes.shape[:2]).copy()
        if len(self._planes):
            states[~self._present(geometry, fixed)] = FieldState.MISSING
        elif self._recorded is not None:
            states[self._recorded.missing(geometry, fixed)] = FieldState.MISSING
        elif self._is_of_planes:
            states[states == FieldState.DONE] = FieldState.MISSING
        return states

    def _of_tasks(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> NDArray[np.uint8]:
        """Return the states of the tasks of fields, broadcastable to (wells, fields)."""
        wells, fields = geometry.boxes.shape[:2]
        at: list[NDArray[np.intp]] = []
        tasks = self._tasks
        for name in self._parts:
            if name == "well":
                at.append(np.arange(wells)[:, None])
            elif name in geometry.field_components:
                at.append(np.array([[geometry.field_values(field)[name] for field in range(fields)]]))
            elif name in fixed:
                at.append(np.array([[fixed[name]]]))
            else:
                tasks = _combined(tasks, len(at))
        return tasks[tuple(at)] if at else tasks.reshape(1, 1)

    def _present(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> NDArray[np.bool_]:
        """Return which fields have a plane in the data."""
        planes = self._planes
        rows = np.ones(len(planes), dtype=bool)
        for name, code in fixed.items():
            if name in planes.components:
                rows &= planes.column(name) == code
        columns = [planes.names.index(name) for name in ("well", *geometry.field_components)]
        present = np.zeros(
            (len(geometry.wells), *map(len, geometry.field_components.values())),
            dtype=bool,
        )
        present[tuple(planes.codes[rows][:, columns].T)] = True
        return present.reshape(geometry.boxes.shape[:2])


def _combined(tasks: NDArray[np.uint8], along: int) -> NDArray[np.uint8]:
    """Combine the states of tasks along one axis of an array into one state."""
    first = [(tasks == state).any(along) for state in (FieldState.RUNNING, FieldState.FAILED)]
    # Combinations of values without images have no task.
    done = ((tasks == FieldState.DONE) | (tasks == FieldState.MISSING)).all(along)
    states = [FieldState.RUNNING, FieldState.FAILED, FieldState.DONE]
    return np.select([*first, done], states, FieldState.PENDING).astype(np.uint8)


def fields_of(geometry: PlateGeometry, names: Sequence[str], codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the well and field index of each plane, shape (planes, 2).

    Parameters
    ----------
    geometry : PlateGeometry
        Layout of the picture, with the components that distinguish fields.
    names : sequence of str
        The components of `codes`; components left out have one value.
    codes : ndarray, shape (planes, len(names))
        Indices of component values.
    """
    at = {name: codes[:, place] for place, name in enumerate(names)}
    fields = [at.get(name, np.zeros(len(codes), np.int64)) for name in geometry.field_components]
    lengths = [len(values) for values in geometry.field_components.values()]
    number = np.ravel_multi_index(fields, lengths) if fields else np.zeros(len(codes), np.int64)
    return np.stack([at["well"], number], axis=1).astype(np.int64)


def sliders_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the components that are sliders of a plate, rather than laid out in its picture."""
    return tuple(name for name in SLIDERS if name in names)
