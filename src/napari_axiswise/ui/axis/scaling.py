"""The curves of a plan: wall time against the number of workers."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...planning.plan import Plan
from ...planning.trials import Comparison


@dataclass(frozen=True, eq=False)
class ScalingLine:
    """What is foreseen of one axis.

    Parameters
    ----------
    axis : str
        The axis; a product of components with commas.
    workers, seconds : ndarray, shape (points,)
        The line.
    most : int
        Workers beyond which more make a run hardly quicker.
    most_seconds : float
        What it takes with those.
    measured : float
        Seconds on the lanes of this machine; not a number where there was no trial.
    """

    axis: str
    workers: NDArray[np.int64]
    seconds: NDArray[np.float64]
    most: int
    most_seconds: float
    measured: float = math.nan


@dataclass(frozen=True, eq=False)
class Scaling:
    """What is foreseen of every axis that is possible.

    Parameters
    ----------
    lines : tuple of ScalingLine
        One for each axis; none where no time is known.
    lanes : int
        Of this machine.
    """

    lines: tuple[ScalingLine, ...]
    lanes: int

    @classmethod
    def of(cls, plan: Plan, comparison: Comparison | None = None) -> Scaling:
        """Return the curves of a plan, and what trials of the same work have measured.

        For large plates that takes a second.
        """
        lines = []
        for row in plan.axes:
            if not math.isfinite(row.seconds):
                continue
            curve, most = plan.scaling(row.axis), plan.most_workers(row.axis)
            took = comparison.seconds(row.axis) if comparison is not None else []
            lines.append(
                ScalingLine(
                    row.axis,
                    curve["workers"].to_numpy(),
                    curve["seconds"].to_numpy(),
                    most,
                    float(plan.scaling(row.axis, [most])["seconds"].iloc[0]),
                    statistics.median(took) if took else math.nan,
                )
            )
        return cls(tuple(lines), plan.lanes)
