"""The progress of a run, the use of its workers, and the time that remains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.clock import now
from ..core.text import format_bytes, format_seconds
from .scheduling import deal_out
from .timeline import STATUSES, Timeline

MOST_DEALT_OUT = 2_000
"""The last remaining tasks, which are scheduled one by one. Those before are spread evenly over the workers."""

SLOW = 5.0
"""A task is slow if it takes this many times as long as expected …"""

SLOW_SECONDS = 1.0
"""… and this many seconds longer."""

LONG_IDLE = 5.0
"""Seconds before the first task from which they are reported."""

_WAITING, _STARTED = STATUSES.index("waiting"), STATUSES.index("started")
_DONE = STATUSES.index("done")


@dataclass(frozen=True)
class SlowTask:
    """A task that takes much longer than expected, with its seconds so far and as expected."""

    axis_value: str
    seconds: float
    expected: float


@dataclass(frozen=True)
class Progress:
    """The progress of a run.

    Parameters
    ----------
    axis : str
        The component that the run is split by.
    seconds : float
        Seconds since the run began, or its duration.
    tasks, over, failed, resumed : int
        Number of tasks, of those with an outcome, of outcomes other than ``"done"``, and of tasks that an earlier run
        had finished.
    planes, planes_over : int
        Number of planes of all tasks, and of the tasks that are done.
    rate, recent_rate : float or None
        Planes per second since the start, and recently.
    lanes : int
        Number of workers.
    efficiency : float or None
        Share of the workers' time that was spent on tasks, from 0 to 1.
    planned : float or None
        Planned duration of the run, in seconds.
    memory : int
        Memory of the workers during the last task of each, in bytes.
    remaining : float or None
        Seconds until the run ends; None if not known yet.
    slow : tuple of SlowTask
        Running tasks that take much longer than expected.
    idle : float
        Seconds before the first task began.
    """

    axis: str
    seconds: float
    tasks: int
    over: int
    failed: int
    resumed: int
    planes: int
    planes_over: int
    rate: float | None
    recent_rate: float | None
    lanes: int
    efficiency: float | None
    planned: float | None
    memory: int
    remaining: float | None
    slow: tuple[SlowTask, ...]
    idle: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether all tasks have an outcome."""
        return self.over == self.tasks

    def summary(self) -> list[str]:
        """Summarize the progress as lines of text: counts, times, use of the workers, and warnings."""
        tasks = f"{self.over:,} of {self.tasks:,} task{'s' if self.tasks != 1 else ''}"
        failed = f", {self.failed:,} not done" if self.failed else ""
        planes = f"; {self.planes_over:,} of {self.planes:,} planes" if self.planes else ""
        before = f" ({self.resumed:,} by an earlier run)" if self.resumed else ""
        return [
            f"{tasks}{failed}{planes}{before}",
            self._times(),
            *self._use(),
            *self._warnings(),
        ]

    def _times(self) -> str:
        took = format_seconds(self.seconds)
        plan = f"; planned: {format_seconds(self.planned)}" if self.planned is not None else ""
        if self.is_over:
            return f"took {took}{plan}"
        left = "–" if self.remaining is None else f"about {format_seconds(self.remaining)}"
        return f"{took}{plan}; remaining: {left}"

    def _use(self) -> list[str]:
        parts = []
        if self.rate is not None:
            late = self.recent_rate
            recently = f" ({_format_rate(late)} recently)" if late is not None and not self.is_over else ""
            parts.append(f"{_format_rate(self.rate)} planes/s{recently}")
        if self.efficiency is not None:
            workers = "1 worker" if self.lanes == 1 else f"{self.lanes:,} workers"
            parts.append(f"{workers}, busy {self.efficiency:.0%}")
        if self.memory:
            parts.append(f"{format_bytes(self.memory)} of memory")
        return [" · ".join(parts)] if parts else []

    def _warnings(self) -> list[str]:
        lines = [
            f"{self.axis} {task.axis_value} takes longer than expected: "
            f"{format_seconds(task.seconds)} instead of {format_seconds(task.expected)}."
            for task in self.slow
        ]
        if self.idle > LONG_IDLE:
            lines.append(f"The first task began after {format_seconds(self.idle)}, as workers had to start.")
        if self.tasks == 1 and self.lanes > 1:
            lines.append("There is one task, so only one worker has work.")
        elif self.lanes == 1 and self.tasks > 1:
            lines.append("There is one worker, so the tasks run one after the other.")
        return lines


