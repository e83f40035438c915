"""Runs in worker processes that stay warm from one run to the next."""

from __future__ import annotations

import weakref
from dataclasses import replace

from ...executors.lanes import LaneExecutor
from ...runs.plan import RunPlan
from ...runs.result import RunResult
from ...runs.run import Run
from ...tasks.process import import_libraries


class RunLauncher:
    """Makes runs and trials on warm worker processes.

    Parameters
    ----------
    owner : object
        The processes end with it at the latest.

    Attributes
    ----------
    note : str
        A hint about the last run that was made; empty if there is none.
    """

    def __init__(self, owner: object) -> None:
        self.note = ""
        self._workers = WarmWorkers(owner)

    def make(self, plan: RunPlan, previous: RunResult | None = None) -> Run:
        """Return a run.

        Parameters
        ----------
        plan : RunPlan
            For ``"processes"``, the warm worker processes are used.
        previous : RunResult, optional
            The result of the run before.

        Raises
        ------
        ValueError, OSError
            See `Run`.
        """
        note = ""
        is_filtered = plan.axis_filter is not None
        if plan.executor == "processes":
            limit = plan.worker_limit
            note = str(limit)
            plan = replace(plan, executor=self._workers.get(limit.workers), workers=None)
        run = Run(plan)
        if previous is not None and previous.output == str(run.store.root):
            # Otherwise the temporary folder would be deleted with the previous result.
            run.store.scratch = previous.store.scratch
        if not note and len(run.axis_values) == 1 and not is_filtered:
            note = "One task only: another axis would use more workers."
        self.note = note
        return run

    def trial(self, plan: RunPlan | None) -> RunPlan | None:
        """Return a plan whose trials run on this machine, as a run would, also if the run is for a cluster."""
        if plan is None or plan.executor not in ("processes", "dask"):
            return plan if plan is None or plan.executor != "serial" else replace(plan, workers=1)
        return replace(plan, executor=self._workers.get(plan.worker_limit.workers))

    def warm_up(self, workers: int) -> None:
        """Start worker processes, so that the first run does not wait for them."""
        self._workers.get(workers).warm_up(import_libraries)

    def close(self) -> None:
        """End the worker processes."""
        self._workers.close()


class WarmWorkers:
    """Worker processes that outlive a run.

    Parameters
    ----------
    owner : object
        The processes end with it at the latest.
    """

    def __init__(self, owner: object) -> None:
        self._lanes: LaneExecutor | None = None
        weakref.finalize(owner, self.close)

    def get(self, workers: int) -> LaneExecutor:
        """Return this many workers. New processes start if the number has changed."""
        if self._lanes is None or self._lanes.workers != workers:
            if self._lanes is not None:
                self._lanes.shutdown(wait=False)
            self._lanes = LaneExecutor(workers)
        return self._lanes

    def close(self) -> None:
        """End the processes. The next call of `get` starts new ones."""
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            lanes.kill()
