"""What is asked of the dock besides a run."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from ...datasets.dataset import Dataset
from ...pipeline.pipeline import Pipeline


@dataclass(frozen=True, eq=False)
class Request:
    """Work that is to be planned, compared or checked.

    Parameters
    ----------
    dataset : Dataset
        The planes.
    pipeline : Pipeline
        What to do with them.
    variable : tuple of str
        Components that steps stack if they do not say.
    group_by : str, optional
        Component that steps route by if they do not say.
    executor : str or Executor
        Where the tasks run.
    workers : int, optional
        How many there are to be.
    """

    dataset: Dataset
    pipeline: Pipeline
    variable: tuple[str, ...] = ()
    group_by: str | None = None
    executor: str | Executor = "processes"
    workers: int | None = None
