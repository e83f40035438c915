"""Executors by name."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from .lanes import LaneExecutor, available_cores

EXECUTORS = ("processes", "threads", "serial", "dask")
"""The executors that can be had by name."""


def check_executor(
    executor: str | Executor, workers: int | None = None, scheduler: str | None = None
) -> None:
    """Check that `open_executor` knows what is meant.

    Raises
    ------
    ValueError
        See there.
    """
    if isinstance(executor, str) and executor not in EXECUTORS:
        raise ValueError(
            f"executor={executor!r}: use one of {', '.join(EXECUTORS)}, or any concurrent.futures.Executor."
        )
    if scheduler is not None and executor != "dask":
        raise ValueError(f'scheduler={scheduler!r} is for executor="dask", not for {executor!r}.')
    if workers is not None and workers < 1:
        raise ValueError(
            f"workers={workers}: at least one worker is needed; leave it out for one per processor."
        )


@contextmanager
def open_executor(
    executor: str | Executor, workers: int | None = None, scheduler: str | None = None
) -> Iterator[Executor]:
    """Give an executor for the length of a block.

    Parameters
    ----------
    executor : {"processes", "threads", "serial", "dask"} or Executor
        ``"serial"`` is one thread beside the caller's. One that is handed in is not shut down.
    workers : int, optional
        How many; left out, one per processor.
    scheduler : str, optional
        For ``"dask"``: the address of a running Dask scheduler; left out, a cluster within this process.

    Raises
    ------
    ValueError
        An unknown name, less than one worker, a scheduler for another executor or with a number of workers,
        one that is no address, or Dask is not installed.
    OSError
        No scheduler answers.
    """
    check_executor(executor, workers, scheduler)
    if isinstance(executor, Executor):
        yield executor
        return
    if executor == "processes":
        with LaneExecutor(workers) as lanes:
            yield lanes
        return
    if executor == "dask":
        with _cluster(workers, scheduler) as cluster:
            yield cluster
        return
    threads = ThreadPoolExecutor(1 if executor == "serial" else workers or available_cores(), "axiswise")
    try:
        yield threads
    finally:
        # A thread cannot be stopped: one that is in a unit still ends by itself once that is done.
        threads.shutdown(wait=False, cancel_futures=True)


def _cluster(workers: int | None, scheduler: str | None) -> Executor:
    try:
        from .cluster import ClusterExecutor
    except ImportError as error:
        raise ValueError(
            f'executor="dask" needs Dask\'s scheduler ({error}): pip install "napari-axiswise[dask]".'
        ) from error
    return ClusterExecutor(workers, scheduler)
