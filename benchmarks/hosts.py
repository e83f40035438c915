"""Processes that each run one way of doing the work, measured from outside.

Each way has its own parent process, so that memory is not shared between ways and measuring does not block an
interpreter.
"""

from __future__ import annotations

import multiprocessing
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from types import TracebackType

import psutil

import napari_axiswise as aw
from benchmarks.sides import WAYS

INTERVAL = 0.1
"""Seconds between two samples of the memory. Sampling costs processor time."""

SAMPLES = 10
"""Samples of the memory per update of the list of processes."""


@dataclass(frozen=True)
class Cost:
    """Cost of one run over all planes.

    Parameters
    ----------
    wall, first : float
        Seconds until the end, and until the first plane was on disk.
    processor : float
        Seconds of processor time of the parent and all its children.
    parent_memory, whole_memory : float
        Maximum resident memory in megabytes, of the parent and of all processes together. Shared pages are counted
        once per process.
    """

    wall: float
    first: float
    processor: float
    parent_memory: float
    whole_memory: float


class Host:
    """Process that runs one way of doing the work, repeatedly."""

    def __init__(self, way: str, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, way, folder), name=way)
        self._process.start()
        theirs.close()

    def run(self) -> Cost:
        parent = psutil.Process(self._process.pid)
        with TemporaryDirectory() as output:
            before = processor_seconds(parent)
            with MemoryWatch(parent) as memory:
                self._connection.send(output)
                started, stopped = self._connection.recv()
            return Cost(
                wall=stopped - started,
                first=first_plane(Path(output)) - started,
                processor=processor_seconds(parent) - before,
                parent_memory=memory.parent / 1e6,
                whole_memory=memory.whole / 1e6,
            )

    def close(self) -> None:
        with suppress(OSError):
            self._connection.send(None)
        self._process.join()


def serve(connection: Connection, way: str, folder: Path) -> None:
    """Do the work once for each output folder received."""
    with WAYS[way](aw.open_dataset(folder)) as work:
        while (output := connection.recv()) is not None:
            started = time.time()
            work(output)
            connection.send((started, time.time()))


class MemoryWatch:
    """Record the maximum memory of a process, alone and with its children."""

    def __init__(self, process: psutil.Process) -> None:
        self.parent = self.whole = 0
        self._process = process
        self._over = Event()
        self._thread = Thread(target=self._watch)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        for sample in count():
            if self._over.wait(INTERVAL):
                break
            if sample % SAMPLES == 0:
                children = self._process.children(recursive=True)
            own = self._process.memory_info().rss
            others = 0
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    others += child.memory_info().rss
            self.parent, self.whole = max(self.parent, own), max(self.whole, own + others)


def processor_seconds(process: psutil.Process) -> float:
    seconds = 0.0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            seconds += sum(one.cpu_times()[:4])
    return seconds


def first_plane(output: Path) -> float:
    """Return the time at which the first chunk was written."""
    return min(path.stat().st_mtime for path in output.rglob("*") if path.is_file() and "c" in path.parts)
