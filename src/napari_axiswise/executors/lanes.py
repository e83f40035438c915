"""Lanes: worker processes of which one can die or be ended without its neighbours noticing.

::

    submit ──▶ calls that wait (in the parent) ──▶ the next idle lane: a thread ──▶ its worker process
                        ▲                                     │
                        └── once more, if the process died ◀──┴──▶ result, error, or TaskLost

A lane has one process and one call in flight, so that a process that ends takes a single call with it, and a
call can be cancelled while it runs, by ending its process. A lane whose process ended starts another for
the next call.
"""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from functools import partial
from threading import Condition, RLock, Thread, current_thread
from typing import Any, ParamSpec, TypeVar

import cloudpickle

from ..core.errors import TaskLost
from .process import End, ProcessEnded, WorkerProcess
from .worker import Call

logger = logging.getLogger(__name__)

P = ParamSpec("P")
ReturnT = TypeVar("ReturnT")


def available_cores() -> int:
    """Return how many processors this process may use: affinity and container limits included."""
    # Imported here: it takes a quarter of a second, which the command need not spend on --help.
    from dask.system import cpu_count

    return int(cpu_count())


class LaneFuture(Future[ReturnT]):
    """A future that can be cancelled while it runs; that ends the process of its lane."""

    def __init__(self, board: _Board, call: Call) -> None:
        super().__init__()
        self._board = board
        self.call = call
        self.lane: _Lane | None = None
        self.stopped = False
        self.retried = False

    def cancel(self) -> bool:
        """Cancel the call, whether it waits or runs. Return False if it is over."""
        return super().cancel() or self._board.stop(self)


