"""Run a sample along several axes and compare the outputs of every step.

A function sees only the planes of its unit, but it may keep state from one call to the next: a cache, a running mean,
the previous frame, a random number generator. That state lives as long as the task. The output then depends on which
units share a task and in which order, and so on the axis.

To make this show every time, each task has its own copy of the pipeline and, with processes, its own process, so that
state in modules also ends with the task. The first axis is run twice: if these two runs differ, the axis is not the
cause.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from typing import Any, ParamSpec, TypeVar

from ...core.axes import Axis, axis_name, axis_parts
from ...core.events import TaskEvent
from ...core.generators import exhaust
from ...executors.choice import open_executor
from ...executors.lanes import LaneExecutor
from ...pipeline.pipeline import Pipeline
from ...runs.plan import RunPlan, takes_plan
from ...runs.run import Run
from ..blocks import Blocks
from ..sampling import copying, heartbeats, neighbourhood, sample
from ..sizes import CHECKED_UNITS
from .comparison import compare_runs
from .result import AxisCheck

P = ParamSpec("P")
ReturnT = TypeVar("ReturnT")

MOST_AXES = 4
"""Maximum number of axes that are compared by default."""


class AxisChecking:
    """A check: validated when it is created, run by `events`.

    Parameters
    ----------
    plan : RunPlan
        What to run, whatever its axis.
    axes, units
        See `check_axis`.

    Raises
    ------
    ValueError
        See `check_axis`.
    """

    @takes_plan("axes", "variable", "group_by")
    def __init__(
        self, plan: RunPlan, axes: Sequence[Axis] | None = None, units: int | None = CHECKED_UNITS
    ) -> None:
        named = (
            None
            if axes is None
            else [axis_name(axis) for axis in ([axes] if isinstance(axes, str) else axes)]
        )
        if units is not None and units < 1:
            raise ValueError(f"units={units}: give the number of units of the sample, or None for all.")
        self._plan = plan.without_axis()
        self.dataset = plan.dataset
        # Keep every step, to find the first one that differs.
        self.pipeline = Pipeline([replace(step, keep=True) for step in plan.configured])
        first = {name: step.name for step in reversed(self.pipeline.steps) for name in step.variable or ()}
        self.stacked = {n: first[n] for n, v in self.dataset.components.items() if n in first and len(v) > 1}
        blocks = Blocks.of(self.dataset.index, self.pipeline)
        self._all_units = len(blocks)
        self._sample = self.dataset
        if units is not None and len(blocks):
            near = neighbourhood(_requested_first(blocks, named or ()), units)
            self._sample = sample(self.dataset, blocks.rows(near))
        self._units = len(Blocks.of(self._sample.index, self.pipeline)) if len(blocks) else 0
        if not self._units:
            raise ValueError(f"{self.dataset!r} has no planes, so there is nothing to compare.")
        # Axes chosen by default need several values in the sample; requested axes are looked up in the whole dataset.
        asked_of = self._sample if named is None else self.dataset
        self.axes = _choose_axes(named, asked_of.components, self.stacked, first, plan.group_by)
        parts = {axis: axis_parts(axis, self._sample.components) for axis in self.axes}
        order = [step.name for step in self.pipeline]
        blamed = {axis: [first[name] for name in parts[axis] if name in first] for axis in self.axes}
        self._refused = {axis: min(steps, key=order.index) for axis, steps in blamed.items() if steps}
        self._run_along = [axis for axis in self.axes if axis not in self._refused]
        if not self._run_along:
            reasons = "; ".join(
                f"step {first[n]!r} processes {n} together" for a in self.axes for n in parts[a] if n in first
            )
            raise ValueError(f"None of these axes is possible: {reasons}.")
        for axis in self._run_along:
            self._sample.check(self.pipeline, axis)
        self.total = 0
        """Number of tasks of all runs; 0 until the runs are planned."""

    def events(self) -> Generator[TaskEvent, None, AxisCheck]:
        """Run along each axis, compare the outputs, and yield events. Closing the generator cancels the check.

        Yields
        ------
        TaskEvent
            The events of the runs in turn, then ``"waiting"`` while outputs are compared.

        Returns
        -------
        AxisCheck
            The comparison.
        """
        # Copied once, not for every run.
        dataset = yield from copying(self._sample)
        plan = replace(self._plan, dataset=dataset, pipeline=self.pipeline, variable=(), group_by=None)
        workers = plan.workers
        if plan.executor in ("processes", "threads"):
            workers = plan.worker_limit.workers
        with _open_fresh(plan.executor, workers) as executor:
            runs = [Run(plan, axis=axis, executor=executor, workers=None) for axis in self._along]
            self.total = sum(len(run.axis_values) for run in runs)
            for run in runs:
                yield from run.events()
        names = self._along
        results = [run.result for run in runs]
        last = len(runs) - 1
        comparing = compare_runs(
            self.pipeline.steps,
            list(zip(names, results, strict=True)),
            [(0, last), *combinations(range(last), 2)],
        )
        rows = yield from heartbeats(comparing)
        return AxisCheck(
            dataset=self.dataset,
            pipeline=self.pipeline,
            axes=self.axes,
            results=dict(zip(names[:-1], results[:-1], strict=True)),
            again=results[-1],
            rows=rows,
            refused=self._refused,
            stacked=self.stacked,
            units=self._units,
            all_units=self._all_units,
        )

    @property
    def _along(self) -> list[str]:
        """The axes of the runs: each possible axis, then the first again."""
        return [*self._run_along, self._run_along[0]]


@takes_plan("axes", "variable", "group_by")
def checking_axis(
    plan: RunPlan, *, axes: Sequence[Axis] | None = None, units: int | None = CHECKED_UNITS
) -> Generator[TaskEvent, None, AxisCheck]:
    """Run `check_axis` as a generator of events. Closing the generator cancels the check.

    The parameters and errors are those of `check_axis`; errors are raised before anything runs. The generator returns
    the `AxisCheck`, as the value of ``yield from``.

    Yields
    ------
    TaskEvent
        See `AxisChecking.events`.
    """
    return AxisChecking(plan, axes=axes, units=units).events()


@takes_plan("axes", "variable", "group_by")
def check_axis(
    plan: RunPlan, *, axes: Sequence[Axis] | None = None, units: int | None = CHECKED_UNITS
) -> AxisCheck:
    """Run a sample along several axes, and find the first step whose output depends on the axis.

    The output of every step is kept and compared bit by bit; NaN equals NaN. The first axis is run twice, to
    distinguish steps that depend on the axis from steps that are not reproducible. A failure that is the same along
    all axes is reported, but is not a difference.

    The check cannot find a dependence on units that are not in the sample, or on their number; state that functions
    keep in files; or, with threads, state in modules. Tasks share nothing here, while in a real run a worker processes
    several tasks; state that passes between tasks shows here as a dependence on the task.

    Parameters
    ----------
    plan : RunPlan
        What to run, whatever its axis. Its parts can be given instead, as ``check_axis(dataset, pipeline, axes, …)``.
        With ``executor="processes"`` each task has a process of its own.
    axes : sequence of str, optional
        At least two components. By default, up to four that have several values and that no step processes together.
        An axis that a step processes together is not run, and counts as one with a different result.
    units : int, optional
        Maximum number of units of the sample: planes or stacks that are adjacent along all components. None for all.

    Returns
    -------
    AxisCheck
        Whether the result is the same, and where it differs. Prints as a sentence.

    Raises
    ------
    ValueError
        There are fewer than two axes, an axis is unknown, no axis is possible, or there are no planes; or see `Run`.

    Examples
    --------
    >>> from napari_axiswise.functions import gaussian
    >>> check = aw.check_axis("sample-plate", [aw.Step(gaussian)], axes=["well", "timepoint"], executor="serial")
    >>> check.same
    True
    """
    return exhaust(checking_axis(plan, axes=axes, units=units))


class _CopyingExecutor(Executor):
    """An executor that gives each task its own copy of the pipeline, as worker processes do.

    Parameters
    ----------
    inner : Executor
        Runs the calls. It is not shut down.
    """

    def __init__(self, inner: Executor) -> None:
        self._inner = inner

    def submit(self, fn: Callable[P, ReturnT], /, *args: P.args, **kwargs: P.kwargs) -> Future[ReturnT]:
        """Submit a call with copies of its pipelines. A pipeline that cannot be copied is passed as it is."""
        copies: Any = tuple(_copy(value) if isinstance(value, Pipeline) else value for value in args)
        return self._inner.submit(fn, *copies, **kwargs)


def _copy(pipeline: Pipeline) -> Pipeline:
    try:
        return pickle.loads(pickle.dumps(pipeline))  # type: ignore[no-any-return]
    except Exception:
        return pipeline


@contextmanager
def _open_fresh(executor: str | Executor, workers: int | None) -> Iterator[Executor]:
    """Yield an executor whose tasks share as little as possible."""
    if executor == "processes":
        with LaneExecutor(workers, fresh=True) as lanes:
            yield lanes
        return
    with open_executor(executor, workers) as opened:
        yield opened if isinstance(opened, LaneExecutor) else _CopyingExecutor(opened)


def _choose_axes(
    axes: Sequence[str] | None,
    components: Mapping[str, tuple[str, ...]],
    stacked: Mapping[str, str],
    variable: Mapping[str, str],
    group_by: str | None,
) -> tuple[str, ...]:
    """Return the axes to compare.

    Raises
    ------
    ValueError
        There are fewer than two axes, or one is unknown.
    """
    listed = ", ".join(f"{name} ({len(values)})" for name, values in components.items())
    if axes is None:
        possible = [name for name in components if name not in variable and name != group_by]
        # A component with a single value is possible too: all units are in one task.
        several = [name for name in possible if len(components[name]) > 1]
        chosen = several if len(several) > 1 else sorted(possible, key=lambda name: name not in several)
        if not several or len(chosen) < 2:
            reasons = "".join(f"; step {step!r} processes {name} together" for name, step in stacked.items())
            raise ValueError(
                f"There is nothing to compare: fewer than two components can be the axis. There are {listed}{reasons}."
            )
        return tuple(chosen[: MOST_AXES if len(several) > 1 else 2])
    wanted = tuple(dict.fromkeys(axis_name(axis_parts(axis, components)) for axis in axes))
    if len(wanted) < 2:
        raise ValueError(
            f"axes={list(wanted)}: give at least two different axes. There are {listed}. Leave axes out to compare all "
            "that are possible."
        )
    return wanted


def _requested_first(blocks: Blocks, axes: Sequence[str]) -> Blocks:
    """Return blocks with the components of the requested axes first, so that the sample has several of their values."""
    requested = {name for axis in axes for name in axis_parts(axis, blocks.planes.components)}
    order = sorted(range(len(blocks.names)), key=lambda place: blocks.names[place] not in requested)
    return replace(blocks, names=tuple(blocks.names[place] for place in order), codes=blocks.codes[:, order])
