"""A preview: what the steps of a pipeline make of one plane, and of no more planes than that needs.

What a step that stacks makes of a plane takes the whole stack, and so do the steps before it; each other step is
called for the plane alone. Nothing is written. Of each step the one plane goes back to whoever asked, unless it is
there already; what is unchanged since the preview before, in the same process, is not made again.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import error_message
from ..core.kinds import IMAGE
from ..pipeline.step import LABELS, RAW, Step
from ..planes.held import ArrayPlanes, HeldPlanes
from ..planes.table import Planes
from ..runs.provenance import describe_pipeline, digest_planes
from ..tasks.process import import_libraries
from ..tasks.step_groups import call_step, gather_inputs, next_segment, unit_codes
from ..tasks.units import RawSource, Source, Unavailable, Unit
from .output import StepPreview, count_labels, show_image
from .request import PreviewRequest, enough_alone

if TYPE_CHECKING:
    import pandas as pd

MOST_KEPT = 1 << 29
"""Bytes of what a process keeps for the next preview."""


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
        self.alone = enough_alone(request.pipeline, self.planes.components)
        self.sources: dict[str, Source] = {}
        self.keys: dict[str, str] = {}
        self.previews: dict[str, StepPreview] = {}

    def run(self) -> list[StepPreview]:
        planes_key = _planes_key(self.planes)
        for name in self.request.pipeline.dataset_inputs:
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
        return StepPreview(step.name, step.output_kind, error=error)

    def _show(self, step: Step, made: _Made, known: frozenset[str]) -> StepPreview:
        """Return what a step made of the plane that is looked at, unless that is known."""
        names = made.source.names
        if made.frames:
            names = tuple(name for name in self.planes.components if name in made.frames[0].columns)
        places = {name: self.request.places[name] for name in names}
        key = _digest(self.keys[step.name], places)
        shown = StepPreview(step.name, step.output_kind, key, places, seconds=made.seconds)
        if key in known:
            return replace(shown, is_known=True)
        if made.frames:
            return self._show_rows(shown, made.frames)
        plane = made.source.items.get(tuple(self.request.places[name] for name in made.source.names))
        if plane is None:
            return replace(shown, key="", error="There is no plane here.")
        if not step.output_kind.has_intensities:
            is_small = plane.size and plane.min() >= 0 and plane.max() < 1 << 16
            data = plane.astype(np.uint16) if is_small else plane
            return replace(shown, data=data, count=count_labels(data))
        return show_image(shown, plane)

    def _show_rows(self, shown: StepPreview, frames: list[pd.DataFrame]) -> StepPreview:
        import pandas as pd

        rows = pd.concat(frames, ignore_index=True)
        here = np.ones(len(rows), dtype=bool)
        for name, code in shown.places.items():
            here &= (rows[name] == self.planes.components[name][code]).to_numpy()
        rows = rows[here]
        return replace(shown, rows=rows, count=len(rows))

    def _show_raw(self) -> StepPreview:
        places = self.request.places
        shown = StepPreview(RAW, IMAGE, _digest(self.keys[RAW], places), places)
        if shown.key in self.request.known:
            return replace(shown, is_known=True)
        try:
            return show_image(shown, self.sources[RAW].fetch(tuple(places.values())))
        except (KeyError, OSError) as error:
            told = error_message(error) if isinstance(error, OSError) else "There is no plane here."
            return replace(shown, key="", error=told)

    def _note(self, step: str) -> None:
        if self.request.log:
            with suppress(OSError):
                Path(self.request.log).write_text(step, encoding="utf-8")


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
