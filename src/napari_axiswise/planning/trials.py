"""Trials: run a sample along several axes and measure the durations."""

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
    """A measured run along one axis.

    Parameters
    ----------
    axis : str
        The axis; components of a product are joined by commas.
    round : int
        Number of the round, from 0.
    seconds : float
        Duration of the run.
    failed : int
        Number of tasks that did not finish.
    """

    axis: str
    round: int
    seconds: float
    failed: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """Predicted and measured durations of runs along several axes.

    Parameters
    ----------
    plan : Plan
        Predictions for the sample.
    trials : tuple of Trial
        Measured runs, in order.
    units : int
        Number of units of the sample.
    """

    plan: Plan
    trials: tuple[Trial, ...]
    units: int

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes that were run."""
        return tuple(dict.fromkeys(trial.axis for trial in self.trials))

    def seconds(self, axis: str) -> list[float]:
        """Return the durations of the trials of an axis."""
        return [trial.seconds for trial in self.trials if trial.axis == axis]

    @property
    def fastest(self) -> str:
        """The axis with the shortest median duration, among those with fewest failed tasks."""
        failed = {
            axis: max(trial.failed for trial in self.trials if trial.axis == axis) for axis in self.axes
        }
        return min(
            self.axes, key=lambda axis: (failed[axis], statistics.median(self.seconds(axis))), default=""
        )

    @property
    def table(self) -> pd.DataFrame:
        """Table with a row for each axis."""
        import pandas as pd

        best = statistics.median(self.seconds(self.fastest)) if self.trials else 1.0
        rows = []
        for axis in self.axes:
            durations, predicted = self.seconds(axis), self.plan[axis]
            measured = statistics.median(durations)
            rows.append(
                {
                    "axis": axis,
                    "tasks": 0 if predicted.workload is None else len(predicted.workload),
                    "units": self.units,
                    "lanes": self.plan.lanes,
                    "predicted": predicted.seconds,
                    "measured": measured,
                    "least": min(durations),
                    "most": max(durations),
                    "rounds": len(durations),
                    "predicted_share": predicted.seconds / measured,
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
    """Run `compare` as a generator of events. Closing the generator cancels it.

    The parameters and errors are those of `compare`.

    Returns
    -------
    Comparison
        All trials, and the plan.
    """
    if rounds < 1:
        raise ValueError(f"rounds={rounds}: give at least 1.")
    if units is not None and units < 1:
        raise ValueError(f"units={units}: give at least 1.")
    plan = plan.without_axis()
    # Raise errors before anything runs.
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
        # Copied once, not for every trial.
        dataset = yield from copying(dataset)
        plan = replace(plan, dataset=dataset, executor=place)
        predicted = yield from planning(plan, axes=names)
        if names is None:
            several = [
                row.axis for row in predicted.axes if row.workload is not None and len(row.workload) > 1
            ]
            names = several or [row.axis for row in predicted.axes if row.allowed][:1]
        for number in range(rounds):
            # Alternate the order, so that a machine that slows down does not favour one axis.
            for axis in names if number % 2 == 0 else reversed(names):
                run = Run(plan, axis=axis)
                began = now()
                yield from run.events()
                trials.append(Trial(axis, number, now() - began, len(run.result.missing)))
    return Comparison(predicted, tuple(trials), len(blocks) * predicted.pilot.units)


@takes_plan("axes")
def compare(
    plan: RunPlan,
    *,
    axes: str | Sequence[str | Sequence[str]] | None = None,
    units: int | None = COMPARED_UNITS,
    rounds: int = ROUNDS,
) -> pd.DataFrame:
    """Run a sample along each axis in turn, and return the measured and the predicted durations.

    Outputs are discarded. Workers are started before the first trial, and their start is not measured.

    Parameters
    ----------
    plan : RunPlan
        What to run, whatever its axis. Its parts can be given instead, as ``compare(dataset, pipeline, axes, …)``.
    axes : sequence of str or of tuple of str, optional
        Axes to compare. By default, all that the plan allows and that have more than one task.
    units : int, optional
        Number of units of the sample, which is spread over the data; None for all. Planes that are processed together
        stay together.
    rounds : int
        Number of times that each axis is run; the axes take turns.

    Returns
    -------
    DataFrame
        A row per axis: ``axis``, ``tasks``, ``units``, ``lanes``; seconds ``predicted``, ``measured`` (the median),
        ``least`` and ``most``; ``rounds``; ``predicted_share``, predicted divided by measured seconds;
        ``times_fastest``, measured seconds divided by those of the fastest axis; and ``failed``, the number of tasks
        that did not finish. ``lanes`` is the number of workers.

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
    """Yield one executor for all trials, instead of a new one for each run."""
    if executor != "processes":
        yield executor
        return
    with LaneExecutor(workers) as lanes:
        try:
            yield lanes
        except BaseException:
            lanes.kill()
            raise
