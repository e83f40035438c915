"""Measure a few blocks of a dataset: make the pilot."""

from __future__ import annotations

import math
import os
import statistics
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, wait
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..core.clock import now
from ..core.events import HEARTBEAT, TaskEvent
from ..datasets.dataset import Dataset
from ..executors.choice import open_executor, starts_processes
from ..executors.lanes import LaneExecutor, available_cores
from ..pipeline.pipeline import Pipeline
from ..results.records import TaskOutput
from ..results.run_log.contents import RunLogContents
from ..results.run_log.records import UnitRecord
from ..runs.plan import RunPlan
from ..runs.provenance import describe_pipeline, digest_planes
from ..runs.run import Run
from ..tasks.process import import_libraries
from .blocks import Blocks
from .pilot import Pilot
from .sampling import copying, sample, spread

BLOCKS = 16
"""Minimum number of blocks of a pilot, if the dataset has as many."""

BLOCKS_PER_WORKER = 4
"""Blocks of a pilot per worker. The first of a process is slow, and during the last, other workers may be idle."""

ALONE = 4
"""Number of blocks that are measured again with a single worker."""

MOST_SECONDS = 20.0
"""Seconds after which a pass of a pilot ends if something was measured."""

MOST_DELAY = 1.5
"""Maximum extra seconds of the first block of a process, for imports and memory allocation."""

MOST_CACHED = 32
"""Maximum number of pilots that are kept."""

_cache: OrderedDict[str, Pilot] = OrderedDict()


def measuring(plan: RunPlan, blocks: Blocks) -> Generator[TaskEvent, None, Pilot]:
    """Run a few blocks, spread over the data, and measure them.

    A pilot whose blocks all finished is remembered for the same files, pipeline and workers.

    Parameters
    ----------
    plan : RunPlan
        What to measure. No more workers are used than this machine has processors.
    blocks : Blocks
        The blocks of its planes.

    Yields
    ------
    TaskEvent
        The events of the pilot's runs. Closing the generator cancels the pilot.

    Returns
    -------
    Pilot
        Without measurements if no block finished.
    """
    dataset, pipeline, executor = plan.dataset, plan.configured, plan.executor
    workers = min(plan.workers or available_cores(), available_cores())
    chosen = spread(blocks, max(BLOCKS, BLOCKS_PER_WORKER * workers)).tolist()
    rows = blocks.rows(chosen)
    # Pixels in memory may change, so these pilots are not cached.
    key = _key(dataset, pipeline, rows, executor, workers) if dataset.array is None else ""
    if key in _cache:
        return _cache[key]
    yield from _warming_up(executor)
    began = now()
    part = yield from copying(sample(dataset, rows))
    copied = (now() - began) / len(part) if dataset.array is not None else 0.0
    pilot = yield from _measure(part, pipeline, blocks, chosen, executor, workers)
    if copied:
        pilot = replace(pilot, copying=copied)
    elif pilot.is_whole:
        _cache[key] = pilot
        while len(_cache) > MOST_CACHED:
            _cache.popitem(last=False)
    return pilot


def warming_up(lanes: LaneExecutor) -> Iterator[TaskEvent]:
    """Wait until the processes have started, so that their start is not measured."""
    started = [lanes.submit(import_libraries) for _ in range(lanes.workers)]
    while wait(started, HEARTBEAT).not_done:
        yield TaskEvent("", "waiting")


def _warming_up(executor: str | Executor) -> Iterator[TaskEvent]:
    if isinstance(executor, LaneExecutor):
        # An executor object has its processes before the run begins.
        yield from warming_up(executor)
    elif executor in ("threads", "serial"):
        import_libraries()


def _key(
    dataset: Dataset, pipeline: Pipeline, rows: NDArray[np.intp], executor: str | Executor, workers: int
) -> str:
    """Return the cache key of a pilot: planes, files, pipeline, executor and workers."""
    index = dataset.index
    files = []
    for path in sorted({index.path(row) for row in rows.tolist()}):
        with suppress(OSError):
            status = os.stat(path)  # noqa: PTH116 (the path may be an address)
            files.append((path, status.st_size, status.st_mtime_ns))
    where = executor if isinstance(executor, str) else type(executor).__name__
    lanes = executor.workers if isinstance(executor, LaneExecutor) else workers
    parts = (
        dataset.source, digest_planes(index), dataset.shape, dataset.dtype, files, describe_pipeline(pipeline),
        where, lanes, workers,
    )  # fmt: skip
    return sha256(repr(parts).encode()).hexdigest()