def measure_progress(timeline: Timeline, moment: float | None = None) -> Progress:
    """Return the progress of a run at a moment, in seconds since the epoch; by default, now."""
    at = max((now() if moment is None else moment) - timeline.began, 0.0)
    status = timeline.status
    over, running = status > _STARTED, status == _STARTED
    ran = over & ~np.isnan(timeline.stopped)
    took = (timeline.stopped - timeline.started)[ran]
    if over.all():
        at = float(timeline.stopped[ran].max(initial=0.0))
    so_far = at - timeline.started[running]
    lanes = max(timeline.lanes, 1)
    room = lanes * at
    busy = float(took.sum() + np.maximum(so_far, 0).sum())
    done = status == _DONE
    planes = float(timeline.planes[ran & done].sum())
    expected = _expected(timeline, ran)
    slow: tuple[SlowTask, ...] = ()
    if expected is not None:
        far_over = (so_far > SLOW * expected[running]) & (so_far > expected[running] + SLOW_SECONDS)
        slow = tuple(
            SlowTask(timeline.axis_values[task], float(seconds), float(expected[task]))
            for task, seconds in zip(
                np.flatnonzero(running)[far_over], so_far[far_over], strict=True
            )
        )  # fmt: skip
    return Progress(
        axis=timeline.axis,
        seconds=at,
        tasks=len(status),
        over=int(over.sum()),
        failed=int((over & ~done).sum()),
        resumed=timeline.resumed,
        planes=int(timeline.planes.sum()),
        planes_over=int(timeline.planes[done].sum()),
        rate=planes / at if planes and at > 0 else None,
        recent_rate=timeline.recent_rate(at),
        lanes=lanes,
        efficiency=min(1.0, busy / room) if room > 0 and len(status) else None,
        planned=_planned(timeline),
        memory=timeline.memory,
        remaining=_remaining(status, expected, so_far, lanes, {task.axis_value for task in slow}),
        slow=slow,
        idle=float(timeline.started[ran].min(initial=np.inf)) if ran.any() else 0.0,
    )


def _expected(timeline: Timeline, ran: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Return the expected seconds of each task, from the finished tasks and the planes of each, or None if unknown.

    The median is used, so that one task that takes a thousand times longer does not matter.
    """
    weights = timeline.planes if timeline.expected is None else timeline.expected
    measured = ran & (timeline.status == _DONE) & (weights > 0)
    if not measured.any():
        measured = ran & (weights > 0)
    if measured.any():
        took = timeline.stopped[measured] - timeline.started[measured]
        return np.nan_to_num(weights) * float(np.median(took / weights[measured]))
    if timeline.expected is not None:
        return np.nan_to_num(weights)
    if ran.any():
        took = timeline.stopped[ran] - timeline.started[ran]
        return np.full(len(weights), float(np.median(took)))
    return None


def _remaining(
    status: NDArray[np.int8],
    expected: NDArray[np.float64] | None,
    so_far: NDArray[np.float64],
    lanes: int,
    slow: set[str],
) -> float | None:
    """Return the seconds until the run ends, by scheduling the remaining tasks on the workers."""
    if (status > _STARTED).all():
        return 0.0
    if expected is None:
        return None
    running, waiting = status == _STARTED, expected[status == _WAITING]
    left = np.sort(np.maximum(expected[running] - so_far, 0.0))[::-1][:lanes]
    if slow and not left.any() and not len(waiting):
        return None
    free_at = np.zeros(lanes)
    free_at[: len(left)] = left
    first, rest = waiting[:-MOST_DEALT_OUT], waiting[-MOST_DEALT_OUT:]
    if len(first):
        free_at = np.maximum(free_at, (free_at.sum() + first.sum()) / lanes)
    schedule = deal_out(rest.tolist(), lanes, free_at.tolist())
    return max(schedule.makespan, float(free_at.max()))


def _planned(timeline: Timeline) -> float | None:
    if timeline.expected is None or not timeline.lanes_are_known:
        return None
    seconds = np.nan_to_num(timeline.expected)
    if len(seconds) > MOST_DEALT_OUT:
        # Scheduling so many tasks takes long, and gives about the same.
        return max(float(seconds.max()), float(seconds.sum()) / timeline.lanes)
    return deal_out(seconds.tolist(), timeline.lanes).makespan


def _format_rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
