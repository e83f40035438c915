"""The pilot: a few blocks of a dataset, run and measured before all are."""

from __future__ import annotations

import logging
import statistics
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, wait
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import pairwise

import numpy as np

from ..clock import now
from ..coordinator import HEARTBEAT, TaskEvent
from ..datasets.dataset import Dataset
from ..executors.choice import open_executor
from ..executors.lanes import LaneExecutor, available_cores
from ..identity import describe_pipeline, digest_planes
from ..pipeline import Pipeline
from ..processing import import_libraries
from ..results.ledger import LedgerContents, UnitRecord
from ..running import Run
from .blocks import Blocks
from .sampling import sample, spread

logger = logging.getLogger(__name__)

BLOCKS = 16
"""Blocks of a pilot at least, where there are as many."""

BLOCKS_PER_WORKER = 4
"""Blocks of a pilot for each worker: the first that a process does takes longer, and the last may lack company."""

ALONE = 4
"""Blocks that are measured once more while nothing else is at work."""

MOST_SECONDS = 20.0
"""Seconds after which a pilot ends, once something is measured."""

MOST_KEPT = 32
"""Pilots that are remembered."""

_kept: OrderedDict[str, Pilot] = OrderedDict()


@dataclass(frozen=True)
class Pilot:
    """What a few blocks took.

    Parameters
    ----------
    blocks : tuple of int
        Which blocks were measured.
    seconds : tuple of float
        What each took.
    failed : mapping
        From blocks of which a unit failed to the error.
    units : int
        Units of a block of which nothing is missing.
    reading, computing, writing : float
        Seconds of all blocks spent on each.
    memory : int
        The most bytes that a worker held.
    starting : float
        Seconds from the beginning of the run to the first unit. Where processes begin with the run, what their first
        units took longer is included.
    between : float
        Seconds from the end of a task to the beginning of the next on the same worker.
    ending : float
        Seconds from the last unit to the end of the run.
    crowding : float
        How many times longer a block takes while all workers are at work than while one is.
    workers : int
        How many there were at a time.
    """

    blocks: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()
    failed: Mapping[int, str] = field(default_factory=dict)
    units: int = 1
    reading: float = 0.0
    computing: float = 0.0
    writing: float = 0.0
    memory: int = 0
    starting: float = 0.0
    between: float = 0.0
    ending: float = 0.0
    crowding: float = 1.0
    workers: int = 1


def measuring(
    dataset: Dataset,
    pipeline: Pipeline,
    blocks: Blocks,
    executor: str | Executor = "processes",
    workers: int | None = None,
) -> Generator[TaskEvent, None, Pilot]:
    """Run a few blocks, spread over the data, and measure them; once only for the same planes and pipeline.

    Parameters
    ----------
    dataset : Dataset
        The whole.
    pipeline : Pipeline
        Configured.
    blocks : Blocks
        Of both.
    executor, workers
        Where the run is to be; see `Run`. Never more workers than this machine has processors.

    Yields
    ------
    TaskEvent
        What happens. Closing the generator cancels the pilot.

    Returns
    -------
    Pilot
        Without measurements where nothing came to an end.
    """
    workers = min(workers or available_cores(), available_cores())
    key = _key(dataset, pipeline, executor, workers)
    if key is None or key not in _kept:
        if isinstance(executor, LaneExecutor):
            # What is handed in was there before the run, and will be there after it.
            yield from warming_up(executor)
        chosen = spread(blocks, max(BLOCKS, BLOCKS_PER_WORKER * workers)).tolist()
        pilot = yield from _measure(dataset, pipeline, blocks, chosen, executor, workers)
        if key is None or not pilot.blocks:
            return pilot
        _kept[key] = pilot
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return _kept[key]


def warming_up(lanes: LaneExecutor) -> Iterator[TaskEvent]:
    """Wait until the processes have begun, so that nothing that is measured counts that."""
    begun = [lanes.submit(import_libraries) for _ in range(lanes.workers)]
    while wait(begun, HEARTBEAT).not_done:
        yield TaskEvent("", "waiting")


def _key(dataset: Dataset, pipeline: Pipeline, executor: str | Executor, workers: int) -> str | None:
    """Return what a pilot is known by; nothing where the planes are in memory, and may be others the next time."""
    if dataset.array is not None:
        return None
    planes = digest_planes(dataset.index)
    where = executor if isinstance(executor, str) else type(executor).__name__
    parts = (dataset.source, planes, describe_pipeline(pipeline), where, workers)
    return sha256(repr(parts).encode()).hexdigest()


