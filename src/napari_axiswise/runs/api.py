"""``run`` and ``iter_run``: a run from its arguments to its end."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Executor
from typing import Any

from ..core.axes import Axis
from ..core.events import TaskEvent
from ..datasets.dataset import Dataset
from ..pipeline.pipeline import Pipeline
from ..pipeline.step import Step
from .result import RunResult
from .run import Run
from .workers import warn_of_one_task

logger = logging.getLogger(__name__)


def iter_run(
    dataset: Dataset | Any,
    pipeline: Pipeline | Sequence[Step],
    axis: Axis,
    variable: str | Sequence[str] = (),
    group_by: str | None = None,
    axis_filter: Iterable[str | Sequence[str]] | None = None,
    executor: str | Executor = "processes",
    workers: int | None = None,
    output: str | os.PathLike[str] | None = None,
    *,
    resume: bool = False,
    time_limit: float | None = None,
    scheduler: str | None = None,
) -> Generator[TaskEvent, None, RunResult]:
    """Run a pipeline and yield what happens, as it happens. Closing the generator cancels the run.

    The parameters and errors are those of `Run`; errors are raised at once, before anything runs. What the
    generator returns, as the value of ``yield from``, is the `RunResult`.

    Yields
    ------
    TaskEvent
        See `MultiprocessingCoordinator.iter_tasks`.

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
    whole = Run(
        dataset, pipeline, axis, variable, group_by, axis_filter, executor, workers, output,
        resume=resume, time_limit=time_limit, scheduler=scheduler,
    )  # fmt: skip
    warn_of_one_task(whole.dataset, whole.axis)
    return whole.events()


def run(
    dataset: Dataset | Any,
    pipeline: Pipeline | Sequence[Step],
    axis: Axis,
    variable: str | Sequence[str] = (),
    group_by: str | None = None,
    axis_filter: Iterable[str | Sequence[str]] | None = None,
    executor: str | Executor = "processes",
    workers: int | None = None,
    output: str | os.PathLike[str] | None = None,
    *,
    resume: bool = False,
    time_limit: float | None = None,
    scheduler: str | None = None,
) -> RunResult:
    """Run a pipeline over a dataset, split by `axis`, and return when all tasks have an outcome.

    The parameters and errors are those of `Run`. A task that fails is no error: see ``RunResult.failures``.

    Returns
    -------
    RunResult
        Outputs, tables, timings and failures.

    Examples
    --------
    >>> from napari_axiswise.functions import intensity_statistics
    >>> steps = [aw.Step(intensity_statistics, name="values")]
    >>> by_well = aw.run("sample-plate", steps, axis="well", executor="serial")
    >>> by_well.table.columns[:6].tolist()
    ['well', 'site', 'timepoint', 'channel', 'mean', 'std']

    The axis says what a task is, not what comes out:

    >>> by_timepoint = aw.run("sample-plate", steps, axis="timepoint", executor="serial")
    >>> list(by_well.results), list(by_timepoint.results)
    (['B02', 'B03'], ['1', '2'])
    >>> by_well.table.equals(by_timepoint.table)
    True
    """
    whole = Run(
        dataset, pipeline, axis, variable, group_by, axis_filter, executor, workers, output,
        resume=resume, time_limit=time_limit, scheduler=scheduler,
    )  # fmt: skip
    warn_of_one_task(whole.dataset, whole.axis)
    for event in whole.events():
        if event.is_outcome and event.status != "done":
            logger.error("Task %s %s: %s: %s", whole.axis, event.axis_value, event.status, event.error)
    return whole.result
