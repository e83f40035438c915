"""How far a run is, how well its lanes are used, and how long it will yet take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.clock import now
from ..core.text import format_bytes, format_seconds
from .scheduling import deal_out
from .timeline import STATUSES, Timeline

MOST_DEALT_OUT = 2_000
"""Remaining tasks up to which each is dealt out; what comes before the last of more is spread evenly."""

SLOW = 5.0
"""By how many times what is expected a task has to take longer to be named."""

SLOW_SECONDS = 1.0
"""By how many seconds, too."""

LONG_IDLE = 5.0
"""Seconds before the first task that are worth a word."""

_WAITING, _STARTED = STATUSES.index("waiting"), STATUSES.index("started")
_DONE = STATUSES.index("done")


@dataclass(frozen=True)
class SlowTask:
    """A task that takes far longer than expected: its value, and seconds so far and expected."""

    axis_value: str
    seconds: float
    expected: float


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    axis : str
        What it is split by.
    seconds : float
        Since it began, or that it took.
    tasks, over, failed, resumed : int
        How many there are, how many have an outcome, how many of those were not done, and how many an earlier run
        had done.
    planes, planes_over : int
        How many the tasks hold, and those of tasks that were done.
    rate, recent_rate : float or None
        Planes per second, of all the time and of late.
    lanes : int
        How many there are.
    efficiency : float or None
        How much of the lanes' time was spent on tasks, from 0 to 1.
    planned : float or None
        Seconds that the whole takes by the plan.
    memory : int
        Bytes that the lanes hold, by the last task of each.
    remaining : float or None
        Seconds until all is over; None where it cannot be told yet.
    slow : tuple of SlowTask
        What runs for far longer than expected.
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

    def told(self) -> list[str]:
        """Return it in words, a line for each kind of thing."""
        tasks = f"{self.over:,} of {self.tasks:,} task{'s' if self.tasks != 1 else ''}"
        failed = f", {self.failed:,} of them not done" if self.failed else ""
        planes = f"; {self.planes_over:,} of {self.planes:,} planes" if self.planes else ""
        before = f" ({self.resumed:,} by an earlier run)" if self.resumed else ""
        return [
            f"{tasks}{failed}{planes}{before}",
            self._told_times(),
            *self._told_use(),
            *self._told_oddities(),
        ]

    def _told_times(self) -> str:
        took = format_seconds(self.seconds)
        plan = f"; the plan says {format_seconds(self.planned)}" if self.planned is not None else ""
        if self.is_over:
            return f"took {took}{plan}"
        left = "–" if self.remaining is None else f"about {format_seconds(self.remaining)}"
        return f"{took}{plan}; still to go: {left}"

    def _told_use(self) -> list[str]:
        parts = []
        if self.rate is not None:
            late = self.recent_rate
            of_late = f" ({_in_rate(late)} of late)" if late is not None and not self.is_over else ""
            parts.append(f"{_in_rate(self.rate)} planes/s{of_late}")
        if self.efficiency is not None:
            lanes = "1 lane" if self.lanes == 1 else f"{self.lanes:,} lanes"
            parts.append(f"{lanes}, busy {self.efficiency:.0%}")
        if self.memory:
            parts.append(f"{format_bytes(self.memory)} of memory")
        return [" · ".join(parts)] if parts else []

    def _told_oddities(self) -> list[str]:
        lines = [
            f"{self.axis} {task.axis_value} takes longer than expected: "
            f"{format_seconds(task.seconds)} instead of {format_seconds(task.expected)}."
            for task in self.slow
        ]
        if self.idle > LONG_IDLE:
            lines.append(f"The first task began after {format_seconds(self.idle)}: workers had to start.")
        if self.tasks == 1 and self.lanes > 1:
            lines.append("One task: one lane works, the others have nothing to do.")
        elif self.lanes == 1 and self.tasks > 1:
            lines.append("One lane: the tasks run one after the other.")
        return lines


def measure_progress(timeline: Timeline, moment: float | None = None) -> Progress:
    """Return how far a run is at a moment, in seconds since the epoch; left out, now."""
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
    """Return the seconds of each task, by those that are over and what each holds; None where it cannot be told.

    It is the median that counts: a task that takes a thousand times longer does not spoil it.
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
    """Return the seconds until all is over, with the remaining tasks dealt out as the lanes will do."""
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
        # As near as makes no difference, and in no time.
        return max(float(seconds.max()), float(seconds.sum()) / timeline.lanes)
    return deal_out(seconds.tolist(), timeline.lanes).makespan


def _in_rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
