"""Executor on a Dask cluster whose workers run every call in a lane.

::

    client                             scheduler          a worker
    submit ──▶ get_executor() ──▶ a call as bytes ──▶ run_call, a thread ──▶ LanesPlugin ──▶ a lane's process
       ▲                                                                                          │
       └── result, error, or TaskLost ◀──────────── its answer as bytes ◀─────────────────────────┘

The Dask worker sees bytes only and survives whatever a call does to its process. If a call is cancelled, or its client
is gone, Dask releases its key on the worker; the plugin notices and kills the process.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError, wait
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

from distributed import Client, KilledWorker, LocalCluster
from distributed.comm.addressing import get_address_host_port

from ..core.errors import TaskLost, error_message
from .cluster_lanes import LanesPlugin, run_call
from .lanes import available_cores
from .process import read_answer
from .worker import pack

logger = logging.getLogger(__name__)
dask_logger = logging.getLogger("distributed")

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for a scheduler's answer."""

P = ParamSpec("P")
ReturnT = TypeVar("ReturnT")


class ClusterFuture(Future[ReturnT]):
    """Future that can be cancelled while it runs, by killing its process on whichever Dask worker it is."""

    inner: Future[bytes]

    def cancel(self) -> bool:
        """Cancel the call, whether it waits or runs. Return False if it has finished."""
        if not super().cancel():
            try:
                self.set_exception(CancelledError())
            except InvalidStateError:
                return False
        self.inner.cancel()
        return True


class ClusterExecutor(Executor):
    """Executor on the workers of a Dask cluster.

    Parameters
    ----------
    workers : int, optional
        Number of calls that run at a time in a cluster without `scheduler`. Defaults to the number of processors.
    scheduler : str, optional
        Address of a running scheduler, such as ``"tcp://10.0.0.1:8786"``. By default a cluster is started in this
        process, and closed with the executor.

    Raises
    ------
    ValueError
        The address is invalid, its workers cannot import this package, or both parameters are given.
    OSError
        No Dask scheduler answers at the address.
    """

    def __init__(self, workers: int | None = None, scheduler: str | None = None) -> None:
        self._cluster: LocalCluster | None = None
        if scheduler is None:
            # Users need not see the log of a cluster in this process.
            self._level = dask_logger.level
            dask_logger.setLevel(logging.ERROR)
            # Lanes do the work, so the Dask worker needs no process of its own.
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
                f"workers={workers} and scheduler={scheduler!r}: a running cluster has its own number of workers. "
                "Leave out workers."
            )
        else:
            self._client = _join(scheduler)
        self._where = scheduler or "this process"
        self._name = f"axiswise-{uuid4().hex}"
        self._calls = self._client.get_executor(pure=False)
        self._waiting: dict[str, ClusterFuture[Any]] = {}
        self._unfinished: set[ClusterFuture[Any]] = set()
        self._closed = False
        self._lost = False
        try:
            self._client.register_plugin(LanesPlugin(), name=self._name)
        except Exception as error:
            self._disconnect()
            raise ValueError(
                f"The workers of {self._where} cannot be used: {error_message(error)}. Install the same version of "
                "napari-axiswise in their environment."
            ) from error
        if not self._client.nthreads():
            logger.warning("%s has no workers yet. Tasks wait until one joins.", self._where)
        self._client.subscribe_topic(self._name, lambda event: self._start(event[1]))

    def submit(
        self, fn: Callable[P, ReturnT], /, *args: P.args, **kwargs: P.kwargs
    ) -> ClusterFuture[ReturnT]:
        """Run ``fn(*args, **kwargs)`` in a lane of the next idle worker.

        Raises
        ------
        RuntimeError
            The executor has been shut down.
        TaskLost
            The connection to the scheduler is broken.
        """
        if self._closed:
            raise RuntimeError("This executor has been shut down. Create a new ClusterExecutor.")
        if self._lost:
            raise self._loss()
        future: ClusterFuture[ReturnT] = ClusterFuture()
        token = uuid4().hex
        message = pack((fn, args, kwargs))
        self._waiting[token] = future
        try:
            future.inner = self._calls.submit(run_call, self._name, token, message)
        except BaseException:
            del self._waiting[token]
            raise
        self._unfinished.add(future)
        future.inner.add_done_callback(partial(self._settle, token, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept no more calls, and leave the cluster when all have finished.

        Parameters
        ----------
        wait : bool
            Return only when all calls have finished and no lane is left on any worker.
        cancel_futures : bool
            Cancel waiting calls. Running calls continue.
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
        """Mark a call as running. Return False if it is already, or is cancelled."""
        future = self._waiting.pop(token, None)
        return future is not None and future.set_running_or_notify_cancel()

    def _settle(self, token: str, future: ClusterFuture[Any], inner: Future[bytes]) -> None:
        """Set the result of the future of a call that has finished."""
        self._start(token)
        self._unfinished.discard(future)
        if future.done():
            return
        result, error = None, None
        try:
            result, error = read_answer(inner.result())
        except CancelledError:
            # The client cancels its futures when the connection breaks.
            self._lost = True
            error = self._loss()
        except KilledWorker as cause:
            error = TaskLost(
                f"{cause.allowed_failures + 1} of the cluster's workers died while running it; see their logs. "
                "If memory ran out, run fewer tasks at a time on each worker."
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
            f"the connection to the Dask scheduler at {self._where} broke. Check that it still runs, then run again."
        )

    def _leave(self) -> None:
        """Wait for all calls, then end the lanes on all workers and close the connection."""
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
    """Connect to a running scheduler.

    Raises
    ------
    ValueError
        The address is invalid.
    OSError
        No Dask scheduler answers at the address.
    """
    try:
        # A client takes long to notice that nothing answers, and logs it several times.
        socket.create_connection(get_address_host_port(scheduler, strict=True), CONNECT_TIMEOUT).close()
    except ValueError as error:
        raise ValueError(
            f"scheduler={scheduler!r} is not the address of a Dask scheduler ({error}). Use the address that "
            "`dask scheduler` prints, such as tcp://10.0.0.1:8786."
        ) from error
    except OSError as error:
        raise OSError(
            f"No Dask scheduler answers at {scheduler} ({error}). Start one with `dask scheduler`, its workers "
            "with `dask worker`, and use the address that it prints."
        ) from error
    try:
        return Client(scheduler, timeout=CONNECT_TIMEOUT, set_as_default=False)
    except Exception as error:
        raise OSError(
            f"The server at {scheduler} is not a Dask scheduler, or has another version "
            f"({error_message(error)}). Use the address that `dask scheduler` prints."
        ) from error
