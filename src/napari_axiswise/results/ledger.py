"""The ledger of a run: for each unit what became of it, written by whoever did it, as soon as it was done.

::

    ledger/run.json                 what was run: dataset, pipeline with a hash of every function, axis
    ledger/tasks.jsonl              by the parent: a line when a run begins, one for each task's outcome, and one that
                                    sums up the planes when it is over
    ledger/units/<worker>.jsonl     by a worker: a line for each unit, and one for each block that is complete
    ledger/rows/<step>/<worker>     by a worker: the rows of tables and points, as Arrow streams
    ledger/thumbnails/<step>/…      by a worker: a small copy of every plane that was written

Files only grow, a line at a time, and each has one writer. Whatever a crash leaves of the last line is no JSON,
and is passed over. A unit is known by its component values, not by its task: so a run that was begun along one
axis can be finished along another.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from errno import ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from ..core.clock import now
from ..core.events import TaskEvent
from ..core.files import make_folder, write_atomically
from .records import TaskOutput, WrittenPlanes, WrittenTable, WrittenThumbnails
from .thumbnails import THUMBNAILS, encode_thumbnails

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

LEDGER = "ledger"
"""The folder of the ledger in the output."""

RUN = "run.json"
"""The file of the ledger that says what was run."""

TASKS = "tasks.jsonl"
"""The file of the ledger that the parent writes."""

LOCK = "lock"
"""The file of the ledger that a run has locked as long as it goes on."""

UnitKey = tuple[str, frozenset[tuple[str, str]]]
"""What a unit is known by: the first of its steps, and its component values."""

BlockKey = tuple[str, ...]
"""The component values of a block."""


@dataclass(frozen=True)
class UnitFailure:
    """A step that failed on a unit.

    Parameters
    ----------
    step : str
        The step.
    error, traceback : str
        What went wrong, in a line and in full.
    """

    step: str
    error: str
    traceback: str


@dataclass(frozen=True)
class UnitRecord:
    """What became of one unit, through all steps that stack the same.

    Parameters
    ----------
    steps : tuple of str
        The steps.
    unit : dict
        From component name to value.
    planes : list of WrittenPlanes
    tables : list of WrittenTable
    thumbnails : list of WrittenThumbnails
        What was written.
    failures : list of UnitFailure
        Empty where the unit is finished.
    calls : int
        Calls of functions that came to an end.
    started, stopped : float
        Seconds since the epoch.
    reading, computing, writing : float
        Seconds spent on each.
    worker : str
        Machine, process and thread.
    peak_memory : int
        The most bytes that the process held meanwhile.
    """

    steps: tuple[str, ...]
    unit: dict[str, str]
    planes: list[WrittenPlanes]
    tables: list[WrittenTable]
    failures: list[UnitFailure]
    calls: int
    started: float
    stopped: float
    reading: float
    computing: float
    writing: float
    worker: str
    peak_memory: int
    thumbnails: list[WrittenThumbnails] = field(default_factory=list)

    @property
    def key(self) -> UnitKey:
        """What the unit is known by."""
        return unit_key(self.steps[0], self.unit)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it."""
        planes = [asdict(planes) | {"codes": planes.codes.tolist()} for planes in self.planes]
        return asdict(self) | {"planes": planes}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> UnitRecord:
        """Return the record that `to_json` gave."""
        return cls(
            **{
                **values,
                "steps": tuple(values["steps"]),
                "planes": [_planes_from_json(planes) for planes in values["planes"]],
                "tables": [WrittenTable(**table) for table in values["tables"]],
                "thumbnails": [_thumbnails_from_json(some) for some in values["thumbnails"]],
                "failures": [UnitFailure(**failure) for failure in values["failures"]],
            }
        )


def _planes_from_json(values: Mapping[str, Any]) -> WrittenPlanes:
    names = tuple(values["names"])
    return WrittenPlanes(
        step=values["step"],
        names=names,
        routed_by=values["routed_by"],
        codes=np.array(values["codes"], np.int32).reshape(-1, len(names)),
        shape=(values["shape"][0], values["shape"][1]),
        dtype=values["dtype"],
        limits=(values["limits"][0], values["limits"][1]),
        kind=values["kind"],
        folder=values["folder"],
    )


