"""One run: ties dataset, coordinator, executor and results together."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..core.axes import Axis, axis_name, axis_parts, is_axis
from ..core.errors import error_message, error_trace
from ..core.events import TaskEvent
from ..core.grid import RECIPE
from ..core.kinds import PlaneKind
from ..executors.choice import open_executor
from ..executors.lanes import LaneExecutor
from ..results.ngff.shards import wants_shards
from ..results.records import TaskOutput
from ..results.run_log.contents import RunLogContents
from ..results.run_log.task_log import TaskLog
from ..results.step_output import count_states
from ..results.store import ResultStore
from ..tasks.context import TaskContext
from ..tasks.process import process_task
from .coordinator import MultiprocessingCoordinator, Task
from .gaps import find_gaps
from .orchestrator import Orchestrator
from .plan import RUN_ARGUMENTS, RunPlan, takes_plan
from .provenance import describe_run, differences
from .result import RunResult, cancelled
from .resume import FinishedWork

logger = logging.getLogger(__name__)


class Run:
    """One run of a pipeline over a dataset: planned when it is made, executed by `events`.

    Parameters
    ----------
    plan : RunPlan
        What to run. Its parts can be given instead, as ``Run(dataset, pipeline, axis, …)``.

    Attributes
    ----------
    plan : RunPlan
        What is run.
    dataset : Dataset
        Its planes.
    pipeline : Pipeline
        Its enabled steps.
    axis : str
        The component that the work is split by; several with commas.
    axis_values : tuple of str
        One task each.

    Raises
    ------
    ValueError
        The plan has no axis; or see `RunPlan`.
    OSError
        The output folder is not empty or cannot be written to.

    Examples
    --------
    >>> from napari_axiswise.functions import intensity_statistics
    >>> run = aw.Run("sample-plate", [aw.Step(intensity_statistics)], axis="well", executor="serial")
    >>> run.axis_values
    ('B02', 'B03')
    >>> for event in run.events():
    ...     pass
    >>> run.result.missing
    ()
    """

    @takes_plan(*RUN_ARGUMENTS)
    def __init__(self, plan: RunPlan) -> None:
        if not plan.axis:
            names = ", ".join(plan.dataset.components)
            raise ValueError(f"A run needs an axis: say axis=…, one of {names}, or several of them.")
        self.plan = plan
        self.dataset = plan.dataset
        self.axis = plan.axis
        self.pipeline = plan.pipeline.active
        self._workers = plan.workers
        if isinstance(plan.executor, str) and plan.executor != "serial" and plan.scheduler is None:
            self._workers = plan.worker_limit.workers
        self.store = ResultStore(
            None if plan.output is None else Path(plan.output),
            self.dataset.components,
            self.dataset.shape,
            self.dataset.calibration,
            "resume" if plan.resume else "new",
            self._is_sharded(),
            None if plan.scratch_folder is None else Path(plan.scratch_folder),
        )
        if plan.scheduler is not None and plan.output is None:
            logger.warning(
                "The results go to a temporary folder of this machine, %s. If the workers are on other machines, "
                "give output=…, a folder that all of them share.", self.store.root,
            )  # fmt: skip
        self._run_log = TaskLog(self.store.root)
        self._orchestrator = Orchestrator(
            self.dataset, plan.configuration, self.store.root, self.store.sharded
        )
        self._coordinator = MultiprocessingCoordinator(plan.configuration)
        self.axis_values = tuple(self._orchestrator.get_component_keys(self.axis, plan.axis_filter))
        self._outcomes: dict[str, TaskEvent] = {}
        self._finished: FinishedWork | None = None
        self._unfinished = ""
        self._warnings: tuple[str, ...] = ()

    def along(self, axis: Axis) -> Run:
        """Return a run that splits what this one has not done by another axis, into the same output folder.

        Finished units are kept. Close the `events` of this run first: units that were running start again.

        Parameters
        ----------
        axis : str or sequence of str
            The component to split by, or several.

        Raises
        ------
        ValueError
            This run has only some values of its axis; or see `RunPlan`.
        """
        if self.plan.axis_filter is not None:
            count = len(self.axis_values)
            raise ValueError(
                f"This run has only {count} value{'s' if count != 1 else ''} of {self.axis}, and another axis cannot "
                "select the same planes. Let it end, and start another."
            )
        rest = Run(
            replace(
                self.plan, axis=axis_name(axis), output=str(self.store.root), resume=True, scratch_folder=None
            )
        )
        rest.store.scratch = self.store.scratch
        return rest

    def can_go_along(self, axis: Axis) -> bool:
        """Return whether `along` can split the rest of this run by an axis."""
        name = axis_name(axis)
        components = self.dataset.components
        if self.plan.axis_filter is not None or name == self.axis or not is_axis(name, components):
            return False
        taken = self.plan.configured.stacked | {self.plan.group_by}
        return not taken.intersection(axis_parts(name, components))

    def _find_gaps(self) -> tuple[str, ...]:
        """Return messages about stacks that are shorter than others, because the dataset lacks planes."""
        index = self.dataset.index
        if self.plan.axis_filter is not None:
            known = index.axis_values(self.axis)
            index = index.select(
                np.isin(index.axis_codes(self.axis), [known.index(v) for v in self.axis_values])
            )
        return tuple(find_gaps(index, self.plan.configured))

    @property
    def found(self) -> dict[str, TaskOutput]:
        """Outputs that an earlier run into the same folder had finished, by task; empty before this run begins."""
        if self._finished is None:
            return {}
        outputs = {value: self._finished.output(value, str(self.store.root)) for value in self.axis_values}
        return {value: output for value, output in outputs.items() if output is not None}

    @property
    def workers(self) -> int | None:
        """The number of tasks that can run at once; None if only the executor knows."""
        executor = self.plan.executor
        if isinstance(executor, LaneExecutor):
            return executor.workers
        return 1 if executor == "serial" else self._workers if isinstance(executor, str) else None

    @property
    def _kinds(self) -> dict[str, PlaneKind]:
        """The kinds of the kept steps whose outputs are planes, by step."""
        kinds = {step.name: step.output_kind for step in self.pipeline.kept}
        return {name: kind for name, kind in kinds.items() if isinstance(kind, PlaneKind)}

    def _is_sharded(self) -> bool:
        """Return whether planes are packed into shards: as in the resumed run, or else if there are many."""
        if self.plan.resume and self.plan.output is not None:
            before = TaskLog(Path(self.plan.output).expanduser().resolve()).read_description()
            if before is not None:
                return bool(before.get("sharded", False))
        return wants_shards(len(self.dataset), len(self._kinds), self.dataset.shape)

    def events(self) -> Generator[TaskEvent, None, RunResult]:
        """Execute the run and yield its events. Closing the generator cancels it.

        Yields
        ------
        TaskEvent
            See `MultiprocessingCoordinator.iter_tasks`.

        Returns
        -------
        RunResult
            The outcome of every task.

        Raises
        ------
        FileExistsError
            Another run is writing to the output folder.
        ValueError
            The run to resume was a different one: its dataset, its pipeline or a function has changed. The
            message says which.
        """
        # Copying data from memory to disk takes a while; the run can be cancelled meanwhile.
        for _ in self._orchestrator.prepare():
            yield TaskEvent("", "waiting")
        with self._run_log.locked():
            yield from self._locked_events()
        return self.result

    def _locked_events(self) -> Generator[TaskEvent]:
        self._begin()
        tasks: dict[str, Task[TaskContext]] = {}
        try:
            if self.axis_values:
                tasks = self._coordinator.create_tasks(self._orchestrator, self.axis_values)
            missing = {value: task for value, task in tasks.items() if len(task.context.rows)}
            for value in [value for value in tasks if value not in missing]:
                yield self._record(TaskEvent(value, "done"))
            pipeline = self.pipeline.sealed() if self.plan.in_processes else self.pipeline
            with open_executor(self.plan.executor, self._workers, self.plan.scheduler) as executor:
                steps = self._coordinator.iter_tasks(
                    missing, pipeline, executor, process_task, time_limit=self.plan.time_limit
                )
                with closing(steps):
                    try:
                        for event in steps:
                            yield self._record(event) if event.is_outcome else event
                    finally:
                        given_up = any(event.result is None for event in self._outcomes.values())
                        if given_up or len(self._outcomes) < len(tasks):
                            self._orchestrator.cancel()
        finally:
            if self.plan.in_processes:
                # Cancelled processes have ended by now; a cancelled thread may not have seen the sign yet.
                self._orchestrator.forget_cancelling()
            self._end()

    def _begin(self) -> None:
        """Write the description of the run; on resuming, check it, and restore what was finished."""
        self._orchestrator.stamp_files()
        now = describe_run(self._orchestrator.readable, self.plan.configured, self.axis)
        before = self._run_log.read_description()
        if before is None:
            self._run_log.write_description({**now, "sharded": self.store.sharded})
            self._write_recipe()
        else:
            changed = differences(before, now, self._orchestrator.readable, self.plan.configured)
            if changed:
                raise ValueError(
                    f"The run in {self.store.root} cannot be resumed: {'; '.join(changed)}. "
                    "Undo that, or start a new run in another folder."
                )
            self.store.clear_partial()
            self._restore_finished(RunLogContents.read(self.store.root))
        self._warnings = self._find_gaps()
        self._run_log.write_start(self.axis, self.axis_values, self._warnings)
        for warning in self._warnings:
            logger.warning("%s", warning)

    def _restore_finished(self, contents: RunLogContents) -> None:
        self._finished = FinishedWork(contents, self.dataset.index, self.plan.configured, self.axis)
        self._orchestrator.skip(self._finished)
        for value in self.dataset.index.axis_values(self.axis):
            output = self._finished.output(value, str(self.store.root))
            if output is not None:
                self.store.add(output)

    def _write_recipe(self) -> None:
        values = None if self.plan.axis_filter is None else self.axis_values
        try:
            plan = replace(self.plan, pipeline=self.pipeline, axis_filter=values)
            plan.recipe.write(self.store.root / RECIPE)
        except ValueError as error:
            logger.info("No recipe of this run is written: %s", error)

    def _record(self, event: TaskEvent) -> TaskEvent:
        """Add a task's output to the store and its outcome to the run log."""
        event = self._merged_with_finished(event)
        if isinstance(event.result, TaskOutput):
            try:
                problem, trace = self.store.add(event.result), ""
            except Exception as error:
                problem, trace = error_message(error), error_trace(error)
            if problem:
                event = replace(event, status="failed", error=problem, traceback=trace)
        self._outcomes[event.axis_value] = event
        self._run_log.write_outcome(event)
        return event

    def _merged_with_finished(self, event: TaskEvent) -> TaskEvent:
        """Return an outcome together with the units of its task that an earlier run had finished."""
        before = None
        if self._finished is not None:
            before = self._finished.output(event.axis_value, str(self.store.root))
        if before is None:
            return event
        if isinstance(event.result, TaskOutput):
            return replace(event, result=event.result.merged_with(before))
        if event.status == "done":
            return replace(
                event, result=before, started=before.started, stopped=before.stopped, worker=before.worker
            )
        return replace(event, result=before)

    def _end(self) -> None:
        """Finish the output folder, once all tasks have ended."""
        try:
            interrupted = [
                event
                for event in self.result.outcomes.values()
                if event.status in ("lost", "cancelled") or event.result is None
            ]
            if interrupted:
                if self.plan.in_processes:
                    # A thread may still be writing.
                    self.store.clear_partial()
                self._recover(interrupted)
            ended = {value for value, event in self._outcomes.items() if event.status != "cancelled"}
            self.store.finish(
                self._kinds,
                self.dataset.index,
                self.axis,
                ended | self._run_log.ended_values(self.axis),
            )
            self._run_log.write_plane_counts(
                {step: count_states(states) for step, states in self.store.states.items()}
            )
        except Exception as error:
            advice = "The outputs of its tasks are kept. Fix the cause, and resume the run."
            self._unfinished = f"{error_message(error)}. {advice if self.store.root.is_dir() else ''}".strip()
            logger.error("The run in %s could not be finished: %s", self.store.root, self._unfinished)
        self._run_log.write_end(self._unfinished)

    def _recover(self, events: Sequence[TaskEvent]) -> None:
        """Add finished units of tasks whose workers ended before they could report them."""
        contents = RunLogContents.read(self.store.root)
        work = FinishedWork(
            contents, self.dataset.index, self.plan.configured, self.axis, include_incomplete=True
        )
        for event in events:
            output = work.output(event.axis_value, str(self.store.root))
            if output is not None:
                self.store.add(output)
                self._outcomes[event.axis_value] = replace(event, result=output)

    @property
    def result(self) -> RunResult:
        """The outcome of every task so far; tasks without one count as cancelled."""
        outcomes = {value: self._outcomes.get(value) or cancelled(value) for value in self.axis_values}
        return RunResult(
            self.dataset, self.pipeline, self.axis, outcomes, self.store, self._warnings, self._unfinished
        )
