"""Make plans: run a pilot, and predict the duration of a run along every axis."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.axes import axis_name, axis_names, axis_parts
from ..core.events import TaskEvent
from ..core.generators import exhaust
from ..core.text import format_seconds
from ..datasets.dataset import Dataset
from ..executors.lanes import LaneExecutor, available_cores
from ..pipeline.pipeline import Pipeline
from ..runs.plan import RunPlan, takes_plan
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
"""Products are considered only if no single axis has this many tasks per worker."""


@takes_plan("workers")
def planning(
    plan: RunPlan, *, axes: str | Sequence[str | Sequence[str]] | None = None
) -> Generator[TaskEvent, None, Plan]:
    """Run `plan` as a generator of the pilot's events. Closing the generator cancels it.

    The parameters and errors are those of `plan`.

    Returns
    -------
    Plan
        The table, and the measurements it is based on.
    """
    if not len(plan.dataset):
        raise ValueError(f"{plan.dataset!r} has no planes, so there is nothing to plan.")
    plan = replace(plan.without_axis(), workers=_workers(plan))
    limit = plan.worker_limit
    blocks = Blocks.of(plan.dataset.index, plan.configured)
    # Raise errors before anything runs.
    refusals = refused(plan, axes)
    pilot = Pilot()
    if blocks.names:
        pilot = yield from measuring(replace(plan, workers=limit.workers), blocks)
    return predict(plan.dataset, plan.configured, blocks, pilot, limit, refusals, products=axes is None)


def refused(plan: RunPlan, axes: str | Sequence[str | Sequence[str]] | None) -> dict[str, str]:
    """Return the reason why each axis is not possible, empty if it is. If `axes` is None, check all components.

    Raises
    ------
    ValueError
        The dataset has no such axis, or the pipeline does not fit the data for any axis.
    """
    names = list(plan.dataset.components) if axes is None else axis_names(axes)
    return {name: _refusal(plan, name) for name in names}


def predict(
    dataset: Dataset,
    pipeline: Pipeline,
    blocks: Blocks,
    pilot: Pilot,
    limit: WorkerLimit,
    refusals: Mapping[str, str],
    products: bool = False,
) -> Plan:
    """Predict the run of a whole dataset from a pilot.

    Parameters
    ----------
    dataset : Dataset
        The whole dataset.
    pipeline : Pipeline
        The configured pipeline.
    blocks : Blocks
        Blocks of the dataset.
    pilot : Pilot
        The measurements.
    limit : WorkerLimit
        Number of workers.
    refusals : mapping
        For each axis, the reason why it is not possible; empty if it is.
    products : bool
        Whether to consider pairs of components if no component has enough tasks.
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
        math.prod(dataset.shape) * dataset.dtype.itemsize * len(pipeline.dataset_inputs),
        _fixed(blocks, pilot),
        _notes(dataset, blocks, pilot, costs.outliers, str(limit)),
    )  # fmt: skip


@takes_plan("workers")
def plan(plan: RunPlan, *, axes: str | Sequence[str | Sequence[str]] | None = None) -> pd.DataFrame:
    """Predict the duration of a run along each axis.

    First a pilot runs and measures a few units spread over the data; their outputs are discarded. The predictions
    follow from its measurements and from the order in which workers take tasks. A pilot whose units all finished is
    reused within the process for the same files, pipeline and workers.

    Parameters
    ----------
    plan : RunPlan
        What to run, whatever its axis. Its parts can be given instead, as ``plan(dataset, pipeline, workers, …)``.
        More workers than this machine has processors are allowed; an executor object other than a
        `LaneExecutor` needs ``workers``.
    axes : sequence of str or of tuple of str, optional
        Axes to plan. By default, every component; and all pairs of components, if none has two tasks per worker.

    Returns
    -------
    DataFrame
        A row per axis: ``axis``, ``allowed`` and ``recommended``; ``tasks``; ``units_min``, ``units_max``,
        ``planes_min`` and ``planes_max`` of a task; ``bytes_read`` by the whole run, as pixels in memory;
        ``memory_per_lane``, the bytes that a worker needs; ``lanes``, the number of workers; ``seconds`` of the run;
        ``speed_up`` over one worker; ``efficiency``, the speed-up divided by the number of workers; ``limited_by``; and
        ``note``, the reason why an axis is not allowed. ``attrs`` has the reason for the recommendation, and notes.

    Raises
    ------
    ValueError
        The pipeline does not fit the data, or the dataset has no such axis.

    Examples
    --------
    >>> from napari_axiswise.functions import gaussian
    >>> table = aw.plan("sample-plate", [aw.Step(gaussian)], executor="serial")
    >>> table[["axis", "tasks"]].sort_values("axis").values.tolist()
    [['channel', 1], ['site', 2], ['timepoint', 2], ['well', 2]]
    """
    result = exhaust(planning(plan, axes=axes))
    table = result.table
    table.attrs = {"reason": result.reason, "notes": list(result.notes)}
    return table


def _workers(plan: RunPlan) -> int:
    """Return the number of workers to plan for, if they fit into memory."""
    executor = plan.executor
    if executor == "serial":
        return 1
    if isinstance(executor, LaneExecutor):
        return executor.workers
    if plan.workers is None and isinstance(executor, Executor):
        raise ValueError("An executor object does not state its number of workers; give workers=….")
    return available_cores() if plan.workers is None else plan.workers


def _fixed(blocks: Blocks, pilot: Pilot) -> float:
    """Return the seconds of a run before its first task and after its last."""
    return pilot.starting + pilot.ending + pilot.copying * len(blocks.planes)


def _collision(dataset: Dataset, axis: str) -> str:
    """Return why the values of a product are ambiguous, or an empty text."""
    try:
        dataset.index.axis_values(axis)
    except ValueError as error:
        return str(error).rstrip(".")
    return ""


def _refusal(plan: RunPlan, axis: str) -> str:
    """Return why an axis is not possible, or an empty text.

    Raises
    ------
    ValueError
        The dataset has no such axis, or the pipeline does not fit the data for any axis.
    """
    dataset = plan.dataset
    parts = axis_parts(axis, dataset.components)
    for step in plan.configured:
        stacked = [name for name in parts if name in (step.variable or ())]
        if stacked:
            return f"step {step.name!r} processes {' and '.join(stacked)} together"
    if plan.group_by in parts:
        return f"steps are grouped by {plan.group_by}"
    dataset.check(plan.configured, axis)
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
    limited_by = work.limit(limit.workers, limit.wanted, reading)
    return AxisPlan(axis, work, wall, (fixed + work.wall(1, pilot)) / wall, limited_by)


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
        notes.append("No unit was measured, so no duration can be predicted.")
    if pilot.unfinished:
        notes.append(
            f"{len(pilot.unfinished)} of {pilot.tried} units of the pilot were stopped when its time was over."
        )
    measured = dict(zip(pilot.blocks, pilot.seconds, strict=True))
    for block in outliers.tolist():
        least = "" if block in measured else "more than "
        took = format_seconds(measured[block] if block in measured else pilot.unfinished[block])
        notes.append(
            f"{place(block)} took {least}{took}, much longer than others; the plan assumes that it is the only one."
        )
    return tuple(notes)
