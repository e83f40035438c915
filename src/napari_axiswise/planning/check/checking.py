"""Does the axis change the answer? A sample is run along several axes, and what every step gave is compared.

A function sees the planes of its unit only, but what it keeps from one call to the next (a cache, a mean so far, the
frame before, a generator of random numbers) lives as long as its task: the pipeline goes to every task anew. Then
what it gives depends on which units share a task, and in which order, which is what the axis chooses.

So that this shows, and shows every time, each task has a copy of the pipeline, and a process of its own where tasks
run in processes: what is kept in a module lives as long as the task, too. The first axis is run twice; where these two
runs differ, no axis is to blame.
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
from .axis_check import AxisCheck
from .comparison import compare_runs

P = ParamSpec("P")
ReturnT = TypeVar("ReturnT")

MOST_AXES = 4
"""How many axes are compared where nobody says which."""


class AxisChecking:
    """A check that is planned when it is made, and carried out by `events`.

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
        # So that the first step that differs is found, not only the last.
        self.pipeline = Pipeline([replace(step, keep=True) for step in plan.configured])
        first = {name: step.name for step in reversed(self.pipeline.steps) for name in step.variable or ()}
        self.stacked = {n: first[n] for n, v in self.dataset.components.items() if n in first and len(v) > 1}
        blocks = Blocks.of(self.dataset.index, self.pipeline)
        self._all_units = len(blocks)
        self._sample = self.dataset
        if units is not None and len(blocks):
            near = neighbourhood(_in_front(blocks, named or ()), units)
            self._sample = sample(self.dataset, blocks.rows(near))
        self._units = len(Blocks.of(self._sample.index, self.pipeline)) if len(blocks) else 0
        if not self._units:
            raise ValueError(f"There is nothing to compare: {self.dataset!r} has no planes.")
        # What is chosen has to have several values in the sample; what is asked for is told of the whole.
        asked_of = self._sample if named is None else self.dataset
        self.axes = _chosen(named, asked_of.components, self.stacked, first, plan.group_by)
        parts = {axis: axis_parts(axis, self._sample.components) for axis in self.axes}
        order = [step.name for step in self.pipeline]
        blamed = {axis: [first[name] for name in parts[axis] if name in first] for axis in self.axes}
        self._refused = {axis: min(steps, key=order.index) for axis, steps in blamed.items() if steps}
        self._run_along = [axis for axis in self.axes if axis not in self._refused]
        if not self._run_along:
            told = "; ".join(
                f"step {first[n]!r} stacks {n}" for a in self.axes for n in parts[a] if n in first
            )
            raise ValueError(f"There is nothing to compare, as no axis can be run along: {told}.")
        for axis in self._run_along:
            self.pipeline.check(self._sample.components, axis, self._sample.labels)
        self.total = 0
        """Tasks of all runs; 0 until it is known."""

    def events(self) -> Generator[TaskEvent, None, AxisCheck]:
        """Run along each axis, compare, and yield what happens. Closing the generator cancels it.

        Yields
        ------
        TaskEvent
            Those of the runs, one after the other, then ``"waiting"`` while outputs are compared.

        Returns
        -------
        AxisCheck
            What was found.
        """
        # Once, not for every run.
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
        """The axes to run along, one after the other: each that is possible, then the first once more."""
        return [*self._run_along, self._run_along[0]]


