"""The number of workers, limited by the free memory."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

from ..core.axes import axis_parts
from ..core.memory import free_memory
from ..core.text import format_bytes
from ..datasets.dataset import Dataset
from ..executors.lanes import available_cores
from ..pipeline.pipeline import Pipeline

logger = logging.getLogger(__name__)

MEMORY_SHARE = 0.8
"""Share of the free memory that all workers together may use."""

WORKER_MEMORY = 150_000_000
"""Memory of a worker before it reads a plane, in bytes: Python and the usual libraries."""

PIXEL_MEMORY = 8
"""Bytes per pixel while a function runs: most functions compute in float64."""

WORKING_COPIES = 3
"""Number of arrays of the size of its input that a function holds, including its result."""


@dataclass(frozen=True)
class WorkerLimit:
    """The number of workers, and the reason for it.

    Parameters
    ----------
    workers : int
        Number of workers.
    wanted : int
        The requested number, or one per processor.
    unit_memory : int
        Estimated memory of a worker for one unit, in bytes.
    free : int
        Free memory, in bytes.
    share : float
        Share of the free memory that all workers together may use.
    """

    workers: int
    wanted: int
    unit_memory: int
    free: int
    share: float = MEMORY_SHARE

    @classmethod
    def of(
        cls, dataset: Dataset, pipeline: Pipeline, wanted: int | None = None, share: float = MEMORY_SHARE
    ) -> WorkerLimit:
        """Return the number of workers for a run, and log a warning if memory limits it.

        Parameters
        ----------
        dataset : Dataset
            The dataset.
        pipeline : Pipeline
            Configured.
        wanted : int, optional
            Maximum number of workers. By default, one per processor.
        share : float
            Share of the free memory that all workers together may use.

        Raises
        ------
        ValueError
            The share is not above 0 and at most 1.
        """
        check_memory_share(share)
        wanted = available_cores() if wanted is None else wanted
        need, free = estimate_unit_memory(dataset, pipeline), free_memory()
        room = max(1, int(free * share) // need)
        limit = cls(min(wanted, room), wanted, need, free, share)
        if limit.workers < wanted:
            logger.warning("%s.", limit)
        return limit

    def __str__(self) -> str:
        if self.workers == self.wanted:
            return ""
        return (
            f"{self.workers} worker{'s' if self.workers > 1 else ''} instead of {self.wanted}: each needs about "
            f"{format_bytes(self.unit_memory)} for a unit of this pipeline, and workers may use {self.share:.0%} of "
            f"{format_bytes(self.free)} of free memory"
        )


def check_memory_share(share: float) -> None:
    """Raise ValueError unless a share of the free memory is above 0 and at most 1."""
    if not 0 < share <= 1:
        raise ValueError(f"memory_share={share}: give a share of the free memory, above 0 and up to 1.")


def warn_of_one_task(dataset: Dataset, axis: str) -> None:
    """Log a warning if an axis has one value, so that only one worker has work, and another axis has more."""
    parts = axis_parts(axis, dataset.components)
    wider = [
        f"{name} ({len(v)})" for name, v in dataset.components.items() if len(v) > 1 and name not in parts
    ]
    found = dataset.index.axis_values(axis)
    if len(found) == 1 and wider:
        logger.warning(
            "The axis %r has one value, %s, so there is one task and only one worker has work. "
            "To use more workers, split by %s.", axis, found[0], " or ".join(wider),
        )  # fmt: skip


def estimate_unit_memory(dataset: Dataset, pipeline: Pipeline) -> int:
    """Estimate the memory of a worker for one unit, in bytes, from the plane shape and the arrays that steps hold.

    Parameters
    ----------
    dataset : Dataset
        The dataset.
    pipeline : Pipeline
        Configured.
    """
    plane = math.prod(dataset.shape) * PIXEL_MEMORY

    def planes(names: frozenset[str] | tuple[str, ...]) -> int:
        return math.prod(len(dataset.components[name]) for name in names)

    stacked = {step.name: frozenset(step.variable or ()) for step in pipeline}
    working = max(
        planes(step.variable or ()) * (len(step.inputs or ()) + WORKING_COPIES) for step in pipeline
    )
    # Inputs of steps that stack other components are held for all units of a block.
    held = {
        name for step in pipeline for name in step.inputs or ()
        if name not in pipeline.dataset_inputs and stacked[name] != frozenset(step.variable or ())
    }  # fmt: skip
    passed_on = sum(planes(step.variable or ()) for step in pipeline if step.name not in held)
    return WORKER_MEMORY + plane * (working + passed_on + len(held) * planes(pipeline.stacked))
