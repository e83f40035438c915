"""Trials: the same work along several axes, one after the other, measured."""

from __future__ import annotations

import statistics
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..core.clock import now
from ..core.events import TaskEvent
from ..core.generators import exhaust
from ..executors.lanes import LaneExecutor
from ..runs.plan import RunPlan, takes_plan
from ..runs.run import Run
from .blocks import Blocks
from .measurement import warming_up
from .plan import Plan
from .planner import planning, refused
from .sampling import copying, sample, spread
from .sizes import COMPARED_UNITS, ROUNDS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Trial:
    """One run along an axis.

    Parameters
    ----------
    axis : str
        The axis; a product of components with commas.
    round : int
        From 0 on.
    seconds : float
        From the beginning of the run to its end.
    failed : int
        Tasks that were not done.
    """

    axis: str
    round: int
    seconds: float
    failed: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """What was foreseen of several axes, and what was measured.

    Parameters
    ----------
    plan : Plan
        Of what was run.
    trials : tuple of Trial
        In the order in which they were made.
    units : int
        Units of what was run.
    """

    plan: Plan
    trials: tuple[Trial, ...]
    units: int

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes that were tried."""
        return tuple(dict.fromkeys(trial.axis for trial in self.trials))

    def seconds(self, axis: str) -> list[float]:
        """Return what the trials of an axis took."""
        return [trial.seconds for trial in self.trials if trial.axis == axis]

    @property
    def fastest(self) -> str:
        """The axis that took the least time, by the median, of those along which fewest tasks failed."""
        failed = {
            axis: max(trial.failed for trial in self.trials if trial.axis == axis) for axis in self.axes
        }
        return min(
            self.axes, key=lambda axis: (failed[axis], statistics.median(self.seconds(axis))), default=""
        )

    @property
    def table(self) -> pd.DataFrame:
        """A row for each axis."""
        import pandas as pd

        best = statistics.median(self.seconds(self.fastest)) if self.trials else 1.0
        rows = []
        for axis in self.axes:
            took, foreseen = self.seconds(axis), self.plan[axis]
            measured = statistics.median(took)
            rows.append(
                {
                    "axis": axis,
                    "tasks": 0 if foreseen.workload is None else len(foreseen.workload),
                    "units": self.units,
                    "lanes": self.plan.lanes,
                    "predicted": foreseen.seconds,
                    "measured": measured,
                    "least": min(took),
                    "most": max(took),
                    "rounds": len(took),
                    "predicted_share": foreseen.seconds / measured,
                    "times_fastest": measured / best,
                    "failed": max(trial.failed for trial in self.trials if trial.axis == axis),
                }
            )
        return pd.DataFrame(rows)


@takes_plan("axes")
def comparing(
    plan: RunPlan,
    *,
    axes: str | Sequence[str | Sequence[str]] | None = None,
    units: int | None = COMPARED_UNITS,
    rounds: int = ROUNDS,
) -> Generator[TaskEvent, None, Comparison]:
    """Compare axes as `compare` does, and yield events as they happen. Closing the generator cancels it.

    The parameters and errors are those of `compare`.

    Returns
    -------
    Comparison
        Every trial, and the plan.
    """
    if rounds < 1:
        raise ValueError(f"rounds={rounds}: each axis has to be tried at least once.")
    if units is not None and units < 1:
        raise ValueError(f"units={units}: a sample has one at least.")
    plan = plan.without_axis()
    # Before anything runs.
    refusals = refused(plan, axes)
    reasons = "; ".join(f"{axis}: {reason}" for axis, reason in refusals.items() if reason)
    if (axes is not None and reasons) or all(refusals.values()):
        raise ValueError(f"These axes cannot be compared: {reasons}.")
    dataset = plan.dataset
    blocks = Blocks.of(dataset.index, plan.configured)
    if units is not None and units < len(blocks):
        dataset = sample(dataset, blocks.rows(spread(blocks, units).tolist()))
        blocks = Blocks.of(dataset.index, plan.configured)
    names = None if axes is None else list(refusals)
    trials: list[Trial] = []
    limit = replace(plan, dataset=dataset).worker_limit
    with _lanes(plan.executor, limit.workers) as place:
        if isinstance(place, LaneExecutor):
            yield from warming_up(place)
        # Once, not for every trial.
        dataset = yield from copying(dataset)
        plan = replace(plan, dataset=dataset, executor=place)
        foreseen = yield from planning(plan, axes=names)
        if names is None:
            several = [
                row.axis for row in foreseen.axes if row.workload is not None and len(row.workload) > 1
            ]
            names = several or [row.axis for row in foreseen.axes if row.allowed][:1]
        for number in range(rounds):
            # To and fro, so that a machine that gets slower meanwhile is no axis's disadvantage.
            for axis in names if number % 2 == 0 else reversed(names):
                run = Run(plan, axis=axis)
                began = now()
                yield from run.events()
                trials.append(Trial(axis, number, now() - began, len(run.result.missing)))
    return Comparison(foreseen, tuple(trials), len(blocks) * foreseen.pilot.units)


@takes_plan("axes")
def compare(
    plan: RunPlan,
    *,
    axes: str | Sequence[str | Sequence[str]] | None = None,
    units: int | None = COMPARED_UNITS,
    rounds: int = ROUNDS,
) -> pd.DataFrame:
    """Run a sample along each axis, one after the other, and return what each took beside what the plan says.

    Outputs are thrown away. The workers are started beforehand, which is not counted.

    Parameters
    ----------
    plan : RunPlan
        What to run, whatever its axis. Its parts can be given instead, as ``compare(dataset, pipeline, axes, …)``.
    axes : sequence of str or of tuple of str, optional
        Left out, all that the plan allows and that have more than one task.
    units : int, optional
        Of the sample, which is spread over the data; None is everything. Steps that stack take whole stacks.
    rounds : int
        How often each axis is tried; the axes take turns.

    Returns
    -------
    DataFrame
        A row per axis: ``axis``, ``tasks``, ``units``, ``lanes``; seconds ``predicted``, ``measured`` (the median),
        ``least`` and ``most``; ``rounds``; ``predicted_share``, what was predicted of what was measured;
        ``times_fastest``, how many times as long as the fastest axis it took; and ``failed``, the tasks that were
        not done.

    Raises
    ------
    ValueError
        The pipeline does not fit the data, or does not allow an axis.

    Examples
    --------
    >>> from napari_axiswise.functions import gaussian
    >>> table = aw.compare("sample-plate", [aw.Step(gaussian)], axes=["well", "timepoint"],
    ...                    executor="serial", rounds=1)
    >>> sorted(table["axis"])
    ['timepoint', 'well']
    >>> bool((table["measured"] > 0).all())
    True
    """
    return exhaust(comparing(plan, axes=axes, units=units, rounds=rounds)).table


@contextmanager
def _lanes(executor: str | Executor, workers: int) -> Iterator[str | Executor]:
    """Give the same lanes for all trials, in place of new ones for each run."""
    if executor != "processes":
        yield executor
        return
    with LaneExecutor(workers) as lanes:
        try:
            yield lanes
        except BaseException:
            lanes.kill()
            raise
