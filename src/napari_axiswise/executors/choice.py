"""Executors by name."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from .lanes import LaneExecutor, available_cores

EXECUTORS = ("processes", "threads", "serial")
"""The executors that can be had by name."""


@contextmanager
def open_executor(
    executor: str | Executor, workers: int | None = None, scheduler: str | None = None
) -> Iterator[Executor]:
    """Give an executor for the length of a block.

    Parameters
    ----------
    executor : {"processes", "threads", "serial"} or Executor
        ``"serial"`` is one thread beside the caller's. One that is handed in is not shut down.
    workers : int, optional
        How many; left out, one per processor.

    Raises
    ------
    ValueError
        An unknown name, or less than one worker.
    """
    if workers is not None and workers < 1:
        raise ValueError(
            f"workers={workers}: at least one worker is needed; leave it out for one per processor."
        )
    if isinstance(executor, Executor):
        yield executor
        return
    if executor not in EXECUTORS:
        raise ValueError(
            f"executor={executor!r}: use one of {', '.join(EXECUTORS)}, or any concurrent.futures.Executor."
        )
    if executor == "processes":
        with LaneExecutor(workers) as lanes:
            yield lanes
        return
    threads = ThreadPoolExecutor(1 if executor == "serial" else workers or available_cores(), "axiswise")
    try:
        yield threads
    finally:
        # A thread cannot be stopped: one that is in a unit still ends by itself once that is done.
        threads.shutdown(wait=False, cancel_futures=True)
