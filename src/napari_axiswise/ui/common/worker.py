"""What gives events, in a thread of napari's: ended properly whether it completes, is cancelled, or fails."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import Any, Protocol

from napari.qt.threading import GeneratorWorkerSignals, WorkerBase, create_worker

from ...core.events import TaskEvent
from ...runs.result import RunResult
from ...runs.run import Run


class Events(Protocol):
    """A function that gives events, by a name that napari can show."""

    def __call__(self) -> Generator[TaskEvent, None, Any]:
        """Return the generator of events; it runs in whatever thread drains it."""

    def finish(self, made: Any) -> Any:
        """Do what is left, in the worker's thread, and return what is to be handed to the window.

        Parameters
        ----------
        made : object
            What the generator returned; None where it was closed before.
        """

    def __str__(self) -> str: ...


class EventsWorker(WorkerBase):
    """Drains events in its own thread, and closes them there.

    Parameters
    ----------
    events : Events
        What gives them.
    """

    def __init__(self, events: Events) -> None:
        super().__init__(SignalsClass=GeneratorWorkerSignals)
        self._events = events
        self._slots: dict[str, Callable[..., object]] = {}

    def tell(self, **slots: Callable[..., object]) -> None:
        """Connect signals, by their names, until `forget`."""
        self._slots |= slots
        for name, slot in slots.items():
            getattr(self, name).connect(slot)

    def forget(self) -> None:
        """Stop, and tell those nobody any more who asked by `tell`."""
        self.quit()
        while self._slots:
            name, slot = self._slots.popitem()
            getattr(self, name).disconnect(slot)

    def run(self) -> None:
        """Drain the events, in the thread of the worker."""
        # Where the window is gone meanwhile, so are the signals: nobody is left to be told.
        with suppress(RuntimeError):
            super().run()

    def work(self) -> Any:
        """Emit ``yielded`` for every event until there are no more, or until quitting was asked for."""
        made = None
        try:
            with closing(self._events()) as events:
                while not self.abort_requested:
                    try:
                        event = next(events)
                    except StopIteration as done:
                        made = done.value
                        break
                    if event.status != "waiting":
                        self.yielded.emit(event)
        except RuntimeError as error:
            # superqt takes a RuntimeError for a deleted worker and says nothing, not even that it is over.
            raise RunError(f"The run could not go on: {error}") from error
        if self.abort_requested:
            self.aborted.emit()
        return self._events.finish(made)


class RunError(Exception):
    """A run that could not go on."""


class RunEvents:
    """The events of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self) -> Generator[TaskEvent, None, RunResult]:
        """Return the generator of events; it runs in whatever thread drains it."""
        return self._run.events()

    def finish(self, made: RunResult | None) -> None:
        """Read the tables here, in the worker's thread, so that the window need not wait for the files."""
        for step in self._run.pipeline.kept:
            if step.output_kind.in_table:
                self._run.store.table(step.name)

    def __str__(self) -> str:
        return f"Axiswise: {self._run.pipeline} by {self._run.axis},"


def make_worker(events: Events) -> EventsWorker:
    """Return a worker, known to napari's task manager, so that closing the window ends it."""
    return create_worker(events, _worker_class=EventsWorker, _start_thread=False, _ignore_errors=True)
