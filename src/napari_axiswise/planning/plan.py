"""The plan: what a run would take along each axis, and which to choose."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..axes import axis_name, axis_parts
from ..coordinator import TaskEvent
from ..datasets.dataset import Dataset
from ..datasets.opening import open_dataset
from ..executors.lanes import LaneExecutor, available_cores
from ..pipeline import Pipeline, Step
from ..worker_limit import WorkerLimit
from .blocks import Blocks
from .costs import predict_costs
from .forecast import Limit, Workload
from .pilot import Pilot, measuring

if TYPE_CHECKING:
    import pandas as pd

FEW = 2
"""Tasks for each lane, of which an axis has to have as many for products of components not to be looked at."""

ALIKE = 0.02
"""Axes whose seconds differ by no more than this part are alike; the one with the most tasks is recommended."""

SCALES = 1.05
"""How many times the shortest wall time an axis has to come to: more workers would not be worth it."""


@dataclass(frozen=True, eq=False)
class AxisPlan:
    """What is foreseen of a run along one axis.

    Parameters
    ----------
    axis : str
        The axis; a product of components with commas.
    workload : Workload or None
        Its tasks; None where the pipeline does not allow the axis.
    seconds : float
        Of the whole run; not a number where nothing is known.
    speed_up : float
        How many times quicker than on one lane.
    limit : str
        What keeps it from being quicker; empty where the axis is not allowed.
    note : str
        Why the axis is not allowed.
    """

    axis: str
    workload: Workload | None
    seconds: float = math.nan
    speed_up: float = math.nan
    limit: Limit | str = ""
    note: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the pipeline can be split by the axis."""
        return self.workload is not None


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run would take along each axis.

    Parameters
    ----------
    axes : tuple of AxisPlan
        One for each axis, those of components first.
    pilot : Pilot
        What it rests on.
    lanes, wanted : int
        How many workers there are to be, and how many there would be if memory had room for them.
    plane_bytes : int
        Of the pixels that are read for one plane.
    notes : tuple of str
        What else there is to know: units of the pilot that failed, or took much longer than others.
    """

    axes: tuple[AxisPlan, ...]
    pilot: Pilot
    lanes: int
    wanted: int
    plane_bytes: int
    notes: tuple[str, ...] = field(default=())

    def __getitem__(self, axis: str) -> AxisPlan:
        for row in self.axes:
            if row.axis == axis:
                return row
        raise KeyError(f"{axis!r} is not in the plan; it has {', '.join(row.axis for row in self.axes)}.")

    def __str__(self) -> str:
        return "\n".join((self.reason, *self.notes))

    @property
    def recommended(self) -> str:
        """The axis to choose; empty where the pipeline allows none."""
        allowed = [row for row in self.axes if row.workload is not None]
        known = [row for row in allowed if math.isfinite(row.seconds)]
        if not known:
            return max(allowed, key=_task_count).axis if allowed else ""
        least = min(row.seconds for row in known)
        # Of axes that are alike, the one with the smallest tasks: of a lost one, least is to be done again.
        return max((row for row in known if row.seconds <= least * (1 + ALIKE)), key=_task_count).axis

    @property
    def reason(self) -> str:
        """Why that axis, in a sentence."""
        if not self.recommended:
            return "The pipeline cannot be split: it stacks every component."
        best = self[self.recommended]
        named = best.axis.replace(",", " and ")
        assert best.workload is not None
        if not math.isfinite(best.seconds):
            return f"Split by {named}, which has the most tasks ({len(best.workload)}); no unit could be measured."
        told = f"Split by {named}: about {told_seconds(best.seconds)} on {_lanes(self.lanes)}"
        others = [row for row in self.axes if row.workload is not None and row is not best]
        if not others:
            return f"{told}; no other axis is possible."
        if self.lanes == 1:
            return f"{told}; with one lane, all axes take about as long."
        slower = [row for row in others if row.seconds > best.seconds * (1 + ALIKE)]
        if not slower:
            return f"{told}; other axes take about as long, in fewer and larger tasks."
        # What people choose if nobody tells them is what the best is to be compared with.
        other = next((row for row in slower if row.axis == "well"), min(slower, key=lambda row: row.seconds))
        times = other.seconds / best.seconds
        longer = f"{times:.1f}" if times >= 1.1 else f"{times:.2f}"
        return f"{told}; by {other.axis.replace(',', ' and ')} it would take {longer} times as long ({_why(other)})."

    @property
    def table(self) -> pd.DataFrame:
        """A row for each axis."""
        import pandas as pd

        return pd.DataFrame([self._row(row) for row in self.axes])

    def _row(self, row: AxisPlan) -> dict[str, Any]:
        work = row.workload
        planes = (0, 0) if work is None else (int(work.planes.min()), int(work.planes.max()))
        units = (0, 0) if work is None else (int(work.units.min()), int(work.units.max()))
        return {
            "axis": row.axis,
            "allowed": row.allowed,
            "recommended": row.axis == self.recommended,
            "tasks": 0 if work is None else len(work),
            "units_min": units[0],
            "units_max": units[1],
            "planes_min": planes[0],
            "planes_max": planes[1],
            "bytes_read": 0 if work is None else int(work.planes.sum()) * self.plane_bytes,
            "memory_per_lane": self.pilot.memory,
            "lanes": self.lanes,
            "seconds": row.seconds,
            "speed_up": row.speed_up,
            "efficiency": row.speed_up / self.lanes,
            "limited_by": row.limit,
            "note": row.note,
        }

    def scaling(self, axis: str, workers: Sequence[int] | None = None) -> pd.DataFrame:
        """Return the wall time along an axis on machines that are not here, by the number of workers.

        It is told from what the tasks are: neither storage nor network nor memory is taken to limit it.

        Parameters
        ----------
        axis : str
            One that the pipeline allows.
        workers : sequence of int, optional
            Left out, from 1 to 10,000.

        Returns
        -------
        DataFrame
            Columns ``axis``, ``workers`` and ``seconds``.
        """
        import pandas as pd

        work = self._workload(axis)
        counts = _counts() if workers is None else list(workers)
        # More lanes than tasks make no difference.
        most = min(max(counts, default=1), len(work))
        walls = {
            lanes: work.wall(lanes, self.pilot.crowding) for lanes in {min(count, most) for count in counts}
        }
        fixed = self.pilot.starting + self.pilot.ending
        return pd.DataFrame(
            {
                "axis": axis,
                "workers": counts,
                "seconds": [fixed + walls[min(count, most)] for count in counts],
            }
        )

    def most_workers(self, axis: str) -> int:
        """Return the number of workers beyond which more make a run along an axis no more than 5 % quicker."""
        work = self._workload(axis)
        fixed = self.pilot.starting + self.pilot.ending
        enough = SCALES * (fixed + float(work.seconds.max(initial=0.0))) - fixed
        fewest, most = 1, len(work)
        while fewest < most:
            middle = (fewest + most) // 2
            fewest, most = (fewest, middle) if work.wall(middle) <= enough else (middle + 1, most)
        return most

    def _workload(self, axis: str) -> Workload:
        work = self[axis].workload
        if work is None:
            raise ValueError(f"The pipeline cannot be split by {axis!r}: {self[axis].note}.")
        return work


def planning(
    dataset: Dataset | Any,
    pipeline: Pipeline | Sequence[Step],
    workers: int | None = None,
    *,
    axes: Sequence[str | Sequence[str]] | None = None,
    variable: str | Sequence[str] = (),
    group_by: str | None = None,
    executor: str | Executor = "processes",
) -> Generator[TaskEvent, None, Plan]:
    """Make the plan of `plan`, yielding what the pilot does; closing the generator cancels it.

    Returns
    -------
    Plan
        Has more to tell than the table: see there.
    """
    dataset = open_dataset(dataset)
    variable = (variable,) if isinstance(variable, str) else tuple(variable)
    given = pipeline if isinstance(pipeline, Pipeline) else Pipeline(pipeline)
    configured = given.configured(variable, group_by)
    limit = WorkerLimit.of(dataset, configured, workers if workers is not None else _workers(executor))
    blocks = Blocks.of(dataset.index, configured)
    # Refused before anything runs.
    refusals = {
        name: _refusal(dataset, given, name, variable, group_by)
        for name in (dataset.components if axes is None else map(axis_name, axes))
    }
    pilot = Pilot()
    if blocks.names:
        pilot = yield from measuring(dataset, configured, blocks, executor, limit.workers)
    return foresee(dataset, configured, blocks, pilot, limit, refusals, products=axes is None)


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
    )
    rows = [_axis_plan(blocks, pilot, costs.seconds, limit, *item) for item in refusals.items()]
    allowed = [row for row in rows if row.workload is not None]
    if products and all(_task_count(row) < FEW * limit.workers for row in allowed):
        several = [row.axis for row in allowed if _task_count(row) > 1]
        rows += [
            _axis_plan(blocks, pilot, costs.seconds, limit, axis_name(pair), "")
            for pair in combinations(several, 2)
        ]
    return Plan(
        tuple(rows), pilot, limit.workers, limit.wanted,
        math.prod(dataset.shape) * dataset.dtype.itemsize * len(pipeline.given),
        _notes(dataset, blocks, pilot, costs.strays, str(limit)),
    )  # fmt: skip


def plan(
    dataset: Dataset | Any,
    pipeline: Pipeline | Sequence[Step],
    workers: int | None = None,
    *,
    axes: Sequence[str | Sequence[str]] | None = None,
    variable: str | Sequence[str] = (),
    group_by: str | None = None,
    executor: str | Executor = "processes",
) -> pd.DataFrame:
    """Return what a run would take along each axis.

    A few units, spread over the data, are run and measured first; their outputs are thrown away. The same pilot
    is not run twice in a process. What it took, and the order in which the lanes take tasks, give the rest.

    Parameters
    ----------
    dataset : Dataset, or what `open_dataset` takes
        The planes.
    pipeline : Pipeline, or sequence of Step
        What to do with them.
    workers : int, optional
        How many there are to be, also more than this machine has processors. Left out, one per processor, or as
        many as the memory has room for.
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
    """
    events = planning(
        dataset, pipeline, workers, axes=axes, variable=variable, group_by=group_by, executor=executor
    )
    while True:
        try:
            next(events)
        except StopIteration as done:
            made: Plan = done.value
            table = made.table
            table.attrs = {"reason": made.reason, "notes": list(made.notes)}
            return table


def told_seconds(seconds: float) -> str:
    """Return a time as people say it: ``40 s``, ``3 min``, ``2.5 h``."""
    if not math.isfinite(seconds):
        return "–"
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def _workers(executor: str | Executor) -> int:
    if executor == "serial":
        return 1
    return executor.workers if isinstance(executor, LaneExecutor) else available_cores()


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
    return ""


def _axis_plan(
    blocks: Blocks, pilot: Pilot, seconds: NDArray[np.float64], limit: WorkerLimit, axis: str, refusal: str
) -> AxisPlan:
    if refusal:
        return AxisPlan(axis, None, note=refusal)
    work = Workload.of(blocks, axis_parts(axis, blocks.planes.components), seconds, pilot)
    fixed = pilot.starting + pilot.ending
    wall = fixed + work.wall(limit.workers, pilot.crowding)
    reading = pilot.reading / max(sum(pilot.seconds), 1e-9)
    told = work.limit(limit.workers, limit.wanted, reading)
    return AxisPlan(axis, work, wall, (fixed + work.wall(1, pilot.crowding)) / wall, told)


def _task_count(row: AxisPlan) -> int:
    return 0 if row.workload is None else len(row.workload)


def _lanes(count: int) -> str:
    return f"{count} lane{'s' if count != 1 else ''}"


def _why(row: AxisPlan) -> str:
    assert row.workload is not None
    count = len(row.workload)
    tasks = f"{count} task{'s' if count != 1 else ''}"
    return f"{tasks}; {row.limit}" if row.limit != "processors" else tasks


def _notes(
    dataset: Dataset, blocks: Blocks, pilot: Pilot, strays: NDArray[np.intp], limit: str
) -> tuple[str, ...]:
    def place(block: int) -> str:
        values = zip(blocks.names, blocks.codes[block].tolist(), strict=True)
        return ", ".join(f"{name} {dataset.components[name][code]}" for name, code in values)

    notes = [f"{limit}."] if limit else []
    alone = [f"{name} {values[0]}" for name, values in dataset.components.items() if len(values) == 1]
    if alone:
        notes.append(f"One value only, so one task: {', '.join(alone)}.")
    if not pilot.blocks:
        notes.append("No unit was measured, so that no time can be foreseen.")
    if pilot.failed:
        block, error = next(iter(pilot.failed.items()))
        notes.append(
            f"{len(pilot.failed)} of {len(pilot.blocks)} units of the pilot failed: {place(block)}: {error}"
        )
    for block in strays.tolist():
        took = pilot.seconds[pilot.blocks.index(block)]
        notes.append(
            f"{place(block)} took {told_seconds(took)}, much longer than others; the plan takes it for the only one."
        )
    return tuple(notes)


def _counts() -> list[int]:
    """Return numbers of workers, up to twelve between 1 and 10, as many between 10 and 100, and so on."""
    return sorted({round(10 ** (step / 12)) for step in range(12 * 4 + 1)})
