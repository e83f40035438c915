"""Executors by name: how each is opened, and whether its tasks run in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from ..core.errors import missing_package
from .lanes import LaneExecutor, available_cores

Opening = Callable[[int | None, str | None], AbstractContextManager[Executor]]
"""Opens an executor with a number of workers and the address of a scheduler, either of which may be None."""


@dataclass(frozen=True)
class NamedExecutor:
    """An executor that can be chosen by name.

    Parameters
    ----------
    open : callable
        Opens it for the length of a ``with`` block.
    in_processes : bool
        Whether its tasks run in processes of their own, so that what is sent to them must be picklable.
    """

    open: Opening
    in_processes: bool


def check_executor(
    executor: str | Executor, workers: int | None = None, scheduler: str | None = None
) -> None:
    """Raise ValueError for an unknown name, no workers, or a scheduler for an executor that has none."""
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


def starts_processes(executor: str | Executor) -> bool:
    """Return whether opening an executor starts worker processes: those with a name may, objects run already."""
    return isinstance(executor, str) and EXECUTORS[executor].in_processes


def runs_in_processes(executor: str | Executor) -> bool:
    """Return whether tasks are known to run in processes of their own."""
    return isinstance(executor, LaneExecutor) or starts_processes(executor)


@contextmanager
def open_executor(
    executor: str | Executor, workers: int | None = None, scheduler: str | None = None
) -> Iterator[Executor]:
    """Open an executor for the length of a ``with`` block.

    Parameters
    ----------
    executor : str or Executor
        A name in `EXECUTORS`; ``"serial"`` is one thread beside the caller's. An object is not shut down.
    workers : int, optional
        The number of workers. Defaults to the number of processors.
    scheduler : str, optional
        For ``"dask"``: the address of a running Dask scheduler. By default, a cluster is started in this process.

    Raises
    ------
    ValueError
        See `check_executor`; or `scheduler` is invalid or given together with `workers`; or Dask is not installed.
    OSError
        No scheduler answers at the address.
    """
    check_executor(executor, workers, scheduler)
    if isinstance(executor, Executor):
        yield executor
        return
    with EXECUTORS[executor].open(workers, scheduler) as opened:
        yield opened


def _open_lanes(workers: int | None, _: str | None) -> AbstractContextManager[Executor]:
    return LaneExecutor(workers)


def _open_pool(workers: int | None, _: str | None) -> AbstractContextManager[Executor]:
    from .pool import open_pool

    return open_pool(workers)


@contextmanager
def _open_threads(workers: int | None, _: str | None) -> Iterator[Executor]:
    threads = ThreadPoolExecutor(workers or available_cores(), "axiswise")
    try:
        yield threads
    finally:
        # A thread cannot be stopped: one that is in a unit ends by itself once that is done.
        threads.shutdown(wait=False, cancel_futures=True)


def _open_serial(_: int | None, scheduler: str | None) -> AbstractContextManager[Executor]:
    return _open_threads(1, scheduler)


def _open_dask(workers: int | None, scheduler: str | None) -> AbstractContextManager[Executor]:
    try:
        from .cluster import ClusterExecutor
    except ImportError as error:
        raise missing_package(
            'executor="dask"', "Dask's scheduler", "napari-axiswise[dask]", error
        ) from error
    return ClusterExecutor(workers, scheduler)


EXECUTORS: Mapping[str, NamedExecutor] = {
    "processes": NamedExecutor(_open_lanes, in_processes=True),
    "pool": NamedExecutor(_open_pool, in_processes=True),
    "threads": NamedExecutor(_open_threads, in_processes=False),
    "serial": NamedExecutor(_open_serial, in_processes=False),
    "dask": NamedExecutor(_open_dask, in_processes=True),
}
"""The executors that can be chosen by name; the first is the default."""
