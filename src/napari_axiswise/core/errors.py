"""Errors that cross a process boundary, and how any error is put into words."""

from __future__ import annotations

import sys
import traceback
from concurrent.futures import BrokenExecutor
from errno import EDQUOT, ENOSPC
from typing import Any


class TaskError(Exception):
    """A task that failed, with what it had finished by then.

    Raised by a processor function in a worker. It survives pickling whatever caused it, because it holds
    texts only.

    Parameters
    ----------
    message : str
        What went wrong, where, and what to do.
    trace : str
        The traceback of the cause, as text.
    result : object, optional
        What the task would have returned, limited to what it finished.
    """

    def __init__(self, message: str, trace: str = "", result: Any = None) -> None:
        super().__init__(message, trace, result)
        self.message = message
        self.trace = trace
        self.result = result

    def __str__(self) -> str:
        return self.message


class TaskLost(RuntimeError):
    """The worker process that ran a task ended before the task did."""


class PlaneError(OSError):
    """A plane that cannot be read; the message names its file."""


def is_loss(error: BaseException) -> bool:
    """Return whether a task had this error because its worker ended, and not because of anything that it did."""
    # Only who uses Dask's own futures has imported it, and can meet its errors.
    scheduler, comm = (sys.modules.get(f"distributed.{name}") for name in ("scheduler", "comm"))
    return (
        isinstance(error, (BrokenExecutor, TaskLost))
        or (scheduler is not None and isinstance(error, scheduler.KilledWorker))
        or (comm is not None and isinstance(error, comm.CommClosedError))
    )


def error_message(error: BaseException) -> str:
    """Return one line that says what `error` is, even where its own ``__str__`` raises."""
    if isinstance(error, TaskError):
        return error.message
    try:
        text = str(error)
    except Exception as broken:
        text = f"(its message cannot be shown: __str__ raised {type(broken).__name__})"
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if is_disk_full(error):
        message += ". The disk is full; what was finished is kept. Make room, then resume the run"
    return message


def is_disk_full(error: BaseException) -> bool:
    """Return whether there was no room for what was to be written."""
    return isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT)


def error_trace(error: BaseException) -> str:
    """Return the traceback of `error` as text, the worker's part included."""
    if isinstance(error, TaskError) and error.trace:
        return error.trace
    return "".join(traceback.TracebackException.from_exception(error).format())
