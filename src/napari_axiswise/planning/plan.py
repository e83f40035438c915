"""The plan: what a run would take along each axis, and which to choose."""

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
"""Axes whose seconds differ by no more than this part are alike; the one with the most tasks is recommended."""

SCALES = 1.05
"""How many times the shortest wall time an axis has to come to: more workers would not be worth it."""


@dataclass(frozen=True, eq=False)
class AxisPlan:
    """What is foreseen of a run along one axis.

    Parameters
    ----------
    axis : str
        The axis; a product of components with commas.
    workload : Workload or None
        Its tasks; None where the pipeline does not allow the axis.
    seconds : float
        Of the whole run; not a number where nothing is known.
    speed_up : float
        How many times quicker than on one lane.
    limit : str
        What keeps it from being quicker; empty where the axis is not allowed.
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
        """How many tasks it makes; none where it is not allowed."""
        return 0 if self.workload is None else len(self.workload)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run would take along each axis.

    Parameters
    ----------
    axes : tuple of AxisPlan
        One for each axis, those of components first.
    pilot : Pilot
        What it rests on.
    lanes, wanted : int
        How many workers there are to be, and how many there would be if memory had room for them.
    plane_bytes : int
        Of the pixels that are read for one plane.
    fixed : float
        Seconds of a run before its first task and after its last.
    notes : tuple of str
        What else there is to know: units of the pilot that failed, or took much longer than others.
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
        raise KeyError(f"{axis!r} is not in the plan; it has {', '.join(row.axis for row in self.axes)}.")

    def __str__(self) -> str:
        return "\n".join((self.reason, *self.notes))

    @property
    def recommended(self) -> str:
        """The axis to choose; empty where the pipeline allows none."""
        allowed = [row for row in self.axes if row.workload is not None]
        known = [row for row in allowed if math.isfinite(row.seconds)]
        if not known:
            return max(allowed, key=lambda row: row.task_count).axis if allowed else ""
        least = min(row.seconds for row in known)
        # Of axes that are alike, the one with the smallest tasks: of a lost one, least is to be done again.
        return max(
            (row for row in known if row.seconds <= least * (1 + ALIKE)), key=lambda row: row.task_count
        ).axis

    @property
    def reason(self) -> str:
        """Why that axis, in a sentence."""
        if not self.recommended:
            return "The pipeline cannot be split: it stacks every component."
        best = self[self.recommended]
        named = best.axis.replace(",", " and ")
        assert best.workload is not None
        if not math.isfinite(best.seconds):
            return f"Split by {named}, which has the most tasks ({len(best.workload)}); no unit could be measured."
        told = f"Split by {named}: about {format_seconds(best.seconds)} on {_lanes(self.lanes)}"
        others = [row for row in self.axes if row.workload is not None and row is not best]
        if not others:
            return f"{told}; there is no other axis to choose from."
        if self.lanes == 1:
            return f"{told}; with one lane, all axes take about as long."
        slower = [row for row in others if row.seconds > best.seconds * (1 + ALIKE)]
        if not slower:
            return f"{told}; other axes take about as long, in fewer and larger tasks."
        # What people choose if nobody tells them is what the best is to be compared with.
        other = next((row for row in slower if row.axis == "well"), min(slower, key=lambda row: row.seconds))
        times = other.seconds / best.seconds
        longer = f"{times:.1f}" if times >= 1.1 else f"{times:.2f}"
        return f"{told}; by {other.axis.replace(',', ' and ')} it would take {longer} times as long ({_why(other)})."

    @property
    def table(self) -> pd.DataFrame:
        """A row for each axis."""
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
        """Return the wall time along an axis on machines that are not here, by the number of workers.

        It is told from what the tasks are: neither storage nor network nor memory is taken to limit it.

        Parameters
        ----------
        axis : str
            One that the pipeline allows.
        workers : sequence of int, optional
            Left out, from 1 to 10,000.

        Returns
        -------
        DataFrame
            Columns ``axis``, ``workers`` and ``seconds``.
        """
        import pandas as pd

        work = self._workload(axis)
        counts = _counts() if workers is None else list(workers)
        # More lanes than tasks make no difference.
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
        """Return the number of workers beyond which more make a run along an axis no more than 5 % quicker."""
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


def _lanes(count: int) -> str:
    return f"{count} lane{'s' if count != 1 else ''}"


def _why(row: AxisPlan) -> str:
    assert row.workload is not None
    count = len(row.workload)
    tasks = f"{count} task{'s' if count != 1 else ''}"
    return f"{tasks}; {row.limit}" if row.limit != "processors" else tasks


def _counts() -> list[int]:
    """Return numbers of workers, up to twelve between 1 and 10, as many between 10 and 100, and so on."""
    return sorted({round(10 ** (step / 12)) for step in range(12 * 4 + 1)})
