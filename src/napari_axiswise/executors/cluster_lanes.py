"""The lanes of a Dask worker, and what Dask has it call."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import CancelledError
from threading import Lock, Thread, Timer
from typing import Any, cast

from dask.typing import Key
from distributed import Reschedule, Worker, WorkerPlugin, get_worker

from .lanes import LaneExecutor, LaneFuture
from .worker import answer, error_answer

IDLENESS = 2.0
"""Seconds after which a worker that has nothing to do ends its lanes: whoever used them may have been killed."""


class LanesPlugin(WorkerPlugin):
    """The lanes of one Dask worker, for one executor."""

    def setup(self, worker: Worker) -> None:
        """Have as many lanes as the worker has threads, once there is something to do."""
        self._most = worker.state.nthreads
        self._lock = Lock()
        self._lanes: LaneExecutor | None = None
        self._calls: dict[Key, LaneFuture[bytes]] = {}
        self._wanted: set[Key] = set()
        self._timer: Timer | None = None
        self._closed = False

    def teardown(self, worker: Worker) -> None:
        """End all lanes at once."""
        self._closed = True
        self._end_lanes(LaneExecutor.kill)

    def transition(self, key: Key, start: str, finish: str, **_: Any) -> None:
        """Note which calls the scheduler wants, and cancel one that it wants no more."""
        with self._lock:
            if finish == "executing":
                self._wanted.add(key)
            elif start == "executing":
                self._wanted.discard(key)
                if key in self._calls:
                    # Ending a process and what it started takes longer than the worker's event loop may.
                    Thread(target=self._calls[key].cancel, daemon=True).start()

    def call(self, key: Key, paths: list[str], message: bytes) -> bytes:
        """Make a call in a lane and return its answer.

        Raises
        ------
        Reschedule
            The lanes were ended meanwhile. The worker is about to close, or nobody wants the answer.
        """
        with self._lock:
            if self._closed:
                raise Reschedule
            if self._timer is not None:
                self._timer.cancel()
            if self._lanes is None:
                self._lanes = LaneExecutor(self._most, threads=1)
            future = self._calls[key] = self._lanes.submit(answer_from, paths, message)
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
                    self._timer = Timer(IDLENESS, self._end_lanes, (LaneExecutor.shutdown,))
                    self._timer.daemon = True
                    self._timer.start()

    def _end_lanes(self, end: Callable[[LaneExecutor], None]) -> None:
        with self._lock:
            if self._calls and not self._closed:
                return
            lanes, self._lanes = self._lanes, None
        if lanes is not None:
            end(lanes)


def run_call(name: str, token: str, message: bytes, paths: list[str]) -> bytes:
    """Run a call on a Dask worker: tell that it starts, and have it made in one of the worker's lanes."""
    worker = get_worker()
    plugin = worker.plugins.get(name)
    if plugin is None:
        # The executor was shut down: the scheduler is about to hear that nobody wants this.
        raise Reschedule
    worker.log_event(name, token)
    return cast(LanesPlugin, plugin).call(worker.get_current_task(), paths, message)


def answer_from(paths: list[str], message: bytes) -> bytes:
    """Make a call in a lane, for somebody who can import from `paths` too."""
    sys.path.extend(path for path in paths if path not in sys.path)
    return answer(message)
