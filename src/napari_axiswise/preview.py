"""A preview: what the steps of a pipeline make of one plane, and of no more planes than that needs.

What a step that stacks makes of a plane takes the whole stack, and so do the steps before it; each other step is
called for the plane alone. Nothing is written. Of each step the one plane goes back to whoever asked, unless it is
there already; what is unchanged since the preview before, in the same process, is not made again.
"""

from __future__ import annotations

import math
import os
import time
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .annotations import Kind
from .datasets.dataset import Dataset
from .failures import error_message
from .identity import describe_pipeline, digest_planes
from .memory import in_words
from .pipeline import LABELS, RAW, Pipeline, Step
from .planes import Planes
from .processing import import_libraries
from .readers.held import ArrayPlanes, HeldPlanes
from .segments import call_step, gather_inputs, next_segment, unit_codes
from .units import RawSource, Source, Unavailable, Unit

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 1 << 30
"""Bytes of the largest stack that is tried."""

MOST_KEPT = 1 << 29
"""Bytes of what a process keeps for the next preview."""


@dataclass(frozen=True, eq=False)
class PreviewRequest:
    """What is to be tried. `of` makes it.

    Parameters
    ----------
    planes : Planes
        Those that the steps need.
    places : mapping
        From every component to the index of its value: the plane that is looked at.
    pipeline : Pipeline
        Configured.
    barred : mapping
        From names of steps that are not to be called to the reason.
    known : frozenset of str
        Keys of what needs not be sent again.
    with_raw : bool
        Whether the plane itself is wanted too.
    log : str
        A file in which the name of the step that is being called is written; empty for none.
    """

    planes: Planes
    places: Mapping[str, int]
    pipeline: Pipeline
    barred: Mapping[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    with_raw: bool = False
    log: str = ""

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        pipeline: Pipeline,
        variable: Sequence[str],
        group_by: str | None,
        places: Mapping[str, int],
        with_raw: bool = False,
    ) -> PreviewRequest:
        """Return the request for a plane of a dataset.

        Parameters
        ----------
        dataset : Dataset
            Of files, or of an array in memory: of that, the pixels go along.
        pipeline : Pipeline
            What is to be tried.
        variable, group_by
            For the steps that leave them out.
        places : mapping
            From component to the index of a value; left out, 0.
        with_raw : bool
            Whether the plane itself is wanted too.

        Raises
        ------
        ValueError
            There is no such plane, all steps are switched off, or there is too much to stack.
        """
        configured = pipeline.configured(variable, group_by)
        places = {name: places.get(name, 0) for name in dataset.components}
        alone = _alone(configured, dataset.components)
        fixed = frozenset.intersection(*(alone[name] for name in configured.given))
        rows = _rows(dataset.index, {name: places[name] for name in fixed})
        if not len(rows):
            raise ValueError("No image was taken here.")
        size = len(rows) * math.prod(dataset.shape) * dataset.dtype.itemsize
        if size > MOST_BYTES:
            stacked = [name for name in dataset.components if name not in fixed]
            raise ValueError(
                f"The steps stack {' and '.join(stacked)}: {len(rows):,} planes, {in_words(size)}. "
                f"That is too much to be tried; up to {in_words(MOST_BYTES)} are."
            )
        planes = dataset.index.select(rows)
        if dataset.array is not None:
            planes = replace(planes, reader=ArrayPlanes(dataset.array, tuple(planes.pages.tolist())))
        return cls(planes, places, configured, _misfit(configured, dataset), with_raw=with_raw)


@dataclass(frozen=True, eq=False)
class StepPreview:
    """What a step made of the plane.

    Parameters
    ----------
    step : str
        Its name; ``"raw"`` for the plane itself.
    kind : {"image", "labels", "points", "table"}
        What it makes.
    key : str
        The same for the same output; empty where the step failed.
    places : mapping
        From the components that the output has to the index of its value.
    data : ndarray, optional
        The plane, shape (Y, X), in a type that can be shown; or points, shape (N, 2), y and x.
    rows : DataFrame, optional
        Of a table, and of points: the rows of the plane.
    limits : tuple of float
        Contrast limits that suit an image.
    count : int, optional
        Of objects, points or rows.
    seconds : float
        What the calls of its function took.
    error : str
        Why there is no output, or not all of it.
    is_known : bool
        Whether the output was left out, because it is known.
    """

    step: str
    kind: Kind
    key: str = ""
    places: Mapping[str, int] = field(default_factory=dict)
    data: NDArray[Any] | None = None
    rows: pd.DataFrame | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    count: int | None = None
    seconds: float = 0.0
    error: str = ""
    is_known: bool = False

    def __str__(self) -> str:
        if self.error:
            return self.error
        noun = {"image": "", "labels": "object", "points": "point", "table": "row"}[self.kind]
        told = "" if self.count is None else f"{self.count:,} {noun}{'' if self.count == 1 else 's'} · "
        return f"{told}{self.seconds:.2f} s"


