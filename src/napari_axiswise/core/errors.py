"""Errors that cross process boundaries, and error messages."""

from __future__ import annotations

import signal
import sys
import traceback
from concurrent.futures import BrokenExecutor
from errno import EDQUOT, ENOSPC
from threading import current_thread, main_thread
from typing import Any

from .files import hide_secrets


class TaskError(Exception):
    """Failure of a task, with the results it had finished.

    Raised by a processor function in a worker. It can always be pickled, as it holds the cause only as text.

    Parameters
    ----------
    message : str
        What is wrong, where, and what to do.
    trace : str
        The traceback of the cause, as text.
    result : object, optional
        The task's result, limited to what it finished.
    """

    def __init__(self, message: str, trace: str = "", result: Any = None) -> None:
        super().__init__(message, trace, result)
        self.message = message
        self.trace = trace
        self.result = result

    def __str__(self) -> str:
        return self.message


class TaskLost(RuntimeError):
    """Error of a task whose worker process died."""


class OtherCode(RuntimeError):
    """Error of a worker process whose code differs from that of the process which sent it the steps.

    Parameters
    ----------
    message : str
        Which step differs in what, and what to do.
    parcel : str
        Identifies the steps that were sent, so that a process is renewed once for them.
    """

    def __init__(self, message: str, parcel: str) -> None:
        super().__init__(message, parcel)
        self.message = message
        self.parcel = parcel

    def __str__(self) -> str:
        return self.message


class PlaneError(OSError):
    """Error of a plane that cannot be read. The message names its file."""


class MissingPackage(ValueError):
    """Error of what needs a package that is not installed. The message says how to install it."""


def missing_package(
    subject: str, package: str, install: str, cause: ImportError | None = None
) -> MissingPackage:
    """Return the error of what needs a package that is not installed.

    Parameters
    ----------
    subject : str
        What needs the package: a file, an address or an option.
    package : str
        The package, or what it is for.
    install : str
        What to give to pip, such as ``"napari-axiswise[dask]"``; empty if only `cause` tells.
    cause : ImportError, optional
        The error of the import.
    """
    # napari's and Qt's errors go on with lines of advice of their own.
    why = f" ({str(cause).splitlines()[0].rstrip('.')})" if str(cause or "") else ""
    advice = f': pip install "{install}".' if install else ". Install it."
    return MissingPackage(f"{subject} needs {package}, which is not installed{why}{advice}")


def is_loss(error: BaseException) -> bool:
    """Return whether an error means that the task's worker died, rather than that the task failed."""
    # Dask's errors can occur only if Dask has been imported.
    scheduler, comm = (sys.modules.get(f"distributed.{name}") for name in ("scheduler", "comm"))
    return (
        isinstance(error, (BrokenExecutor, TaskLost))
        or (scheduler is not None and isinstance(error, scheduler.KilledWorker))
        or (comm is not None and isinstance(error, comm.CommClosedError))
    )


def is_interrupt(error: BaseException) -> bool:
    """Return whether an error asks this process to stop, such as by Ctrl-C, and is not just raised by a function."""
    if not isinstance(error, KeyboardInterrupt):
        return isinstance(error, GeneratorExit)
    # Worker processes ignore Ctrl-C, and other threads do not get it.
    return current_thread() is main_thread() and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def error_message(error: BaseException) -> str:
    """Return the type and message of an error as text, even if its ``__str__`` raises."""
    if isinstance(error, (TaskError, OtherCode)):
        return error.message
    try:
        text = hide_secrets(str(error))
    except Exception as broken:
        text = f"(its message cannot be shown: __str__ raised {type(broken).__name__})"
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, BrokenExecutor):
        message += (
            " A worker that dies breaks a pool, and all of its unfinished tasks are lost; with "
            'executor="processes", the default, only its own task is'
        )
    if is_disk_full(error):
        message += ". The disk is full. Finished results are kept: free some space, then resume the run"
    return message


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error means that the disk or the quota is full."""
    return isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT)


def error_trace(error: BaseException) -> str:
    """Return the traceback of an error as text, including the traceback in the worker."""
    if isinstance(error, TaskError) and error.trace:
        return error.trace
    return hide_secrets("".join(traceback.TracebackException.from_exception(error).format()))