@takes_plan("axes", "variable", "group_by")
def checking_axis(
    plan: RunPlan, *, axes: Sequence[Axis] | None = None, units: int | None = CHECKED_UNITS
) -> Generator[TaskEvent, None, AxisCheck]:
    """Do what `check_axis` does, and yield what happens, as it happens. Closing the generator cancels it.

    The parameters and errors are those of `check_axis`; errors are raised at once, before anything runs. What the
    generator returns, as the value of ``yield from``, is the `AxisCheck`.

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

    Every step is kept and compared to the bit; NaN is the same as NaN. The first axis is run twice, which tells steps
    that depend on the axis from those that never give the same. What fails in the same way along all axes is told, but
    is no difference.

    What it cannot find: a dependence that the sample does not show, on units that it does not have or on how many
    there are; what functions keep in files; and, in threads, what they keep in modules. What tasks in a real run take
    over from each other, because a worker does several, is not what is compared: here it shows as a dependence on the
    task.

    Parameters
    ----------
    plan : RunPlan
        What to run, whatever its axis. Its parts can be given instead, as ``check_axis(dataset, pipeline, axes, …)``.
        With ``executor="processes"`` each task has a process of its own.
    axes : sequence of str, optional
        At least two components. Left out, those with two or more values that no step stacks, up to four. One that a
        step stacks is not run along, but counts as one along which the answer would differ.
    units : int, optional
        How many the sample has, at most: planes, or stacks, that lie next to each other along all components. None
        is all that there are.

    Returns
    -------
    AxisCheck
        Whether the answer is the same, and if not, where it is not. Printed, it is a sentence.

    Raises
    ------
    ValueError
        Less than two axes, one that is no component, none that can be run along, or no planes; or see `Run`.

    Examples
    --------
    >>> from napari_axiswise.functions import gaussian
    >>> check = aw.check_axis("sample-plate", [aw.Step(gaussian)], axes=["well", "timepoint"], executor="serial")
    >>> check.same
    True
    """
    return exhaust(checking_axis(plan, axes=axes, units=units))


class _CopyingExecutor(Executor):
    """Gives each task a copy of the pipeline, as a worker process gets one.

    Parameters
    ----------
    inner : Executor
        Does the work. It is not shut down.
    """

    def __init__(self, inner: Executor) -> None:
        self._inner = inner

    def submit(self, fn: Callable[P, ReturnT], /, *args: P.args, **kwargs: P.kwargs) -> Future[ReturnT]:
        """Hand a call on with copies of its pipelines, unless they hold what cannot be copied."""
        copies: Any = tuple(_copy(value) if isinstance(value, Pipeline) else value for value in args)
        return self._inner.submit(fn, *copies, **kwargs)


def _copy(pipeline: Pipeline) -> Pipeline:
    try:
        return pickle.loads(pickle.dumps(pipeline))  # type: ignore[no-any-return]
    except Exception:
        return pipeline


@contextmanager
def _open_fresh(executor: str | Executor, workers: int | None) -> Iterator[Executor]:
    """Give an executor whose tasks take over as little as possible from each other."""
    if executor == "processes":
        with LaneExecutor(workers, fresh=True) as lanes:
            yield lanes
        return
    with open_executor(executor, workers) as opened:
        yield opened if isinstance(opened, LaneExecutor) else _CopyingExecutor(opened)


def _chosen(
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
        Less than two, or one that is no component.
    """
    listed = ", ".join(f"{name} ({len(values)})" for name, values in components.items())
    if axes is None:
        possible = [name for name in components if name not in variable and name != group_by]
        # One with a single value will do if need be: all units in one task.
        several = [name for name in possible if len(components[name]) > 1]
        chosen = several if len(several) > 1 else sorted(possible, key=lambda name: name not in several)
        if not several or len(chosen) < 2:
            reasons = "".join(f"; step {step!r} stacks {name}" for name, step in stacked.items())
            raise ValueError(
                f"There is nothing to compare: less than two components could be the axis. There are {listed}{reasons}."
            )
        return tuple(chosen[: MOST_AXES if len(several) > 1 else 2])
    wanted = tuple(dict.fromkeys(axis_name(axis_parts(axis, components)) for axis in axes))
    if len(wanted) < 2:
        raise ValueError(
            f"axes={list(wanted)}: to compare takes at least two different axes; there are {listed}. Leave axes out to "
            "compare all that can be."
        )
    return wanted


def _in_front(blocks: Blocks, axes: Sequence[str]) -> Blocks:
    """Return blocks with the components in front of which a sample is to have several values before all others."""
    asked = {name for axis in axes for name in axis_parts(axis, blocks.planes.components)}
    order = sorted(range(len(blocks.names)), key=lambda place: blocks.names[place] not in asked)
    return replace(blocks, names=tuple(blocks.names[place] for place in order), codes=blocks.codes[:, order])
