"""The standard library's `ProcessPoolExecutor`, as the specification has it.

It differs from lanes: a worker that dies breaks the pool, and all unfinished tasks are lost; workers import the main
module of the parent, so that scripts need ``if __name__ == "__main__":``; a task that exceeds its time limit
keeps its worker until the run ends; and a process that a function has forked is not ended, and keeps the pool from
noticing that its worker has died.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread

from .lanes import available_cores
from .process import worker_environment
from .worker import lower_priority


@contextmanager
def open_pool(workers: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of spawned processes for the length of a ``with`` block, at whose end they are gone.

    Parameters
    ----------
    workers : int, optional
        The number of workers. Defaults to the number of processors.
    """
    count = workers or available_cores()
    spawn = get_context("spawn")
    # The parent alone holds the other end: it closes when the block is left, and when the parent dies.
    alive, lifeline = spawn.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, spawn, _begin, (alive, max(1, available_cores() // count)))
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        # The pool cannot stop a task that is running; its process can end.
        lifeline.close()
        pool.shutdown(wait=True)
        alive.close()


def _begin(alive: Connection, threads: int) -> None:
    """Prepare a worker: limit its threads, lower its priority, and end it when the parent asks for it or dies."""
    os.environ.update(worker_environment(threads))
    lower_priority()
    Thread(target=_end_with, args=(alive,), daemon=True).start()


def _end_with(alive: Connection) -> None:
    try:
        alive.recv()
    except (EOFError, OSError):
        os._exit(1)
