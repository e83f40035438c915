"""Run: the lines that tie dataset, coordinator, executor and store together."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..core.axes import Axis, axis_name, axis_parts, is_axis
from ..core.components import component_name
from ..core.errors import error_message, error_trace
from ..core.events import TaskEvent
from ..core.kinds import Kind
from ..datasets.dataset import Dataset
from ..datasets.opening import open_dataset
from ..executors.choice import check_executor, open_executor
from ..executors.lanes import LaneExecutor
from ..pipeline.pipeline import Pipeline
from ..pipeline.step import Step
from ..recipes.recipe import RECIPE, Recipe
from ..results.ledger import LedgerContents, RunLedger
from ..results.ngff.shards import wants_shards
from ..results.records import TaskOutput
from ..results.step_output import count_states
from ..results.store import ResultStore
from ..tasks.context import TaskContext
from ..tasks.process import process_task
from .coordinator import MultiprocessingCoordinator, Task
from .orchestrator import Orchestrator
from .provenance import describe_run, differences
from .result import RunResult, cancelled
from .resume import FinishedWork
from .workers import MEMORY_SHARE, WorkerLimit

logger = logging.getLogger(__name__)


class Run:
    """One run of a pipeline over a dataset: planned when it is made, executed by `events`.

    Parameters
    ----------
    dataset : Dataset, or what `open_dataset` takes
        The planes.
    pipeline : Pipeline, or sequence of Step
        What to do with them.
    axis : str, or sequence of str
        The component to split the work by: one task for each of its values. Or several: one task for each
        combination of their values that the data have; ``("well", "timepoint")`` is the same as ``"well,timepoint"``.
    variable : str or sequence of str
        Components that steps stack if they do not say; empty is plane by plane.
    group_by : str, optional
        Component by whose value steps pick their function if they do not say.
    axis_filter : iterable of str, or of sequences of str, optional
        Only these values of the axis; of a product ``"B02,1"`` or ``("B02", "1")``.
    executor : {"processes", "threads", "serial", "dask"} or Executor
        Where the tasks run.
    workers : int, optional
        How many; left out, one per processor, or as many as the memory has room for.
    output : path, optional
        An empty or new folder to write to. Left out, a scratch folder that lives as long as the result.
    resume : bool
        The output may hold a run that was cut short, along whatever axis: only what is missing is done.
    time_limit : float, optional
        Seconds that a task may take; one that takes longer has failed.
    scheduler : str, optional
        The address of a Dask scheduler, for ``executor="dask"``. Left out, a cluster on this machine.
    memory_share : float
        The part of the free memory that workers which are started here may use together, above 0 and up to 1.
    scratch_folder : path, optional
        Where the scratch folder is made if there is no output; left out, where the system has such folders.

    Raises
    ------
    ValueError
        The components or the pipeline do not fit the data or each other; no such executor.
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

    def __init__(
        self,
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
        memory_share: float = MEMORY_SHARE,
        scratch_folder: str | os.PathLike[str] | None = None,
    ) -> None:
        check_executor(executor, workers, scheduler)
        dataset = open_dataset(dataset)
        variable = (variable,) if isinstance(variable, str) else tuple(variable)
        config = dataset.configuration(axis, variable, group_by)
        self.dataset = dataset
        self.axis = axis = component_name(config.multiprocessing_axis)
        self.pipeline = (pipeline if isinstance(pipeline, Pipeline) else Pipeline(pipeline)).active
        self._configured = self.pipeline.configured(variable, group_by)
        self._configured.check(dataset.components, axis, dataset.labels)
        self._in_lanes = isinstance(executor, LaneExecutor) or executor in ("processes", "dask")
        if self._in_lanes:
            self.pipeline.check_picklable()
        if resume and output is None:
            raise ValueError("resume=True needs output=…, the folder of the run that is to go on.")
        if time_limit is not None and not time_limit > 0:
            raise ValueError(
                f"time_limit={time_limit}: give the seconds that a task may take, or leave it out."
            )
        self._executor = executor
        self._workers = workers
        if isinstance(executor, str) and executor != "serial" and scheduler is None:
            self._workers = WorkerLimit.of(dataset, self._configured, workers, memory_share).workers
        self._time_limit = time_limit
        self._scheduler = scheduler
        self.store = ResultStore(
            None if output is None else Path(output),
            dataset.components,
            dataset.shape,
            dataset.calibration,
            "resume" if resume else "new",
            self._is_sharded(Path(output) if resume and output is not None else None),
            None if scratch_folder is None else Path(scratch_folder),
        )
        if scheduler is not None and output is None:
            logger.warning(
                "The results go to a scratch folder of this machine, %s. Where workers are on others, give "
                "output=…, a folder that all of them share.", self.store.root,
            )  # fmt: skip
        self._ledger = RunLedger(self.store.root)
        self._orchestrator = Orchestrator(dataset, config, self.store.root, self.store.sharded)
        self._coordinator = MultiprocessingCoordinator(config)
        values = self._orchestrator.get_component_keys(axis, axis_filter)
        self.axis_values = tuple(values)
        self._outcomes: dict[str, TaskEvent] = {}
        self._finished: FinishedWork | None = None
        self._recipe = partial(
            Recipe.of, dataset, self.pipeline, axis, variable, group_by,
            None if axis_filter is None else self.axis_values,
            executor, workers, output, time_limit, scheduler,
        )  # fmt: skip
        self._filtered = axis_filter is not None
        self._group_by = group_by
        self._rest = partial(
            Run, dataset, self.pipeline, variable=variable, group_by=group_by, executor=executor, workers=workers,
            output=self.store.root, resume=True, time_limit=time_limit, scheduler=scheduler,
            memory_share=memory_share,
        )  # fmt: skip

    def along(self, axis: Axis) -> Run:
        """Return a run that does along another axis what this one has not done, into the same output.

        Units that are done stay. Close the `events` of this run first: what lanes are at is begun anew.

        Parameters
        ----------
        axis : str or sequence of str
            As of a run.

        Raises
        ------
        ValueError
            This run is of some values of its axis only; or see `Run`.
        """
        if self._filtered:
            raise ValueError(
                f"This run is of {len(self.axis_values)} values of {self.axis} only, which another axis cannot tell "
                "from the others. Let it end, and start another."
            )
        rest = self._rest(axis=axis)
        rest.store.scratch = self.store.scratch
        return rest

    def can_go_along(self, axis: Axis) -> bool:
        """Return whether there is another axis for `along`, and this is it."""
        name = axis_name(axis)
        components = self.dataset.components
        if self._filtered or name == self.axis or not is_axis(name, components):
            return False
        return not (self._configured.stacked | {self._group_by}).intersection(axis_parts(name, components))

    @property
    def found(self) -> dict[str, TaskOutput]:
        """What an earlier run into the same output has finished, by the tasks of this one, once this one has begun."""
        if self._finished is None:
            return {}
        outputs = {value: self._finished.output(value, str(self.store.root)) for value in self.axis_values}
        return {value: output for value, output in outputs.items() if output is not None}

    @property
    def workers(self) -> int | None:
        """How many tasks can run at once; None where only the executor knows."""
        if isinstance(self._executor, LaneExecutor):
            return self._executor.workers
        return 1 if self._executor == "serial" else self._workers if isinstance(self._executor, str) else None

    @property
    def _kinds(self) -> dict[str, Kind]:
        """What the steps keep that keep planes, by their names."""
        return {step.name: step.kind for step in self.pipeline.kept if step.kind in ("image", "labels")}

    def _is_sharded(self, begun: Path | None) -> bool:
        """Return whether planes are put into shards: as in the run that goes on, or else by their number."""
        before = None if begun is None else RunLedger(begun.expanduser().resolve()).description()
        if before is not None:
            return bool(before.get("sharded", False))
        return wants_shards(len(self.dataset), len(self._kinds), self.dataset.shape)

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

        Raises
        ------
        FileExistsError
            Another run writes to the output at this moment.
        ValueError
            The run that is to be resumed was another: its dataset, its pipeline or a function has changed.
            The message says which.
        """
        # A copy of what is in memory may take a while, in which the run can be cancelled.
        for _ in self._orchestrator.prepare():
            yield TaskEvent("", "waiting")
        with self._ledger.locked():
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
                yield self._take(TaskEvent(value, "done"))
            with open_executor(self._executor, self._workers, self._scheduler) as executor:
                steps = self._coordinator.iter_tasks(
                    missing, self.pipeline, executor, process_task, time_limit=self._time_limit
                )
                with closing(steps):
                    try:
                        for event in steps:
                            yield self._take(event) if event.is_outcome else event
                    finally:
                        given_up = any(event.result is None for event in self._outcomes.values())
                        if given_up or len(self._outcomes) < len(tasks):
                            self._orchestrator.cancel()
        finally:
            if self._in_lanes:
                # Whatever was cancelled has ended by now; a thread may yet have to see the sign.
                self._orchestrator.forget_cancelling()
            self._end()

    def _begin(self) -> None:
        """Note what is run; where a run goes on, make sure it is the same, and take up what it has finished."""
        now = describe_run(self._orchestrator.readable, self._configured, self.axis)
        before = self._ledger.description()
        if before is None:
            self._ledger.describe({**now, "sharded": self.store.sharded})
            self._write_recipe()
        else:
            changed = differences(before, now, self._orchestrator.readable, self._configured)
            if changed:
                raise ValueError(
                    f"The run in {self.store.root} cannot go on as it was begun: {'; '.join(changed)}. "
                    "Undo that, or begin a new run in another folder."
                )
            self.store.clear_partial()
            self._take_up(LedgerContents.read(self.store.root))
        self._ledger.begin(self.axis, self.axis_values)

    def _take_up(self, contents: LedgerContents) -> None:
        self._finished = FinishedWork(contents, self.dataset.index, self._configured, self.axis)
        self._orchestrator.pass_over(self._finished)
        for value in self.dataset.index.axis_values(self.axis):
            output = self._finished.output(value, str(self.store.root))
            if output is not None:
                self.store.add(output)

    def _write_recipe(self) -> None:
        try:
            self._recipe().write(self.store.root / RECIPE)
        except ValueError as error:
            logger.info("No recipe of this run is written: %s", error)

    def _take(self, event: TaskEvent) -> TaskEvent:
        """Enter what a task wrote into store and ledger, and the outcome among the others."""
        event = self._with_finished(event)
        if isinstance(event.result, TaskOutput):
            try:
                misfits, trace = self.store.add(event.result), ""
            except Exception as error:
                misfits, trace = error_message(error), error_trace(error)
            if misfits:
                event = replace(event, status="failed", error=misfits, traceback=trace)
        self._outcomes[event.axis_value] = event
        self._ledger.note(event)
        return event

    def _with_finished(self, event: TaskEvent) -> TaskEvent:
        """Return an outcome with what an earlier run had finished of its task."""
        before = None
        if self._finished is not None:
            before = self._finished.output(event.axis_value, str(self.store.root))
        if before is None:
            return event
        if isinstance(event.result, TaskOutput):
            return replace(event, result=event.result.following(before))
        if event.status == "done":
            return replace(
                event, result=before, started=before.started, stopped=before.stopped, worker=before.worker
            )
        return replace(event, result=before)

    def _end(self) -> None:
        """Write what takes all tasks."""
        try:
            cut_short = [
                event
                for event in self.result.outcomes.values()
                if event.status in ("lost", "cancelled") or event.result is None
            ]
            if cut_short:
                if self._in_lanes:
                    # A thread may still be writing.
                    self.store.clear_partial()
                self._salvage(cut_short)
            ended = {value for value, event in self._outcomes.items() if event.status != "cancelled"}
            self.store.finish(
                self._kinds,
                self.dataset.index,
                self.axis,
                ended | self._ledger.ended(self.axis),
            )
            self._ledger.sum_up({step: count_states(states) for step, states in self.store.states.items()})
        except Exception as error:
            kept = "What its tasks wrote is there; resume it once that is mended."
            logger.error(
                "The run in %s could not be finished: %s %s",
                self.store.root, error_message(error), kept if self.store.root.is_dir() else "",
            )  # fmt: skip

    def _salvage(self, events: Sequence[TaskEvent]) -> None:
        """Take up what tasks had finished whose workers never came to tell."""
        contents = LedgerContents.read(self.store.root)
        work = FinishedWork(contents, self.dataset.index, self._configured, self.axis, as_it_is=True)
        for event in events:
            output = work.output(event.axis_value, str(self.store.root))
            if output is not None:
                self.store.add(output)
                self._outcomes[event.axis_value] = replace(event, result=output)

    @property
    def result(self) -> RunResult:
        """What became of every task so far; those without an outcome count as cancelled."""
        outcomes = {value: self._outcomes.get(value) or cancelled(value) for value in self.axis_values}
        return RunResult(self.dataset, self.pipeline, self.axis, outcomes, self.store)
