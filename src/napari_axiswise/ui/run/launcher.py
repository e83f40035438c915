"""Making the runs that the widget starts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

from ...datasets.dataset import Dataset
from ...pipeline.pipeline import Pipeline
from ...runs.result import RunResult
from ...runs.run import Run
from ...runs.workers import WorkerLimit
from ...tasks.process import import_libraries
from ..common.settings import Settings
from .request import Request
from .session import WarmLanes


class RunLauncher:
    """Makes runs, on lanes that stay warm from one to the next.

    Parameters
    ----------
    owner : object
        The lanes end with it at the latest.

    Attributes
    ----------
    note : str
        What there is to say of the run that was made last; empty for nothing.
    """

    def __init__(self, owner: object) -> None:
        self.note = ""
        self._lanes = WarmLanes(owner)
        self._arguments: dict[str, Any] = {}

    def make(
        self,
        executor: str,
        workers: int,
        scheduler: str,
        previous: RunResult | None,
        **arguments: Any,
    ) -> Run:
        """Return a run.

        Parameters
        ----------
        executor : str
            Where it runs.
        workers : int
            How many; fewer where the memory has no room for them.
        scheduler : str
            Of a Dask cluster to join, whose workers are as many as they are; empty for none.
        previous : RunResult, optional
            Of the run before.
        **arguments
            The other arguments of `Run`.

        Raises
        ------
        ValueError, OSError
            See `Run`.
        """
        settings = Settings.current()
        share, scratch = settings.memory_share, settings.scratch
        where: dict[str, Any] = {"executor": executor, "workers": workers, "memory_share": share}
        note = ""
        if executor == "processes":
            pipeline = arguments["pipeline"].configured(arguments["variable"], arguments["group_by"])
            limit = WorkerLimit.of(arguments["dataset"], pipeline, workers, share)
            note = str(limit)
            where = {"executor": self._lanes.get(limit.workers)}
        elif executor == "dask" and scheduler:
            where = {"executor": executor, "scheduler": scheduler}
        run = Run(**arguments, **where, scratch_folder=scratch)
        if previous is not None and previous.output == str(run.store.root):
            # A scratch folder is not to go with the result of the run before.
            run.store.scratch = previous.store.scratch
        self._arguments = arguments
        if not note and len(run.axis_values) == 1 and arguments["axis_filter"] is None:
            note = "One task only: another axis would use more workers."
        self.note = note
        return run

    def make_again(
        self, executor: str, workers: int, scheduler: str, previous: RunResult, values: Sequence[str]
    ) -> Run:
        """Return a run that does some tasks of the run before again, as far as they are not done."""
        again = {"axis": previous.axis, "axis_filter": values, "output": previous.output, "resume": True}
        return self.make(executor, workers, scheduler, previous, **self._arguments | again)

    def request(
        self,
        dataset: Dataset | None,
        pipeline: Pipeline,
        variable: tuple[str, ...],
        group_by: str | None,
        executor: str,
        workers: int,
        scheduler: str,
    ) -> Request | None:
        """Return what a plan of a run is asked for; None where nothing is open.

        What is measured is this machine, also where the run is for a cluster: on the lanes that a run would have.
        """
        if dataset is None:
            return None
        where: str | Executor = executor
        if executor in ("processes", "dask"):
            configured = pipeline.configured(variable, group_by)
            limit = WorkerLimit.of(dataset, configured, workers, Settings.current().memory_share)
            where = self._lanes.get(limit.workers)
        workers = 1 if executor == "serial" else workers
        return Request(dataset, pipeline, variable, group_by, where, workers)

    def warm_up(self, workers: int) -> None:
        """Start processes, so that the first run need not wait for them."""
        self._lanes.get(workers).warm_up(import_libraries)

    def close(self) -> None:
        """End the processes."""
        self._lanes.close()
