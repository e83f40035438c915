"""Worker processes, seen from their parent."""

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

from ..core.import_paths import ImportPaths
from ..core.memory import out_of_memory_kills, peak_memory
from ..core.text import format_bytes
from .worker import receive, send

MEMORY_TICK = 200
"""Milliseconds between measurements of a busy process's memory."""

EXIT_TIMEOUT = 5.0
"""Seconds that a process may take to end by itself."""

# The parent's main module is not imported, so scripts need no __main__ guard. Ctrl-C is left to the parent, which ends
# its workers.
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


# glibc would return the memory of every plane to the system and request it again, which takes a tenth of the time.
# With these settings it keeps up to 256 MiB for the next planes.
_MEMORY_VARIABLES = {"MALLOC_TRIM_THRESHOLD_": str(1 << 28), "MALLOC_MMAP_THRESHOLD_": str(1 << 28)}

# Modules that create widgets on import must not need a screen.
_WINDOW_VARIABLES = {"QT_QPA_PLATFORM": "offscreen"}


def worker_environment(threads: int) -> dict[str, str]:
    """Return the environment of a worker whose numerical libraries may use a number of threads."""
    return (
        _MEMORY_VARIABLES
        | dict(os.environ)
        | _WINDOW_VARIABLES
        | dict.fromkeys(_THREAD_VARIABLES, str(threads))
    )


class WorkerTraceback(Exception):
    """Cause of an error from a worker, which shows the traceback in the worker."""


class ProcessEnded(Exception):
    """Error of a call whose worker process ended before it answered."""


@dataclass(frozen=True)
class End:
    """How a process ended.

    Parameters
    ----------
    code : int or None
        Exit code, or minus the number of the signal that ended it; None if unknown.
    peak : int
        Peak memory in bytes; 0 if unknown.
    out_of_memory : bool
        Whether the system killed processes for lack of memory while it ran.
    """

    code: int | None
    peak: int = 0
    out_of_memory: bool = False

    def __str__(self) -> str:
        held = f" (peak memory {format_bytes(self.peak)})" if self.peak else ""
        if self.code is None:
            return f"ended{held}"
        if self.code >= 0:
            return f"ended with exit code {self.code}{held}"
        name = signal.Signals(-self.code).name
        if self.out_of_memory:
            return f"was killed by {name} because the system ran out of memory{held}; use fewer workers"
        if name == "SIGKILL":
            return f"was killed by {name}{held}; if memory ran out, use fewer workers"
        if name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE"):
            return f"was killed by {name}{held}: a compiled library used by the pipeline crashed"
        return f"was killed by {name}{held}"


def read_answer(answer: bytes) -> tuple[Any, BaseException | None]:
    """Unpickle an answer of a worker into the result of the call and its error, one of which is None."""
    try:
        succeeded, value, trace = pickle.loads(answer)
    except Exception as error:
        return None, error
    if succeeded:
        return value, None
    value.__cause__ = WorkerTraceback(trace)
    return None, value


class WorkerProcess:
    """Process that runs one call at a time.

    It is started without fork, as Qt, vispy and zarr have threads. It does not import the parent's main module. It ends
    when the parent does.

    Parameters
    ----------
    threads : int
        Number of threads that numerical libraries may use.
    nice : bool
        Whether it has a lower priority than the parent.
    """

    def __init__(self, threads: int, nice: bool = True) -> None:
        self._kills = out_of_memory_kills()
        self._inherited = peak_memory()
        self._peak = 0
        paths = json.dumps(ImportPaths.current().every)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(os.getpid()), str(int(nice)), paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=worker_environment(threads),
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
        """Send a call, wait for it, and return its result and its error, one of which is None.

        Raises
        ------
        ProcessEnded
            The process ended before it answered.
        """
        try:
            send(self._calls, message)
            self._watch()
            answer = receive(self._answers)
        except (EOFError, OSError, ValueError) as error:
            raise ProcessEnded from error
        return read_answer(answer)

    def _watch(self) -> None:
        """Wait for an answer, and measure the memory of the process meanwhile."""
        if self._poll is not None:
            while not self._poll(MEMORY_TICK):
                self._peak = max(self._peak, peak_memory(self._process.pid))

    def kill(self) -> None:
        """Kill the process and its children."""
        with suppress(psutil.NoSuchProcess):
            worker = psutil.Process(self._process.pid)
            for victim in (*worker.children(recursive=True), worker):
                with suppress(psutil.NoSuchProcess):
                    victim.kill()

    def close(self) -> None:
        """Let the process end, and kill it if it does not."""
        self._close_streams()
        try:
            self._process.wait(EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def end(self) -> End:
        """Kill what is left of the process and return how it ended."""
        self.kill()
        self._close_streams()
        peak = self._peak
        if hasattr(os, "wait4") and self._process.returncode is None:
            # Unlike Popen.wait, this returns the peak memory.
            with suppress(ChildProcessError):
                _, status, usage = os.wait4(self._process.pid, 0)
                self._process.returncode = os.waitstatus_to_exitcode(status)
                held = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
                # The system counts the parent's memory at the time of the fork, too.
                peak = held if held > self._inherited else peak
        code = self._process.wait()
        return End(code, peak, out_of_memory_kills() > self._kills)

    def _close_streams(self) -> None:
        for stream in (self._calls, self._answers):
            with suppress(OSError):
                stream.close()