def _thumbnails_from_json(values: Mapping[str, Any]) -> WrittenThumbnails:
    shape = values["shape"][0], values["shape"][1]
    return WrittenThumbnails(**{**values, "names": tuple(values["names"]), "shape": shape})


def unit_key(first_step: str, unit: Mapping[str, str]) -> UnitKey:
    """Return what a unit is known by."""
    return first_step, frozenset(unit.items())


def worker_name() -> str:
    """Return machine, process and thread."""
    return f"{platform.node() or 'local'}:{os.getpid()}:{threading.get_ident()}"


class LedgerFile:
    """A file of JSON lines that only grows.

    Parameters
    ----------
    path : Path
        In a folder that is there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, values: Mapping[str, Any]) -> None:
        """Add a line.

        Raises
        ------
        OSError
            It could not be written; what was of it is passed over when the file is read.
        """
        # The end of the line before is written first, as that may not have been whole.
        append(self._path, b"\n" + json.dumps(values).encode())


class UnitLedger:
    """The part of the ledger that one worker writes.

    Parameters
    ----------
    root : str
        The folder of the run's output.
    """

    def __init__(self, root: str) -> None:
        self.worker = worker_name()
        self._root = Path(root)
        self._own = quote(self.worker, safe="")
        self._file: LedgerFile | None = None
        self._folders: set[Path] = set()

    def write_unit(self, record: UnitRecord) -> None:
        """Note what became of a unit."""
        self._write({"unit": record.to_json()})

    def write_block(self, block: Sequence[str]) -> None:
        """Note that nothing of a block is missing any more."""
        self._write({"block": list(block)})

    def write_rows(self, step: str, frame: pd.DataFrame) -> WrittenTable:
        """Write rows of a step's table, and return where they are."""
        folder = self._folder("rows", step)
        data = to_arrow(frame)
        start = append(folder / self._own, data)
        path = (folder / self._own).relative_to(self._root).as_posix()
        return WrittenTable(step, path, start, start + len(data), len(frame))

    def write_thumbnails(
        self, step: str, names: tuple[str, ...], thumbnails: Mapping[tuple[int, ...], NDArray[Any]]
    ) -> WrittenThumbnails:
        """Write thumbnails of one shape and dtype, by their codes, and return where they are."""
        path = self._folder(THUMBNAILS, step) / self._own
        data = encode_thumbnails(thumbnails)
        start = append(path, data)
        first = next(iter(thumbnails.values()))
        return WrittenThumbnails(
            step=step,
            names=names,
            shape=(first.shape[0], first.shape[1]),
            dtype=str(first.dtype),
            path=path.relative_to(self._root).as_posix(),
            start=start,
            stop=start + len(data),
        )

    def _write(self, values: Mapping[str, Any]) -> None:
        if self._file is None:
            self._file = LedgerFile(self._folder("units") / f"{self._own}.jsonl")
        self._file.write(values)

    def _folder(self, *names: str) -> Path:
        folder = self._root.joinpath(LEDGER, *names)
        if folder not in self._folders:
            make_folder(str(self._root), folder)
            self._folders.add(folder)
        return folder


