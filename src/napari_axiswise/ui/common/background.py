"""Work off the GUI thread: one call at a time, where the latest one wins, or a queue of calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from functools import partial
from queue import LifoQueue, Queue
from threading import Event, Thread
from typing import Any

from napari.qt.threading import WorkerBase, create_worker
from psygnal import Signal
from qtpy.QtCore import QCoreApplication, QMetaObject, QObject, Qt, Slot

from ...core.events import TaskEvent

THREAD = "Axiswise background"
"""The name of threads that nothing waits for."""


class Background:
    """One call in a thread; a new call replaces the one before.

    All signals are emitted in the GUI thread.

    Attributes
    ----------
    yielded : psygnal.Signal
        Emitted with each item of a generator, except the heartbeats of a run.
    returned : psygnal.Signal
        Emitted with the result.
    failed : psygnal.Signal
        Emitted with the exception.
    finished : psygnal.Signal
        Emitted last, whether the call returned, failed or was cancelled.
    """

    yielded = Signal(object)
    returned = Signal(object)
    failed = Signal(Exception)
    finished = Signal()

    def __init__(self) -> None:
        self._call: _Call | None = None
        self._inbox = Inbox()

    @property
    def running(self) -> bool:
        """Whether a call is running, including one that was cancelled and has not stopped yet."""
        return self._call is not None

    def start(self, work: Callable[[], Any], name: str = "") -> None:
        """Call a function in a thread, and return at once.

        Parameters
        ----------
        work : callable
            Called without arguments. If it returns a generator, that is drained.
        name : str
            Registers the call with napari under this name: before napari closes its window, it asks, cancels the
            call and waits for it. Without a name nothing waits for the thread, not even the end of the process.
        """
        self.close()
        self._call = call = _Call(work, self._inbox.calling(self._emit), self._inbox.calling(self._end))
        if name:
            worker = create_worker(
                _Named(call, name), _worker_class=_Worker, _start_thread=False, _ignore_errors=True
            )
            worker.start()
        else:
            Thread(target=call.run, name=THREAD, daemon=True).start()

    def cancel(self) -> None:
        """Close the generator, in its thread. `finished` is emitted once it has stopped."""
        if self._call is not None:
            self._call.cancelled.set()

    def close(self) -> None:
        """Cancel the call, and emit nothing more."""
        self.cancel()
        self._call = None

    def _emit(self, call: _Call, item: object) -> None:
        if call is self._call:
            self.yielded.emit(item)

    def _end(self, call: _Call, result: object, error: Exception | None) -> None:
        call.let_go()
        if call is not self._call:
            return
        self._call = None
        if error is not None:
            self.failed.emit(error)
        elif not call.cancelled.is_set():
            self.returned.emit(result)
        # A slot may have started another call.
        if self._call is None:
            self.finished.emit()


class BackgroundQueue:
    """Calls one after the other in one thread, which starts with the first.

    Parameters
    ----------
    newest_first : bool
        The last call that was put is made first.

    Attributes
    ----------
    returned : psygnal.Signal
        Emitted with the result of each call, in the GUI thread.
    failed : psygnal.Signal
        Emitted with the exception of a call, in the GUI thread.
    """

    returned = Signal(object)
    failed = Signal(Exception)

    def __init__(self, newest_first: bool = False) -> None:
        self._newest_first = newest_first
        self._calls: Queue[Callable[[], Any] | None] = Queue()
        self._background = Background()
        self._background.yielded.connect(self._emit)

    def put(self, work: Callable[[], Any]) -> None:
        """Add a call to the queue, and return at once."""
        if not self._background.running:
            self._calls = LifoQueue() if self._newest_first else Queue()
            calls = self._calls
            self._background.start(lambda: _results(calls))
        self._calls.put(work)

    def close(self) -> None:
        """Make no further calls, and emit nothing more."""
        self._background.close()
        self._calls.put(None)

    def _emit(self, result: Any) -> None:
        value, error = result
        if error is None:
            self.returned.emit(value)
        else:
            self.failed.emit(error)


def _results(calls: Queue[Callable[[], Any] | None]) -> Generator[tuple[Any, Exception | None], None, None]:
    """Yield the result or the error of each call."""
    while (work := calls.get()) is not None:
        result, error = None, None
        try:
            result = work()
        except Exception as caught:
            error = caught
        yield result, error


class Inbox(QObject):
    """Calls that other threads have made of functions of the GUI thread, in which it is created.

    Unlike superqt's `ensure_main_thread`, it moves no object between threads: that waits for the GUI thread while it
    holds Python's lock, for which the GUI thread may be waiting.
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls: deque[Callable[[], Any]] = deque()

    def calling(self, function: Callable[..., Any]) -> Callable[..., None]:
        """Return a function that calls another one in the GUI thread, and does not wait for it."""

        def call(*arguments: Any) -> None:
            self._calls.append(partial(function, *arguments))
            QMetaObject.invokeMethod(self, "make_call", Qt.ConnectionType.QueuedConnection)

        return call

    @Slot()  # type: ignore[untyped-decorator]
    def make_call(self) -> None:
        """Make the first call that waits."""
        self._calls.popleft()()


class _Call:
    """A call of a function, and whether it was cancelled."""

    def __init__(self, work: Callable[[], Any], emit: Callable[..., Any], end: Callable[..., Any]) -> None:
        self.cancelled = Event()
        self._work: Callable[[], Any] = work
        self._emit = emit
        self._end = end

    def run(self) -> None:
        """Make the call, in the thread it is to run in."""
        result, error = None, None
        try:
            result = self._work()
            if isinstance(result, Generator):
                result = self._drain(result)
        except Exception as caught:
            error = caught
        # Without an application there is no GUI thread to report to.
        if QCoreApplication.instance() is not None:
            self._end(self, result, error)

    def let_go(self) -> None:
        """Drop the function, in the GUI thread: napari keeps its workers until it ends."""
        self._work = self._emit = self._end = _do_nothing

    def _drain(self, items: Generator[Any, None, Any]) -> Any:
        with closing(items):
            while not self.cancelled.is_set():
                try:
                    item = next(items)
                except StopIteration as stop:
                    return stop.value
                is_heartbeat = isinstance(item, TaskEvent) and item.status == "waiting"
                if not is_heartbeat and QCoreApplication.instance() is not None:
                    self._emit(self, item)
        return None


def _do_nothing(*_: object) -> None:
    """Stand for a function that is not called any more."""


class _Named:
    """A call that napari's task list shows by its name."""

    def __init__(self, call: _Call, name: str) -> None:
        self.call = call
        self._name = name

    def __str__(self) -> str:
        return self._name


class _Worker(WorkerBase):
    """A call in napari's thread pool."""

    def __init__(self, named: _Named) -> None:
        super().__init__()
        self._call = named.call

    def quit(self) -> None:
        """Cancel the call."""
        super().quit()
        self._call.cancelled.set()

    def run(self) -> None:
        """Run the worker."""
        # The signals of the worker may be gone with the window.
        with suppress(RuntimeError):
            super().run()

    def work(self) -> None:
        """Make the call."""
        self._call.run()
