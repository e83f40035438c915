"""Makes plans: a pilot, and what it tells of every axis."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Executor
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.axes import axis_name, axis_names, axis_parts
from ..core.events import TaskEvent
from ..core.generators import exhaust
from ..core.text import told_seconds
from ..datasets.dataset import Dataset
from ..datasets.opening import open_dataset
from ..executors.choice import check_executor
from ..executors.lanes import LaneExecutor, available_cores
from ..pipeline.pipeline import Pipeline
from ..pipeline.step import Step
from ..runs.workers import WorkerLimit
from .blocks import Blocks
from .costs import predict_costs
from .forecast import Workload
from .measurement import measuring
from .pilot import Pilot
from .plan import AxisPlan, Plan

if TYPE_CHECKING:
    import pandas as pd

FEW = 2
"""Tasks for each lane, of which an axis has to have as many for products of components not to be looked at."""


def planning(
    dataset: Dataset | Any,
    pipeline: Pipeline | Sequence[Step],
    workers: int | None = None,
    *,
    axes: str | Sequence[str | Sequence[str]] | None = None,
    variable: str | Sequence[str] = (),
    group_by: str | None = None,
    executor: str | Executor = "processes",
) -> Generator[TaskEvent, None, Plan]:
    """Make the plan of `plan`, yielding what the pilot does; closing the generator cancels it.

    The parameters and errors are those of `plan`.

    Returns
    -------
    Plan
        Has more to tell than the table: see there.
    """
    dataset = open_dataset(dataset)
    variable = (variable,) if isinstance(variable, str) else tuple(variable)
    given = pipeline if isinstance(pipeline, Pipeline) else Pipeline(pipeline)
    configured = given.configured(variable, group_by)
    if not len(dataset):
        raise ValueError(f"There is nothing to plan: {dataset!r} has no planes.")
    check_executor(executor, workers)
    limit = WorkerLimit.of(dataset, configured, _lanes(executor, workers))
    blocks = Blocks.of(dataset.index, configured)
    # Before anything runs.
    refusals = refused(dataset, given, axes, variable, group_by)
    pilot = Pilot()
    if blocks.names:
        pilot = yield from measuring(dataset, configured, blocks, executor, limit.workers)
    return foresee(dataset, configured, blocks, pilot, limit, refusals, products=axes is None)


def refused(
    dataset: Dataset,
    pipeline: Pipeline,
    axes: str | Sequence[str | Sequence[str]] | None,
    variable: tuple[str, ...],
    group_by: str | None,
) -> dict[str, str]:
    """Return the reason why each axis is not possible, empty where it is; of all components, where `axes` is None.

    Raises
    ------
    ValueError
        An axis is none of the data, or the pipeline does not fit them whatever the axis is.
    """
    names = list(dataset.components) if axes is None else axis_names(axes)
    return {name: _refusal(dataset, pipeline, name, variable, group_by) for name in names}


def foresee(
    dataset: Dataset,
    pipeline: Pipeline,
    blocks: Blocks,
    pilot: Pilot,
    limit: WorkerLimit,
    refusals: Mapping[str, str],
    products: bool = False,
) -> Plan:
    """Return what a pilot tells of all planes.

    Parameters
    ----------
    dataset : Dataset
        The planes.
    pipeline : Pipeline
        Configured.
    blocks : Blocks
        Of both.
    pilot : Pilot
        What was measured.
    limit : WorkerLimit
        How many workers there are to be.
    refusals : mapping
        From each axis to the reason why it is not possible; empty where it is.
    products : bool
        Whether pairs of components are looked at too, where no component has tasks enough.
    """
    costs = predict_costs(
        blocks,
        np.array(pilot.blocks, np.intp),
        np.array(pilot.seconds),
        np.array([block not in pilot.failed for block in pilot.blocks], bool),
        pilot.unfinished,
    )
    rows = [_axis_plan(blocks, pilot, costs.seconds, limit, *item) for item in refusals.items()]
    allowed = [row for row in rows if row.workload is not None]
    if products and all(row.task_count < FEW * limit.workers for row in allowed):
        several = [row.axis for row in allowed if row.task_count > 1]
        pairs = [axis_name(pair) for pair in combinations(several, 2)]
        rows += [
            _axis_plan(blocks, pilot, costs.seconds, limit, pair, "")
            for pair in pairs
            if not _collision(dataset, pair)
        ]
    return Plan(
        tuple(rows), pilot, limit.workers, limit.wanted,
        math.prod(dataset.shape) * dataset.dtype.itemsize * len(pipeline.given),
        _fixed(blocks, pilot),
        _notes(dataset, blocks, pilot, costs.outliers, str(limit)),
    )  # fmt: skip


def plan(
    dataset: Dataset | Any,
    pipeline: Pipeline | Sequence[Step],
    workers: int | None = None,
    *,
    axes: str | Sequence[str | Sequence[str]] | None = None,
    variable: str | Sequence[str] = (),
    group_by: str | None = None,
    executor: str | Executor = "processes",
) -> pd.DataFrame:
    """Return what a run would take along each axis.

    A few units, spread over the data, are run and measured first; their outputs are thrown away. A pilot whose units
    all came to an end is remembered, for the same files, pipeline and workers, as long as the process lives. What
    it took, and the order in which the lanes take tasks, give the rest.

    Parameters
    ----------
    dataset : Dataset, or what `open_dataset` takes
        The planes.
    pipeline : Pipeline, or sequence of Step
        What to do with them.
    workers : int, optional
        How many there are to be, also more than this machine has processors. Left out, one per processor, or as
        many as the memory has room for; of an executor that is handed in and is no `LaneExecutor`, it is needed.
    axes : sequence of str or of tuple of str, optional
        Left out, every component; and all pairs of them, where none has two tasks for each worker.
    variable, group_by, executor
        As in `run`.

    Returns
    -------
    DataFrame
        A row per axis: ``axis``, ``allowed`` and ``recommended``; ``tasks``; ``units_min``, ``units_max``,
        ``planes_min`` and ``planes_max`` of a task; ``bytes_read`` by the whole run, as pixels in memory;
        ``memory_per_lane`` in bytes; ``lanes``; ``seconds`` of the run; ``speed_up`` against one lane and
        ``efficiency``, its share for each lane; ``limited_by``; and ``note``, the reason where an axis is not allowed.
        ``attrs`` has the reason for the recommendation, and notes.

    Raises
    ------
    ValueError
        The pipeline does not fit the data; an axis that is no component.

    Examples
    --------
    >>> from napari_axiswise.functions import gaussian
    >>> table = aw.plan("sample-plate", [aw.Step(gaussian)], executor="serial")
    >>> table[["axis", "tasks"]].sort_values("axis").values.tolist()
    [['channel', 1], ['site', 2], ['timepoint', 2], ['well', 2]]
    """
    events = planning(
        dataset, pipeline, workers, axes=axes, variable=variable, group_by=group_by, executor=executor
    )
    made = exhaust(events)
    table = made.table
    table.attrs = {"reason": made.reason, "notes": list(made.notes)}
    return table


def _lanes(executor: str | Executor, workers: int | None) -> int:
    """Return how many workers there are to be, if memory has room for them."""
    if executor == "serial":
        return 1
    if isinstance(executor, LaneExecutor):
        return executor.workers
    if workers is None and isinstance(executor, Executor):
        raise ValueError(
            "An executor that is handed in does not say how many workers it has; say so with workers=…"
        )
    return available_cores() if workers is None else workers


def _fixed(blocks: Blocks, pilot: Pilot) -> float:
    """Return the seconds of a run before its first task and after its last."""
    return pilot.starting + pilot.ending + pilot.copying * len(blocks.planes)


def _collision(dataset: Dataset, axis: str) -> str:
    """Return why the values of a product cannot be told apart, or nothing where they can."""
    try:
        dataset.index.axis_values(axis)
    except ValueError as error:
        return str(error).rstrip(".")
    return ""


def _refusal(
    dataset: Dataset, pipeline: Pipeline, axis: str, variable: tuple[str, ...], group_by: str | None
) -> str:
    """Return why an axis is not possible, or nothing where it is.

    Raises
    ------
    ValueError
        It is none, or the pipeline does not fit the data whatever the axis is.
    """
    parts = axis_parts(axis, dataset.components)
    configured = pipeline.configured(variable, group_by)
    for step in configured:
        stacked = [name for name in parts if name in (step.variable or ())]
        if stacked:
            return f"step {step.name!r} stacks {' and '.join(stacked)}"
    if group_by in parts:
        return f"steps are to group by {group_by}"
    configured.check(dataset.components, axis, dataset.labels)
    return _collision(dataset, axis)


def _axis_plan(
    blocks: Blocks, pilot: Pilot, seconds: NDArray[np.float64], limit: WorkerLimit, axis: str, refusal: str
) -> AxisPlan:
    if refusal:
        return AxisPlan(axis, None, note=refusal)
    work = Workload.of(blocks, axis_parts(axis, blocks.planes.components), seconds, pilot)
    fixed = _fixed(blocks, pilot)
    wall = fixed + work.wall(limit.workers, pilot)
    reading = pilot.reading / max(sum(pilot.seconds), 1e-9)
    told = work.limit(limit.workers, limit.wanted, reading)
    return AxisPlan(axis, work, wall, (fixed + work.wall(1, pilot)) / wall, told)


def _notes(
    dataset: Dataset, blocks: Blocks, pilot: Pilot, outliers: NDArray[np.intp], limit: str
) -> tuple[str, ...]:
    def place(block: int) -> str:
        values = zip(blocks.names, blocks.codes[block].tolist(), strict=True)
        return ", ".join(f"{name} {dataset.components[name][code]}" for name, code in values)

    notes = [f"{limit}."] if limit else []
    alone = [f"{name} {values[0]}" for name, values in dataset.components.items() if len(values) == 1]
    if alone:
        notes.append(f"One value only, so one task: {', '.join(alone)}.")
    if pilot.failed:
        block, error = next(iter(pilot.failed.items()))
        notes.append(
            f"{len(pilot.failed)} of {pilot.tried} units of the pilot failed: {place(block)}: {error}"
        )
    elif not pilot.blocks:
        notes.append("No unit was measured, so that no time can be foreseen.")
    if pilot.unfinished:
        given_up = f"{len(pilot.unfinished)} of {pilot.tried} units of the pilot"
        notes.append(f"{given_up} were given up, as it took long enough.")
    measured = dict(zip(pilot.blocks, pilot.seconds, strict=True))
    for block in outliers.tolist():
        least = "" if block in measured else "more than "
        took = told_seconds(measured[block] if block in measured else pilot.unfinished[block])
        notes.append(
            f"{place(block)} took {least}{took}, much longer than others; the plan takes it for the only one."
        )
    return tuple(notes)
