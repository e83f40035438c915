"""Main loop of a worker process: read a call, run it, write the answer.

::

    call     length and pickle of the parent's import paths, then a pickle of (function, args, kwargs)
    answer   why the process should be replaced, or nothing; a zero; a pickle of (True, result, "") or
             (False, error, traceback)

Calls arrive on the standard input and answers leave on the standard output. The functions that are called see other
streams: their standard input is empty, and their standard output is the standard error.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from threading import Thread
from typing import Any, BinaryIO, TextIO, cast

import cloudpickle
import psutil

from ..core.errors import TaskError, error_message, error_trace
from ..core.import_paths import ImportPaths
from .pipes import receive, send
from .streams import LenientStream, open_closed_streams
from .wear import Wear

NICENESS = 10
"""Niceness of a worker, relative to its parent, so that the window stays responsive on busy processors."""

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

# Protocol 5 pickles an array as a view of a buffer: three objects instead of one, which costs time for small arrays.
_PROTOCOL = 4

_LENGTH = struct.Struct("<Q")
_PR_SET_PDEATHSIG = 1


def pack(call: Call) -> bytes:
    """Pickle a call together with the folders from which its functions can be imported now."""
    paths = _pickled(ImportPaths.current())
    return _LENGTH.pack(len(paths)) + paths + bytes(cloudpickle.dumps(call))


# The folders are nearly always those of the call before.
@lru_cache(maxsize=4)
def _pickled(paths: ImportPaths) -> bytes:
    return pickle.dumps(paths)


@lru_cache(maxsize=4)
def _unpickled(paths: bytes) -> ImportPaths:
    return cast(ImportPaths, pickle.loads(paths))


def main(parent: int, nice: bool = True, memory: int = 0) -> None:
    """Answer the calls of the parent process until it closes the pipe or ends."""
    end_with(parent)
    if nice:
        lower_priority()
    calls, answers = _claim_streams()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(_leave_worker, os.getpid(), calls, answers))
    wear = Wear(memory)
    with suppress(EOFError, BrokenPipeError):
        while True:
            answered = answer(receive(calls))
            send(answers, wear.reason().encode() + b"\0" + answered)


def _leave_worker(worker: int, *streams: BinaryIO) -> None:
    """Close the pipes in a process that a function has forked, and end it with the worker."""
    for stream in streams:
        # Not stream.close, which waits for the lock of a reader that exists in the worker only.
        with suppress(OSError):
            os.close(stream.fileno())
    Thread(target=_exit_after, args=(worker,), daemon=True).start()


def lower_priority() -> None:
    """Give this process a lower priority than its parent's."""
    with suppress(psutil.Error, OSError):
        if sys.platform == "win32":
            process = psutil.Process()
            if process.nice() != psutil.IDLE_PRIORITY_CLASS:
                process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            # Relative to the niceness that the parent passed on; an absolute one could raise the priority.
            os.nice(NICENESS)


def answer(message: bytes) -> bytes:
    """Run a packed call and return the pickled answer. Any error, including that of pickling, is in the answer."""
    try:
        return result_answer(message, ImportPaths.adopt)
    except BaseException as error:
        return error_answer(error)


def result_answer(message: bytes, use_paths: Callable[[ImportPaths], None]) -> bytes:
    """Run a packed call and return the pickled answer, or raise the error of the call."""
    (length,) = _LENGTH.unpack_from(message)
    start = _LENGTH.size + length
    use_paths(_unpickled(message[_LENGTH.size : start]))
    function, arguments, options = pickle.loads(memoryview(message)[start:])
    result = function(*arguments, **options)
    try:
        return pickle.dumps((True, result, ""), _PROTOCOL)
    except Exception:
        return bytes(cloudpickle.dumps((True, result, "")))


def error_answer(error: BaseException) -> bytes:
    """Return the answer for an error. An error that cannot be pickled is replaced by its message and traceback."""
    trace = error_trace(error)
    try:
        pickled = pickle.dumps((False, error, trace))
        pickle.loads(pickled)
    except Exception:
        pickled = pickle.dumps((False, TaskError(error_message(error), trace), trace))
    return pickled


def _claim_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the standard input and output, and replace them with an empty stream and the standard error."""
    open_closed_streams()
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    # What a function prints is no reason for it to fail.
    sys.stdout, sys.stderr = (
        cast(TextIO, LenientStream(open(number, "w", errors="backslashreplace", closefd=False)))  # noqa: SIM115
        for number in (1, 2)
    )
    return calls, answers


def end_with(parent: int) -> None:
    """End this process as soon as its parent has ended, for whatever reason."""
    if sys.platform == "linux":
        # The kernel also ends compiled code that never returns to Python.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: int) -> None:
    with suppress(psutil.NoSuchProcess):
        psutil.Process(parent).wait()
    os._exit(1)
