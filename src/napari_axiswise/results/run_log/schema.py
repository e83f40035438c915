"""The records of a run log: checked against the description of its run before they are used.

A record that does not fit costs its unit or task. A description that makes no sense makes the folder no result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ...core.axes import axis_parts, value_codes
from ...core.files import open_regular, path_below
from ...core.grid import IMAGES
from ...core.kinds import PlaneKind
from ...planes.reader import LARGEST_PLANE
from ..records import WrittenPlanes, WrittenTable, WrittenThumbnails
from ..thumbnails import THUMBNAIL, THUMBNAIL_DTYPES, THUMBNAILS, entry_type
from .description import Count, DType, RunDescription, Seconds, Shape, Strict, validate
from .lines import ROWS, RUN_LOG
from .records import BlockKey, UnitFailure, UnitRecord


class _Planes(Strict):
    step: str
    names: list[str]
    routed_by: str | None
    codes: list[list[Count]]
    shape: Shape
    dtype: DType
    limits: Annotated[list[float], Field(min_length=2, max_length=2)]
    kind: str
    folder: str


class _Table(Strict):
    step: str
    path: str
    start: Count
    stop: Count
    rows: Count


class _Thumbnails(Strict):
    step: str
    names: list[str]
    shape: Annotated[list[Annotated[int, Field(ge=1, le=THUMBNAIL)]], Field(min_length=2, max_length=2)]
    dtype: DType
    path: str
    start: Count
    stop: Count


class _Failure(Strict):
    step: str
    error: str
    traceback: str


class _Unit(Strict):
    steps: Annotated[list[str], Field(min_length=1)]
    unit: dict[str, str]
    planes: list[_Planes]
    tables: list[_Table]
    thumbnails: list[_Thumbnails]
    failures: list[_Failure]
    calls: Count
    started: Seconds
    stopped: Seconds
    reading: Seconds
    computing: Seconds
    writing: Seconds
    worker: str
    peak_memory: Count


class TaskRecord(Strict):
    """The outcome of a task."""

    axis_value: str
    status: Literal["done", "failed", "lost", "cancelled"]
    error: str
    traceback: str
    started: Seconds | None
    stopped: Seconds | None
    worker: str


class TaskLine(Strict):
    """The line of a task's outcome, with the number of its planes."""

    task: TaskRecord
    planes: Count


class RunRecord(Strict):
    """The start of a run."""

    axis: str
    values: list[str]
    warnings: list[str] = Field(default_factory=list)


class RunLine(Strict):
    """The line of the start of a run."""

    run: RunRecord


class EndRecord(Strict):
    """The end of a run, with the reason if its output could not be finished."""

    error: str


class EndLine(Strict):
    """The line of the end of a run."""

    end: EndRecord


ParentLine = TaskLine | RunLine | EndLine
"""A line that the parent writes, except that with the numbers of planes."""


