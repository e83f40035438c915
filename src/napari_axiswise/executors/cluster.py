"""A Dask cluster whose workers run every call in a lane.

::

    client                             scheduler          a worker
    submit ──▶ get_executor() ──▶ a call as bytes ──▶ run_call, a thread ──▶ LanesPlugin ──▶ a lane's process
       ▲                                                                                          │
       └── result, error, or TaskLost ◀──────────── its answer as bytes ◀─────────────────────────┘

What a call does to its process it does not do to the Dask worker, which sees bytes only. A call that is
cancelled, because somebody said so or because the client is gone, is one whose key the worker has to release;
its plugin is told, and ends the process.
"""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import cloudpickle
from distributed import Client, KilledWorker, LocalCluster
from distributed.comm.addressing import get_address_host_port

from ..core.errors import TaskLost, error_message
from .cluster_lanes import LanesPlugin, run_call
from .lanes import available_cores
from .process import read_answer

logger = logging.getLogger(__name__)
dask_logger = logging.getLogger("distributed")

PATIENCE = 5.0
"""Seconds that a scheduler may take to answer."""

P = ParamSpec("P")
ReturnT = TypeVar("ReturnT")


class ClusterFuture(Future[ReturnT]):
    """A future that can be cancelled while it runs; that ends the process that runs it, on whichever worker."""

    inner: Future[bytes]

    def cancel(self) -> bool:
        """Cancel the call, whether it waits or runs. Return False if it is over."""
        if not super().cancel():
            try:
                self.set_exception(CancelledError())
            except InvalidStateError:
                return False
        self.inner.cancel()
        return True