class RunLedger:
    """The part of the ledger that the parent writes.

    Parameters
    ----------
    root : Path
        The folder of the run's output.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / LEDGER
        self._tasks = LedgerFile(self._folder / TASKS)

    def description(self) -> dict[str, Any] | None:
        """Return what was run, or None if nothing was yet.

        Raises
        ------
        ValueError
            What is noted cannot be read.
        """
        path = self._folder / RUN
        if not path.exists():
            return None
        try:
            return dict(json.loads(path.read_bytes()))
        except ValueError as error:
            raise ValueError(f"{path} cannot be read: {error}. Begin a new run in another folder.") from error

    def describe(self, description: Mapping[str, Any]) -> None:
        """Note what is run."""
        self._folder.mkdir(exist_ok=True)
        write_atomically(self._folder / RUN, json.dumps(description, indent=1).encode())

    def begin(self, axis: str, values: Sequence[str]) -> None:
        """Note that tasks are about to run."""
        self._tasks.write({"run": {"axis": axis, "values": list(values), "began": now()}})

    def note(self, event: TaskEvent) -> None:
        """Note what became of a task, unless there is no room for it: that costs nothing but the note."""
        told = {field.name: getattr(event, field.name) for field in fields(event) if field.name != "result"}
        planes = event.result.plane_count if isinstance(event.result, TaskOutput) else 0
        try:
            self._tasks.write({"task": told, "planes": planes})
        except OSError as error:
            logger.error("The outcome of task %s cannot be noted: %s", event.axis_value, error)

    def sum_up(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Note at the end of a run how many planes of each step are written, missing, failed and pending."""
        self._tasks.write({"planes": counts})

    def ended(self, axis: str) -> set[str]:
        """Return the values whose tasks have ended of themselves, of all runs along an axis."""
        ended: set[str] = set()
        is_along = False
        for line in read_lines(self._folder / TASKS) if (self._folder / TASKS).exists() else ():
            if "run" in line:
                is_along = line["run"]["axis"] == axis
            elif "task" in line and is_along and line["task"]["status"] != "cancelled":
                ended.add(line["task"]["axis_value"])
        return ended

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs from the output as long as the context lasts.

        The lock is the system's: it goes with the process that has it, however that ends.

        Raises
        ------
        FileExistsError
            Another run has it.
        """
        self._folder.mkdir(exist_ok=True)
        try:
            with FileLock(self._folder / LOCK, timeout=0):
                yield
        except Timeout as error:
            raise FileExistsError(
                f"Another run writes to {self._folder.parent} at this moment. Wait until it is over, or choose "
                "another folder."
            ) from error


@dataclass
class LedgerContents:
    """What the workers' parts of a ledger say.

    Parameters
    ----------
    units : dict
        From what each unit is known by to the last record of it; of several, one that is finished.
    blocks : set
        The blocks of which nothing is missing.
    """

    units: dict[UnitKey, UnitRecord] = field(default_factory=dict)
    blocks: set[BlockKey] = field(default_factory=set)

    @classmethod
    def read(cls, root: Path) -> LedgerContents:
        """Read the ledger of a run's output."""
        contents = cls()
        for path in sorted((root / LEDGER / "units").glob("*.jsonl")):
            for values in read_lines(path):
                if "block" in values:
                    contents.blocks.add(tuple(values["block"]))
                elif "unit" in values:
                    contents._add(UnitRecord.from_json(values["unit"]))
        return contents

    def _add(self, record: UnitRecord) -> None:
        known = self.units.get(record.key)
        if known is None or (not record.failures, record.stopped) > (not known.failures, known.stopped):
            self.units[record.key] = record


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a ledger's file, but for those that were not written to their end."""
    with path.open("rb") as lines:
        for line in lines:
            try:
                values = json.loads(line)
            except ValueError:
                continue
            if isinstance(values, dict):
                yield values


def append(path: Path, data: bytes) -> int:
    """Add bytes to the end of a file, in one piece, and return where they begin.

    Raises
    ------
    OSError
        Not all could be written.
    """
    with path.open("ab", buffering=0) as file:
        start = file.seek(0, os.SEEK_END)
        if file.write(data) < len(data):
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(path))
    return start


def to_arrow(frame: pd.DataFrame) -> bytes:
    """Return rows as an Arrow stream.

    Raises
    ------
    ValueError
        A column has values of different types.
    """
    import pyarrow as pa

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"its table cannot be written: {error}. Give every column values of one type: numbers, texts or times."
        ) from error
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def read_rows(root: Path, table: WrittenTable) -> list[Any]:
    """Return the Arrow tables that a file holds between two places, one per unit."""
    import pyarrow as pa

    with (root / table.path).open("rb") as file:
        file.seek(table.start)
        source = pa.BufferReader(file.read(table.stop - table.start))
    tables = []
    while source.tell() < table.stop - table.start:
        with pa.ipc.open_stream(source) as stream:
            tables.append(stream.read_all())
    return tables
