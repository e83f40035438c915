"""Plan: the predicted duration of a run for each axis, and a recommended axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.text import format_seconds
from .forecast import Limit, Workload
from .pilot import Pilot

if TYPE_CHECKING:
    import pandas as pd

ALIKE = 0.02
"""Relative difference up to which durations count as equal. Of equal axes, the one with most tasks is recommended."""

SCALES = 1.05
"""Ratio to the shortest possible duration at which more workers are not worth it."""


@dataclass(frozen=True, eq=False)
class AxisPlan:
    """Prediction for a run along one axis.

    Parameters
    ----------
    axis : str
        The axis; components of a product are joined by commas.
    workload : Workload or None
        Its tasks; None if the pipeline does not allow the axis.
    seconds : float
        Duration of the whole run; NaN if unknown.
    speed_up : float
        Speed relative to one worker.
    limit : str
        What limits the speed; empty if the axis is not allowed.
    note : str
        Why the axis is not allowed.
    """

    axis: str
    workload: Workload | None
    seconds: float = math.nan
    speed_up: float = math.nan
    limit: Limit | str = ""
    note: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the pipeline can be split by the axis."""
        return self.workload is not None

    @property
    def task_count(self) -> int:
        """Number of tasks; 0 if the axis is not allowed."""
        return 0 if self.workload is None else len(self.workload)


@dataclass(frozen=True, eq=False)
class Plan:
    """Predictions for a run along each axis.

    Parameters
    ----------
    axes : tuple of AxisPlan
        One for each axis, components before products.
    pilot : Pilot
        The measurements that the predictions are based on.
    lanes, wanted : int
        Number of workers, and what it would be without the limit of memory.
    plane_bytes : int
        Bytes of pixels that are read for one plane.
    fixed : float
        Seconds of a run before its first task and after its last.
    notes : tuple of str
        Remarks, such as units of the pilot that failed or took much longer than others.
    """

    axes: tuple[AxisPlan, ...]
    pilot: Pilot
    lanes: int
    wanted: int
    plane_bytes: int
    fixed: float
    notes: tuple[str, ...] = field(default=())

    def __getitem__(self, axis: str) -> AxisPlan:
        for row in self.axes:
            if row.axis == axis:
                return row
        raise KeyError(
            f"The plan does not have the axis {axis!r}, only {', '.join(row.axis for row in self.axes)}."
        )

    def __str__(self) -> str:
        return "\n".join((self.reason, *self.notes))

    @property
    def recommended(self) -> str:
        """The recommended axis; empty if the pipeline allows none."""
        allowed = [row for row in self.axes if row.workload is not None]
        known = [row for row in allowed if math.isfinite(row.seconds)]
        if not known:
            return max(allowed, key=lambda row: row.task_count).axis if allowed else ""
        least = min(row.seconds for row in known)
        # Of axes that are equally fast, the one with the smallest tasks: a lost task costs least.
        return max(
            (row for row in known if row.seconds <= least * (1 + ALIKE)), key=lambda row: row.task_count
        ).axis

    @property
    def reason(self) -> str:
        """The reason for the recommendation, in a sentence."""
        if not self.recommended:
            return "The pipeline cannot be split: it processes every component together."
        best = self[self.recommended]
        named = best.axis.replace(",", " and ")
        assert best.workload is not None
        if not math.isfinite(best.seconds):
            return f"Split by {named}, which has the most tasks ({len(best.workload)}); no unit could be measured."
        summary = f"Split by {named}: about {format_seconds(best.seconds)} on {_workers(self.lanes)}"
        others = [row for row in self.axes if row.workload is not None and row is not best]
        if not others:
            return f"{summary}; no other axis is possible."
        if self.lanes == 1:
            return f"{summary}; with one worker, all axes take about as long."
        slower = [row for row in others if row.seconds > best.seconds * (1 + ALIKE)]
        if not slower:
            return f"{summary}; other axes take about as long, with fewer and larger tasks."
        # Compare with the well, the usual choice.
        other = next((row for row in slower if row.axis == "well"), min(slower, key=lambda row: row.seconds))
        times = other.seconds / best.seconds
        longer = f"{times:.1f}" if times >= 1.1 else f"{times:.2f}"
        return f"{summary}; by {other.axis.replace(',', ' and ')} it would take {longer} times as long ({_why(other)})."

    @property
    def table(self) -> pd.DataFrame:
        """Table with a row for each axis."""
        import pandas as pd

        return pd.DataFrame([self._row(row) for row in self.axes])

    def _row(self, row: AxisPlan) -> dict[str, Any]:
        work = row.workload
        planes = (0, 0) if work is None else (int(work.planes.min()), int(work.planes.max()))
        units = (0, 0) if work is None else (int(work.units.min()), int(work.units.max()))
        return {
            "axis": row.axis,
            "allowed": row.allowed,
            "recommended": row.axis == self.recommended,
            "tasks": row.task_count,
            "units_min": units[0],
            "units_max": units[1],
            "planes_min": planes[0],
            "planes_max": planes[1],
            "bytes_read": 0 if work is None else int(work.planes.sum()) * self.plane_bytes,
            "memory_per_lane": self.pilot.memory,
            "lanes": self.lanes,
            "seconds": row.seconds,
            "speed_up": row.speed_up,
            "efficiency": row.speed_up / self.lanes,
            "limited_by": row.limit,
            "note": row.note,
        }

    def scaling(self, axis: str, workers: Sequence[int] | None = None) -> pd.DataFrame:
        """Predict the duration of a run along an axis for other numbers of workers, as on a larger machine.

        The prediction assumes that storage, network and memory are no limit.

        Parameters
        ----------
        axis : str
            An axis that the pipeline allows.
        workers : sequence of int, optional
            Numbers of workers. By default, from 1 to 10,000.

        Returns
        -------
        DataFrame
            Columns ``axis``, ``workers`` and ``seconds``.
        """
        import pandas as pd

        work = self._workload(axis)
        counts = _counts() if workers is None else list(workers)
        # More workers than tasks make no difference.
        most = min(max(counts, default=1), len(work))
        walls = {lanes: work.wall(lanes, self.pilot) for lanes in {min(count, most) for count in counts}}
        return pd.DataFrame(
            {
                "axis": axis,
                "workers": counts,
                "seconds": [self.fixed + walls[min(count, most)] for count in counts],
            }
        )

    def most_workers(self, axis: str) -> int:
        """Return the number of workers beyond which a run along an axis gets at most 5 % faster."""
        work = self._workload(axis)
        fewest, most = 1, len(work)
        enough = SCALES * (self.fixed + work.wall(most, self.pilot)) - self.fixed
        while fewest < most:
            middle = (fewest + most) // 2
            fewest, most = (fewest, middle) if work.wall(middle, self.pilot) <= enough else (middle + 1, most)
        return most

    def _workload(self, axis: str) -> Workload:
        work = self[axis].workload
        if work is None:
            raise ValueError(f"The pipeline cannot be split by {axis!r}: {self[axis].note}.")
        return work


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count != 1 else ''}"


def _why(row: AxisPlan) -> str:
    assert row.workload is not None
    count = len(row.workload)
    tasks = f"{count} task{'s' if count != 1 else ''}"
    return f"{tasks}; {row.limit}" if row.limit != "processors" else tasks


def _counts() -> list[int]:
    """Return numbers of workers from 1 to 10,000, evenly spaced on a logarithmic scale."""
    return sorted({round(10 ** (step / 12)) for step in range(12 * 4 + 1)})
