"""The timeline of a run: a row per worker, a bar per task."""

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
from .rows import WorkerRows

STATUSES: tuple[Status, ...] = ("waiting", "started", *OUTCOMES)
"""Statuses by their number in `Bars.status`."""

RECENT = 10.0
"""Length of the period of the recent throughput, in seconds."""

LATE = 1.0
"""Seconds that a worker's clock may be behind before its times are corrected."""

_CODES = {status: code for code, status in enumerate(STATUSES)}


@dataclass(frozen=True)
class Bar:
    """A task on the timeline.

    Parameters
    ----------
    lane : int
        Its row, from 0.
    axis_value : str
        Axis value of the task.
    started : float
        Seconds since the run began.
    stopped : float or None
        Seconds since the run began; None while the task runs.
    reading, computing, writing : float
        Seconds spent on each; 0 until known.
    status : str
        See `TaskEvent`.
    planes : int
        Number of its planes.
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

    def summary(self, component: str, moment: float) -> str:
        """Summarize the bar in a line, at a moment in seconds since the run began."""
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
    """The bars of a timeline as arrays of shape (bars,), in the order of the tasks.

    Parameters
    ----------
    task : ndarray of int
        Number of each task in the run.
    lane : ndarray of int
        Row of each bar.
    started, stopped : ndarray of float
        Seconds since the run began. The bars of running tasks end at the given moment.
    reading, computing, writing : ndarray of float
        Seconds spent on each. Their sum is at most the length of the bar.
    status : ndarray of int
        Indices into `STATUSES`.
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
    """Turns task events into bars, in constant time per event.

    A ``"started"`` event names no worker. The task is put into a free row until its outcome names the worker. If all
    rows are taken, a new worker gets the row of a worker that died.

    Parameters
    ----------
    axis : str
        The component that the run is split by.
    axis_values : sequence of str
        The tasks, in the order in which they are started.
    plane_counts : mapping, optional
        From axis value to number of planes.
    lanes : int, optional
        Number of workers. By default, as many as tasks are seen to run at once.
    expected_seconds : mapping, optional
        From axis value to planned duration.
    began : float, optional
        Start of the run, in seconds since the epoch. By default, now.

    Attributes
    ----------
    revision : int
        Incremented with every change.
    resumed : int
        Number of tasks that an earlier run had finished. They have no bars.
    status : ndarray of int8, shape (tasks,)
        Indices into `STATUSES`.
    started, stopped : ndarray of float, shape (tasks,)
        Seconds since the run began; NaN until the task has started or stopped.
    planes : ndarray of float, shape (tasks,)
        Number of planes.
    expected : ndarray of float, shape (tasks,), or None
        Planned durations, in seconds.
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
        # A plan may have no durations.
        if expected_seconds and all(map(math.isfinite, expected_seconds.values())):
            self.expected = _numbers(expected_seconds, self.axis_values, math.nan)
        self.status = np.zeros(count, np.int8)
        self.started = np.full(count, np.nan)
        self.stopped = np.full(count, np.nan)
        self._task = {value: number for number, value in enumerate(self.axis_values)}
        self._lane = np.full(count, -1, np.intp)
        self._work = np.zeros((count, 3))
        self._given = lanes
        self._rows = WorkerRows(lanes)
        self._offsets: dict[str, float] = {}
        self._peaks: dict[int, tuple[str, int]] = {}
        self._recent: deque[tuple[float, float]] = deque()

    @property
    def lanes(self) -> int:
        """Number of workers: the given number, or the number of rows."""
        return self._given or self._rows.used

    @property
    def lanes_are_known(self) -> bool:
        """Whether the number of workers was given."""
        return self._given is not None

    @property
    def memory(self) -> int:
        """Peak memory of the workers during their last tasks, in bytes. Threads of one process count once."""
        processes: dict[str, int] = {}
        for process, peak in self._peaks.values():
            processes[process] = max(peak, processes.get(process, 0))
        return sum(processes.values())

    def add(self, event: TaskEvent, moment: float | None = None) -> None:
        """Add an event.

        Parameters
        ----------
        event : TaskEvent
            Heartbeats, tasks of other runs, and events after an outcome are ignored.
        moment : float, optional
            When it arrived, in seconds since the epoch. By default, now.
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

    def subtract(self, done: Mapping[str, int]) -> None:
        """Subtract planes that an earlier run finished from the planes and planned durations of tasks.

        Parameters
        ----------
        done : mapping
            From axis value to number of finished planes.
        """
        before = self.planes
        self.planes = np.maximum(before - _numbers(done, self.axis_values, 0.0), 0.0)
        if self.expected is not None:
            self.expected = self.expected * np.divide(
                self.planes, before, out=np.ones_like(before), where=before > 0
            )
        self.revision += 1

    def bars(self, moment: float | None = None) -> Bars:
        """Return all bars at a moment, in seconds since the epoch; by default, now."""
        task = np.flatnonzero(self._lane >= 0)
        at = (now() if moment is None else moment) - self.began
        started, stopped = self.started[task], self.stopped[task]
        stopped = np.where(np.isnan(stopped), np.maximum(at, started), stopped)
        reading, computing, writing = self._work[task].T
        return Bars(task, self._lane[task], started, stopped, reading, computing, writing, self.status[task])

    def bar(self, task: int) -> Bar:
        """Return the bar of the task with this number."""
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
        """Return recent planes per second, at a moment in seconds since the run began; None if there are none."""
        self._forget(moment)
        span = min(RECENT, moment)
        return sum(planes for _, planes in self._recent) / span if self._recent and span > 0 else None

    def _end(self, task: int, event: TaskEvent, at: float) -> None:
        started, stopped = self._corrected_times(task, event, at)
        self.started[task], self.stopped[task] = started, stopped
        self._place(self._rows.end(task, event.worker, started, stopped))
        if event.status == "done":
            self._recent.append((at, float(self.planes[task])))
        self._forget(at)
        if isinstance(event.result, TaskOutput):
            # The result of a resumed task includes the work of the earlier run.
            work = np.array([event.result.reading, event.result.computing, event.result.writing])
            self._work[task] = work * min(1.0, (stopped - started) / max(work.sum(), 1e-9))
            process = event.result.worker.rpartition(":")[0] or event.result.worker
            self._peaks[int(self._lane[task])] = process, event.result.peak_memory

    def _corrected_times(self, task: int, event: TaskEvent, at: float) -> tuple[float, float]:
        """Return start and end of a task by the clock of this process, in seconds since the run began."""
        seen = float(self.started[task])
        if event.started is None or event.stopped is None or not isinstance(event.result, Timed):
            stopped = at if event.stopped is None else min(at, event.stopped - self.began)
            return seen, max(seen, stopped)
        offset = self._offsets.get(event.worker, -self.began)
        started, stopped = event.started + offset, event.stopped + offset
        if stopped > at or started < seen - LATE:
            # The worker is on another machine, or the clock was set after one of the processes started.
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
    """Return the number of planes of each task of a run.

    Parameters
    ----------
    planes : Planes
        The planes of the dataset.
    axis : str
        A component, or a product of several.
    """
    values = planes.axis_values(axis)
    counts = np.bincount(planes.axis_codes(axis), minlength=len(values))
    return dict(zip(values, counts.tolist(), strict=True))


def _numbers(given: Mapping[str, float], values: Sequence[str], default: float) -> NDArray[np.float64]:
    return np.fromiter((given.get(value, default) for value in values), np.float64, len(values))
