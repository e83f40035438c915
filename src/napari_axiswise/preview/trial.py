"""Compute a preview: the output of each step of a pipeline for one plane, from as few planes as possible.

A step that processes planes together needs the whole stack, and so do the steps before it; each other step is called
for the one plane only. Nothing is written. Outputs that the caller has already are not returned again, and outputs
that this process has computed before are not recomputed.
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

from ..core.errors import error_message, is_interrupt
from ..core.kinds import IMAGE
from ..pipeline.step import LABELS, RAW, Step
from ..planes.arrays import ArrayPlanes, CopiedPlanes
from ..planes.table import Planes
from ..runs.provenance import describe_pipeline, digest_planes
from ..tasks.process import import_libraries
from ..tasks.step_groups import call_step, gather_inputs, next_segment, unit_codes
from ..tasks.units import RawSource, Source, Unavailable, Unit
from .output import StepPreview, count_labels, with_image
from .request import PreviewRequest, fixed_components

if TYPE_CHECKING:
    import pandas as pd

MOST_KEPT = 1 << 29
"""Maximum size in bytes of the outputs that a process keeps for later previews."""


def preview(request: PreviewRequest) -> list[StepPreview]:
    """Run a pipeline on one plane and return the output of each step. A failing step does not stop the others.

    Any executor can run this function.

    Parameters
    ----------
    request : PreviewRequest
        The pipeline and its planes.

    Returns
    -------
    list of StepPreview
        One per step, in order; preceded by the input plane if requested.
    """
    return _Trial(request).run()


def get_ready() -> None:
    """Import the libraries that most previews use, so that the first one starts sooner."""
    import_libraries()


@dataclass(frozen=True, eq=False)
class _Output:
    """Output of a step for all units that were needed."""

    source: Source
    frames: list[pd.DataFrame] = field(default_factory=list)
    seconds: float = 0.0


class _Cache:
    """Outputs of steps by key. The least recently used are removed first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._outputs: OrderedDict[str, _Output] = OrderedDict()

    def get(self, key: str) -> _Output | None:
        if key in self._outputs:
            self._outputs.move_to_end(key)
        return self._outputs.get(key)

    def add(self, key: str, output: _Output) -> None:
        self._outputs[key] = output

    def trim(self) -> None:
        size = sum(output.source.nbytes for output in self._outputs.values())
        while size > self._most:
            _, output = self._outputs.popitem(last=False)
            size -= output.source.nbytes


_cache = _Cache(MOST_KEPT)


