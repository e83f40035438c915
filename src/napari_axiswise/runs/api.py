"""``run`` and ``iter_run``: a run from its plan to its result."""

from __future__ import annotations

import logging
from collections.abc import Generator

from ..core.events import TaskEvent
from .plan import RUN_ARGUMENTS, RunPlan, takes_plan
from .result import RunResult
from .run import Run
from .workers import warn_of_one_task

logger = logging.getLogger(__name__)


@takes_plan(*RUN_ARGUMENTS)
def iter_run(plan: RunPlan) -> Generator[TaskEvent, None, RunResult]:
    """Run a pipeline and yield events as they happen. Closing the generator cancels the run.

    Errors are raised at once, before anything runs. The generator returns the `RunResult`, as the value of
    ``yield from``.

    Parameters
    ----------
    plan : RunPlan
        What to run. Its parts can be given instead, as ``iter_run(dataset, pipeline, axis, …)``: see `RunPlan`.

    Yields
    ------
    TaskEvent
        See `MultiprocessingCoordinator.iter_tasks`.

    Raises
    ------
    ValueError, OSError
        See `Run`.

    Examples
    --------
    >>> from napari_axiswise.functions import intensity_statistics
    >>> steps = [aw.Step(intensity_statistics, name="values")]
    >>> for event in aw.iter_run("sample-plate", steps, axis="well", executor="serial"):
    ...     if event.is_outcome:
    ...         print(event.axis_value, event.status)
    B02 done
    B03 done
    """
    return _made(plan).events()


@takes_plan(*RUN_ARGUMENTS)
def run(plan: RunPlan) -> RunResult:
    """Run a pipeline over a dataset, and return when all tasks have an outcome.

    A task that fails raises no error: see ``RunResult.failures``.

    Parameters
    ----------
    plan : RunPlan
        What to run. Its parts can be given instead, as ``run(dataset, pipeline, axis, …)``: see `RunPlan`.

    Returns
    -------
    RunResult
        Outputs, tables, timings and failures.

    Raises
    ------
    ValueError, OSError
        See `Run`.

    Examples
    --------
    >>> from napari_axiswise.functions import intensity_statistics
    >>> steps = [aw.Step(intensity_statistics, name="values")]
    >>> by_well = aw.run("sample-plate", steps, axis="well", executor="serial")
    >>> by_well.table.columns[:6].tolist()
    ['well', 'site', 'timepoint', 'channel', 'mean', 'std']

    The axis decides what a task is, not what the results are:

    >>> by_timepoint = aw.run("sample-plate", steps, axis="timepoint", executor="serial")
    >>> list(by_well.results), list(by_timepoint.results)
    (['B02', 'B03'], ['1', '2'])
    >>> by_well.table.equals(by_timepoint.table)
    True
    """
    whole = _made(plan)
    for event in whole.events():
        if event.is_outcome and event.status != "done":
            logger.error("Task %s %s: %s: %s", whole.axis, event.axis_value, event.status, event.error)
    return whole.result


def _made(plan: RunPlan) -> Run:
    """Return the run of a plan, and warn if it has one task where another axis would have several."""
    whole = Run(plan)
    warn_of_one_task(whole.dataset, whole.axis)
    return whole
