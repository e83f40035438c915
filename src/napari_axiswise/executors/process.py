"""One worker process, as its parent sees it."""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import psutil

from ..core.memory import out_of_memory_kills, peak_memory
from ..core.text import format_bytes
from .worker import receive, send

MEMORY_TICK = 200
"""Milliseconds between two looks at the memory of a process that is busy."""

LAST_BREATH = 5.0
"""Seconds that a process whose work is over may take to end."""

# Nothing of the parent's main module: a script without a guard does not run again. And Ctrl-C is for the
# parent, which ends what has to be ended.
_START = (
    "import json, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.path[:] = json.loads(sys.argv.pop()); "
    "from napari_axiswise.executors.worker import main; main(*map(int, sys.argv[1:]))"
)

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


# Memory of planes that were let go of is kept for the next ones, up to 256 MiB, where the C library is glibc. It
# would give it back to the system and fetch it anew for every plane, which takes a tenth of the time.
_MEMORY_VARIABLES = {"MALLOC_TRIM_THRESHOLD_": str(1 << 28), "MALLOC_MMAP_THRESHOLD_": str(1 << 28)}

# A function whose module makes widgets when it is imported makes them on no screen.
_WINDOW_VARIABLES = {"QT_QPA_PLATFORM": "offscreen"}


class WorkerTraceback(Exception):
    """The cause of an error that came from a worker: its traceback there."""


class ProcessEnded(Exception):
    """A worker process ended while something was asked of it."""


@dataclass(frozen=True)
class End:
    """How a process ended.

    Parameters
    ----------
    code : int or None
        Its exit code; minus the number of the signal that ended it; None if nobody knows.
    peak : int
        The most bytes of memory that it held; 0 if nobody knows.
    out_of_memory : bool
        Whether the system ended processes meanwhile because memory ran out.
    """

    code: int | None
    peak: int = 0
    out_of_memory: bool = False

    def __str__(self) -> str:
        held = f" (it held up to {format_bytes(self.peak)})" if self.peak else ""
        if self.code is None:
            return f"ended{held}"
        if self.code >= 0:
            return f"ended with exit code {self.code}{held}"
        name = signal.Signals(-self.code).name
        if self.out_of_memory:
            return f"was ended by {name} because the system ran out of memory{held}; use fewer workers"
        if name == "SIGKILL":
            return f"was ended by {name}{held}; if memory was short, use fewer workers"
        if name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE"):
            return f"was ended by {name}{held}: a compiled library that the pipeline uses has crashed"
        return f"was ended by {name}{held}"


def read_answer(answer: bytes) -> tuple[Any, BaseException | None]:
    """Return the result of a call, or its error, from the answer of the process that made it."""
    try:
        done, value, trace = pickle.loads(answer)
    except Exception as error:
        return None, error
    if done:
        return value, None
    value.__cause__ = WorkerTraceback(trace)
    return None, value


class WorkerProcess:
    """A process that makes one call at a time.

    It starts fresh (no fork: Qt, vispy and zarr have threads), imports nothing of the parent's main module,
    and ends when the parent does.

    Parameters
    ----------
    threads : int
        How many threads numerical libraries may use in it.
    nice : bool
        Whether it yields to the window.
    """

    def __init__(self, threads: int, nice: bool = True) -> None:
        self._kills = out_of_memory_kills()
        self._inherited = peak_memory()
        self._peak = 0
        paths = json.dumps([path for path in sys.path if isinstance(path, str)])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(os.getpid()), str(int(nice)), paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_MEMORY_VARIABLES
            | os.environ
            | _WINDOW_VARIABLES
            | dict.fromkeys(_THREAD_VARIABLES, str(threads)),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._calls = cast(BinaryIO, self._process.stdin)
        self._answers = cast(BinaryIO, self._process.stdout)
        self._poll: Callable[[int], list[tuple[int, int]]] | None = None
        if sys.platform != "win32":  # where pipes cannot be polled
            answers = select.poll()
            answers.register(self._answers, select.POLLIN)
            self._poll = answers.poll

    def call(self, message: bytes) -> tuple[Any, BaseException | None]:
        """Send a call and return its result, or its error.

        Raises
        ------
        ProcessEnded
            Before there was an answer.
        """
        try:
            send(self._calls, message)
            self._watch()
            answer = receive(self._answers)
        except (EOFError, OSError, ValueError) as error:
            raise ProcessEnded from error
        return read_answer(answer)

    def _watch(self) -> None:
        """Wait for an answer, and note meanwhile how much memory the process takes for it."""
        if self._poll is not None:
            while not self._poll(MEMORY_TICK):
                self._peak = max(self._peak, peak_memory(self._process.pid))

    def kill(self) -> None:
        """End the process at once, and what it started."""
        with suppress(psutil.NoSuchProcess):
            worker = psutil.Process(self._process.pid)
            for victim in (*worker.children(recursive=True), worker):
                with suppress(psutil.NoSuchProcess):
                    victim.kill()

    def close(self) -> None:
        """Let the process end, and make it if it does not."""
        self._close_streams()
        try:
            self._process.wait(LAST_BREATH)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def end(self) -> End:
        """Return how the process ended, once it was found to have."""
        self.kill()
        self._close_streams()
        peak = self._peak
        if hasattr(os, "wait4") and self._process.returncode is None:
            # Not Popen.wait: only this tells the memory that was used to the very end.
            with suppress(ChildProcessError):
                _, status, usage = os.wait4(self._process.pid, 0)
                self._process.returncode = os.waitstatus_to_exitcode(status)
                held = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                # A process is taken to have held what its parent did when it was forked.
                peak = held if held > self._inherited else peak
        code = self._process.wait()
        return End(code, peak, out_of_memory_kills() > self._kills)

    def _close_streams(self) -> None:
        for stream in (self._calls, self._answers):
            with suppress(OSError):
                stream.close()