class LaneExecutor(Executor):
    """An executor whose workers are processes, each on its own.

    Parameters
    ----------
    workers : int, optional
        Number of lanes; left out, one per processor that this process may use.
    threads : int, optional
        How many threads numerical libraries may use in each; left out, its share of the processors.
    fresh : bool
        Whether every call has a process of its own, in which nothing is left of the calls before.
    nice : bool
        Whether the processes yield to the window; not where somebody waits for what they do.

    Raises
    ------
    ValueError
        Less than one worker.

    Examples
    --------
    >>> with aw.LaneExecutor(workers=1) as lanes:
    ...     lanes.submit(pow, 2, 10).result()
    1024
    """

    def __init__(
        self,
        workers: int | None = None,
        threads: int | None = None,
        *,
        fresh: bool = False,
        nice: bool = True,
    ) -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"workers={workers}: at least one lane is needed.")
        self.workers = workers or available_cores()
        threads = threads or max(1, available_cores() // self.workers)
        self._board = _Board(self.workers, partial(WorkerProcess, threads, nice), fresh)
        # Lanes know the board only, so that an executor that is forgotten takes them with it.
        weakref.finalize(self, self._board.close, kill=True)

    def submit(self, fn: Callable[P, ReturnT], /, *args: P.args, **kwargs: P.kwargs) -> LaneFuture[ReturnT]:
        """Run ``fn(*args, **kwargs)`` in the next lane that is idle.

        Raises
        ------
        RuntimeError
            The executor was shut down.
        """
        future: LaneFuture[ReturnT] = LaneFuture(self._board, (fn, args, kwargs))
        self._board.add(future)
        return future

    def warm_up(self, function: Callable[[], object]) -> None:
        """Start the processes of all idle lanes and have each call `function`, so that later tasks need not wait."""
        self._board.warm_up(cloudpickle.dumps((function, (), {})))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; end each process once it has nothing left to do.

        Parameters
        ----------
        wait : bool
            Return only when all is done and no process is left.
        cancel_futures : bool
            Drop the calls that wait. Those that run go on.
        """
        self._board.close(drop=cancel_futures)
        if wait:
            self._board.join()

    def kill(self) -> None:
        """End all processes at once; what waits and what runs is cancelled. Nothing can be submitted after."""
        self._board.close(drop=True, kill=True)
        self._board.join()


class _Board:
    """What the lanes of an executor share: the calls that wait for one of them.

    Parameters
    ----------
    most : int
        Number of lanes; they are made when there is something to do.
    make_process : callable
        Starts a process.
    fresh : bool
        Whether every call has a process of its own.
    """

    def __init__(self, most: int, make_process: Callable[[], WorkerProcess], fresh: bool = False) -> None:
        self._most = most
        self._make_process = make_process
        self._fresh = fresh
        self._waiting: deque[LaneFuture[Any]] = deque()
        self._lanes: list[_Lane] = []
        self._idle = 0
        self._closed = False
        self.killed = False
        self.lock = RLock()
        self._changed = Condition(self.lock)

    def add(self, future: LaneFuture[Any]) -> None:
        """Have a call wait for a lane.

        Raises
        ------
        RuntimeError
            There are no lanes any more.
        """
        with self.lock:
            if self._closed:
                raise RuntimeError("These lanes were shut down; make a new LaneExecutor.")
            self._waiting.append(future)
            if self._idle:
                self._changed.notify()
            elif len(self._lanes) < self._most:
                self._open_lane()

    def put_back(self, future: LaneFuture[Any]) -> None:
        """Have a call that a lane has taken wait for the next one, before all others."""
        with self.lock:
            future.lane = None
            self._waiting.appendleft(future)
            self._changed.notify()

    def take(self, lane: _Lane) -> LaneFuture[Any] | None:
        """Return the next call for a lane, once there is one; None if there will be none."""
        with self.lock:
            while True:
                while self._waiting:
                    future = self._waiting.popleft()
                    if future.retried or future.set_running_or_notify_cancel():
                        future.lane = lane
                        return future
                if lane.warm_up is not None or self._closed:
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1

    def release(self, future: LaneFuture[Any]) -> bool:
        """Take a call off its lane. Return whether it was stopped meanwhile."""
        with self.lock:
            future.lane = None
            return future.stopped

    def stop(self, future: LaneFuture[Any]) -> bool:
        """End the process of the lane that has a call. Return whether one does."""
        with self.lock:
            if future in self._waiting:
                # It was to be tried again; what runs no more cannot be cancelled by the future itself.
                self._waiting.remove(future)
                future.set_exception(CancelledError())
                return True
            if future.lane is None:
                return False
            future.stopped = True
            future.lane.kill()
            return True

    def warm_up(self, message: bytes) -> None:
        """Have every idle lane make a call whose result nobody wants."""
        with self.lock:
            while len(self._lanes) < self._most and not self._closed:
                self._open_lane()
            for lane in self._lanes:
                lane.warm_up = message
            self._changed.notify_all()

    def close(self, drop: bool = False, kill: bool = False) -> None:
        """Let the lanes end once nothing waits; `drop` what waits, and `kill` what runs."""
        with self.lock:
            self._closed = True
            self.killed = self.killed or kill
            waiting = list(self._waiting) if drop or kill else []
            self._changed.notify_all()
        for future in waiting:
            future.cancel()
        if kill:
            with self.lock:
                for lane in self._lanes:
                    lane.kill()

    def join(self) -> None:
        """Wait until all lanes have ended, but for one that is waiting here itself."""
        for lane in self._lanes:
            if lane is not current_thread():
                lane.join()

    def _open_lane(self) -> None:
        lane = _Lane(self, self._make_process, self._fresh)
        self._lanes.append(lane)
        lane.start()


class _Lane(Thread):
    """One worker process after the other, and the thread that waits for their answers."""

    def __init__(self, board: _Board, make_process: Callable[[], WorkerProcess], fresh: bool) -> None:
        super().__init__(name="axiswise-lane", daemon=True)
        self.warm_up: bytes | None = None
        self._board = board
        self._make_process = make_process
        self._fresh = fresh
        self._process: WorkerProcess | None = None

    def run(self) -> None:
        try:
            while True:
                future = self._board.take(self)
                if future is not None:
                    self._make(future)
                    # Nothing of it is to be held while the lane is idle.
                    del future
                elif self.warm_up is not None:
                    self._warm_up()
                else:
                    break
        finally:
            if self._process is not None:
                self._process.close()

    def kill(self) -> None:
        """End the process; the board's lock is held."""
        if self._process is not None:
            self._process.kill()

    def _make(self, future: LaneFuture[Any]) -> None:
        """Make a call and settle its future."""
        try:
            message = cloudpickle.dumps(future.call)
        except Exception as cause:
            self._board.release(future)
            future.set_exception(cause)
            return
        error: BaseException | None
        try:
            result, error = self._start(future).call(message)
        except ProcessEnded:
            self._tell_end(future)
            return
        except OSError as cause:
            result, error = None, cause
        if self._board.release(future):
            # What stopped it has ended the process, after it answered.
            self._forget_process()
            error = CancelledError()
        elif self._fresh:
            self._forget_process()
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _tell_end(self, future: LaneFuture[Any]) -> None:
        """Settle the future of a call whose process ended, or have it made once more."""
        end = self._forget_process()
        if self._board.release(future) or self._board.killed:
            future.set_exception(CancelledError())
        elif future.retried:
            future.set_exception(TaskLost(f"twice its worker process died; the last {end}"))
        else:
            # It may have been a passing fault: memory was short, somebody ended the process.
            logger.warning("A call is made once more: its worker process %s.", end)
            future.retried = True
            self._board.put_back(future)

    def _warm_up(self) -> None:
        message, self.warm_up = self.warm_up, None
        assert message is not None
        try:
            self._start().call(message)
        except ProcessEnded:
            self._forget_process()
        except OSError as error:
            logger.warning("A worker process could not be started: %s", error)

    def _start(self, future: LaneFuture[Any] | None = None) -> WorkerProcess:
        """Return the process, started if there is none, for a call that may be stopped meanwhile.

        Raises
        ------
        OSError
            The system starts no more processes.
        ProcessEnded
            The lanes were killed.
        """
        if self._process is None:
            process = self._make_process()
            with self._board.lock:
                self._process = process
                if self._board.killed or (future is not None and future.stopped):
                    process.kill()
        return self._process

    def _forget_process(self) -> End:
        with self._board.lock:
            process, self._process = self._process, None
        assert process is not None
        return process.end()
