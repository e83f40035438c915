"""Measuring a few blocks of a dataset: makes the pilot."""

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
"""Blocks of a pilot at least, where there are as many."""

BLOCKS_PER_WORKER = 4
"""Blocks of a pilot for each worker: the first that a process does takes longer, and the last may lack company."""

ALONE = 4
"""Blocks that are measured once more while nothing else is at work."""

MOST_SECONDS = 20.0
"""Seconds after which a pass of a pilot ends, once something is measured."""

MOST_DELAY = 1.5
"""Seconds that the first block of a process may take longer because of what it has to import and to allocate."""

MOST_KEPT = 32
"""Pilots that are remembered."""

_kept: OrderedDict[str, Pilot] = OrderedDict()


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
    # What is in memory may have other pixels the next time.
    key = _key(dataset, pipeline, rows, executor, workers) if dataset.array is None else ""
    if key in _kept:
        return _kept[key]
    yield from _warming_up(executor)
    began = now()
    part = yield from copying(sample(dataset, rows))
    copied = (now() - began) / len(part) if dataset.array is not None else 0.0
    pilot = yield from _measure(part, pipeline, blocks, chosen, executor, workers)
    if copied:
        pilot = replace(pilot, copying=copied)
    elif pilot.is_whole:
        _kept[key] = pilot
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return pilot


def warming_up(lanes: LaneExecutor) -> Iterator[TaskEvent]:
    """Wait until the processes have begun, so that nothing that is measured counts that."""
    begun = [lanes.submit(import_libraries) for _ in range(lanes.workers)]
    while wait(begun, HEARTBEAT).not_done:
        yield TaskEvent("", "waiting")


def _warming_up(executor: str | Executor) -> Iterator[TaskEvent]:
    if isinstance(executor, LaneExecutor):
        # What is handed in was there before the run, and will be there after it.
        yield from warming_up(executor)
    elif executor in ("threads", "serial"):
        import_libraries()


def _key(
    dataset: Dataset, pipeline: Pipeline, rows: NDArray[np.intp], executor: str | Executor, workers: int
) -> str:
    """Return what a pilot is known by: planes and pipeline, the files that it reads, and where it runs."""
    index = dataset.index
    files = []
    for path in sorted({index.path(row) for row in rows.tolist()}):
        with suppress(OSError):
            status = os.stat(path)  # noqa: PTH116 (it may be an address)
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
    """Measure blocks, of which `part` has the planes, all together, and a few of them once more alone."""
    # Only these begin with a run; the pilot has warmed all others.
    is_new = starts_processes(executor)
    with open_executor(executor, workers) as place:
        # A task for each block, so that all workers have something to do, whichever axis is asked about.
        together = yield from _run(part, pipeline, blocks.names, place, least=min(workers, len(chosen)))
        pilot = _sum_up(together, blocks, chosen, workers, is_new)
        if len(pilot.blocks) < len(chosen) or (is_new and workers == 1):
            return pilot
        # As one task, that has no company.
        name, few = _alike(blocks, pilot.blocks)
        rows = np.flatnonzero(np.isin(together.block_of_plane(blocks, chosen), few))
        alone = yield from _run(sample(part, rows), pipeline, (name,), place, least=0)
    before = dict(zip(pilot.blocks, pilot.seconds, strict=True))
    after = _sum_up(alone, blocks, few, workers, is_new=False)
    if not is_new:
        pilot = replace(
            pilot, starting=min(pilot.starting, after.starting), ending=min(pilot.ending, after.ending)
        )
    times = [before[block] / max(took, 1e-9) for block, took in zip(after.blocks, after.seconds, strict=True)]
    if not times:
        return pilot
    # Lanes that share what one would have alone take as many times longer; more than that is another's work.
    return replace(pilot, contention=min(float(workers), max(1.0, statistics.median(times))))


@dataclass(frozen=True, eq=False)
class _Measured:
    """What a run of some blocks left.

    Parameters
    ----------
    run : Run
        The run.
    records : sequence of UnitRecord
        What workers say of units, by their own clocks.
    starting, ending : float
        Seconds before the first task and after the last, by the clock of this process.
    lost : mapping
        From tasks that gave nothing to the error.
    given_up : mapping
        From tasks that were given up to the seconds that they had taken.
    """

    run: Run
    records: Sequence[UnitRecord]
    starting: float
    ending: float
    lost: Mapping[str, str]
    given_up: Mapping[str, float]

    def block_of_plane(self, blocks: Blocks, chosen: Sequence[int]) -> NDArray[np.intp]:
        """Return the block of each plane that was run, of all those that were chosen."""
        return blocks.of_plane[blocks.rows(chosen)]

    def blocks_of_tasks(self, blocks: Blocks, chosen: Sequence[int]) -> dict[str, int]:
        """Return the block of each task, or the first of them."""
        index = self.run.dataset.index
        tasks, first = np.unique(index.axis_codes(self.run.axis), return_index=True)
        own = self.block_of_plane(blocks, chosen)[first]
        values = index.axis_values(self.run.axis)
        return {values[task]: block for task, block in zip(tasks.tolist(), own.tolist(), strict=True)}