class _Trial:
    """One call of `preview`."""

    def __init__(self, request: PreviewRequest) -> None:
        self.request = request
        self.planes = request.planes
        self.fixed = fixed_components(request.pipeline, self.planes.components)
        self.sources: dict[str, Source] = {}
        self.keys: dict[str, str] = {}
        self.previews: dict[str, StepPreview] = {}

    def run(self) -> list[StepPreview]:
        planes_key = _digest(_planes_key(self.planes), self.request.calibration)
        for name in self.request.pipeline.dataset_inputs:
            self.keys[name] = _digest(planes_key, name)
            self.sources[name] = self._input_source(name)
        if self.request.with_raw:
            self.previews[RAW] = self._show_raw()
        described = describe_pipeline(self.request.pipeline)
        for step, description in zip(self.request.pipeline, described, strict=True):
            at = {name: self.request.places[name] for name in sorted(self.fixed[step.name])}
            self.keys[step.name] = _digest(description, at, [self.keys[name] for name in step.inputs or ()])
            self.previews[step.name] = self._preview(step)
        _cache.trim()
        return list(self.previews.values())

    def _input_source(self, name: str) -> Source:
        cached = _cache.get(self.keys[name])
        if cached is None:
            labels = None if name == RAW else name.removeprefix(LABELS)
            cached = _Output(RawSource(self.planes, np.arange(len(self.planes)), labels))
            _cache.add(self.keys[name], cached)
        return cached.source

    def _preview(self, step: Step) -> StepPreview:
        """Return the preview of a step, and keep its output for later steps and previews."""
        cached = _cache.get(self.keys[step.name])
        if cached is not None:
            self.sources[step.name] = cached.source
            return self._show(step, cached, self.request.known)
        next_segment(deque([step]), self.sources)
        if step.name in self.request.barred:
            return self._fail(step, self.request.barred[step.name])
        self._log(step.name)
        output, error = self._call(step)
        if error:
            # The shown plane may have an output even if another plane failed.
            return replace(self._show(step, output, frozenset()), error=error, key="")
        _cache.add(self.keys[step.name], output)
        return self._show(step, output, self.request.known)

    def _call(self, step: Step) -> tuple[_Output, str]:
        """Call a step for each unit that is needed. Return its output and the first error."""
        source, frames, seconds, error = self.sources[step.name], [], 0.0, ""
        for codes in self._units(step):
            unit = Unit(self.planes.components, codes, step.variable or ())
            try:
                inputs = gather_inputs(step, unit, self.sources)
                started = time.perf_counter()
                result = call_step(step, unit, inputs, self.request.calibration)
                seconds += time.perf_counter() - started
                source.add(result)
                if result.frame is not None:
                    frames.append(result.frame)
            except Unavailable:
                source.failed.append(codes)
            except BaseException as raised:
                if is_interrupt(raised):
                    raise
                source.failed.append(codes)
                error = error or error_message(raised)
        if not error and (source.failed or not source.items):
            failed = [
                name for name in step.inputs or () if name in self.previews and self.previews[name].error
            ]
            error = f"Its input {failed[0]!r} failed." if failed else "There is no plane here."
        return _Output(source, frames, seconds), error

    def _units(self, step: Step) -> list[dict[str, int]]:
        places, fixed = self.request.places, self.fixed[step.name]
        return [
            codes
            for codes in unit_codes(step, self.sources)
            if all(code == places[name] for name, code in codes.items() if name in fixed)
        ]

    def _fail(self, step: Step, error: str) -> StepPreview:
        # Codes without a component match every unit: the output is missing everywhere.
        self.sources[step.name].failed.append({})
        return StepPreview(step.name, step.output_kind, error=error)

    def _show(self, step: Step, output: _Output, known: frozenset[str]) -> StepPreview:
        """Return the output of a step for the shown plane, without data if the caller has it already."""
        names = output.source.names
        if output.frames:
            names = tuple(name for name in self.planes.components if name in output.frames[0].columns)
        places = {name: self.request.places[name] for name in names}
        key = _digest(self.keys[step.name], places)
        shown = StepPreview(step.name, step.output_kind, key, places, seconds=output.seconds)
        if key in known:
            return replace(shown, is_known=True)
        if output.frames:
            return self._show_rows(shown, output.frames)
        plane = output.source.items.get(tuple(self.request.places[name] for name in output.source.names))
        if plane is None:
            return replace(shown, key="", error="There is no plane here.")
        if not step.output_kind.has_intensities:
            is_small = plane.size and plane.min() >= 0 and plane.max() < 1 << 16
            data = plane.astype(np.uint16) if is_small else plane
            return replace(shown, data=data, count=count_labels(data))
        return with_image(shown, plane)

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
            return with_image(shown, self.sources[RAW].fetch(tuple(places.values())))
        except (KeyError, OSError) as error:
            message = error_message(error) if isinstance(error, OSError) else "There is no plane here."
            return replace(shown, key="", error=message)

    def _log(self, step: str) -> None:
        if self.request.log:
            with suppress(OSError):
                Path(self.request.log).write_text(step, encoding="utf-8")


def _planes_key(planes: Planes) -> str:
    """Return a key of the planes that changes when their files change."""
    if isinstance(planes.reader, (CopiedPlanes, ArrayPlanes)):
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
        found = os.stat(path)  # noqa: PTH116 (faster than a Path for many files)
        return found.st_size, found.st_mtime_ns
    return ()


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:32]