class ClusterExecutor(Executor):
    """An executor over the workers of a Dask cluster.

    Parameters
    ----------
    workers : int, optional
        How many calls run at a time where there is no scheduler to join; left out, one per processor.
    scheduler : str, optional
        The address of a running one, such as ``"tcp://10.0.0.1:8786"``. Left out, a cluster is started within
        this process, and ends with the executor.

    Raises
    ------
    ValueError
        The address is none, its workers cannot import this package, or both parameters are given.
    OSError
        No Dask scheduler answers there.
    """

    def __init__(self, workers: int | None = None, scheduler: str | None = None) -> None:
        self._cluster: LocalCluster | None = None
        if scheduler is None:
            # How a cluster within this process comes and goes is of no interest to anybody.
            self._level = dask_logger.level
            dask_logger.setLevel(logging.ERROR)
            # The work is done by lanes: a process for the worker would only be one more.
            self._cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=workers or available_cores(),
                processes=False,
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                memory_limit=0,
            )
            self._client = Client(self._cluster, set_as_default=False)
        elif workers is not None:
            raise ValueError(
                f"workers={workers} and scheduler={scheduler!r}: a cluster has the workers that joined it; "
                "leave out one of both."
            )
        else:
            self._client = _join(scheduler)
        self._where = scheduler or "this process"
        self._name = f"axiswise-{uuid4().hex}"
        self._calls = self._client.get_executor(pure=False)
        self._paths = _own_paths()
        self._waiting: dict[str, ClusterFuture[Any]] = {}
        self._unfinished: set[ClusterFuture[Any]] = set()
        self._closed = False
        self._lost = False
        try:
            self._client.register_plugin(LanesPlugin(), name=self._name)
        except Exception as error:
            self._disconnect()
            raise ValueError(
                f"The workers of {self._where} cannot be used: {error_message(error)}. Have napari-axiswise "
                "installed in their environment, in the version that is used here."
            ) from error
        if not self._client.nthreads():
            logger.warning("No worker has joined %s yet: tasks wait until one does.", self._where)
        self._client.subscribe_topic(self._name, lambda event: self._start(event[1]))

    def submit(
        self, fn: Callable[P, ReturnT], /, *args: P.args, **kwargs: P.kwargs
    ) -> ClusterFuture[ReturnT]:
        """Run ``fn(*args, **kwargs)`` in a lane of the next worker that is idle.

        Raises
        ------
        RuntimeError
            The executor was shut down.
        TaskLost
            The scheduler is gone.
        """
        if self._closed:
            raise RuntimeError("This executor was shut down; make a new ClusterExecutor.")
        if self._lost:
            raise self._loss()
        future: ClusterFuture[ReturnT] = ClusterFuture()
        token = uuid4().hex
        message = cloudpickle.dumps((fn, args, kwargs))
        self._waiting[token] = future
        try:
            future.inner = self._calls.submit(run_call, self._name, token, message, self._paths)
        except BaseException:
            del self._waiting[token]
            raise
        self._unfinished.add(future)
        future.inner.add_done_callback(partial(self._settle, token, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; once the last is over, end the lanes and leave the cluster.

        Parameters
        ----------
        wait : bool
            Return only when all is done and no process of ours is left on any worker.
        cancel_futures : bool
            Drop the calls that wait. Those that run go on.
        """
        if cancel_futures:
            for future in list(self._waiting.values()):
                future.cancel()
        if not self._closed:
            self._closed = True
            self._leaving = Thread(target=self._leave, name="axiswise-cluster")
            self._leaving.start()
        if wait:
            self._leaving.join()

    def _start(self, token: str) -> bool:
        """Note that a call runs. Return whether that is news, and nobody cancelled it."""
        future = self._waiting.pop(token, None)
        return future is not None and future.set_running_or_notify_cancel()

    def _settle(self, token: str, future: ClusterFuture[Any], inner: Future[bytes]) -> None:
        """Settle the future of a call that is over."""
        self._start(token)
        self._unfinished.discard(future)
        if future.done():
            return
        result, error = None, None
        try:
            result, error = read_answer(inner.result())
        except CancelledError:
            # Not by us: that is what a client does with its futures when the connection breaks.
            self._lost = True
            error = self._loss()
        except KilledWorker as cause:
            error = TaskLost(
                f"it ended {cause.allowed_failures + 1} of the cluster's workers, or was with them when they ended; "
                "their logs say more. If memory was short, have fewer tasks at a time on each."
            )
        except BaseException as cause:
            error = cause
        with suppress(InvalidStateError):
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def _loss(self) -> TaskLost:
        return TaskLost(
            f"the connection to the Dask scheduler at {self._where} broke; see whether it still runs, and run again."
        )

    def _leave(self) -> None:
        """Wait for what runs, then end the lanes on all workers and close the connection."""
        wait(list(self._unfinished))
        with suppress(Exception):
            if not self._lost:
                self._client.unregister_worker_plugin(self._name)
        self._disconnect()

    def _disconnect(self) -> None:
        with suppress(Exception):
            self._client.close()
        if self._cluster is not None:
            self._cluster.close()
            dask_logger.setLevel(self._level)


def _join(scheduler: str) -> Client:
    """Return a client of a running scheduler.

    Raises
    ------
    ValueError
        The address is none.
    OSError
        No Dask scheduler answers there.
    """
    try:
        # A client takes its time to find out that nobody answers, and tells it several times.
        socket.create_connection(get_address_host_port(scheduler, strict=True), PATIENCE).close()
    except ValueError as error:
        raise ValueError(
            f"scheduler={scheduler!r} is no address of a Dask scheduler ({error}); it looks like "
            "tcp://10.0.0.1:8786, and is printed where the scheduler was started."
        ) from error
    except OSError as error:
        raise OSError(
            f"No Dask scheduler answers at {scheduler} ({error}). Start one with `dask scheduler` and its workers "
            "with `dask worker`, and use the address that it prints."
        ) from error
    try:
        return Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except Exception as error:
        raise OSError(
            f"What answers at {scheduler} is no Dask scheduler, or one of another version "
            f"({error_message(error)}); use the address that `dask scheduler` prints."
        ) from error


def _own_paths() -> list[str]:
    """Return where this process imports from, apart from its environment: beside a script, say."""
    environment = [Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]
    paths = [Path(path).resolve() for path in sys.path if isinstance(path, str)]
    return [
        str(path)
        for path in paths
        if path.is_dir() and not any(path.is_relative_to(part) for part in environment)
    ]
