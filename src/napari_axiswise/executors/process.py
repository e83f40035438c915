"""Worker processes, seen from their parent."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from uuid import uuid4

import psutil

from ..core.import_paths import ImportPaths
from ..core.memory import out_of_memory_kills, peak_memory
from ..core.text import format_bytes
from .descendants import MARK, kill_marked
from .pipes import Channel, Garbled

EXIT_TIMEOUT = 5.0
"""Seconds that a process may take to end by itself."""

LONGEST_REASON = 1000
"""Maximum length in bytes of the reason for replacing a process, which precedes its answer."""

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
    """Error of a call whose worker process ended before it answered, or cannot be understood."""


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
        name = _signal_name(-self.code)
        if self.out_of_memory:
            return f"was killed by {name} because the system ran out of memory{held}; use fewer workers"
        if name == "SIGKILL":
            return f"was killed by {name}{held}; if memory ran out, use fewer workers"
        if name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE"):
            return f"was killed by {name}{held}: a compiled library used by the pipeline crashed"
        return f"was killed by {name}{held}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no names in Python
        return f"signal {number}"


def read_answer(answer: bytes | memoryview) -> tuple[Any, BaseException | None]:
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
    memory : int
        Bytes that it may hold between calls; 0 for any number.

    Attributes
    ----------
    worn : str
        Why the process should be replaced before the next call; empty if it need not be.
    """

    def __init__(self, threads: int, nice: bool = True, memory: int = 0) -> None:
        self.worn = ""
        self._kills = out_of_memory_kills()
        self._inherited = peak_memory()
        self._peak = 0
        self._mark = uuid4().hex
        paths = json.dumps(ImportPaths.current().every)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, str(os.getpid()), str(int(nice)), str(memory), paths],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=worker_environment(threads) | {MARK: self._mark},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        calls, answers = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        self._channel = Channel(calls, answers, self._is_there)

    def call(self, message: bytes) -> tuple[Any, BaseException | None]:
        """Send a call, wait for it, and return its result and its error, one of which is None.

        Raises
        ------
        ProcessEnded
            The process ended before it answered, or its answer is damaged.
        """
        try:
            self._channel.send(message)
            answer = self._channel.receive()
        except Garbled as error:
            raise ProcessEnded("wrote into the pipe for its answers, which is not its own") from error
        except (EOFError, OSError, ValueError) as error:
            raise ProcessEnded from error
        reason, _, _ = bytes(answer[:LONGEST_REASON]).partition(b"\0")
        self.worn = reason.decode()
        return read_answer(answer[len(reason) + 1 :])

    def _is_there(self) -> bool:
        """Return whether the process has not ended, measure its memory, and let it go on if it has been stopped."""
        # Not Popen.poll, which would lose the peak memory of a process that has ended.
        with suppress(psutil.NoSuchProcess):
            worker = psutil.Process(self._process.pid)
            status = worker.status()
            if status == psutil.STATUS_STOPPED:
                worker.resume()
            if status != psutil.STATUS_ZOMBIE:
                self._peak = max(self._peak, peak_memory(worker.pid))
                return True
        return False

    def kill(self) -> None:
        """Kill the process and all that it has started."""
        if self._process.returncode is None:  # or its number may be another process's
            with suppress(psutil.NoSuchProcess):
                worker = psutil.Process(self._process.pid)
                for victim in (*worker.children(recursive=True), worker):
                    with suppress(psutil.NoSuchProcess):
                        victim.kill()
        kill_marked(self._mark)

    def close(self) -> None:
        """Let the process end, and kill it if it does not, and what it leaves behind."""
        self._channel.close()
        self._is_there()  # a stopped process would not notice
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_TIMEOUT)
        self.kill()
        self._process.wait()

    def end(self) -> End:
        """Kill what is left of the process and return how it ended."""
        self.kill()
        self._channel.close()
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
