"""Running a task in a worker: read planes, run the steps unit by unit, and write the kept outputs.

The planes of a task are divided into *blocks*, which agree on every component that no step stacks. Within a block,
consecutive steps that stack the same components form a *segment*. Each unit goes through all steps of a segment before
the next, and only the inputs of later segments are held. If all steps stack the same components, a block is a unit, and
memory is bounded by one unit.

A unit that fails affects only the units that depend on it. Hence the outputs do not depend on which units share a task.
The outcome of each unit is recorded in the run log at once. Units that an earlier run has finished are skipped, and the
inputs of later steps are read from their outputs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from ..core.clock import now
from ..core.errors import TaskError, error_message, error_trace, is_disk_full, is_interrupt
from ..core.kinds import PlaneKind
from ..core.memory import peak_memory, restart_peak
from ..pipeline.pipeline import Pipeline
from ..pipeline.step import LABELS, RAW, Step
from ..results.records import TaskOutput, Work, WrittenTable, WrittenThumbnails
from ..results.run_log.records import UnitFailure, UnitRecord, unit_key
from ..results.run_log.unit_log import UnitLog
from ..results.thumbnails import make_thumbnail
from ..results.writer import PlaneWriter, Target
from .context import TaskContext
from .step_groups import call_step, gather_inputs, next_segment, unit_codes
from .units import RawSource, Result, Source, Unavailable, Unit


def process_task(context: TaskContext, pipeline: Pipeline) -> TaskOutput:
    """Run a pipeline over the planes of one task and write the kept outputs.

    It is importable and needs only its arguments, so any executor can run it wherever the files can be read.

    Parameters
    ----------
    context : TaskContext
        From `Orchestrator.create_context`.
    pipeline : Pipeline
        Its steps.

    Returns
    -------
    TaskOutput
        What was written, and how long it took.

    Raises
    ------
    FileNotFoundError
        The output folder was deleted.
    TaskError
        Some units failed. The message names the first of them; ``result`` is the output of the others.
    concurrent.futures.CancelledError
        The run was cancelled.
    """
    return _TaskRun(context, pipeline.configured(context.variable, context.group_by)).run()


class _Clock:
    """Seconds spent on reading, computing and writing since the last `restart`."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.started = now()
        self.seconds = {"reading": 0.0, "computing": 0.0, "writing": 0.0}

    @contextmanager
    def measure(self, work: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[work] += time.perf_counter() - start


@dataclass
class _Progress:
    """Outputs and failures of the current unit."""

    tables: list[WrittenTable] = field(default_factory=list)
    thumbnails: list[WrittenThumbnails] = field(default_factory=list)
    failures: list[UnitFailure] = field(default_factory=list)
    calls: int = 0


class _DiskFull(Exception):
    """The disk is full, so that the other units would fail too."""


class _TaskRun:
    """One call of `process_task`."""

    def __init__(self, context: TaskContext, pipeline: Pipeline) -> None:
        self.context = context
        self.pipeline = pipeline
        self.planes = context.planes
        self.finished = {record.key: record for record in context.finished}
        self.clock = _Clock()
        self.writer = PlaneWriter(
            context.output, self.planes.components, context.plane_shape, context.sharded
        )
        self.unit_log = UnitLog(context.output)
        self.begun = Work(plane_count=len(self.planes), started=now(), worker=self.unit_log.worker)
        self.works: list[Work] = []
        self.failures: list[str] = []
        self.trace = ""

    def run(self) -> TaskOutput:
        block_names = [name for name in self.planes.names if name not in self.pipeline.stacked]
        try:
            for rows in self.planes.groups(block_names):
                self._run_block(rows, self._block(rows, block_names))
        except _DiskFull as error:
            raise TaskError(str(error), self.trace, self._output()) from None
        output = self._output()
        if self.failures:
            first, total = self.failures[0], output.unit_count + len(self.failures)
            several = len(self.failures) > 1
            message = (
                f"{len(self.failures)} of {total} units failed; the first was {first}" if several else first
            )
            raise TaskError(message, self.trace, output)
        return output

    def _output(self) -> TaskOutput:
        work = replace(Work.total((self.begun, *self.works)), stopped=now())
        return TaskOutput.of(self.context.axis_value, self.context.output, work)

    def _block(self, rows: NDArray[np.intp], names: Sequence[str]) -> list[str]:
        """Return the component values of a block."""
        return [self.planes.components[name][self.planes.column(name)[rows[0]]] for name in names]

    def _run_block(self, rows: NDArray[np.intp], block: list[str]) -> None:
        given = self.pipeline.dataset_inputs
        sources: dict[str, Source] = {
            name: RawSource(self.planes, rows, None if name == RAW else name.removeprefix(LABELS))
            for name in given
        }
        steps = deque(self.pipeline)
        failures = len(self.failures)
        while steps:
            segment = next_segment(steps, sources)
            needed = {source for step in steps for source in step.inputs or ()}
            for codes in unit_codes(segment[0], sources):
                if self.context.is_cancelled:
                    raise CancelledError
                self.context.check_output()
                if not self._restore(segment, codes, sources, needed):
                    self._run_unit(segment, codes, sources, needed)
            for name in [name for name in sources if name not in {*given, *needed}]:
                del sources[name]
        if len(self.failures) == failures:
            with self._recording_failure("the run log"):
                self.unit_log.write_block(block)

    def _restore(
        self, segment: list[Step], codes: dict[str, int], sources: dict[str, Source], needed: set[str]
    ) -> bool:
        """Restore a unit that an earlier run has finished, and return whether that succeeded."""
        unit = Unit(self.planes.components, codes, segment[0].variable or ())
        record = self.finished.get(unit_key(segment[0].name, unit.values))
        if record is None:
            return False
        try:
            for planes in record.planes:
                if planes.step in needed:
                    items = {tuple(key): self.writer.read(planes, key) for key in planes.codes.tolist()}
                    sources[planes.step].add(Result(planes.names, items))
        except (OSError, ValueError):
            return False
        return True

    def _run_unit(
        self, segment: list[Step], codes: dict[str, int], sources: dict[str, Source], needed: set[str]
    ) -> None:
        """Run all steps of a segment on one unit, and record its outcome."""
        restart_peak()
        self.clock.restart()
        progress = _Progress()
        unit = Unit(self.planes.components, codes, segment[0].variable or ())
        # Arrays of this unit only, freed as soon as no later step needs them, as reusing memory at once is faster.
        # Planes are read again for the units of later segments.
        own = set(self.pipeline.dataset_inputs)
        for number, step in enumerate(segment, 1):
            coming = {name for later in segment[number:] for name in later.inputs or ()} | (
                needed - self.pipeline.dataset_inputs
            )
            own.add(step.name)
            self._run_step(step, unit, sources, progress, sole=own - coming)
            for name in own - coming:
                sources[name].clear()
        record = UnitRecord(
            steps=tuple(step.name for step in segment),
            unit=unit.values,
            planes=self.writer.take_written(),
            tables=progress.tables,
            failures=progress.failures,
            calls=progress.calls,
            started=self.clock.started,
            stopped=now(),
            worker=self.unit_log.worker,
            peak_memory=peak_memory(),
            thumbnails=progress.thumbnails,
            **self.clock.seconds,
        )
        self.works.append(record.work)
        # A unit that lacks an input has no outcome of its own.
        if progress.calls or progress.failures:
            with self._recording_failure("the run log"):
                self.unit_log.write_unit(record)

    def _run_step(
        self, step: Step, unit: Unit, sources: dict[str, Source], progress: _Progress, sole: set[str]
    ) -> None:
        """Run a step on one unit, write its output if it is kept, and hold it for later steps.

        The inputs in `sole` are not needed by any other step.
        """
        source = sources[step.name]
        try:
            with self.clock.measure("reading"):
                inputs = gather_inputs(step, unit, sources, sole)
            with self.clock.measure("computing"):
                result = call_step(step, unit, inputs, self.context.calibration)
            source.add(result)
            if step.keep:
                with self.clock.measure("writing"):
                    self._write_result(step, result, progress)
            progress.calls += 1
        except Unavailable:
            source.failed.append(unit.codes)
        except BaseException as error:
            if is_interrupt(error):
                raise
            source.failed.append(unit.codes)
            # Kept as text, as the traceback of the error would keep arrays alive.
            message, trace = error_message(error), error_trace(error)
            progress.failures.append(UnitFailure(step.name, message, trace))
            self._add_failure(f"step {step.name!r}, {unit.describe()}", error)

    def _write_result(self, step: Step, result: Result, progress: _Progress) -> None:
        if result.frame is not None:
            progress.tables.append(self.unit_log.write_rows(step.name, result.frame))
        if not isinstance(step.output_kind, PlaneKind):
            return
        folder = self.pipeline.plate_folder(step)
        target = Target(step.name, result.names, step.output_kind, folder, step.routed_by)
        thumbnails = {
            codes: make_thumbnail(self.writer.write(target, codes, plane), target.kind)
            for codes, plane in result.planes
        }
        progress.thumbnails.append(self.unit_log.write_thumbnails(step.name, result.names, thumbnails))

    @contextmanager
    def _recording_failure(self, where: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._add_failure(where, error)

    def _add_failure(self, where: str, error: BaseException) -> None:
        message = f"{where}: {error_message(error)}"
        if not self.failures:
            self.trace = error_trace(error)
        self.failures.append(message)
        if is_disk_full(error):
            raise _DiskFull(message)


def import_libraries() -> None:
    """Import the libraries that nearly every pipeline uses, in an idle worker."""
    for module in ("pandas", "scipy.ndimage", "skimage.feature", "skimage.filters", "skimage.measure",
                   "skimage.segmentation", "tifffile", "imagecodecs"):  # fmt: skip
        import_module(module)
