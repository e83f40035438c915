"""What runs in a worker process: read a call, make it, write the answer, until there are no more.

::

    call     length ──▶ function, arguments (by cloudpickle)
    answer   length ──▶ True, result, ""   or   False, error, its traceback

Calls come by the standard input and answers go by the standard output, which functions that are called do
not see: theirs are empty, and the standard error.
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
from threading import Thread
from typing import Any, BinaryIO

import cloudpickle
import psutil

from ..core.errors import TaskError, error_message, error_trace

NICENESS = 10
"""By how much a worker yields to the window, unless somebody waits for it there. Idle processors are used just the
same."""

Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

# The next one makes arrays views of buffers: of small ones, of which there are many, three objects instead of one.
_PROTOCOL = 4

_LENGTH = struct.Struct("<Q")
_PR_SET_PDEATHSIG = 1


def send(stream: BinaryIO, message: bytes) -> None:
    """Write a message, preceded by its length."""
    stream.write(_LENGTH.pack(len(message)) + message)
    stream.flush()


def receive(stream: BinaryIO) -> bytes:
    """Return the next message.

    Raises
    ------
    EOFError
        There is none, or not all of one: whoever wrote has ended.
    """
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(header)
    message = stream.read(length)
    if len(message) < length:
        raise EOFError
    return message


def main(parent: int, nice: bool = True) -> None:
    """Serve the process that started this one until it has no more calls, or is gone."""
    end_with(parent)
    if nice:
        with suppress(psutil.Error, OSError):
            below_normal = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", None)
            psutil.Process().nice(NICENESS if below_normal is None else below_normal)
    calls, answers = _take_streams()
    with suppress(EOFError, BrokenPipeError):
        while True:
            send(answers, answer(receive(calls)))


def answer(message: bytes) -> bytes:
    """Make a call and return the answer. Whatever goes wrong, with the call or the answer, is an error of the call."""
    try:
        function, arguments, options = cloudpickle.loads(message)
        result = function(*arguments, **options)
        try:
            return pickle.dumps((True, result, ""), _PROTOCOL)
        except Exception:
            return bytes(cloudpickle.dumps((True, result, "")))
    except BaseException as error:
        return error_answer(error)


def error_answer(error: BaseException) -> bytes:
    """Return the answer that tells an error; where it would not survive the way, its texts."""
    trace = error_trace(error)
    try:
        told = pickle.dumps((False, error, trace))
        pickle.loads(told)
    except Exception:
        told = pickle.dumps((False, TaskError(error_message(error), trace), trace))
    return told


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the standard input and output, and give what is called an empty one and the standard error."""
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    return calls, answers


def end_with(parent: int) -> None:
    """Have this process end when its parent does, however that ended."""
    if sys.platform == "linux":
        # By the kernel, for code that never comes back to Python.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: int) -> None:
    with suppress(psutil.NoSuchProcess):
        psutil.Process(parent).wait()
    os._exit(1)
