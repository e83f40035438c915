"""Executor whose worker processes can die or be killed without affecting each other.

::

    submit ──▶ waiting calls (in the parent) ──▶ the next idle lane: a thread ──▶ its worker process
                       ▲                                   │
                       └── retried if the process died ◀───┴──▶ result, error, or TaskLost

A lane has one process and one call in flight. A process that dies thus costs a single call, and a running call can be
cancelled by killing its process. The lane then starts another process for the next call. It also does so, once, if its
process has other code than the pipeline that it is sent, and when functions have left too much behind in its process.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import ParamSpec, TypeVar

from ..core.memory import free_memory
from .board import Board, LaneFuture
from .process import WorkerProcess
from .worker import pack

SMALLEST_SHARE = 1_000_000_000
"""Bytes that a worker may hold between calls, however little memory is free."""

P = ParamSpec("P")
ReturnT = TypeVar("ReturnT")


def available_cores() -> int:
    """Return how many processors this process may use, within affinity and container limits."""
    # Imported here: it takes a quarter of a second, which the command need not spend on --help.
    from dask.system import cpu_count

    return int(cpu_count())


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
        memory = max(SMALLEST_SHARE, free_memory() // self.workers)
        self._board = Board(self.workers, partial(WorkerProcess, threads, nice, memory), fresh)
        # Lanes refer to the board only, so that an executor can be garbage-collected, which ends them.
        weakref.finalize(self, _kill_lanes, self._board, os.getpid())

    def submit(self, fn: Callable[P, ReturnT], /, *args: P.args, **kwargs: P.kwargs) -> LaneFuture[ReturnT]:
        """Run ``fn(*args, **kwargs)`` in the next idle worker.

        Raises
        ------
        RuntimeError
            The executor has been shut down, or no thread can be started.
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


def _kill_lanes(board: Board, owner: int) -> None:
    if os.getpid() == owner:  # a process that was forked must not end the workers of its parent
        board.close(kill=True)
