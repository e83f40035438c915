"""Waiting calls of a `LaneExecutor`, and the lanes that run them: threads with a worker process each."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from threading import Condition, RLock, Thread, current_thread
from typing import Any, TypeVar

from ..core.errors import OtherCode, TaskLost
from .process import End, ProcessEnded, WorkerProcess
from .worker import Call, pack

logger = logging.getLogger(__name__)

ReturnT = TypeVar("ReturnT")


class LaneFuture(Future[ReturnT]):
    """Future that can be cancelled while it runs, by killing the process of its lane."""

    def __init__(self, board: Board, call: Call) -> None:
        super().__init__()
        self._board = board
        self.call = call
        self.lane: Lane | None = None
        self.stopped = False
        self.retried = False

    def cancel(self) -> bool:
        """Cancel the call, whether it waits or runs. Return False if it has finished."""
        return super().cancel() or self._board.stop(self)


class Board:
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
        self._lanes: list[Lane] = []
        self._idle = 0
        self._closed = False
        self._warned: set[str] = set()
        self.killed = False
        self.lock = RLock()
        self._changed = Condition(self.lock)

    def add(self, future: LaneFuture[Any]) -> None:
        """Add a call to the queue.

        Raises
        ------
        RuntimeError
            The executor has been shut down, or no thread can be started.
        """
        with self.lock:
            if self._closed:
                raise RuntimeError("This executor has been shut down. Create a new LaneExecutor.")
            # A lane that was notified counts as idle until its thread has run, and has a call already.
            if self._idle <= len(self._waiting) and len(self._lanes) < self._most:
                self._open_lane()
            self._waiting.append(future)
            self._changed.notify()

    def retry(self, future: LaneFuture[Any]) -> bool:
        """Put a running call back at the front of the queue. Return False if it was retried before, or was stopped."""
        with self.lock:
            if future.retried or future.stopped or self.killed:
                return False
            future.retried = True
            future.lane = None
            self._waiting.appendleft(future)
            self._changed.notify()
            return True

    def next_call(self, lane: Lane) -> LaneFuture[Any] | None:
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
        """Run a call in every lane, once it is idle, and drop its result."""
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
        for lane in list(self._lanes):
            if lane is not current_thread():
                lane.join()

    def _open_lane(self) -> None:
        """Start another lane, unless the system refuses and there are others.

        Raises
        ------
        RuntimeError
            There are no others.
        """
        lane = Lane(self, self._make_process, self._fresh)
        try:
            lane.start()
        except RuntimeError as error:
            if not self._lanes:
                raise RuntimeError(
                    f"No worker can be started: {error}. End other programs, or raise the limit of processes."
                ) from error
            self.warn_once("There are fewer workers than asked for: %s.", error)
        else:
            self._lanes.append(lane)

    def replace(self, lane: Lane) -> None:
        """Remove a lane whose thread ends, and start another if calls wait for one."""
        with self.lock:
            self._lanes.remove(lane)
            if self._waiting and not self._lanes:
                try:
                    self._open_lane()
                except RuntimeError as error:
                    while self._waiting:
                        future = self._waiting.popleft()
                        if future.retried or future.set_running_or_notify_cancel():
                            future.set_exception(error)

    def warn_once(self, message: str, *values: object) -> None:
        """Log a warning, once for each message."""
        with self.lock:
            if message in self._warned:
                return
            self._warned.add(message)
        logger.warning(message, *values)


class Lane(Thread):
    """Thread that runs calls in a worker process, and starts another process if that one ended."""

    def __init__(self, board: Board, make_process: Callable[[], WorkerProcess], fresh: bool) -> None:
        super().__init__(name="axiswise-lane", daemon=True)
        self.warm_up: bytes | None = None
        self._board = board
        self._make_process = make_process
        self._fresh = fresh
        self._process: WorkerProcess | None = None
        self._renewed_for = ""

    def run(self) -> None:  # noqa: D102 (of Thread)
        try:
            while True:
                future = self._board.next_call(self)
                if future is not None:
                    self._settle(future)
                    # An idle lane must not keep the call's arguments and result alive.
                    del future
                elif self.warm_up is not None:
                    self._warm_up()
                else:
                    break
        finally:
            try:
                if self._process is not None:
                    self._process.close()
            finally:
                self._board.replace(self)

    def kill(self) -> None:
        """Kill the process. The caller holds the board's lock."""
        if self._process is not None:
            self._process.kill()

    def _settle(self, future: LaneFuture[Any]) -> None:
        """Run a call and set the result of its future, whatever happens."""
        try:
            self._run_call(future)
        except BaseException as error:
            logger.exception("A lane failed.")
            self._board.release(future)
            try:
                if self._process is not None:
                    self._forget_process()
            finally:
                with suppress(InvalidStateError):
                    future.set_exception(error)

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
        except ProcessEnded as ended:
            self._handle_end(future, str(ended))
            return
        except OSError as cause:
            # There is no process.
            stopped = self._board.release(future)
            future.set_exception(CancelledError() if stopped else cause)
            return
        if self._board.release(future):
            # Its process was killed after it had answered.
            self._forget_process()
            error = CancelledError()
        elif self._fresh:
            self._forget_process()
        elif self._process is not None and self._process.worn:
            self._board.warn_once(
                "A worker process is replaced, as later ones are: it %s.", self._process.worn
            )
            self._forget_process()
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _handle_end(self, future: LaneFuture[Any], reason: str) -> None:
        """Retry a call whose process ended, or set the error of its future."""
        ended = self._forget_process()
        end = reason or str(ended)
        # The fault may be temporary: memory ran out, or a user killed the process.
        if self._board.retry(future):
            logger.warning("A task is retried because its worker process %s.", end)
        elif self._board.release(future) or self._board.killed:
            future.set_exception(CancelledError())
        else:
            future.set_exception(TaskLost(f"its worker process died twice; the second {end}"))

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