def _measure(
    part: Dataset,
    pipeline: Pipeline,
    blocks: Blocks,
    chosen: Sequence[int],
    executor: str | Executor,
    workers: int,
) -> Generator[TaskEvent, None, Pilot]:
    """Measure the blocks of `part` with all workers, and a few of them again with one worker."""
    # Other executors are warm already.
    is_new = starts_processes(executor)
    with open_executor(executor, workers) as place:
        # One task per block keeps all workers busy, whatever the axis.
        together = yield from _run(part, pipeline, blocks.names, place, least=min(workers, len(chosen)))
        pilot = _make_pilot(together, blocks, chosen, workers, is_new)
        if len(pilot.blocks) < len(chosen) or (is_new and workers == 1):
            return pilot
        # A single task runs without other busy workers.
        name, few = _blocks_of_one_value(blocks, pilot.blocks)
        rows = np.flatnonzero(np.isin(together.block_of_plane(blocks, chosen), few))
        alone = yield from _run(sample(part, rows), pipeline, (name,), place, least=0)
    before = dict(zip(pilot.blocks, pilot.seconds, strict=True))
    after = _make_pilot(alone, blocks, few, workers, is_new=False)
    if not is_new:
        pilot = replace(
            pilot, starting=min(pilot.starting, after.starting), ending=min(pilot.ending, after.ending)
        )
    times = [before[block] / max(took, 1e-9) for block, took in zip(after.blocks, after.seconds, strict=True)]
    if not times:
        return pilot
    # Sharing one processor slows workers by their number at most; more is the load of other programs.
    return replace(pilot, contention=min(float(workers), max(1.0, statistics.median(times))))


@dataclass(frozen=True, eq=False)
class _Measured:
    """Measurements of a run of some blocks.

    Parameters
    ----------
    run : Run
        The run.
    records : sequence of UnitRecord
        Records of the units, with times by the workers' clocks.
    starting, ending : float
        Seconds before the first task and after the last, by this process's clock.
    lost : mapping
        Errors of tasks without a result.
    stopped_tasks : mapping
        Seconds spent on tasks that were stopped.
    """

    run: Run
    records: Sequence[UnitRecord]
    starting: float
    ending: float
    lost: Mapping[str, str]
    stopped_tasks: Mapping[str, float]

    def block_of_plane(self, blocks: Blocks, chosen: Sequence[int]) -> NDArray[np.intp]:
        """Return the block of each plane that was run."""
        return blocks.of_plane[blocks.rows(chosen)]

    def blocks_of_tasks(self, blocks: Blocks, chosen: Sequence[int]) -> dict[str, int]:
        """Return the first block of each task."""
        index = self.run.dataset.index
        tasks, first = np.unique(index.axis_codes(self.run.axis), return_index=True)
        own = self.block_of_plane(blocks, chosen)[first]
        values = index.axis_values(self.run.axis)
        return {values[task]: block for task, block in zip(tasks.tolist(), own.tolist(), strict=True)}


def _run(
    part: Dataset, pipeline: Pipeline, names: Sequence[str], executor: Executor, least: int
) -> Generator[TaskEvent, None, _Measured]:
    """Run a sample split by these components. Stop after `MOST_SECONDS` if at least `least` tasks have finished."""
    run = Run(part, pipeline, _pilot_axis(part, names), executor=executor)
    since: dict[str, float] = {}
    waiting = dict.fromkeys(run.axis_values)
    lost: dict[str, str] = {}
    began, last, finished = now(), now(), 0
    starting = math.inf
    with closing(run.events()) as events:
        for event in events:
            yield event
            if event.status == "started":
                since[event.axis_value] = now()
            elif event.is_outcome:
                waiting.pop(event.axis_value, None)
                last, finished = now(), finished + 1
                if isinstance(event.result, TaskOutput):
                    # Clocks of two processes are not compared: the system clock may have been set in between.
                    duration = event.result.stopped - event.result.started
                    starting = min(starting, last - duration - began)
                elif event.status != "cancelled":
                    lost[event.axis_value] = event.error
            if finished >= least and now() - began > MOST_SECONDS:
                last = now()
                break
    stopped_tasks = {value: last - since.get(value, last) for value in waiting}
    records = list(RunLogContents.read(run.store.root).units.values())
    starting = max(0.0, starting) if math.isfinite(starting) else 0.0
    return _Measured(run, records, starting, now() - last, lost, stopped_tasks)


