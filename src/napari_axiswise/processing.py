"""The worker's side of a run: read planes, run the steps unit by unit, write what is kept.

A task's planes are divided into *blocks*: those that agree on every component that no step stacks. Within a
block, consecutive steps that stack the same components form a *segment*: unit after unit goes through all
of its steps, and only what a later segment needs is held. Where all steps stack the same, a block is a
unit, and memory is bounded by one unit, however large the task.

A unit that fails costs itself and what depends on it, not its neighbours: so what is written does not depend
on which units share a task.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import NamedTuple

from .failures import TaskError, error_message, error_trace
from .orchestrator import TaskContext
from .pipeline import RAW, Pipeline, Step
from .results.records import TaskOutput, WrittenTable
from .results.writer import PlaneWriter, TableWriter
from .units import Codes, RawSource, Source, Unavailable, Unit, gather, read_result


def process_task(context: TaskContext, pipeline: Pipeline) -> TaskOutput:
    """Run a pipeline over the planes of one task and write what is to be kept.

    Importable, and all it needs is in its arguments: any executor can run it anywhere that sees the files.

    Parameters
    ----------
    context : TaskContext
        From `Orchestrator.create_context`.
    pipeline : Pipeline
        What to do.

    Returns
    -------
    TaskOutput
        What was written and how long it took. No pixels.

    Raises
    ------
    TaskError
        Some units failed. The message names the first of them; its ``result`` is the output of the others.
    concurrent.futures.CancelledError
        The run was cancelled meanwhile.
    """
    return _TaskRun(context, pipeline.configured(context.variable, context.group_by)).run()


@dataclass
class _Clock:
    """Seconds spent on each kind of work."""

    seconds: dict[str, float] = field(
        default_factory=lambda: {"reading": 0.0, "computing": 0.0, "writing": 0.0}
    )

    @contextmanager
    def measure(self, work: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[work] += time.perf_counter() - start


class _Failure(NamedTuple):
    """A unit that failed, in words; only the first has a traceback."""

    message: str
    trace: str


class _TaskRun:
    """One call of `process_task`."""

    def __init__(self, context: TaskContext, pipeline: Pipeline) -> None:
        self.context = context
        self.pipeline = pipeline
        self.planes = context.planes
        self.clock = _Clock()
        self.writer = PlaneWriter(context.output, self.planes.components, context.plane_shape)
        self.tables = TableWriter(context.output, f"{context.axis}={context.axis_value}")
        self.units = 0
        self.failures: list[_Failure] = []

    def run(self) -> TaskOutput:
        started = time.time()
        stacked = {name for step in self.pipeline for name in step.variable or ()}
        for rows in self.planes.groups([name for name in self.planes.names if name not in stacked]):
            self._run_block(RawSource(self.planes, rows))
        with self.clock.measure("writing"):
            tables = self._write_tables()
        output = TaskOutput(
            axis_value=self.context.axis_value,
            output=self.context.output,
            planes=self.writer.written,
            tables=tables,
            plane_count=len(self.planes),
            unit_count=self.units,
            started=started,
            stopped=time.time(),
            worker=f"{os.getpid()}:{threading.get_ident()}",
            **self.clock.seconds,
        )
        if self.failures:
            raise self._error(output)
        return output

    def _write_tables(self) -> list[WrittenTable]:
        try:
            return self.tables.flush()
        except Exception as error:
            self._note_failure("its tables", error)
            return []

    def _error(self, output: TaskOutput) -> TaskError:
        first = self.failures[0]
        total = self.units + len(self.failures)
        message = first.message
        if len(self.failures) > 1:
            message = f"{len(self.failures)} of {total} units failed; the first was {message}"
        return TaskError(message, first.trace, output)

    def _run_block(self, raw: RawSource) -> None:
        sources: dict[str, Source] = {RAW: raw}
        steps = deque(self.pipeline)
        while steps:
            segment = _next_segment(steps, sources)
            needed = {RAW, *(source for step in steps for source in step.inputs or ())}
            for codes in _unit_codes(segment[0], sources):
                if self.context.is_cancelled:
                    raise CancelledError
                for step in segment:
                    self._run_unit(step, codes, sources)
                raw.forget()
                for step in segment:
                    if step.name not in needed:
                        sources[step.name].items.clear()
            for name in [name for name in sources if name not in needed]:
                del sources[name]

    def _run_unit(self, step: Step, codes: dict[str, int], sources: dict[str, Source]) -> None:
        """Run a step on one unit, write its output if it is kept, and remember it for later steps."""
        unit = Unit(self.planes.components, codes, step.variable or ())
        made = sources[step.name]
        try:
            with self.clock.measure("reading"):
                inputs = [gather(sources[name], name, unit) for name in step.inputs or ()]
            function, params = step.route(unit.value(step.group_by))
            with self.clock.measure("computing"):
                returned = function(*(stack.array for stack in inputs), **params)
                result = read_result(returned, step.kind, inputs, unit)
            made.add(result)
            if step.keep:
                with self.clock.measure("writing"):
                    if result.frame is not None:
                        self.tables.add(step.name, result.frame)
                    for plane_codes, plane in result.planes:
                        self.writer.write(step.name, result.names, plane_codes, plane, step.routed_by)
            self.units += 1
        except Unavailable:
            made.failed.append(codes)
        except (Exception, SystemExit) as error:
            made.failed.append(codes)
            self._note_failure(f"step {step.name!r}, {unit.describe()}", error)

    def _note_failure(self, where: str, error: BaseException) -> None:
        # As text: the error itself would hold the pixels that its traceback saw.
        trace = "" if self.failures else error_trace(error)
        self.failures.append(_Failure(f"{where}: {error_message(error)}", trace))


def _next_segment(steps: deque[Step], sources: dict[str, Source]) -> list[Step]:
    """Take from `steps` the first and those after it whose units are the same, and give each a source."""
    segment: list[Step] = []
    shape: tuple[tuple[str, ...], set[str]] | None = None
    while steps:
        step = steps[0]
        variable = step.variable or ()
        names = {
            name for source in step.inputs or () for name in sources[source].names if name not in variable
        }
        if shape is None:
            shape = variable, names
        elif (variable, names) != shape:
            break
        segment.append(steps.popleft())
        # Until it made something: units of this segment tell its items apart.
        sources[step.name] = Source(tuple(sorted(names)), {})
    return segment


def _unit_codes(step: Step, sources: dict[str, Source]) -> list[dict[str, int]]:
    """Return the units of a step: a code for each component that it does not stack."""
    variable = step.variable or ()
    widest = max((sources[name] for name in step.inputs or ()), key=lambda source: len(source.names))
    names = [name for name in widest.names if name not in variable]
    positions = [widest.names.index(name) for name in names]
    codes: Iterable[Codes] = widest.items
    distinct: Sequence[Codes] = sorted({tuple(code[position] for position in positions) for code in codes})
    return [dict(zip(names, key, strict=True)) for key in distinct]


def import_libraries() -> None:
    """Import what nearly every pipeline uses, in a worker that has nothing to do yet."""
    for module in ("pandas", "scipy.ndimage", "skimage.feature", "skimage.filters", "skimage.measure",
                   "skimage.segmentation", "tifffile", "imagecodecs"):  # fmt: skip
        import_module(module)
