"""Events of the tasks of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

HEARTBEAT = 0.1
"""Seconds without other events after which a run yields a ``"waiting"`` event."""

Status = Literal["started", "waiting", "done", "failed", "lost", "cancelled"]

OUTCOMES: tuple[Status, ...] = ("done", "failed", "lost", "cancelled")
"""Statuses of the last event of a task."""


class Timed:
    """Base class of results that record their own worker, start and end.

    The parent process knows these times only with a delay; events have those of the result instead.
    """

    __slots__ = ()

    axis_value: str
    started: float
    stopped: float
    worker: str


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """Change of the state of a task, or a heartbeat of the run.

    Parameters
    ----------
    axis_value : str
        The value of the task. Empty for ``"waiting"``.
    status : str
        ``"started"``; an outcome: ``"done"``, ``"failed"``, ``"lost"`` (the worker died) or ``"cancelled"``; or
        ``"waiting"``, a heartbeat.
    result : object
        The return value of the processor function. For a failed task, the results it had finished, or None.
    error, traceback : str
        Message and traceback of the error; empty if there is none.
    started, stopped : float
        Start and end in seconds since the epoch, from `core.clock.now`. Measured in the worker if the result has them.
    worker : str
        Name of the worker, if the result has it.
    """

    axis_value: str
    status: Status
    result: Any = None
    error: str = ""
    traceback: str = ""
    started: float | None = None
    stopped: float | None = None
    worker: str = ""

    @property
    def is_outcome(self) -> bool:
        """Whether this is the last event of the task."""
        return self.status in OUTCOMES