def _measure(
    dataset: Dataset,
    pipeline: Pipeline,
    blocks: Blocks,
    chosen: Sequence[int],
    executor: str | Executor,
    workers: int,
) -> Generator[TaskEvent, None, Pilot]:
    with open_executor(executor, workers) as place:
        # A task for each block, so that all workers have something to do, whichever axis is asked about.
        together = yield from _run(dataset, pipeline, blocks, chosen, blocks.names, place, workers)
        # Of an executor that is handed in, the processes have begun, and the pilot has warmed them for the run.
        pilot = _sum_up(together, blocks, workers, is_new=place is not executor)
        if workers == 1 or len(pilot.blocks) < len(chosen):
            return pilot
        # Some of them once more, as one task, that has no company.
        name, few = _alike(blocks, pilot.blocks)
        alone = yield from _run(dataset, pipeline, blocks, few, (name,), place, workers)
    before = dict(zip(pilot.blocks, pilot.seconds, strict=True))
    after = _sum_up(alone, blocks, workers, is_new=False)
    times = [before[block] / max(took, 1e-9) for block, took in zip(after.blocks, after.seconds, strict=True)]
    if not times:
        return pilot
    # Lanes that share what one would have alone take as many times longer; more than that is another's work.
    return replace(pilot, crowding=min(float(workers), max(1.0, statistics.median(times))))


@dataclass(frozen=True, eq=False)
class _Measured:
    """What a run of some blocks left: the records of its units, and when it began and ended."""

    records: Sequence[UnitRecord]
    began: float
    ended: float


def _run(
    dataset: Dataset,
    pipeline: Pipeline,
    blocks: Blocks,
    chosen: Sequence[int],
    names: Sequence[str],
    executor: Executor,
    workers: int,
) -> Generator[TaskEvent, None, _Measured]:
    """Run some blocks, split by components of which they have several values."""
    part = sample(dataset, blocks.rows(chosen))
    axis = [name for name in names if len(part.components[name]) > 1] or names[:1]
    run = Run(part, pipeline, axis, executor=executor)
    began, over = now(), 0
    with closing(run.events()) as events:
        for event in events:
            yield event
            over += event.is_outcome and event.result is not None
            if over >= min(workers, len(chosen)) and now() - began > MOST_SECONDS:
                break
    return _Measured(list(LedgerContents.read(run.store.root).units.values()), began, now())


def _alike(blocks: Blocks, measured: Sequence[int]) -> tuple[str, list[int]]:
    """Return a component of which as many of some blocks as possible have the same value, and a few of these."""
    codes = blocks.codes[list(measured)]
    counts = {name: np.bincount(column) for name, column in zip(blocks.names, codes.T, strict=True)}
    name = max(counts, key=lambda name: int(counts[name].max()))
    same = codes[:, blocks.names.index(name)] == int(counts[name].argmax())
    return name, np.asarray(measured)[same][:ALONE].tolist()


def _sum_up(measured: _Measured, blocks: Blocks, workers: int, is_new: bool) -> Pilot:
    """Return what the records of units say of blocks, by processes that a run is to find or to begin."""
    records = measured.records
    if not records:
        return Pilot(workers=workers)
    of_block = _by_block(records, blocks)
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
    return Pilot(
        blocks=tuple(seconds),
        seconds=tuple(seconds.values()),
        failed={
            block: f"step {failure.step!r}: {failure.error}"
            for block, own in of_block.items()
            for record in own
            for failure in record.failures[:1]
        },
        units=statistics.mode(len(own) for own in of_block.values()),
        reading=sum(record.reading for record in records),
        computing=sum(record.computing for record in records),
        writing=sum(record.writing for record in records),
        memory=max(record.peak_memory for record in records),
        starting=max(0.0, min(record.started for record in records) - measured.began)
        + (delay if is_new else 0.0),
        between=max(0.0, statistics.median(gaps)) if gaps else 0.0,
        ending=max(0.0, measured.ended - max(record.stopped for record in records)),
        workers=workers,
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
    rates = {block: took / int(blocks.plane_counts[block]) for block, took in seconds.items()}
    first = [own[0] for own in by_worker.values()]
    later = [rates[block] for own in by_worker.values() for block in own[1:]]
    if len(later) < len(first):
        return 0.0
    usual = statistics.median(later)
    delay = max(0.0, statistics.median(rates[block] - usual for block in first))
    for block in first:
        seconds[block] = max(min(rates[block], usual), rates[block] - delay) * int(blocks.plane_counts[block])
    return delay * float(np.median(blocks.plane_counts[first]))
