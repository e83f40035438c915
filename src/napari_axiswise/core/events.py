"""What happens in a run, task by task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

HEARTBEAT = 0.1
"""Seconds after which a run in which nothing happens says so."""


Status = Literal["started", "waiting", "done", "failed", "lost", "cancelled"]


OUTCOMES: tuple[Status, ...] = ("done", "failed", "lost", "cancelled")


class Timed:
    """A result that knows when and by which worker it was made, better than the parent does."""

    __slots__ = ()

    axis_value: str
    started: float
    stopped: float
    worker: str


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """Something that happened in a run.

    Parameters
    ----------
    axis_value : str
        The task; empty for ``"waiting"``, which is about none.
    status : str
        ``"started"``; one of the outcomes ``"done"``, ``"failed"``, ``"lost"`` (its worker died) and
        ``"cancelled"``; or ``"waiting"``, a heartbeat.
    result : object
        What the processor function returned. For a failed task: what it had finished, or None.
    error, traceback : str
        What went wrong, in a line and in full; empty where nothing did.
    started, stopped : float
        Seconds since the epoch, by a clock that nobody sets; as the worker measured them, where its result has them.
    worker : str
        Which worker it was, where the result says so.
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
        """Whether this is the last event of its task."""
        return self.status in OUTCOMES
