"""Executor whose worker processes can die or be killed without affecting each other.

::

    submit ──▶ waiting calls (in the parent) ──▶ the next idle lane: a thread ──▶ its worker process
                       ▲                                   │
                       └── retried if the process died ◀───┴──▶ result, error, or TaskLost

A lane has one process and one call in flight. A process that dies thus costs a single call, and a running call can be
cancelled by killing its process. The lane then starts another process for the next call. It also does so, once, if its
process has other code than the pipeline that it is sent.
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

from ..core.errors import OtherCode, TaskLost
from .process import End, ProcessEnded, WorkerProcess
from .worker import Call, pack

logger = logging.getLogger(__name__)

P = ParamSpec("P")
ReturnT = TypeVar("ReturnT")


def available_cores() -> int:
    """Return how many processors this process may use, within affinity and container limits."""
    # Imported here: it takes a quarter of a second, which the command need not spend on --help.
    from dask.system import cpu_count

    return int(cpu_count())


class LaneFuture(Future[ReturnT]):
    """Future that can be cancelled while it runs, by killing the process of its lane."""

    def __init__(self, board: _Board, call: Call) -> None:
        super().__init__()
        self._board = board
        self.call = call
        self.lane: _Lane | None = None
        self.stopped = False
        self.retried = False

    def cancel(self) -> bool:
        """Cancel the call, whether it waits or runs. Return False if it has finished."""
        return super().cancel() or self._board.stop(self)


class LaneExecutor(Executor):
    """Executor with independent worker processes: one that dies affects only its own call.

    Parameters
    ----------
    workers : int, optional
        Number of worker processes. Defaults to the number of processors that this process may use.
    threads : int, optional
        Number of threads that numerical libraries may use in each worker. Defaults to its share of the processors.
    fresh : bool
        Whether every call runs in a new process, unaffected by earlier calls.
    nice : bool
        Whether workers have a lower priority than this process. Turn off for work that the user waits for.

    Raises
    ------
    ValueError
        `workers` is less than 1.

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
            raise ValueError(f"workers={workers}: at least one worker is needed.")
        self.workers = workers or available_cores()
        threads = threads or max(1, available_cores() // self.workers)
        self._board = _Board(self.workers, partial(WorkerProcess, threads, nice), fresh)
        # Lanes refer to the board only, so that an executor can be garbage-collected, which ends them.
        weakref.finalize(self, self._board.close, kill=True)

    def submit(self, fn: Callable[P, ReturnT], /, *args: P.args, **kwargs: P.kwargs) -> LaneFuture[ReturnT]:
        """Run ``fn(*args, **kwargs)`` in the next idle worker.

        Raises
        ------
        RuntimeError
            The executor has been shut down.
        """
        future: LaneFuture[ReturnT] = LaneFuture(self._board, (fn, args, kwargs))
        self._board.add(future)
        return future

    def warm_up(self, function: Callable[[], object]) -> None:
        """Start all worker processes and call `function` in each idle one, so that the first tasks start at once."""
        self._board.warm_up(pack((function, (), {})))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, and end each process when no call is left for it.

        Parameters
        ----------
        wait : bool
            Return only when all calls have finished and all processes have ended.
        cancel_futures : bool
            Cancel waiting calls. Running calls continue.
        """
        self._board.close(drop=cancel_futures)
        if wait:
            self._board.join()

    def kill(self) -> None:
        """Kill all processes and cancel waiting and running calls. Nothing can be submitted afterwards."""
        self._board.close(drop=True, kill=True)
        self._board.join()


class _Board:
    """Waiting calls of an executor, and the lanes that run them.

    Parameters
    ----------
    most : int
        Number of lanes. They are started when needed.
    make_process : callable
        Starts a worker process.
    fresh : bool
        Whether every call runs in a new process.
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
        """Add a call to the queue.

        Raises
        ------
        RuntimeError
            The executor has been shut down.
        """
        with self.lock:
            if self._closed:
                raise RuntimeError("This executor has been shut down. Create a new LaneExecutor.")
            self._waiting.append(future)
            if self._idle:
                self._changed.notify()
            elif len(self._lanes) < self._most:
                self._open_lane()

    def put_back(self, future: LaneFuture[Any]) -> None:
        """Put a call that a lane has started back at the front of the queue."""
        with self.lock:
            future.lane = None
            self._waiting.appendleft(future)
            self._changed.notify()

    def next_call(self, lane: _Lane) -> LaneFuture[Any] | None:
        """Wait for the next call for a lane. Return None if the lane has to warm up or to end instead."""
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
        """Detach a call from its lane. Return whether it was stopped meanwhile."""
        with self.lock:
            future.lane = None
            return future.stopped

    def stop(self, future: LaneFuture[Any]) -> bool:
        """Kill the process that runs a call. Return False if the call is not running."""
        with self.lock:
            if future in self._waiting:
                # It waits to be retried, and Future.cancel does not cancel a call that has started once.
                self._waiting.remove(future)
                future.set_exception(CancelledError())
                return True
            if future.lane is None:
                return False
            future.stopped = True
            future.lane.kill()
            return True

    def warm_up(self, message: bytes) -> None:
        """Run a call in every idle lane and drop its result."""
        with self.lock:
            while len(self._lanes) < self._most and not self._closed:
                self._open_lane()
            for lane in self._lanes:
                lane.warm_up = message
            self._changed.notify_all()

    def close(self, drop: bool = False, kill: bool = False) -> None:
        """Let the lanes end when the queue is empty. Optionally `drop` waiting calls and `kill` running ones."""
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
        """Wait until all lanes have ended, except the calling one."""
        for lane in self._lanes:
            if lane is not current_thread():
                lane.join()

    def _open_lane(self) -> None:
        lane = _Lane(self, self._make_process, self._fresh)
        self._lanes.append(lane)
        lane.start()


class _Lane(Thread):
    """Thread that runs calls in a worker process, and starts another process if that one ended."""

    def __init__(self, board: _Board, make_process: Callable[[], WorkerProcess], fresh: bool) -> None:
        super().__init__(name="axiswise-lane", daemon=True)
        self.warm_up: bytes | None = None
        self._board = board
        self._make_process = make_process
        self._fresh = fresh
        self._process: WorkerProcess | None = None
        self._renewed_for = ""

    def run(self) -> None:
        try:
            while True:
                future = self._board.next_call(self)
                if future is not None:
                    self._run_call(future)
                    # An idle lane must not keep the call's arguments and result alive.
                    del future
                elif self.warm_up is not None:
                    self._warm_up()
                else:
                    break
        finally:
            if self._process is not None:
                self._process.close()

    def kill(self) -> None:
        """Kill the process. The caller holds the board's lock."""
        if self._process is not None:
            self._process.kill()

    def _run_call(self, future: LaneFuture[Any]) -> None:
        """Run a call and set the result of its future."""
        try:
            message = pack(future.call)
        except Exception as cause:
            self._board.release(future)
            future.set_exception(cause)
            return
        error: BaseException | None
        try:
            result, error = self._start(future).call(message)
            if isinstance(error, OtherCode) and error.parcel != self._renewed_for:
                self._renewed_for = error.parcel
                self._forget_process()
                result, error = self._start(future).call(message)
        except ProcessEnded:
            self._handle_end(future)
            return
        except OSError as cause:
            result, error = None, cause
        if self._board.release(future):
            # Its process was killed after it had answered.
            self._forget_process()
            error = CancelledError()
        elif self._fresh:
            self._forget_process()
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _handle_end(self, future: LaneFuture[Any]) -> None:
        """Retry a call whose process ended, or set the error of its future."""
        end = self._forget_process()
        if self._board.release(future) or self._board.killed:
            future.set_exception(CancelledError())
        elif future.retried:
            future.set_exception(TaskLost(f"its worker process died twice; the second {end}"))
        else:
            # The fault may be temporary: memory ran out, or a user killed the process.
            logger.warning("A task is retried because its worker process %s.", end)
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
        """Return the process, after starting it if there is none, for a call that may be stopped meanwhile.

        Raises
        ------
        OSError
            The system cannot start another process.
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
