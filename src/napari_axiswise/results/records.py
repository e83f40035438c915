"""What a worker says of the work it did: where things are and how long they took, never pixels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.events import Timed
from ..core.grid import ImageGrid
from ..core.kinds import plane_kind

RecordT = TypeVar("RecordT")


class _Frugal:
    """A record that shares its texts and tuples with others when it is unpickled: there are as many as tasks."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        values = (getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]
        return _rebuild, (type(self), *values)


def _rebuild(record: Callable[..., RecordT], *values: Any) -> RecordT:
    return record(*map(_shared, values))


def _shared(value: Any) -> Any:
    """Return a text or a tuple of such or of whole numbers as others have it already."""
    if type(value) is str:
        return sys.intern(value)
    if type(value) is tuple and all(type(part) in (str, int) for part in value):
        return _shared_tuple(value)
    return value


@lru_cache(256)
def _shared_tuple(value: tuple[str | int, ...]) -> tuple[str | int, ...]:
    return tuple(map(_shared, value))


@dataclass(frozen=True, eq=False, slots=True)
class WrittenPlanes(_Frugal):
    """Planes of one step that were written, all of one shape and dtype.

    Parameters
    ----------
    step : str
        The step.
    names : tuple of str
        The components that its output has.
    routed_by : str, optional
        The component by which it chooses its function.
    codes : ndarray of int32, shape (planes, len(names))
        For each plane, the indices of its component values.
    shape : tuple of int
        (Y, X).
    dtype : str
        As numpy writes it.
    limits : tuple of float
        Lowest and highest value to show: the 0.1 and 99.9 percentiles of every fourth pixel each way. Of labels
        infinite.
    kind : str
        The name of their kind.
    folder : str
        Of their plate, relative to the output.
    """

    step: str
    names: tuple[str, ...]
    routed_by: str | None
    codes: NDArray[np.int32] = field(repr=False)
    shape: tuple[int, int]
    dtype: str
    limits: tuple[float, float]
    kind: str
    folder: str

    def grid(self, components: Mapping[str, tuple[str, ...]], plane_shape: tuple[int, int]) -> ImageGrid:
        """Return where they lie, of a dataset with these components and planes of this shape."""
        labels = plane_kind(self.kind).labels_name(self.step)
        return ImageGrid(components, self.names, self.routed_by, plane_shape, self.folder, labels)


@dataclass(frozen=True, slots=True)
class WrittenTable:
    """Rows of one step's table or points: one Arrow stream, or several one after the other.

    Parameters
    ----------
    step : str
        The step.
    path : str
        The file, relative to the output.
    start, stop : int
        The bytes of the file that they are.
    rows : int
        How many.
    """

    step: str
    path: str
    start: int
    stop: int
    rows: int


@dataclass(frozen=True, slots=True)
class WrittenThumbnails(_Frugal):
    """Thumbnails of planes of one step, all of one shape and dtype, one after the other.

    Parameters
    ----------
    step : str
        The step.
    names : tuple of str
        The components that its output has.
    shape : tuple of int
        (Y, X) of a thumbnail.
    dtype : str
        As numpy writes it.
    path : str
        The file, relative to the output.
    start, stop : int
        The bytes of the file that they are.
    """

    step: str
    names: tuple[str, ...]
    shape: tuple[int, int]
    dtype: str
    path: str
    start: int
    stop: int