class RunLogSchema:
    """The check of all records in a run log against the description of its run.

    Parameters
    ----------
    root : Path
        The output folder.
    description : RunDescription
        The description of the run.
    """

    def __init__(self, root: Path, description: RunDescription) -> None:
        self._root = root
        self._components = description.dataset.values
        self._steps = {step.name: step for step in description.pipeline}
        images = [s.name for s in description.pipeline if s.keep and s.kind.has_intensities]
        self._folders = {name: f"{IMAGES}/{name}" if name in images[1:] else "" for name in self._steps}
        stacked = {name for step in description.pipeline for name in step.variable}
        self._constant = [name for name in self._components if name not in stacked]
        self._sizes: dict[str, int] = {}

    def block(self, values: object) -> BlockKey:
        """Return the key of a complete block.

        Raises
        ------
        ValueError
            The run has no such block.
        """
        if not isinstance(values, list) or len(values) != len(self._constant):
            raise ValueError("block: another number of values")
        self._check_values(dict(zip(self._constant, values, strict=True)))
        return tuple(values)

    def unit(self, values: object) -> UnitRecord:
        """Return the record of a unit.

        Raises
        ------
        ValueError
            It does not fit the run. The message says where.
        OSError
            It names a file that is not there, or not in the run log.
        """
        unit = validate(_Unit, values)
        steps = [*unit.steps, *(failure.step for failure in unit.failures)]
        written = [p.step for parts in (unit.planes, unit.tables, unit.thumbnails) for p in parts]
        if not set(steps) <= set(self._steps) or not set(written) <= set(unit.steps):
            raise ValueError("steps: the run has no such step")
        self._check_values(unit.unit)
        if not set(self._constant) <= set(unit.unit):
            raise ValueError("unit: a component has no value")
        return UnitRecord(
            steps=tuple(unit.steps),
            unit=unit.unit,
            planes=[self._planes(planes) for planes in unit.planes],
            tables=[self._table(table) for table in unit.tables],
            failures=[UnitFailure(**failure.model_dump()) for failure in unit.failures],
            thumbnails=[self._thumbnails(thumbnails) for thumbnails in unit.thumbnails],
            **unit.model_dump(exclude={"steps", "unit", "planes", "tables", "failures", "thumbnails"}),
        )

    def parent_line(self, values: Mapping[str, object]) -> ParentLine | None:
        """Return a line that the parent wrote; None for one that is not needed.

        Raises
        ------
        ValueError
            It does not fit the run. The message says where.
        """
        if "task" in values:
            return validate(TaskLine, values)
        if "end" in values:
            return validate(EndLine, values)
        if "run" not in values:
            return None
        line = validate(RunLine, values)
        parts = axis_parts(line.run.axis, self._components)
        if not all(value_codes(value, parts, self._components) for value in line.run.values):
            raise ValueError("run.values: the axis has no such value")
        return line

    def _check_values(self, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            if value not in self._components.get(name, ()):
                raise ValueError(f"unit: the run has no {name} {value!r}"[:200])

    def _check_names(self, names: Sequence[str]) -> tuple[str, ...]:
        if len(set(names)) < len(names) or not set(names) <= set(self._components):
            raise ValueError("names: not components of the run, or one of them twice")
        return tuple(names)

    def _planes(self, planes: _Planes) -> WrittenPlanes:
        step, names = self._steps[planes.step], self._check_names(planes.names)
        if planes.kind != step.output or not isinstance(step.kind, PlaneKind):
            raise ValueError(f"planes.kind: the output of step {step.name!r} is {step.output}")
        if planes.folder != self._folders[step.name] or planes.routed_by != step.group_by:
            raise ValueError(f"planes.folder: not where step {step.name!r} writes")
        if math.prod(planes.shape) * np.dtype(planes.dtype).itemsize > LARGEST_PLANE:
            raise ValueError("planes.shape: too large for a plane")
        if any(map(math.isnan, planes.limits)):
            raise ValueError("planes.limits: not numbers")
        codes = np.array(planes.codes, np.int64).reshape(-1, len(names))
        if len(codes) != len(planes.codes) or (codes >= [len(self._components[n]) for n in names]).any():
            raise ValueError("planes.codes: the run has no such plane")
        return WrittenPlanes(
            step=planes.step,
            names=names,
            routed_by=planes.routed_by,
            codes=codes.astype(np.int32),
            shape=(planes.shape[0], planes.shape[1]),
            dtype=planes.dtype,
            limits=(planes.limits[0], planes.limits[1]),
            kind=planes.kind,
            folder=planes.folder,
        )

    def _table(self, table: _Table) -> WrittenTable:
        if isinstance(self._steps[table.step].kind, PlaneKind):
            raise ValueError(f"tables.step: the output of step {table.step!r} is no table")
        self._check_stretch(table.path, f"{RUN_LOG}/{ROWS}/{table.step}", table.start, table.stop)
        if table.rows > table.stop - table.start:
            raise ValueError("tables.rows: more rows than bytes")
        return WrittenTable(**table.model_dump())

    def _thumbnails(self, thumbnails: _Thumbnails) -> WrittenThumbnails:
        names, shape = self._check_names(thumbnails.names), (thumbnails.shape[0], thumbnails.shape[1])
        folder = f"{RUN_LOG}/{THUMBNAILS}/{thumbnails.step}"
        self._check_stretch(thumbnails.path, folder, thumbnails.start, thumbnails.stop)
        if thumbnails.dtype not in THUMBNAIL_DTYPES:
            raise ValueError(f"thumbnails.dtype: not one of {', '.join(THUMBNAIL_DTYPES)}")
        if (thumbnails.stop - thumbnails.start) % entry_type(len(names), shape, thumbnails.dtype).itemsize:
            raise ValueError("thumbnails.stop: not a whole number of thumbnails")
        return WrittenThumbnails(**thumbnails.model_dump() | {"names": names, "shape": shape})

    def _check_stretch(self, path: str, folder: str, start: int, stop: int) -> None:
        """Check that a stretch is in a file of the folder."""
        if path.rpartition("/")[0] != folder:
            raise ValueError(f"path: not in {folder}")
        if stop > self._sizes.get(path, -1):
            with open_regular(path_below(self._root, path)) as file:
                # A worker may be appending to it.
                self._sizes[path] = file.seek(0, 2)
        if not start < stop <= self._sizes[path]:
            raise ValueError(f"stop: not in {path}")
