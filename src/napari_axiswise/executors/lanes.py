"""Lanes: worker processes of which one can die or be ended without its neighbours noticing.

::

    submit ──▶ queue (in the parent) ──▶ first idle lane ──▶ ProcessPoolExecutor(1) ──▶ worker process
                                             ▲                        │
                                             └── lane idle again ◀────┘ result, error, or TaskLost

A lane has one process and one task in flight, so that a process that ends takes a single task with it, which is
tried once more, and a
task can be cancelled while it runs, by ending its process. A lane whose process ended starts another for the
next task. Processes start fresh (no fork: Qt, vispy and zarr have threads) and without importing
``__main__``, through loky's context; they are nice, so that a window on the same processors stays smooth.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from threading import RLock, Thread
from typing import Any, ParamSpec, TypeVar, cast

import cloudpickle
import psutil
from loky import cpu_count
from loky.backend import get_context

from ..failures import TaskError, TaskLost, error_message, error_trace

logger = logging.getLogger(__name__)

P = ParamSpec("P")
_Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
ReturnT = TypeVar("ReturnT")

NICENESS = 10
"""By how much a worker yields to the window. Idle processors are used just the same."""

LAST_BREATH = 5.0
"""Seconds that a process whose work is over may take to end."""

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def available_cores() -> int:
    """Return how many processors this process may use: affinity and container limits included."""
    return int(cpu_count())


class LaneFuture(Future[ReturnT]):
    """A future that can be cancelled while it runs; that ends the process of its lane."""

    def __init__(self, lanes: LaneExecutor, call: _Call) -> None:
        super().__init__()
        self._lanes = lanes
        self.call = call
        self.stopped = False
        self.retried = False

    def cancel(self) -> bool:
        """Cancel the call, whether it waits or runs. Return False if it is over."""
        return super().cancel() or self._lanes.stop(self)


class LaneExecutor(Executor):
    """An executor whose workers are processes, each on its own.

    Parameters
    ----------
    workers : int, optional
        Number of lanes; left out, one per processor that this process may use.

    Raises
    ------
    ValueError
        Less than one worker.
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"workers={workers}: at least one lane is needed.")
        self.workers = workers or available_cores()
        threads = max(1, available_cores() // self.workers)
        self._lanes = [_Lane(threads) for _ in range(self.workers)]
        self._waiting: deque[LaneFuture[Any]] = deque()
        self._lock = RLock()
        self._closed = False
        self._killed = False

    def submit(self, fn: Callable[P, ReturnT], /, *args: P.args, **kwargs: P.kwargs) -> LaneFuture[ReturnT]:
        """Run ``fn(*args, **kwargs)`` in the next lane that is idle.

        Raises
        ------
        RuntimeError
            The executor was shut down.
        """
        future: LaneFuture[ReturnT] = LaneFuture(self, (fn, args, kwargs))
        with self._lock:
            if self._closed:
                raise RuntimeError("These lanes were shut down; make a new LaneExecutor.")
            self._waiting.append(future)
        self._deal()
        return future

    def stop(self, future: Future[Any]) -> bool:
        """End the process of the lane that runs `future`. Return whether one does."""
        with self._lock:
            if future in self._waiting:
                # It was to be tried again; what runs no more cannot be cancelled by the future itself.
                self._waiting.remove(future)  # type: ignore[arg-type]
                future.set_exception(CancelledError())
                return True
            for lane in self._lanes:
                if lane.future is future:
                    lane.future.stopped = True
                    lane.end()
                    return True
        return False

    def warm_up(self, function: Callable[[], object]) -> None:
        """Start the processes of all idle lanes and have each call `function`, so that later tasks need not wait."""
        with self._lock:
            for lane in self._lanes:
                if lane.future is None and not self._closed:
                    lane.submit(cloudpickle.dumps((function, (), {})))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; end each process once it has nothing left to do.

        Parameters
        ----------
        wait : bool
            Return only when all is done and no process is left.
        cancel_futures : bool
            Drop the calls that wait. Those that run go on.
        """
        with self._lock:
            self._closed = True
            dropped = list(self._waiting) if cancel_futures else []
            pending = [*self._waiting, *(lane.future for lane in self._lanes if lane.future)]
        for future in dropped:
            Future.cancel(future)
        if wait:
            for future in pending:
                with suppress(CancelledError):
                    future.exception()
            # Without the lock: a pool that is waited for may be handing on its last result, which takes it.
            for lane in self._lanes:
                lane.close(wait=True)
        else:
            self._close_idle()

    def kill(self) -> None:
        """End all processes at once; what waits and what runs is cancelled. Nothing can be submitted after."""
        with self._lock:
            self._closed = self._killed = True
            waiting = list(self._waiting)
        for future in waiting:
            future.cancel()
        with self._lock:
            for lane in self._lanes:
                if lane.future is not None:
                    lane.future.stopped = True
                lane.end()
        for lane in self._lanes:
            lane.close(wait=True)

    def _deal(self) -> None:
        """Give waiting calls to idle lanes."""
        while True:
            with self._lock:
                lane = next((lane for lane in self._lanes if lane.future is None), None)
                if lane is None or not self._waiting:
                    break
                future = self._waiting.popleft()
                if not future.retried and not future.set_running_or_notify_cancel():
                    continue
                lane.future = future
                try:
                    inner = lane.submit(cloudpickle.dumps(future.call))
                except Exception as error:
                    lane.future = None
                    future.set_exception(error)
                    continue
            inner.add_done_callback(lambda done, lane=lane: self._finish(lane, done))  # type: ignore[misc]
        self._close_idle()

    def _close_idle(self) -> None:
        """Close the lanes that nothing will come to any more."""
        with self._lock:
            if self._closed and not self._waiting:
                for lane in self._lanes:
                    if lane.future is None:
                        lane.close(wait=False)

    def _finish(self, lane: _Lane, inner: Future[Any]) -> None:
        """Hand on what a lane's process gave, and the lane to the next call."""
        with self._lock:
            future, lane.future = lane.future, None
        assert future is not None
        error = inner.exception()
        if error is None:
            _settle(future, inner.result())
        elif not isinstance(error, BrokenProcessPool):
            future.set_exception(error)
        elif future.stopped or self._killed:
            future.set_exception(CancelledError())
        elif future.retried:
            future.set_exception(TaskLost(f"{lane.describe_end()}, twice; the other tasks go on."))
        else:
            # It may have been a passing fault: memory was short, somebody ended the process.
            logger.warning("A call is tried once more: %s", lane.describe_end())
            future.retried = True
            with self._lock:
                self._waiting.appendleft(future)
        self._deal()


def run_call(data: bytes) -> bytes:
    """Call a function in a worker, and return what it returned as bytes.

    A process pool breaks if a call, a result or an error cannot be unpickled on the other side. So calls and
    results cross as bytes and are unpickled where an error is just that, and errors that would not survive
    cross as texts.

    Parameters
    ----------
    data : bytes
        A function, its arguments and its keyword arguments, by cloudpickle.
    """
    try:
        fn, args, kwargs = cloudpickle.loads(data)
        return bytes(cloudpickle.dumps(fn(*args, **kwargs)))
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            raise TaskError(error_message(error), error_trace(error)) from None
        raise


def _settle(future: Future[Any], data: bytes) -> None:
    """Give a future the result that a worker sent."""
    try:
        result = cloudpickle.loads(data)
    except Exception as error:
        future.set_exception(error)
    else:
        future.set_result(result)


class _Lane:
    """One worker process, started when there is something to do and again when it ended."""

    def __init__(self, threads: int) -> None:
        self.future: LaneFuture[Any] | None = None
        self._threads = threads
        self._context = _RememberingContext()
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, call: bytes) -> Future[bytes]:
        if self._pool is not None:
            try:
                return self._pool.submit(run_call, call)
            except BrokenProcessPool:
                self._pool.shutdown(wait=False)
        self._pool = ProcessPoolExecutor(
            1,
            mp_context=cast(Any, self._context),
            initializer=start_worker,
            initargs=(os.getpid(), NICENESS, self._threads),
        )
        return self._pool.submit(run_call, call)

    def end(self) -> None:
        """Kill the process and what it started."""
        process = self._context.process
        if process is None or not process.is_alive():
            return
        with suppress(psutil.NoSuchProcess):
            worker = psutil.Process(process.pid)
            for victim in (*worker.children(recursive=True), worker):
                with suppress(psutil.NoSuchProcess):
                    victim.kill()

    def close(self, wait: bool) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=wait)
        if wait and self._context.process is not None:
            self._context.process.join(LAST_BREATH)

    def describe_end(self) -> str:
        process = self._context.process
        if process is not None:
            # Its pipe is closed a moment before its exit code is known.
            process.join(1.0)
        code = process.exitcode if process is not None else None
        if code is None:
            end = "ended"
        elif code < 0:
            end = f"was ended by {signal.Signals(-code).name}"
        else:
            end = f"ended with exit code {code}"
        return f"its worker process {end} while it ran"


class _RememberingContext:
    """loky's multiprocessing context, which remembers the process that it made last."""

    def __init__(self) -> None:
        self._context = get_context("loky")
        self.process: Any = None

    def Process(self, *args: Any, **kwargs: Any) -> Any:
        self.process = self._context.Process(*args, **kwargs)
        return self.process

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def start_worker(parent: int, niceness: int, threads: int) -> None:
    """Prepare a worker process.

    It ends when its parent does, however that ended; it is polite; and it has as many threads in numerical
    libraries as its share of the cores.
    """
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    # These are read when the libraries load, which no worker has done yet.
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    with suppress(psutil.Error, OSError):
        below_normal = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", None)
        psutil.Process().nice(niceness if below_normal is None else below_normal)


def _end_with(parent: int) -> None:
    with suppress(psutil.NoSuchProcess):
        psutil.Process(parent).wait()
    os._exit(1)