@dataclass(frozen=True, eq=False, slots=True)
class TaskOutput(_Frugal, Timed):
    """What a task wrote, where, and how long it took.

    Parameters
    ----------
    axis_value : str
        The task.
    output : str
        The folder that everything is in.
    planes : sequence of WrittenPlanes
        The images and labels.
    tables : sequence of WrittenTable
        The tables and points.
    plane_count, unit_count : int
        Planes read, and calls of a step's function that came to an end.
    started, stopped : float
        Seconds since the epoch.
    reading, computing, writing : float
        Seconds spent on each.
    worker : str
        Machine, process and thread that did it.
    peak_memory : int
        The most bytes that the process held meanwhile.
    thumbnails : sequence of WrittenThumbnails
        Of the images and labels.
    """

    axis_value: str
    output: str
    planes: Sequence[WrittenPlanes]
    tables: Sequence[WrittenTable]
    plane_count: int
    unit_count: int
    started: float
    stopped: float
    reading: float
    computing: float
    writing: float
    worker: str
    peak_memory: int = 0
    thumbnails: Sequence[WrittenThumbnails] = ()

    def following(self, earlier: TaskOutput) -> TaskOutput:
        """Return this output as that of a task of which `earlier` was the beginning."""
        tally = Tally()
        for output in (earlier, self):
            tally.add(output.planes, output.tables, output.thumbnails)
        return replace(
            self,
            planes=tally.planes,
            tables=tally.tables,
            thumbnails=tally.thumbnails,
            plane_count=earlier.plane_count + self.plane_count,
            unit_count=earlier.unit_count + self.unit_count,
            started=min(earlier.started, self.started),
            reading=earlier.reading + self.reading,
            computing=earlier.computing + self.computing,
            writing=earlier.writing + self.writing,
            peak_memory=max(earlier.peak_memory, self.peak_memory),
        )


class Tally:
    """Adds up what units wrote, to what a task reports."""

    def __init__(self) -> None:
        self._planes: dict[tuple[object, ...], list[WrittenPlanes]] = {}
        self._tables: _Stretches[WrittenTable] = _Stretches()
        self._thumbnails: _Stretches[WrittenThumbnails] = _Stretches()

    def add(
        self,
        planes: Sequence[WrittenPlanes],
        tables: Sequence[WrittenTable],
        thumbnails: Sequence[WrittenThumbnails],
    ) -> None:
        """Take up what was written."""
        for some in planes:
            key = (some.step, some.names, some.routed_by, some.shape, some.dtype)
            self._planes.setdefault(key, []).append(some)
        for table in tables:
            self._tables.add(table, (table.step,), lambda before, after: before.rows + after.rows)
        for entries in thumbnails:
            self._thumbnails.add(entries, (entries.step, entries.names, entries.shape, entries.dtype))

    @property
    def tables(self) -> list[WrittenTable]:
        """The rows written so far, those that follow each other in a file together."""
        return list(self._tables)

    @property
    def thumbnails(self) -> list[WrittenThumbnails]:
        """The thumbnails written so far, those that follow each other in a file together."""
        return list(self._thumbnails)

    @property
    def planes(self) -> list[WrittenPlanes]:
        """Everything written so far, those of one step, shape and dtype together."""
        return [
            replace(
                some[0],
                codes=np.concatenate([planes.codes for planes in some]),
                limits=(min(planes.limits[0] for planes in some), max(planes.limits[1] for planes in some)),
            )
            for some in self._planes.values()
        ]


class _Stretch(Protocol):
    """A stretch of a file."""

    @property
    def path(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...


StretchT = TypeVar("StretchT", bound=_Stretch)


class _Stretches(Generic[StretchT]):
    """Stretches of files; those of a kind that follow each other are one."""

    def __init__(self) -> None:
        self._stretches: list[StretchT] = []
        self._ends: dict[tuple[object, ...], int] = {}

    def __iter__(self) -> Iterator[StretchT]:
        return iter(self._stretches)

    def add(
        self,
        stretch: StretchT,
        kind: tuple[object, ...],
        rows: Callable[[StretchT, StretchT], int] | None = None,
    ) -> None:
        """Add a stretch; `rows` counts those of two that become one."""
        place = self._ends.pop((*kind, stretch.path, stretch.start), None)
        if place is None:
            place = len(self._stretches)
            self._stretches.append(stretch)
        else:
            before = self._stretches[place]
            counted = {} if rows is None else {"rows": rows(before, stretch)}
            self._stretches[place] = replace(before, stop=stretch.stop, **counted)  # type: ignore[type-var]
        self._ends[(*kind, stretch.path, stretch.stop)] = place
