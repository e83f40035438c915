"""Lanes on a Dask worker, and the function that Dask calls to use them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from threading import Lock, Thread, Timer
from typing import Any, cast

from dask.typing import Key
from distributed import Reschedule, Worker, WorkerPlugin, get_worker

from ..core.errors import OtherCode
from ..core.import_paths import ImportPaths
from .board import LaneFuture
from .lanes import LaneExecutor
from .worker import error_answer, result_answer

IDLE_TIMEOUT = 2.0
"""Seconds after which an idle worker ends its lanes, as their client may have been killed."""


class LanesPlugin(WorkerPlugin):
    """Lanes of one Dask worker for one executor."""

    def setup(self, worker: Worker) -> None:
        """Prepare as many lanes as the worker has threads. They are started by the first call."""
        self._workers = worker.state.nthreads
        self._lock = Lock()
        self._lanes: LaneExecutor | None = None
        self._calls: dict[Key, LaneFuture[bytes]] = {}
        self._wanted: set[Key] = set()
        self._timer: Timer | None = None
        self._closed = False

    def teardown(self, worker: Worker) -> None:
        """Kill all lanes."""
        self._closed = True
        self._end_lanes(LaneExecutor.kill)

    def transition(self, key: Key, start: str, finish: str, **_: Any) -> None:
        """Cancel a running call when the scheduler releases its key."""
        with self._lock:
            if finish == "executing":
                self._wanted.add(key)
            elif start == "executing":
                self._wanted.discard(key)
                if key in self._calls:
                    # Killing a process and its children would block the worker's event loop for too long.
                    Thread(target=self._calls[key].cancel, daemon=True).start()

    def call(self, key: Key, message: bytes) -> bytes:
        """Run a call in a lane and return its answer.

        Raises
        ------
        Reschedule
            The lanes were ended meanwhile, because the worker closes or the call was cancelled.
        """
        with self._lock:
            if self._closed:
                raise Reschedule
            if self._timer is not None:
                self._timer.cancel()
            if self._lanes is None:
                self._lanes = LaneExecutor(self._workers, threads=1)
            future = self._calls[key] = self._lanes.submit(answer_client, message)
            if key not in self._wanted:
                future.cancel()
        try:
            return future.result()
        except CancelledError:
            raise Reschedule from None
        except Exception as error:
            return error_answer(error)
        finally:
            with self._lock:
                del self._calls[key]
                if not (self._calls or self._closed):
                    self._timer = Timer(IDLE_TIMEOUT, self._end_lanes, (LaneExecutor.shutdown,))
                    self._timer.daemon = True
                    self._timer.start()

    def _end_lanes(self, end: Callable[[LaneExecutor], None]) -> None:
        with self._lock:
            if self._calls and not self._closed:
                return
            lanes, self._lanes = self._lanes, None
        if lanes is not None:
            end(lanes)


def run_call(name: str, token: str, message: bytes) -> bytes:
    """Run a call in a lane of this Dask worker, after announcing that it starts."""
    worker = get_worker()
    plugin = worker.plugins.get(name)
    if plugin is None:
        # The executor was shut down, and the scheduler will release this call soon.
        raise Reschedule
    worker.log_event(name, token)
    return cast(LanesPlugin, plugin).call(worker.get_current_task(), message)


def answer_client(message: bytes) -> bytes:
    """Answer a call of a client in a lane of a Dask worker, which may have another environment.

    Raises
    ------
    OtherCode
        This process has other code than the client. The lane then starts another process.
    """
    try:
        return result_answer(message, ImportPaths.extend)
    except OtherCode:
        raise
    except BaseException as error:
        return error_answer(error)
