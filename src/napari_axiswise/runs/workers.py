"""How many workers the memory has room for, and how many have something to do."""

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
"""The part of the free memory that workers may use together."""

WORKER_MEMORY = 150_000_000
"""Bytes that a worker needs before it has read a plane: Python and the usual libraries."""

PIXEL_MEMORY = 8
"""Bytes of a pixel on its way through a pipeline: most functions compute in float64."""

WORKING_COPIES = 3
"""How many arrays of the size of its input a function has at a time, its result included."""


@dataclass(frozen=True)
class WorkerLimit:
    """A number of workers, and why it is not larger.

    Parameters
    ----------
    workers : int
        How many to have.
    wanted : int
        How many were asked for, or one per processor.
    unit_memory : int
        Bytes that a worker needs for one unit, by estimate.
    free : int
        Bytes that are free.
    share : float
        The part of them that workers may use together.
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
        """Return how many workers to have for a run, and log it where memory is what limits them.

        Parameters
        ----------
        dataset : Dataset
            Its planes.
        pipeline : Pipeline
            Configured.
        wanted : int, optional
            How many there are to be at most; left out, one per processor.
        share : float
            The part of the free memory that they may use together.

        Raises
        ------
        ValueError
            The share is not above 0, or is above 1.
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
            f"{format_bytes(self.unit_memory)} for a unit of this pipeline, and {self.share:.0%} of the "
            f"{format_bytes(self.free)} that are free has no room for more"
        )


def check_memory_share(share: float) -> None:
    """Raise ValueError unless a share of the free memory is above 0 and at most 1."""
    if not 0 < share <= 1:
        raise ValueError(f"memory_share={share}: give a share of the free memory, above 0 and up to 1.")


def warn_of_one_task(dataset: Dataset, axis: str) -> None:
    """Log it where an axis has one value, so that one worker has all the work, and another would share it out."""
    parts = axis_parts(axis, dataset.components)
    wider = [
        f"{name} ({len(v)})" for name, v in dataset.components.items() if len(v) > 1 and name not in parts
    ]
    found = dataset.index.axis_values(axis)
    if len(found) == 1 and wider:
        logger.warning(
            "The axis %r has one value here, %s, so there is one task and one worker has all the work. "
            "To use more of them, split by %s.", axis, found[0], " or ".join(wider),
        )  # fmt: skip


def estimate_unit_memory(dataset: Dataset, pipeline: Pipeline) -> int:
    """Return how many bytes a worker needs for one unit: from the shape of planes and what steps stack and hold.

    Parameters
    ----------
    dataset : Dataset
        Its planes.
    pipeline : Pipeline
        Configured.
    """
    plane = math.prod(dataset.shape) * PIXEL_MEMORY

    def planes(names: frozenset[str] | tuple[str, ...]) -> int:
        return math.prod(len(dataset.components[name]) for name in names)

    made = {step.name: frozenset(step.variable or ()) for step in pipeline}
    working = max(
        planes(step.variable or ()) * (len(step.inputs or ()) + WORKING_COPIES) for step in pipeline
    )
    # What a step that stacks other components is still to get, of all units of its block.
    held = {
        name for step in pipeline for name in step.inputs or ()
        if name not in pipeline.dataset_inputs and made[name] != frozenset(step.variable or ())
    }  # fmt: skip
    passed_on = sum(planes(step.variable or ()) for step in pipeline if step.name not in held)
    return WORKER_MEMORY + plane * (working + passed_on + len(held) * planes(pipeline.stacked))
