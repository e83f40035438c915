"""One task per value of the multiprocessing axis, run on any executor.

::

    create_tasks   orchestrator ──▶ {axis value: Task}
    iter_tasks     executor.submit(processor_func, task.context, pipeline)   once per task
                        │ done callbacks ──▶ queue ──▶ TaskEvent, TaskEvent, …
    execute_tasks  the same, drained into {axis value: result}

The coordinator knows neither pixels nor Qt nor any type of executor. Cancelling a run cancels the executor's futures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import CancelledError, Executor, Future
from contextlib import closing
from dataclasses import dataclass, replace
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from ..core.clock import now
from ..core.components import ComponentConfiguration, component_name
from ..core.errors import TaskError, error_message, error_trace, is_loss
from ..core.events import HEARTBEAT, Status, TaskEvent, Timed

logger = logging.getLogger(__name__)


WINDOW = 1000
"""Maximum number of tasks submitted at a time: more than most pools have workers, few enough for any scheduler."""


ComponentT = TypeVar("ComponentT", bound=Enum)
ContextT = TypeVar("ContextT")
CreatedT = TypeVar("CreatedT", covariant=True)
PipelineT = TypeVar("PipelineT")


class TaskSource(Protocol[CreatedT]):
    """The methods of an orchestrator that the coordinator calls."""

    def get_component_keys(
        self, component: Any, component_filter: Iterable[str] | None = None, /
    ) -> list[str]:
        """Return the values of `component` in the data."""

    def create_context(self, axis_value: str, /) -> CreatedT:
        """Return the context of the task of `axis_value`."""


@dataclass(frozen=True, slots=True)
class Task(Generic[ContextT]):
    """The work on one value of the multiprocessing axis.

    Parameters
    ----------
    axis_value : str
        The value, as found in the data.
    context : object
        Sent to the worker: small, picklable, without pixels.
    """

    axis_value: str
    context: ContextT


class MultiprocessingCoordinator(Generic[ComponentT]):
    """Creates the tasks of a run and executes them.

    Parameters
    ----------
    config : ComponentConfiguration
        Names the multiprocessing axis.

    Attributes
    ----------
    config : ComponentConfiguration
    axis : Enum member
        The multiprocessing axis.
    """

    def __init__(self, config: ComponentConfiguration[ComponentT]) -> None:
        self.config = config
        self.axis: ComponentT = config.multiprocessing_axis

    def create_tasks(
        self, orchestrator: TaskSource[ContextT], axis_filter: Iterable[str] | None = None
    ) -> dict[str, Task[ContextT]]:
        """Return a task for every value of the axis in the data.

        Parameters
        ----------
        orchestrator : Orchestrator
            Its ``get_component_keys`` returns the values, and its ``create_context`` the contexts.
        axis_filter : iterable of str, optional
            Only these values.

        Returns
        -------
        dict
            From axis value to `Task`, in natural order. Empty, with a warning, if no value is found.
        """
        values = orchestrator.get_component_keys(self.axis, axis_filter)
        if not values:
            logger.warning(
                "No tasks: no value of %r%s is found in the data.",
                component_name(self.axis),
                "" if axis_filter is None else " that passes the filter",
            )
        return {value: Task(value, orchestrator.create_context(value)) for value in values}

    def execute_tasks(
        self,
        tasks: Mapping[str, Task[ContextT]],
        pipeline_definition: PipelineT,
        executor: Executor,
        processor_func: Callable[[ContextT, PipelineT], Any],
    ) -> dict[str, Any]:
        """Run all tasks and return what they returned.

        Parameters
        ----------
        tasks : mapping
            As `create_tasks` returns it.
        pipeline_definition : object
            Passed to `processor_func`.
        executor : concurrent.futures.Executor
            Any executor. It is not shut down.
        processor_func : callable
            Called as ``processor_func(task.context, pipeline_definition)``, once per task.

        Returns
        -------
        dict
            From axis value to result, in order of completion. A task that failed is logged as an error, and its result
            is None. Empty, with a warning, if there are no tasks.
        """
        if not tasks:
            logger.warning("No tasks to execute.")
            return {}
        results: dict[str, Any] = {}
        broken = False
        with closing(self.iter_tasks(tasks, pipeline_definition, executor, processor_func)) as events:
            for event in events:
                if not event.is_outcome:
                    continue
                results[event.axis_value] = event.result if event.status == "done" else None
                if event.status != "done" and not (broken and event.status == "lost"):
                    verb = "failed" if event.status == "failed" else f"was {event.status}"
                    task = f"{component_name(self.axis)} {event.axis_value}"
                    logger.error("Task %s %s: %s\n%s", task, verb, event.error, event.traceback)
                    broken = event.status == "lost"
        return results

    def iter_tasks(
        self,
        tasks: Mapping[str, Task[ContextT]],
        pipeline: PipelineT,
        executor: Executor,
        processor_func: Callable[[ContextT, PipelineT], Any],
        *,
        time_limit: float | None = None,
    ) -> Generator[TaskEvent, None, None]:
        """Run all tasks and yield events as they happen.

        Closing the generator cancels the run: waiting tasks are dropped at once, and running ones are stopped as far as
        the executor's futures can be. At most `WINDOW` tasks are submitted at a time.

        Parameters
        ----------
        tasks, pipeline, executor, processor_func
            See `execute_tasks`.
        time_limit : float, optional
            Maximum duration of a task, in seconds. A task that takes longer fails, and is stopped as far as the
            executor's futures can be.

        Yields
        ------
        TaskEvent
            For every task ``"started"`` and exactly one outcome; ``"waiting"`` whenever nothing else happened for a
            tenth of a second.
        """
        flight: _Flight[ContextT] = _Flight(
            lambda task: executor.submit(processor_func, task.context, pipeline), time_limit
        )
        try:
            for task in tasks.values():
                flight.submit(task)
                yield from flight.drain(WINDOW)
            yield from flight.drain(0)
        finally:
            flight.cancel()


class _Flight(Generic[ContextT]):
    """The submitted tasks without an outcome.

    Parameters
    ----------
    submit : callable
        Submits a task to the executor.
    time_limit : float, optional
        Maximum duration of a task, in seconds.
    """

    def __init__(self, submit: Callable[[Task[ContextT]], Future[Any]], time_limit: float | None) -> None:
        self._submit = submit
        self._time_limit = time_limit
        self._pending: dict[str, Future[Any]] = {}
        self._started: dict[str, float] = {}
        self._overdue: set[str] = set()
        self._finished: SimpleQueue[tuple[str, Future[Any], float]] = SimpleQueue()

    def submit(self, task: Task[ContextT]) -> None:
        """Submit a task. If the executor refuses it, only this task fails."""
        try:
            future = self._submit(task)
        except Exception as error:
            future = Future()
            future.set_exception(error)
        value = task.axis_value
        self._pending[value] = future
        future.add_done_callback(lambda done: self._finished.put((value, done, now())))

    def drain(self, most: int) -> Generator[TaskEvent, None, None]:
        """Yield events until at most `most` tasks have no outcome."""
        if self._finished.empty() and len(self._pending) <= most:
            return
        while True:
            quiet = True
            for event in self._next_events(HEARTBEAT if len(self._pending) > most else 0):
                quiet = False
                yield event
            if len(self._pending) <= most:
                return
            if quiet:
                yield TaskEvent("", "waiting")
            if self._time_limit is not None:
                yield from self._stop_overdue(self._time_limit)

    def cancel(self) -> None:
        """Cancel all tasks without an outcome."""
        # The last first, so that a worker that becomes free does not start the next one.
        for future in reversed(self._pending.values()):
            future.cancel()

    def _next_events(self, timeout: float) -> Generator[TaskEvent, None, None]:
        """Yield the events since the last call. If there are none, wait for one up to `timeout` seconds."""
        # Executors start tasks in order, so those behind the first waiting one are waiting too.
        for value, future in self._pending.items():
            if not (future.running() or future.done()):
                break
            if value not in self._started:
                self._started[value] = now()
                yield TaskEvent(value, "started", started=self._started[value])
        while True:
            try:
                value, future, stopped = (
                    self._finished.get(timeout=timeout) if timeout else self._finished.get_nowait()
                )
            except Empty:
                return
            timeout = 0
            if value not in self._pending:
                continue
            if value not in self._started:
                self._started[value] = stopped
                yield TaskEvent(value, "started", started=stopped)
            del self._pending[value]
            event = _outcome(value, future, self._started.pop(value), stopped)
            if event.status == "cancelled" and value in self._overdue:
                event = self._timed_out(event)
            yield event

    def _stop_overdue(self, time_limit: float) -> Generator[TaskEvent, None, None]:
        """Stop tasks that exceed the time limit. Those that cannot be stopped fail nevertheless."""
        moment = now()
        for value, started in list(self._started.items()):
            if moment - started > time_limit and value not in self._overdue:
                self._overdue.add(value)
                if not self._pending[value].cancel():
                    del self._pending[value], self._started[value]
                    yield self._timed_out(TaskEvent(value, "failed", started=started, stopped=moment))

    def _timed_out(self, event: TaskEvent) -> TaskEvent:
        message = f"it exceeded the time limit of {self._time_limit:g} s"
        return replace(event, status="failed", error=message)


def _outcome(axis_value: str, future: Future[Any], started: float, stopped: float) -> TaskEvent:
    """Return the outcome of a finished future."""
    error: BaseException | None
    try:
        error = future.exception()
    except CancelledError as cancelled:
        error = cancelled
    result = future.result() if error is None else error.result if isinstance(error, TaskError) else None
    status: Status = "done"
    message = trace = ""
    if error is not None:
        message, trace = error_message(error), error_trace(error)
        if isinstance(error, CancelledError):
            status, message = "cancelled", "cancelled before it was finished"
        elif is_loss(error):
            status = "lost"
        else:
            status = "failed"
    if isinstance(result, Timed):
        return TaskEvent(
            axis_value, status, result, message, trace, result.started, result.stopped, result.worker
        )
    return TaskEvent(axis_value, status, result, message, trace, started, stopped)