def _pilot_axis(part: Dataset, names: Sequence[str]) -> Sequence[str]:
    """Return the components with several values, or the first; only one if the product would be ambiguous."""
    several = [name for name in names if len(part.components[name]) > 1] or names[:1]
    try:
        part.index.axis_values(",".join(several))
    except ValueError:
        return [max(several, key=lambda name: len(part.components[name]))]
    return several


def _blocks_of_one_value(blocks: Blocks, measured: Sequence[int]) -> tuple[str, list[int]]:
    """Return the component with the most blocks of one value, and a few of these blocks."""
    codes = blocks.codes[list(measured)]
    counts = {name: np.bincount(column) for name, column in zip(blocks.names, codes.T, strict=True)}
    name = max(counts, key=lambda name: int(counts[name].max()))
    same = codes[:, blocks.names.index(name)] == int(counts[name].argmax())
    return name, np.asarray(measured)[same][:ALONE].tolist()


def _make_pilot(
    measured: _Measured, blocks: Blocks, chosen: Sequence[int], workers: int, is_new: bool
) -> Pilot:
    """Return a pilot from measurements. If processes are new, its start includes their delay."""
    block_of = measured.blocks_of_tasks(blocks, chosen)
    pilot = Pilot(
        failed={block_of[value]: error for value, error in measured.lost.items()},
        unfinished={block_of[value]: took for value, took in measured.stopped_tasks.items()},
        workers=workers,
        starting=measured.starting,
        ending=measured.ending,
    )
    if not measured.records:
        return pilot
    records = measured.records
    of_block = _by_block(records, blocks)
    for block in {*pilot.failed, *pilot.unfinished}:
        # A partial block says nothing about the whole.
        of_block.pop(block, None)
    seconds = {
        block: sum(record.stopped - record.started for record in own) for block, own in of_block.items()
    }
    by_worker: dict[str, list[int]] = {}
    for block in sorted(of_block, key=lambda block: of_block[block][0].started):
        by_worker.setdefault(of_block[block][0].worker, []).append(block)
    delay = _subtract_delay(seconds, by_worker, blocks)
    gaps = [
        of_block[after][0].started - of_block[before][-1].stopped
        for own in by_worker.values()
        for before, after in pairwise(own)
    ]
    return replace(
        pilot,
        blocks=tuple(seconds),
        seconds=tuple(seconds.values()),
        failed=dict(pilot.failed)
        | {
            block: f"step {failure.step!r}: {failure.error}"
            for block, own in of_block.items()
            for record in own
            for failure in record.failures[:1]
        },
        units=statistics.mode(len(own) for own in of_block.values()) if of_block else 1,
        reading=sum(record.reading for record in records),
        computing=sum(record.computing for record in records),
        writing=sum(record.writing for record in records),
        memory=max(record.peak_memory for record in records),
        starting=measured.starting + (delay if is_new else 0.0),
        between=max(0.0, statistics.median(gaps)) if gaps else 0.0,
    )


def _by_block(records: Sequence[UnitRecord], blocks: Blocks) -> dict[int, list[UnitRecord]]:
    """Return the records of each block, ordered by start."""
    codes = {
        name: {v: code for code, v in enumerate(blocks.planes.components[name])} for name in blocks.names
    }
    numbers = {tuple(row): number for number, row in enumerate(blocks.codes.tolist())}
    of_block: dict[int, list[UnitRecord]] = {}
    for record in sorted(records, key=lambda record: record.started):
        place = tuple(codes[name][record.unit[name]] for name in blocks.names)
        of_block.setdefault(numbers[place], []).append(record)
    return of_block


def _subtract_delay(
    seconds: dict[int, float], by_worker: Mapping[str, Sequence[int]], blocks: Blocks
) -> float:
    """Subtract the delay of imports and memory allocation from the first block of each process. Return the delay."""
    counts = blocks.plane_counts
    first = [own[0] for own in by_worker.values()]
    later = [seconds[block] / int(counts[block]) for own in by_worker.values() for block in own[1:]]
    if not first or len(later) < len(first):
        return 0.0
    usual = statistics.median(later)
    # The delay is the same for all processes; any excess belongs to the block.
    delay = min(seconds[block] - usual * int(counts[block]) for block in first)
    if not 0.0 < delay <= MOST_DELAY:
        return 0.0
    for block in first:
        seconds[block] -= delay
    return delay
