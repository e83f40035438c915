"""`run` and `iter_run`: the few lines that tie dataset, coordinator, executor and store together."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from .coordinator import MultiprocessingCoordinator, Task, TaskEvent
from .datasets.dataset import Dataset
from .datasets.opening import open_dataset
from .executors.choice import open_executor
from .executors.lanes import LaneExecutor
from .failures import error_message, error_trace
from .orchestrator import Orchestrator, TaskContext
from .pipeline import Pipeline, Step
from .processing import process_task
from .results.records import TaskOutput
from .results.store import ResultStore

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


class Run:
    """One run of a pipeline over a dataset: planned when it is made, executed by `events`.

    Parameters
    ----------
    dataset : Dataset, or what `open_dataset` takes
        The planes.
    pipeline : Pipeline, or sequence of Step
        What to do with them.
    axis : str
        The component to split the work by: one task for each of its values.
    variable : str or sequence of str
        Components that steps stack if they do not say; empty is plane by plane.
    group_by : str, optional
        Component by whose value steps pick their function if they do not say.
    axis_filter : iterable of str, optional
        Only these values of the axis.
    executor : {"processes", "threads", "serial"} or Executor
        Where the tasks run.
    workers : int, optional
        How many; left out, one per processor.
    output : path, optional
        An empty or new folder to write to. Left out, a scratch folder that lives as long as the result.

    Raises
    ------
    ValueError
        The components or the pipeline do not fit the data or each other.
    OSError
        The output folder is not empty or cannot be written to.
    """

    def __init__(
        self,
        dataset: Dataset | Any,
        pipeline: Pipeline | Sequence[Step],
        axis: str,
        variable: str | Sequence[str] = (),
        group_by: str | None = None,
        axis_filter: Iterable[str] | None = None,
        executor: str | Executor = "processes",
        workers: int | None = None,
        output: str | os.PathLike[str] | None = None,
    ) -> None:
        dataset = open_dataset(dataset)
        variable = (variable,) if isinstance(variable, str) else tuple(variable)
        config = dataset.configuration(axis, variable, group_by)
        self.dataset = dataset
        self.axis = axis
        self.pipeline = pipeline if isinstance(pipeline, Pipeline) else Pipeline(pipeline)
        self.pipeline.configured(variable, group_by).check(dataset.components, axis)
        if executor == "processes" or isinstance(executor, LaneExecutor):
            self.pipeline.check_picklable()
        self._executor = executor
        self._workers = workers
        self.store = ResultStore(
            None if output is None else Path(output),
            dataset.components,
            dataset.shape,
            dataset.pixel_size,
            dataset.unit,
        )
        self._orchestrator = Orchestrator(dataset, config, self.store.root)
        self._coordinator = MultiprocessingCoordinator(config)
        values = self._orchestrator.get_component_keys(axis, axis_filter)
        self.axis_values = tuple(values)
        self._outcomes: dict[str, TaskEvent] = {}
        wider = [
            f"{name} ({len(v)})" for name, v in dataset.components.items() if len(v) > 1 and name != axis
        ]
        if len(dataset.components[axis]) == 1 and wider:
            logger.warning(
                "The axis %r has one value here, %s, so there is one task and one worker has all the work. "
                "To use more of them, split by %s.", axis, dataset.components[axis][0], " or ".join(wider),
            )  # fmt: skip

    def events(self) -> Generator[TaskEvent, None, RunResult]:
        """Execute the run and yield what happens. Closing the generator cancels it.

        Yields
        ------
        TaskEvent
            See `MultiprocessingCoordinator.iter_tasks`.

        Returns
        -------
        RunResult
            What became of every task.
        """
        tasks: dict[str, Task[TaskContext]] = {}
        try:
            # A copy of what is in memory may take a while, in which the run can be cancelled.
            for _ in self._orchestrator.prepare():
                yield TaskEvent("", "waiting")
            if self.axis_values:
                tasks = self._coordinator.create_tasks(self._orchestrator, self.axis_values)
            with open_executor(self._executor, self._workers) as executor:
                steps = self._coordinator.iter_tasks(tasks, self.pipeline, executor, process_task)
                with closing(steps):
                    try:
                        for event in steps:
                            yield self._take(event) if event.is_outcome else event
                    finally:
                        if len(self._outcomes) < len(tasks):
                            self._orchestrator.cancel()
        finally:
            if isinstance(self._executor, LaneExecutor) or self._executor == "processes":
                # Whatever was cancelled has ended by now; a thread may yet have to see the sign.
                self._orchestrator.forget_cancelling()
            self.store.finish()
        return self.result

    def _take(self, event: TaskEvent) -> TaskEvent:
        """Enter what a task wrote into the store, and the outcome among the others."""
        if isinstance(event.result, TaskOutput):
            try:
                self.store.add(event.result)
            except Exception as error:
                message, trace = error_message(error), error_trace(error)
                event = replace(event, status="failed", error=message, traceback=trace)
        self._outcomes[event.axis_value] = event
        return event

    @property
    def result(self) -> RunResult:
        """What became of every task so far; those without an outcome count as cancelled."""
        outcomes = {
            value: self._outcomes.get(value)
            or TaskEvent(value, "cancelled", error="cancelled before it was finished")
            for value in self.axis_values
        }
        return RunResult(self.dataset, self.pipeline, self.axis, outcomes, self.store)


@dataclass(frozen=True, eq=False)
class RunResult:
    """What a run gave.

    Parameters
    ----------
    dataset : Dataset
        What it ran over.
    pipeline : Pipeline
        What it did.
    axis : str
        The component it was split by.
    outcomes : dict
        From axis value to the last `TaskEvent` of the task, for every task that was planned.
    store : ResultStore
        Where the outputs are.
    """

    dataset: Dataset
    pipeline: Pipeline
    axis: str
    outcomes: dict[str, TaskEvent]
    store: ResultStore

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for event in self.outcomes.values():
            counts[event.status] = counts.get(event.status, 0) + 1
        told = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no tasks"
        return f"<RunResult by {self.axis}: {told}; {self.output}>"

    @property
    def results(self) -> dict[str, TaskOutput | None]:
        """From axis value to `TaskOutput`, or None where the task was not done."""
        return {v: event.result if event.status == "done" else None for v, event in self.outcomes.items()}

    @property
    def failures(self) -> dict[str, TaskEvent]:
        """From axis value to the event of a task that failed or was lost: its ``error`` and ``traceback`` are texts."""
        return {value: event for value, event in self.outcomes.items() if event.status in ("failed", "lost")}

    @property
    def output(self) -> str:
        """The folder that everything was written to."""
        return str(self.store.root)

    def read(self, step: str, **components: str) -> NDArray[Any]:
        """Return one plane of a kept step's output, shape (Y, X).

        Parameters
        ----------
        step : str
            A step that made images or labels.
        **components : str
            A value per component; those with one value, and those that the step did not keep, may be left out.

        Raises
        ------
        KeyError
            No such step or value, or the plane was not written.
        ValueError
            A component is unknown or missing, or the step made a table or points.
        """
        kind = self.pipeline[step].kind
        if kind in ("table", "points"):
            raise ValueError(f"Step {step!r} made {kind}, not planes; look at .table, or .points({step!r}).")
        return self.store.read(step, self.store.codes(step, components))

    def points(self, step: str) -> pd.DataFrame:
        """Return the points of a step: a row each, a column per component, then ``y`` and ``x`` in pixels.

        Raises
        ------
        KeyError
            No such step.
        ValueError
            It made something else.
        """
        if self.pipeline[step].kind != "points":
            raise ValueError(f"Step {step!r} made {self.pipeline[step].kind}, not points.")
        return self.store.table(step)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per measured object: a column per component, then what was measured.

        The rows of all steps that made tables; with more than one, the column ``step`` tells which.
        """
        import pandas as pd

        steps = [step.name for step in self.pipeline.kept if step.kind == "table"]
        frames = {name: self.store.table(name) for name in steps}
        if len(frames) < 2:
            return next(iter(frames.values()), pd.DataFrame())
        return pd.concat(frames, names=["step"]).reset_index("step").reset_index(drop=True)

    @property
    def timings(self) -> pd.DataFrame:
        """A row per task: what became of it, when, by which worker, and the seconds of each kind of work."""
        import pandas as pd

        rows = []
        for value, event in self.outcomes.items():
            output = event.result if isinstance(event.result, TaskOutput) else None
            rows.append(
                {
                    "axis_value": value,
                    "status": event.status,
                    "worker": event.worker,
                    "started": event.started,
                    "stopped": event.stopped,
                    "seconds": None if event.started is None or event.stopped is None
                    else event.stopped - event.started,
                    "planes": output.plane_count if output else 0,
                    "units": output.unit_count if output else 0,
                    "reading": output.reading if output else None,
                    "computing": output.computing if output else None,
                    "writing": output.writing if output else None,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)


def iter_run(
    dataset: Dataset | Any,
    pipeline: Pipeline | Sequence[Step],
    axis: str,
    variable: str | Sequence[str] = (),
    group_by: str | None = None,
    axis_filter: Iterable[str] | None = None,
    executor: str | Executor = "processes",
    workers: int | None = None,
    output: str | os.PathLike[str] | None = None,
) -> Generator[TaskEvent, None, RunResult]:
    """Run a pipeline and yield what happens, as it happens. Closing the generator cancels the run.

    The parameters and errors are those of `Run`; errors are raised at once, before anything runs. What the
    generator returns, as the value of ``yield from``, is the `RunResult`.

    Yields
    ------
    TaskEvent
        See `MultiprocessingCoordinator.iter_tasks`.
    """
    return Run(dataset, pipeline, axis, variable, group_by, axis_filter, executor, workers, output).events()


def run(
    dataset: Dataset | Any,
    pipeline: Pipeline | Sequence[Step],
    axis: str,
    variable: str | Sequence[str] = (),
    group_by: str | None = None,
    axis_filter: Iterable[str] | None = None,
    executor: str | Executor = "processes",
    workers: int | None = None,
    output: str | os.PathLike[str] | None = None,
) -> RunResult:
    """Run a pipeline over a dataset, split by the component `axis`, and return when all tasks have an outcome.

    The parameters and errors are those of `Run`. A task that fails is no error: see ``RunResult.failures``.

    Returns
    -------
    RunResult
        Outputs, tables, timings and failures.
    """
    whole = Run(dataset, pipeline, axis, variable, group_by, axis_filter, executor, workers, output)
    for event in whole.events():
        if event.is_outcome and event.status != "done":
            logger.error("Task %s %s: %s: %s", axis, event.axis_value, event.status, event.error)
    return whole.result
