"""The tasks of a run and the last event of each, for everything in the dock that shows tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from psygnal import Signal

from ...core.events import TaskEvent

RunState = Literal["idle", "running", "finished"]


class TaskBoard:
    """The plan, the progress and the state of a run.

    Attributes
    ----------
    axis : str
        The axis of the run; empty before the first run.
    values : tuple of str
        The axis values of all tasks, in order, including those that an earlier run has finished.
    state : {"idle", "running", "finished"}
        A run is finished once all its tasks have an outcome and their layers are shown.
    planned : psygnal.Signal
        Emitted when another run replaces the one before.
    found : psygnal.Signal
        Emitted with a list of events: the partial results of an earlier run into the same output.
    updated : psygnal.Signal
        Emitted with each new `TaskEvent`.
    state_changed : psygnal.Signal
        Emitted with the new state.
    """

    planned = Signal()
    found = Signal(list)
    updated = Signal(TaskEvent)
    state_changed = Signal(str)

    def __init__(self) -> None:
        self.axis = ""
        self.values: tuple[str, ...] = ()
        self.state: RunState = "idle"
        self._events: dict[str, TaskEvent] = {}
        self._rows: dict[str, int] = {}
        self._pending: set[str] = set()
        self._total = 0

    @property
    def events(self) -> Mapping[str, TaskEvent]:
        """The last event of each task that has one, by axis value."""
        return MappingProxyType(self._events)

    @property
    def total(self) -> int:
        """The number of tasks that this run executes."""
        return self._total

    @property
    def done(self) -> int:
        """The number of tasks of this run that have an outcome."""
        return self._total - len(self._pending)

    def plan(self, axis: str, values: Sequence[str], finished: Iterable[TaskEvent] = ()) -> None:
        """Start a new run.

        Parameters
        ----------
        axis : str
            The axis of the run.
        values : sequence of str
            The axis values of all tasks, in order.
        finished : iterable of TaskEvent
            Outcomes of an earlier run that this run does not repeat.
        """
        self.axis = axis
        self.values = tuple(values)
        self._rows = {value: row for row, value in enumerate(self.values)}
        self._events = {event.axis_value: event for event in finished}
        self._pending = set(self.values).difference(self._events)
        self._total = len(self._pending)
        self.planned.emit()
        self._set_state("running")

    def add(self, event: TaskEvent) -> None:
        """Store an event as the last one of its task; heartbeats and tasks of other runs are ignored."""
        if event.axis_value not in self._rows:
            return
        self._events[event.axis_value] = event
        if event.is_outcome:
            self._pending.discard(event.axis_value)
        self.updated.emit(event)

    def add_found(self, events: Sequence[TaskEvent]) -> None:
        """Store partial results of an earlier run into the same output, as ``"waiting"`` events with a result."""
        self._events.update({event.axis_value: event for event in events})
        self.found.emit(list(events))

    def finish(self) -> None:
        """Mark the run as finished."""
        self._set_state("finished")

    def event(self, axis_value: str) -> TaskEvent:
        """Return the last event of a task, a ``"waiting"`` event if there was none."""
        return self._events.get(axis_value) or TaskEvent(axis_value, "waiting")

    def row(self, axis_value: str) -> int | None:
        """Return the position of a task in `values`, or None."""
        return self._rows.get(axis_value)

    def _set_state(self, state: RunState) -> None:
        self.state = state
        self.state_changed.emit(state)