def _run(
    part: Dataset, pipeline: Pipeline, names: Sequence[str], executor: Executor, least: int
) -> Generator[TaskEvent, None, _Measured]:
    """Run all of a sample, split by components; give up after a while, once at least some tasks are over."""
    run = Run(part, pipeline, _pilot_axis(part, names), executor=executor)
    since: dict[str, float] = {}
    waiting = dict.fromkeys(run.axis_values)
    lost: dict[str, str] = {}
    began, last, over = now(), now(), 0
    starting = math.inf
    with closing(run.events()) as events:
        for event in events:
            yield event
            if event.status == "started":
                since[event.axis_value] = now()
            elif event.is_outcome:
                waiting.pop(event.axis_value, None)
                last, over = now(), over + 1
                if isinstance(event.result, TaskOutput):
                    # Times of two processes are not compared: somebody may have set the clock between their beginnings.
                    took = event.result.stopped - event.result.started
                    starting = min(starting, last - took - began)
                elif event.status != "cancelled":
                    lost[event.axis_value] = event.error
            if over >= least and now() - began > MOST_SECONDS:
                last = now()
                break
    given_up = {value: last - since.get(value, last) for value in waiting}
    records = list(RunLogContents.read(run.store.root).units.values())
    starting = max(0.0, starting) if math.isfinite(starting) else 0.0
    return _Measured(run, records, starting, now() - last, lost, given_up)


def _pilot_axis(part: Dataset, names: Sequence[str]) -> Sequence[str]:
    """Return the components of which a sample has several values, or the first; one, where values look alike joined."""
    several = [name for name in names if len(part.components[name]) > 1] or names[:1]
    try:
        part.index.axis_values(",".join(several))
    except ValueError:
        return [max(several, key=lambda name: len(part.components[name]))]
    return several


def _alike(blocks: Blocks, measured: Sequence[int]) -> tuple[str, list[int]]:
    """Return a component of which as many of some blocks as possible have the same value, and a few of these."""
    codes = blocks.codes[list(measured)]
    counts = {name: np.bincount(column) for name, column in zip(blocks.names, codes.T, strict=True)}
    name = max(counts, key=lambda name: int(counts[name].max()))
    same = codes[:, blocks.names.index(name)] == int(counts[name].argmax())
    return name, np.asarray(measured)[same][:ALONE].tolist()


def _sum_up(measured: _Measured, blocks: Blocks, chosen: Sequence[int], workers: int, is_new: bool) -> Pilot:
    """Return what was measured of blocks, by processes that a run is to begin or to find."""
    block_of = measured.blocks_of_tasks(blocks, chosen)
    pilot = Pilot(
        failed={block_of[value]: error for value, error in measured.lost.items()},
        unfinished={block_of[value]: took for value, took in measured.given_up.items()},
        workers=workers,
        starting=measured.starting,
        ending=measured.ending,
    )
    if not measured.records:
        return pilot
    records = measured.records
    of_block = _by_block(records, blocks)
    for block in {*pilot.failed, *pilot.unfinished}:
        # What there is of it says nothing of the whole.
        of_block.pop(block, None)
    seconds = {
        block: sum(record.stopped - record.started for record in own) for block, own in of_block.items()
    }
    by_worker: dict[str, list[int]] = {}
    for block in sorted(of_block, key=lambda block: of_block[block][0].started):
        by_worker.setdefault(of_block[block][0].worker, []).append(block)
    delay = _take_off_delay(seconds, by_worker, blocks)
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
    """Return the records of each block, in the order of their beginnings."""
    codes = {
        name: {v: code for code, v in enumerate(blocks.planes.components[name])} for name in blocks.names
    }
    numbers = {tuple(row): number for number, row in enumerate(blocks.codes.tolist())}
    of_block: dict[int, list[UnitRecord]] = {}
    for record in sorted(records, key=lambda record: record.started):
        place = tuple(codes[name][record.unit[name]] for name in blocks.names)
        of_block.setdefault(numbers[place], []).append(record)
    return of_block


def _take_off_delay(
    seconds: dict[int, float], by_worker: Mapping[str, Sequence[int]], blocks: Blocks
) -> float:
    """Take off the first block of each process what the others find there: modules, and memory. Return how much."""
    counts = blocks.plane_counts
    first = [own[0] for own in by_worker.values()]
    later = [seconds[block] / int(counts[block]) for own in by_worker.values() for block in own[1:]]
    if not first or len(later) < len(first):
        return 0.0
    usual = statistics.median(later)
    # All processes have to do the same: what one of them took longer than the others is its block's.
    delay = min(seconds[block] - usual * int(counts[block]) for block in first)
    if not 0.0 < delay <= MOST_DELAY:
        return 0.0
    for block in first:
        seconds[block] -= delay
    return delay
