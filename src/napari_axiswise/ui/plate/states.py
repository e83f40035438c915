"""What became of each field of a plate while a run goes on, and after it."""

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
    """What became of a field: of the plane of it that is looked at."""

    PENDING = 0
    """Its task has not begun, or was not asked for, or was cancelled."""
    RUNNING = 1
    """Its task goes on."""
    DONE = 2
    """Its task has an outcome that has this plane."""
    FAILED = 3
    """Its task failed or was lost, or left this plane out."""
    MISSING = 4
    """No image was taken."""


OF_TASKS: dict[Status, FieldState] = {
    "waiting": FieldState.PENDING,
    "started": FieldState.RUNNING,
    "done": FieldState.DONE,
    "failed": FieldState.FAILED,
    "lost": FieldState.FAILED,
    # Who cancels a run, or opens one that still goes on, has no failures before him.
    "cancelled": FieldState.PENDING,
}
"""What the fields of a task are that has this status, until their planes are there."""


@dataclass(frozen=True, eq=False)
class NotedStates:
    """What a run has noted of the planes of a step.

    Parameters
    ----------
    names : tuple of str
        The components that its output has.
    states : ndarray of uint8, an axis for each of `names`
        See `StepOutput.states`.
    """

    names: tuple[str, ...]
    states: NDArray[np.uint8]

    def missing(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> NDArray[np.bool_]:
        """Return which fields were not taken, shape (wells, fields)."""
        at = self.states[tuple(fixed.get(name, slice(None)) for name in self.names)]
        left = [name for name in self.names if name not in fixed]
        order = [left.index(name) for name in ("well", *geometry.field_components)]
        is_missing = at.transpose(order) == STATES.index("missing")
        return is_missing.reshape(geometry.boxes.shape[:2])


class PlateStates:
    """The states of all fields, at any place of the sliders.

    Parameters
    ----------
    planes : Planes
        Of the dataset. It has none when a run is opened again.
    axis : str
        What the run is split by.
    noted : NotedStates, optional
        What a run that is opened again has noted of its planes.
    is_of_planes : bool
        Without `noted`, a plane that a task which is done has not written counts as one that was not taken. A
        table says no such thing: a field without rows is one where nothing was found.
    """

    def __init__(
        self, planes: Planes, axis: str, noted: NotedStates | None = None, is_of_planes: bool = True
    ) -> None:
        self._is_of_planes = is_of_planes
        self._planes = planes
        self._noted = noted
        self._parts = axis_parts(axis, planes.components)
        lengths = [len(planes.components[name]) for name in self._parts]
        self._tasks = np.full(lengths, FieldState.PENDING, np.uint8)
        if len(planes):
            there = np.zeros(lengths, bool)
            there[tuple(planes.column(name) for name in self._parts)] = True
            self._tasks[~there] = FieldState.MISSING

    def take(self, event: TaskEvent) -> None:
        """Take note of what became of a task."""
        codes = value_codes(event.axis_value, self._parts, self._planes.components)
        if codes:
            self._tasks[tuple(codes.values())] = OF_TASKS[event.status]

    def of(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> NDArray[np.uint8]:
        """Return the `FieldState` of every field.

        Parameters
        ----------
        geometry : PlateGeometry
            Says which components tell fields apart.
        fixed : mapping
            From components that are sliders to the index of the value that is looked at.

        Returns
        -------
        ndarray of uint8, shape (wells, fields)
        """
        states = np.broadcast_to(self._of_tasks(geometry, fixed), geometry.boxes.shape[:2]).copy()
        if len(self._planes):
            states[~self._present(geometry, fixed)] = FieldState.MISSING
        elif self._noted is not None:
            states[self._noted.missing(geometry, fixed)] = FieldState.MISSING
        elif self._is_of_planes:
            states[states == FieldState.DONE] = FieldState.MISSING
        return states

    def _of_tasks(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> NDArray[np.uint8]:
        """Return the states of the tasks that fields are of, as far as fields differ in them: shape (wells or 1, …)."""
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
                tasks = _together(tasks, len(at))
        return tasks[tuple(at)] if at else tasks.reshape(1, 1)

    def _present(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> NDArray[np.bool_]:
        """Return of which fields there is a plane."""
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


def _together(tasks: NDArray[np.uint8], along: int) -> NDArray[np.uint8]:
    """Return the state of what several tasks, along one axis of an array of them, have a part in."""
    first = [(tasks == state).any(along) for state in (FieldState.RUNNING, FieldState.FAILED)]
    # There are no tasks of combinations that were not taken.
    done = ((tasks == FieldState.DONE) | (tasks == FieldState.MISSING)).all(along)
    states = [FieldState.RUNNING, FieldState.FAILED, FieldState.DONE]
    return np.select([*first, done], states, FieldState.PENDING).astype(np.uint8)


def fields_of(geometry: PlateGeometry, names: Sequence[str], codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the indices of well and field of planes, shape (planes, 2).

    Parameters
    ----------
    geometry : PlateGeometry
        Says which components tell fields apart.
    names : sequence of str
        The components of the codes; those that are not there have one value.
    codes : ndarray, shape (planes, len(names))
        Indices of component values.
    """
    at = {name: codes[:, place] for place, name in enumerate(names)}
    fields = [at.get(name, np.zeros(len(codes), np.int64)) for name in geometry.field_components]
    lengths = [len(values) for values in geometry.field_components.values()]
    number = np.ravel_multi_index(fields, lengths) if fields else np.zeros(len(codes), np.int64)
    return np.stack([at["well"], number], axis=1).astype(np.int64)


def sliders_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return those of some components that a plate is looked at at one value of."""
    return tuple(name for name in SLIDERS if name in names)