def preview(request: PreviewRequest) -> list[StepPreview]:
    """Return what each step of a pipeline makes of a plane, whether or not others fail.

    Importable, and all it needs is in its argument: any executor can run it.

    Parameters
    ----------
    request : PreviewRequest
        What is to be tried.

    Returns
    -------
    list of StepPreview
        One per step, in order; before them the plane itself, where it was asked for.
    """
    return _Trial(request).run()


def get_ready() -> None:
    """Import what nearly every preview uses, in a worker that has nothing to do yet."""
    import_libraries()


@dataclass(frozen=True, eq=False)
class _Made:
    """What a step made of all units that were needed."""

    source: Source
    frames: list[pd.DataFrame] = field(default_factory=list)
    seconds: float = 0.0


class _Memory:
    """What was made, by its key; what was not used for the longest time is let go of first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[str, _Made] = OrderedDict()

    def get(self, key: str) -> _Made | None:
        if key in self._made:
            self._made.move_to_end(key)
        return self._made.get(key)

    def keep(self, key: str, made: _Made) -> None:
        self._made[key] = made

    def trim(self) -> None:
        held = sum(made.source.nbytes for made in self._made.values())
        while held > self._most:
            _, made = self._made.popitem(last=False)
            held -= made.source.nbytes


_memory = _Memory(MOST_KEPT)


class _Trial:
    """One call of `preview`."""

    def __init__(self, request: PreviewRequest) -> None:
        self.request = request
        self.planes = request.planes
        self.alone = _alone(request.pipeline, self.planes.components)
        self.sources: dict[str, Source] = {}
        self.keys: dict[str, str] = {}
        self.previews: dict[str, StepPreview] = {}

    def run(self) -> list[StepPreview]:
        planes_key = _planes_key(self.planes)
        for name in self.request.pipeline.given:
            self.keys[name] = _digest(planes_key, name)
            self.sources[name] = self._given(name)
        if self.request.with_raw:
            self.previews[RAW] = self._show_raw()
        described = describe_pipeline(self.request.pipeline)
        for step, description in zip(self.request.pipeline, described, strict=True):
            at = {name: self.request.places[name] for name in sorted(self.alone[step.name])}
            self.keys[step.name] = _digest(description, at, [self.keys[name] for name in step.inputs or ()])
            self.previews[step.name] = self._try(step)
        _memory.trim()
        return list(self.previews.values())

    def _given(self, name: str) -> Source:
        made = _memory.get(self.keys[name])
        if made is None:
            labels = None if name == RAW else name.removeprefix(LABELS)
            made = _Made(RawSource(self.planes, np.arange(len(self.planes)), labels))
            _memory.keep(self.keys[name], made)
        return made.source

    def _try(self, step: Step) -> StepPreview:
        """Return what a step makes, and remember it for later steps and for later previews."""
        made = _memory.get(self.keys[step.name])
        if made is not None:
            self.sources[step.name] = made.source
            return self._show(step, made, self.request.known)
        next_segment(deque([step]), self.sources)
        if step.name in self.request.barred:
            return self._fail(step, self.request.barred[step.name])
        self._note(step.name)
        made, error = self._make(step)
        if error:
            # That of another plane of a stack leaves this one as it is.
            return replace(self._show(step, made, frozenset()), error=error, key="")
        _memory.keep(self.keys[step.name], made)
        return self._show(step, made, self.request.known)

    def _make(self, step: Step) -> tuple[_Made, str]:
        """Call a step for each unit that is needed. Return what it made, and the first error."""
        source, frames, seconds, error = self.sources[step.name], [], 0.0, ""
        for codes in self._units(step):
            unit = Unit(self.planes.components, codes, step.variable or ())
            try:
                inputs = gather_inputs(step, unit, self.sources)
                started = time.perf_counter()
                result = call_step(step, unit, inputs)
                seconds += time.perf_counter() - started
                source.add(result)
                if result.frame is not None:
                    frames.append(result.frame)
            except Unavailable:
                source.failed.append(codes)
            except (Exception, SystemExit) as raised:
                source.failed.append(codes)
                error = error or error_message(raised)
        if not error and (source.failed or not source.items):
            failed = [
                name for name in step.inputs or () if name in self.previews and self.previews[name].error
            ]
            error = f"It waits for {failed[0]!r}." if failed else "There is no plane here."
        return _Made(source, frames, seconds), error

    def _units(self, step: Step) -> list[dict[str, int]]:
        places, alone = self.request.places, self.alone[step.name]
        return [
            codes
            for codes in unit_codes(step, self.sources)
            if all(code == places[name] for name, code in codes.items() if name in alone)
        ]

    def _fail(self, step: Step, error: str) -> StepPreview:
        # No component: whatever unit asks for it, it is not there.
        self.sources[step.name].failed.append({})
        return StepPreview(step.name, step.kind, error=error)

    def _show(self, step: Step, made: _Made, known: frozenset[str]) -> StepPreview:
        """Return what a step made of the plane that is looked at, unless that is known."""
        names = made.source.names
        if made.frames:
            names = tuple(name for name in self.planes.components if name in made.frames[0].columns)
        places = {name: self.request.places[name] for name in names}
        key = _digest(self.keys[step.name], places)
        shown = StepPreview(step.name, step.kind, key, places, seconds=made.seconds)
        if key in known:
            return replace(shown, is_known=True)
        if made.frames:
            return self._show_rows(shown, made.frames)
        plane = made.source.items.get(tuple(self.request.places[name] for name in made.source.names))
        if plane is None:
            return replace(shown, key="", error="There is no plane here.")
        if step.kind == "labels":
            is_small = plane.size and plane.min() >= 0 and plane.max() < 1 << 16
            data = plane.astype(np.uint16) if is_small else plane
            return replace(shown, data=data, count=_count_labels(data))
        return _show_image(shown, plane)

    def _show_rows(self, shown: StepPreview, frames: list[pd.DataFrame]) -> StepPreview:
        import pandas as pd

        rows = pd.concat(frames, ignore_index=True)
        here = np.ones(len(rows), dtype=bool)
        for name, code in shown.places.items():
            here &= (rows[name] == self.planes.components[name][code]).to_numpy()
        rows = rows[here]
        points = rows[["y", "x"]].to_numpy(float) if shown.kind == "points" else None
        return replace(shown, rows=rows, data=points, count=len(rows))

    def _show_raw(self) -> StepPreview:
        places = self.request.places
        shown = StepPreview(RAW, "image", _digest(self.keys[RAW], places), places)
        if shown.key in self.request.known:
            return replace(shown, is_known=True)
        try:
            return _show_image(shown, self.sources[RAW].fetch(tuple(places.values())))
        except (KeyError, OSError) as error:
            told = error_message(error) if isinstance(error, OSError) else "There is no plane here."
            return replace(shown, key="", error=told)

    def _note(self, step: str) -> None:
        if self.request.log:
            with suppress(OSError):
                Path(self.request.log).write_text(step, encoding="utf-8")


def _alone(pipeline: Pipeline, components: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """Return, for each input and step, the components of which the one value that is looked at is enough."""
    alone = dict.fromkeys((*pipeline.given, *(step.name for step in pipeline)), frozenset(components))
    for step in reversed(pipeline.steps):
        for name in step.inputs or ():
            alone[name] &= alone[step.name].difference(step.variable or ())
    return alone


def _rows(planes: Planes, places: Mapping[str, int]) -> NDArray[np.intp]:
    if len(places) == len(planes.names):
        row = planes.row([places[name] for name in planes.names])
        return np.array([] if row is None else [row], np.intp)
    rows = np.ones(len(planes), dtype=bool)
    for name, code in places.items():
        rows &= planes.column(name) == code
    return np.flatnonzero(rows)


def _misfit(pipeline: Pipeline, dataset: Dataset) -> dict[str, str]:
    """Return the first step that does not fit the data, and why; nothing where all do."""
    free = [name for name in dataset.components if name not in pipeline.stacked]
    for stop in range(1, len(pipeline) + 1) if free else ():
        part = Pipeline(pipeline.steps[:stop])
        try:
            part.check(dataset.components, free[0], dataset.labels)
        except ValueError as error:
            return {pipeline.steps[stop - 1].name: str(error)}
    return {}


def _planes_key(planes: Planes) -> str:
    """Return a text that is the same for the same planes, as long as their files are the same."""
    if isinstance(planes.reader, (HeldPlanes, ArrayPlanes)):
        content = sha256()
        for row in range(len(planes)):
            pixels = planes.read(row)
            content.update(f"{pixels.shape} {pixels.dtype}".encode())
            content.update(np.ascontiguousarray(pixels).data)
        files: object = content.hexdigest()
    else:
        files = [_file_key(planes.reader.path(planes.root, file)) for file in planes.files]
    return _digest(planes.root, planes.components, digest_planes(planes), files)


def _file_key(path: str) -> tuple[int, ...]:
    with suppress(OSError, ValueError):
        found = os.stat(path)  # noqa: PTH116 (there may be many)
        return found.st_size, found.st_mtime_ns
    return ()


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:32]


def _show_image(shown: StepPreview, plane: NDArray[Any]) -> StepPreview:
    """Return a preview with an image, in a type that can be shown and is not larger than that needs."""
    if plane.dtype.kind == "b":
        return replace(shown, data=plane.view(np.uint8))
    if plane.dtype.kind == "c":
        plane = np.abs(plane)
    if plane.dtype.kind == "f":
        with np.errstate(over="ignore"):
            plane = plane.astype(np.float32, copy=False)
    some = plane[::2, ::2]
    some = some[np.isfinite(some)]
    low, high = np.percentile(some, (1, 99.8)).tolist() if some.size else (0.0, 1.0)
    return replace(shown, data=plane, limits=(low, high if high > low else low + 1.0))


def _count_labels(labels: NDArray[Any]) -> int:
    if labels.dtype == np.uint16:
        return int(np.count_nonzero(np.bincount(labels.ravel())[1:]))
    return int(np.count_nonzero(np.unique(labels)))
