"""The records that workers return: where outputs are and how long they took, never pixels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from math import inf
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.events import Timed
from ..core.grid import ImageGrid
from ..core.kinds import plane_kind
from .stretches import join_stretches

RecordT = TypeVar("RecordT")


class _Interned:
    """A record whose texts and tuples are shared when it is unpickled, as there may be one per task."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        values = (getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]
        return _rebuild, (type(self), *values)


def _rebuild(record: Callable[..., RecordT], *values: Any) -> RecordT:
    return record(*map(_shared, values))


def _shared(value: Any) -> Any:
    """Return the shared copy of a text, or of a tuple of texts and whole numbers; other values as they are."""
    if type(value) is str:
        return sys.intern(value)
    if type(value) is tuple and all(type(part) in (str, int) for part in value):
        return _shared_tuple(value)
    return value


@lru_cache(256)
def _shared_tuple(value: tuple[str | int, ...]) -> tuple[str | int, ...]:
    return tuple(map(_shared, value))


@dataclass(frozen=True, eq=False, slots=True)
class WrittenPlanes(_Interned):
    """Written planes of one step, all of one shape and dtype.

    Parameters
    ----------
    step : str
        Name of the step.
    names : tuple of str
        Components of the step's output.
    routed_by : str, optional
        The component by whose value the step chooses its function.
    codes : ndarray of int32, shape (planes, len(names))
        For each plane, the indices of its component values.
    shape : tuple of int
        (Y, X).
    dtype : str
        Name of the NumPy dtype.
    limits : tuple of float
        Contrast limits: the 0.1 and 99.9 percentiles of every fourth pixel in each direction. Infinite for labels.
    kind : str
        Name of the kind of output.
    folder : str
        Folder of the plate, relative to the output folder.
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
        """Return the grid they lie in, for a dataset with these components and planes of this shape."""
        labels = plane_kind(self.kind).labels_name(self.step)
        return ImageGrid(components, self.names, self.routed_by, plane_shape, self.folder, labels)


@dataclass(frozen=True, slots=True)
class WrittenTable:
    """Rows of a step's table or points: one or more consecutive Arrow streams.

    Parameters
    ----------
    step : str
        Name of the step.
    path : str
        The file, relative to the output folder.
    start, stop : int
        Range of bytes in the file.
    rows : int
        Number of rows.
    """

    step: str
    path: str
    start: int
    stop: int
    rows: int

    @property
    def content(self) -> Hashable:
        """Stretches of equal content can be joined."""
        return self.step

    def joined(self, following: WrittenTable) -> WrittenTable:
        """Return these rows together with those that follow them in the file."""
        return replace(self, stop=following.stop, rows=self.rows + following.rows)


@dataclass(frozen=True, slots=True)
class WrittenThumbnails(_Interned):
    """Consecutive thumbnails of a step's planes, all of one shape and dtype.

    Parameters
    ----------
    step : str
        Name of the step.
    names : tuple of str
        Components of the step's output.
    shape : tuple of int
        (Y, X) of a thumbnail.
    dtype : str
        Name of the NumPy dtype.
    path : str
        The file, relative to the output folder.
    start, stop : int
        Range of bytes in the file.
    """

    step: str
    names: tuple[str, ...]
    shape: tuple[int, int]
    dtype: str
    path: str
    start: int
    stop: int

    @property
    def content(self) -> Hashable:
        """Stretches of equal content can be joined."""
        return self.step, self.names, self.shape, self.dtype

    def joined(self, following: WrittenThumbnails) -> WrittenThumbnails:
        """Return these thumbnails together with those that follow them in the file."""
        return replace(self, stop=following.stop)


@dataclass(frozen=True, eq=False, slots=True)
class Work:
    """The work on some units or tasks: what was written, and how long it took.

    Works add up with ``+``, in their order; ``Work()`` is no work. Use `total` for many of them.

    Parameters
    ----------
    planes : sequence of WrittenPlanes
        Images and labels.
    tables : sequence of WrittenTable
        Tables and points.
    thumbnails : sequence of WrittenThumbnails
        Thumbnails of the images and labels.
    plane_count : int
        Number of planes of the dataset.
    unit_count : int
        Calls of step functions that returned.
    started, stopped : float
        Start of the first and end of the last, in seconds since the epoch.
    reading, computing, writing : float
        Seconds spent on each.
    worker : str
        Machine, process and thread of the last.
    peak_memory : int
        Peak memory of a process, in bytes.
    """

    planes: Sequence[WrittenPlanes] = ()
    tables: Sequence[WrittenTable] = ()
    thumbnails: Sequence[WrittenThumbnails] = ()
    plane_count: int = 0
    unit_count: int = 0
    started: float = inf
    stopped: float = -inf
    reading: float = 0.0
    computing: float = 0.0
    writing: float = 0.0
    worker: str = ""
    peak_memory: int = 0

    def __add__(self, later: Work) -> Work:
        return Work.total((self, later))

    @classmethod
    def total(cls, works: Iterable[Work]) -> Work:
        """Return the sum of works, in time that is linear in their number."""
        works = [cls(), *works]
        return cls(
            planes=_join_planes(planes for work in works for planes in work.planes),
            tables=join_stretches(table for work in works for table in work.tables),
            thumbnails=join_stretches(thumbnails for work in works for thumbnails in work.thumbnails),
            plane_count=sum(work.plane_count for work in works),
            unit_count=sum(work.unit_count for work in works),
            started=min(work.started for work in works),
            stopped=max(work.stopped for work in works),
            reading=sum(work.reading for work in works),
            computing=sum(work.computing for work in works),
            writing=sum(work.writing for work in works),
            worker=next((work.worker for work in reversed(works) if work.worker), ""),
            peak_memory=max(work.peak_memory for work in works),
        )


def _join_planes(planes: Iterable[WrittenPlanes]) -> tuple[WrittenPlanes, ...]:
    """Join the planes of each step, shape and dtype."""
    groups: dict[Hashable, list[WrittenPlanes]] = {}
    for each in planes:
        groups.setdefault((each.step, each.names, each.routed_by, each.shape, each.dtype), []).append(each)
    return tuple(
        replace(
            group[0],
            codes=np.concatenate([each.codes for each in group]),
            limits=(min(each.limits[0] for each in group), max(each.limits[1] for each in group)),
        )
        for group in groups.values()
    )


@dataclass(frozen=True, eq=False, slots=True)
class TaskOutput(_Interned, Timed):
    """The output of a task: what it wrote and where, and how long it took.

    Parameters
    ----------
    axis_value : str
        Axis value of the task.
    output : str
        The output folder.
    planes : sequence of WrittenPlanes
        Images and labels.
    tables : sequence of WrittenTable
        Tables and points.
    plane_count, unit_count : int
        Number of planes of the dataset, and of calls of step functions that returned.
    started, stopped : float
        Seconds since the epoch.
    reading, computing, writing : float
        Seconds spent on each.
    worker : str
        Machine, process and thread of the worker.
    peak_memory : int
        Peak memory of the worker, in bytes.
    thumbnails : sequence of WrittenThumbnails
        Thumbnails of the images and labels.
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

    @classmethod
    def of(cls, axis_value: str, output: str, work: Work) -> TaskOutput:
        """Create the output of a task from its work."""
        return cls(axis_value, output, **{field.name: getattr(work, field.name) for field in fields(work)})

    @property
    def work(self) -> Work:
        """The work of the task."""
        return Work(**{field.name: getattr(self, field.name) for field in fields(Work)})

    def merged_with(self, earlier: TaskOutput) -> TaskOutput:
        """Return this output together with what an earlier run wrote for the same task."""
        return TaskOutput.of(self.axis_value, self.output, earlier.work + self.work)
