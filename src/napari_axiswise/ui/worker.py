"""A run in a thread of napari's, ended properly whether it completes, is cancelled, or fails."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any, Protocol

from napari.qt.threading import GeneratorWorkerSignals, WorkerBase, create_worker

from ..coordinator import TaskEvent
from ..run_result import RunResult
from ..running import Run


class Events(Protocol):
    """What a worker drains, by a name that napari can show."""

    def __call__(self) -> Generator[TaskEvent, None, Any]:
        """Return the generator of events; it runs in whatever thread drains it."""

    def read_tables(self) -> None:
        """Read in the worker's thread what the window would have to wait for."""


class RunWorker(WorkerBase):
    """Drains the events of a run in its own thread, and closes them there.

    Parameters
    ----------
    run : Events
        What is run.
    """

    def __init__(self, run: Events) -> None:
        super().__init__(SignalsClass=GeneratorWorkerSignals)
        self._run = run

    def work(self) -> Any:
        """Emit ``yielded`` for every event until there are no more, or until quitting was asked for."""
        try:
            with closing(self._run()) as events:
                for event in events:
                    if self.abort_requested:
                        break
                    if event.status != "waiting":
                        self.yielded.emit(event)
        except RuntimeError as error:
            # superqt takes a RuntimeError for a deleted worker and says nothing, not even that it is over.
            raise RunError(f"The run could not go on: {error}") from error
        if self.abort_requested:
            self.aborted.emit()
        self._run.read_tables()


class RunError(Exception):
    """A run that could not go on."""


class RunEvents:
    """A run as a function that gives its events, by a name that napari can show."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self) -> Generator[TaskEvent, None, RunResult]:
        """Return the generator of events; it runs in whatever thread drains it."""
        return self._run.events()

    def read_tables(self) -> None:
        """Read the tables here, in the worker's thread, so that the window need not wait for the files."""
        for step in self._run.pipeline.kept:
            if step.kind == "table":
                self._run.store.table(step.name)

    def __str__(self) -> str:
        return f"Axiswise: {self._run.pipeline} by {self._run.axis},"


def make_worker(run: Run | Events) -> RunWorker:
    """Return a worker for `run`, known to napari's task manager, so that closing the window ends it."""
    events = RunEvents(run) if isinstance(run, Run) else run
    return create_worker(events, _worker_class=RunWorker, _start_thread=False, _ignore_errors=True)
