"""What happened when in a run, and where: a row per lane, a bar per task."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ..core.clock import now
from ..core.events import OUTCOMES, Status, TaskEvent, Timed
from ..core.text import format_seconds
from ..planes.table import Planes
from ..results.records import TaskOutput
from .rows import LaneRows

STATUSES: tuple[Status, ...] = ("waiting", "started", *OUTCOMES)
"""What the numbers in `Bars.status` stand for."""

RECENT = 10.0
"""Seconds that the throughput of late is about."""

LATE = 1.0
"""Seconds by which a worker's clock may be behind before its times are not believed."""

_CODES = {status: code for code, status in enumerate(STATUSES)}


@dataclass(frozen=True)
class Bar:
    """A task on the timeline.

    Parameters
    ----------
    lane : int
        Its row, from 0 on.
    axis_value : str
        The task.
    started : float
        Seconds since the run began.
    stopped : float or None
        None while it runs.
    reading, computing, writing : float
        Seconds spent on each; 0 as long as it is not known.
    status : str
        See `TaskEvent`.
    planes : int
        How many it holds.
    """

    lane: int
    axis_value: str
    started: float
    stopped: float | None
    reading: float
    computing: float
    writing: float
    status: Status
    planes: int = 0

    def told(self, component: str, moment: float) -> str:
        """Return the bar in words, at a moment in seconds since the run began."""
        seconds = (moment if self.stopped is None else self.stopped) - self.started
        ending = (
            "" if self.status == "done" else ", running" if self.status == "started" else f", {self.status}"
        )
        planes = f", {self.planes:,} plane{'s' if self.planes != 1 else ''}" if self.planes else ""
        text = f"{component} {self.axis_value}: {format_seconds(seconds)}{planes}{ending}"
        if self.reading or self.computing or self.writing:
            parts = (("read", self.reading), ("compute", self.computing), ("write", self.writing))
            text += "; " + ", ".join(f"{name} {part / max(seconds, 1e-9):.0%}" for name, part in parts)
        return text


