"""Processes that each run one way of doing the work, and what they use, seen from outside.

A way has a process of its own as its parent, so that nobody's memory is counted as another's, and taking the
measures holds nobody's interpreter.
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
"""Seconds between two looks at the memory, which take processor time from what is measured."""

LOOKS = 10
"""How many looks at the memory there are between two at which processes there are."""


@dataclass(frozen=True)
class Cost:
    """What one run over all planes took.

    Parameters
    ----------
    wall, first : float
        Seconds until all was done, and until the first plane was on disk.
    processor : float
        Seconds of processor time, of the parent and all processes that it has.
    parent_memory, whole_memory : float
        Megabytes of resident memory at most: of the parent, and of all processes together, in which pages that
        several of them share count several times.
    """

    wall: float
    first: float
    processor: float
    parent_memory: float
    whole_memory: float


class Host:
    """A process that runs one way of doing the work, as often as it is asked."""

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
    """Do the work in one way, whenever a folder for the output comes."""
    with WAYS[way](aw.open_dataset(folder)) as work:
        while (output := connection.recv()) is not None:
            started = time.time()
            work(output)
            connection.send((started, time.time()))


class MemoryWatch:
    """Notes the most memory that a process has, and that it has together with those that it started."""

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
        for look in count():
            if self._over.wait(INTERVAL):
                break
            if look % LOOKS == 0:
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
    """Return when the first chunk was written."""
    return min(path.stat().st_mtime for path in output.rglob("*") if path.is_file() and "c" in path.parts)
