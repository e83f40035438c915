"""The predicted wall time of a plan against the number of workers."""

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
    """Predicted times of one axis.

    Parameters
    ----------
    axis : str
        The axis; a product of components has commas.
    workers, seconds : ndarray, shape (points,)
        Number of workers and wall time.
    most : int
        Number of workers beyond which a run hardly gets faster.
    most_seconds : float
        Wall time with that number of workers.
    measured : float
        Measured seconds on this machine; NaN without a measurement.
    """

    axis: str
    workers: NDArray[np.int64]
    seconds: NDArray[np.float64]
    most: int
    most_seconds: float
    measured: float = math.nan


@dataclass(frozen=True, eq=False)
class Scaling:
    """Predicted times of all possible axes.

    Parameters
    ----------
    lines : tuple of ScalingLine
        One per axis with a predicted time.
    lanes : int
        Number of workers of the plan.
    """

    lines: tuple[ScalingLine, ...]
    lanes: int

    @classmethod
    def of(cls, plan: Plan, comparison: Comparison | None = None) -> Scaling:
        """Return the times of a plan, with those measured in a comparison.

        This takes about a second for large plates.
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