@dataclass(frozen=True, eq=False)
class Bars:
    """The bars of a timeline as arrays, each of shape (bars,), in the order of the tasks.

    Parameters
    ----------
    task : ndarray of int
        The number of each task among those of the run.
    lane : ndarray of int
    started, stopped : ndarray of float
        Seconds since the run began; what runs stops at the moment that was asked for.
    reading, computing, writing : ndarray of float
        Seconds spent on each, together no more than the bar takes.
    status : ndarray of int
        Places in `STATUSES`.
    """

    task: NDArray[np.intp]
    lane: NDArray[np.intp]
    started: NDArray[np.float64]
    stopped: NDArray[np.float64]
    reading: NDArray[np.float64]
    computing: NDArray[np.float64]
    writing: NDArray[np.float64]
    status: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.task)

    def select(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Bars:
        """Return some of the bars."""
        return Bars(*(getattr(self, field.name)[which] for field in fields(self)))


class Timeline:
    """Takes the events of a run, in the time that one takes, and gives them as bars.

    An event that a task has started names no worker: the task is put into a free row until its outcome tells whose row
    it belongs to. A worker that is new where all rows are taken stands in for one that died.

    Parameters
    ----------
    axis : str
        The component that the run is split by.
    axis_values : sequence of str
        The tasks, in the order in which they are dealt out.
    plane_counts : mapping, optional
        How many planes each holds.
    lanes : int, optional
        How many there are; left out, as many as tasks are seen to run at once.
    expected_seconds : mapping, optional
        What each task takes by a plan.
    began : float, optional
        When the run began, in seconds since the epoch; left out, now.

    Attributes
    ----------
    revision : int
        Counts what it has taken.
    resumed : int
        How many tasks an earlier run had finished; they have no bars.
    status : ndarray of int8, shape (tasks,)
        Places in `STATUSES`.
    started, stopped : ndarray of float, shape (tasks,)
        Seconds since the run began; NaN where it is not so far.
    planes : ndarray of float, shape (tasks,)
    expected : ndarray of float, shape (tasks,), or None
        Seconds.
    """

    def __init__(
        self,
        axis: str,
        axis_values: Sequence[str],
        plane_counts: Mapping[str, int] | None = None,
        *,
        lanes: int | None = None,
        expected_seconds: Mapping[str, float] | None = None,
        began: float | None = None,
    ) -> None:
        self.axis = axis
        self.axis_values = tuple(axis_values)
        self.began = now() if began is None else began
        self.revision = 0
        self.resumed = 0
        count = len(self.axis_values)
        self.planes = _numbers(plane_counts or {}, self.axis_values, 0.0)
        self.expected = None
        # A plan that knows no times says nothing.
        if expected_seconds and all(map(math.isfinite, expected_seconds.values())):
            self.expected = _numbers(expected_seconds, self.axis_values, math.nan)
        self.status = np.zeros(count, np.int8)
        self.started = np.full(count, np.nan)
        self.stopped = np.full(count, np.nan)
        self._task = {value: number for number, value in enumerate(self.axis_values)}
        self._lane = np.full(count, -1, np.intp)
        self._work = np.zeros((count, 3))
        self._given = lanes
        self._rows = LaneRows(lanes)
        self._offsets: dict[str, float] = {}
        self._peaks: dict[int, tuple[str, int]] = {}
        self._recent: deque[tuple[float, float]] = deque()

    @property
    def lanes(self) -> int:
        """How many rows there are."""
        return self._given or self._rows.used

    @property
    def lanes_are_known(self) -> bool:
        """Whether the number of lanes was given, not seen."""
        return self._given is not None

    @property
    def memory(self) -> int:
        """Bytes: the sum over lanes of the most that the last task held; lanes of one process count once."""
        processes: dict[str, int] = {}
        for process, peak in self._peaks.values():
            processes[process] = max(peak, processes.get(process, 0))
        return sum(processes.values())

    def take(self, event: TaskEvent, moment: float | None = None) -> None:
        """Take what happened to a task.

        Parameters
        ----------
        event : TaskEvent
            Heartbeats, tasks of other runs, and what comes after an outcome are passed over.
        moment : float, optional
            When it arrived, in seconds since the epoch; left out, now.
        """
        task = self._task.get(event.axis_value)
        if task is None or self.status[task] > _CODES["started"] or event.status == "waiting":
            return
        at = (now() if moment is None else moment) - self.began
        self.revision += 1
        if event.status == "started":
            if self.status[task] == _CODES["waiting"]:
                self.started[task] = min(at, at if event.started is None else event.started - self.began)
                self._place(self._rows.begin(task, float(self.started[task])))
        elif self.status[task] == _CODES["started"]:
            self._end(task, event, at)
        elif event.status == "done":
            self.resumed += 1
        self.status[task] = _CODES[event.status]

    def pass_over(self, done: Mapping[str, int]) -> None:
        """Take note of planes that an earlier run has done: what tasks hold, and are expected to take, is the rest.

        Parameters
        ----------
        done : mapping
            From tasks to the number of their planes that nothing is left to do of.
        """
        before = self.planes
        self.planes = np.maximum(before - _numbers(done, self.axis_values, 0.0), 0.0)
        if self.expected is not None:
            self.expected = self.expected * np.divide(
                self.planes, before, out=np.ones_like(before), where=before > 0
            )
        self.revision += 1

    def bars(self, moment: float | None = None) -> Bars:
        """Return all bars, with those that run as long as they are at a moment, in seconds since the epoch."""
        task = np.flatnonzero(self._lane >= 0)
        at = (now() if moment is None else moment) - self.began
        started, stopped = self.started[task], self.stopped[task]
        stopped = np.where(np.isnan(stopped), np.maximum(at, started), stopped)
        reading, computing, writing = self._work[task].T
        return Bars(task, self._lane[task], started, stopped, reading, computing, writing, self.status[task])

    def bar(self, task: int) -> Bar:
        """Return the bar of a task, by its number."""
        stopped = float(self.stopped[task])
        reading, computing, writing = self._work[task].tolist()
        return Bar(
            lane=int(self._lane[task]),
            axis_value=self.axis_values[task],
            started=float(self.started[task]),
            stopped=None if math.isnan(stopped) else stopped,
            reading=reading,
            computing=computing,
            writing=writing,
            status=STATUSES[self.status[task]],
            planes=int(self.planes[task]),
        )

    def recent_rate(self, moment: float) -> float | None:
        """Return the planes per second of late, at a moment in seconds since the run began; None for none."""
        self._forget(moment)
        span = min(RECENT, moment)
        return sum(planes for _, planes in self._recent) / span if self._recent and span > 0 else None

    def _end(self, task: int, event: TaskEvent, at: float) -> None:
        started, stopped = self._believed(task, event, at)
        self.started[task], self.stopped[task] = started, stopped
        self._place(self._rows.end(task, event.worker, started, stopped))
        if event.status == "done":
            self._recent.append((at, float(self.planes[task])))
        self._forget(at)
        if isinstance(event.result, TaskOutput):
            # Of a task that an earlier run began, the work of that run is in it too.
            work = np.array([event.result.reading, event.result.computing, event.result.writing])
            self._work[task] = work * min(1.0, (stopped - started) / max(work.sum(), 1e-9))
            process = event.result.worker.rpartition(":")[0] or event.result.worker
            self._peaks[int(self._lane[task])] = process, event.result.peak_memory

    def _believed(self, task: int, event: TaskEvent, at: float) -> tuple[float, float]:
        """Return when a task started and stopped, in seconds since the run began, by the clock of this process."""
        seen = float(self.started[task])
        if event.started is None or event.stopped is None or not isinstance(event.result, Timed):
            stopped = at if event.stopped is None else min(at, event.stopped - self.began)
            return seen, max(seen, stopped)
        offset = self._offsets.get(event.worker, -self.began)
        started, stopped = event.started + offset, event.stopped + offset
        if stopped > at or started < seen - LATE:
            # Its clock is another: of another machine, or set between the beginnings of the two processes.
            self._offsets[event.worker] = at - event.stopped
            started, stopped = at - (event.stopped - event.started), at
        return min(started, stopped), stopped

    def _forget(self, at: float) -> None:
        while self._recent and self._recent[0][0] < at - RECENT:
            self._recent.popleft()

    def _place(self, moved: Mapping[int, int]) -> None:
        for task, row in moved.items():
            self._lane[task] = row


def count_planes(planes: Planes, axis: str) -> dict[str, int]:
    """Return how many planes each task of a run holds.

    Parameters
    ----------
    planes : Planes
        Of the dataset.
    axis : str
        A component, or a product of several.
    """
    values = planes.axis_values(axis)
    counts = np.bincount(planes.axis_codes(axis), minlength=len(values))
    return dict(zip(values, counts.tolist(), strict=True))


def _numbers(given: Mapping[str, float], values: Sequence[str], default: float) -> NDArray[np.float64]:
    return np.fromiter((given.get(value, default) for value in values), np.float64, len(values))
