"""Makes plans and compares axes in a thread, for the panel that shows them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, QTimer, Signal

from ...core.events import TaskEvent
from ...planning.plan import Plan
from ...planning.planner import planning
from ...planning.trials import Comparison, comparing
from ...runs.run import Run
from ..common.worker import EventsWorker, make_worker
from ..run.request import Request
from .model import AxisModel
from .panel import AxisPanel

PROGRESS_TICK = 1_000
"""Milliseconds between two updates of the progress: the window repaints, which takes from what is measured."""


class AxisController(QObject):
    """Makes plans that the panel asks for.

    Parameters
    ----------
    panel : AxisPanel
        Where they are shown.
    request : callable
        Returns what is to be planned, from what `follow` was told; None where nothing can be.

    Attributes
    ----------
    plan : Plan or None
        The last one, as long as it is of what is chosen.
    running : bool
        Whether a plan is being made, or axes compared: until that is over, and no call of it goes on.
    changed : Signal
        Emitted when `running` has changed.
    """

    changed = Signal()

    def __init__(self, panel: AxisPanel, request: Callable[..., Request | None]) -> None:
        super().__init__(panel)
        self.plan: Plan | None = None
        self._panel = panel
        self._request = request
        self._subject: tuple[object, ...] = (None,)
        self._worker: EventsWorker | None = None
        self._wanted = False
        self._done = 0
        self._ticks = QTimer(self)
        self._ticks.setInterval(PROGRESS_TICK)
        self._ticks.timeout.connect(self._tell_progress)
        panel.plan_asked.connect(self.make_plan)
        panel.compare_asked.connect(self.compare_axes)
        panel.cancel_asked.connect(self.cancel)

    @property
    def running(self) -> bool:
        """Whether a plan is being made, or axes compared."""
        return self._worker is not None

    def make_plan(self) -> None:
        """Make the plan of what is chosen, in a thread. What stops it is shown as an error."""
        self._start(comparing_axes=False)

    def compare_axes(self) -> None:
        """Run a sample along each axis, in a thread. What stops it is shown as an error."""
        self._start(comparing_axes=True)

    def cancel(self) -> None:
        """Stop what goes on."""
        if self._worker is not None:
            self._wanted = False
            self._panel.show_cancelling()
            self._worker.quit()

    def follow(self, possible: bool, *subject: object) -> None:
        """Forget what was made of something else than what is chosen now.

        Parameters
        ----------
        possible : bool
            Whether a plan can be made now.
        *subject
            What a plan is of: the dataset, the pipeline, variable, group_by, and where it is to run.
        """
        if subject != self._subject:
            self._subject = subject
            self.cancel()
            self.plan = None
            if self._panel.foreseen is not None:
                self._panel.show_foreseen(None)
        self._panel.enable(possible)

    def expected_seconds(self, run: Run) -> dict[str, float] | None:
        """Return what the plan says of each task of a run; None where there is none of it."""
        if self._subject[:2] != (run.dataset, run.pipeline):
            return None
        known = [] if self.plan is None else [row for row in self.plan.axes if row.axis == run.axis]
        values = run.dataset.index.axis_values(run.axis)
        if not known or known[0].workload is None or len(known[0].workload) != len(values):
            return None
        return dict(zip(values, known[0].workload.seconds.tolist(), strict=True))

    def close(self) -> None:
        """Stop what goes on, and tell nobody: the window is closed, or the widget gone."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.forget()
        with suppress(RuntimeError):  # where the native parts are gone already
            self._ticks.stop()

    def _start(self, comparing_axes: bool) -> None:
        if self.running:
            return
        try:
            request = self._request(*self._subject)
        except (ValueError, OSError) as error:
            show_error(f"Axiswise: {error}")
            return
        if request is None:
            return
        self._wanted, self._done = True, 0
        self._worker = worker = make_worker(_Asked(request, comparing_axes))
        worker.tell(yielded=self._count, returned=self._take, errored=self._fail, finished=self._end)
        self._panel.show_busy(comparing_axes)
        self._ticks.start()
        self.changed.emit()
        worker.start()

    def _count(self, event: TaskEvent) -> None:
        self._done += event.is_outcome

    def _take(self, foreseen: AxisModel | None) -> None:
        if foreseen is None or not self._wanted or self._worker is None:
            return
        if foreseen.comparison is None:
            self.plan = foreseen.plan
        self._panel.show_foreseen(foreseen)

    def _fail(self, error: Exception) -> None:
        if self._wanted and self._worker is not None:
            show_error(f"Axiswise: {error}")

    def _tell_progress(self) -> None:
        self._panel.show_progress(self._done)

    def _end(self) -> None:
        self._worker = None
        with suppress(RuntimeError):  # where the native parts are gone already
            self._ticks.stop()
            self._panel.show_idle()
            self.changed.emit()


class _Asked:
    """A plan or a comparison as a function that gives its events."""

    def __init__(self, request: Request, comparing_axes: bool) -> None:
        self._request = request
        self._comparing = comparing_axes

    def __call__(self) -> Generator[TaskEvent, None, Plan | Comparison]:
        asked = self._request
        make: Callable[..., Generator[TaskEvent, None, Any]] = comparing if self._comparing else planning
        return make(
            asked.dataset, asked.pipeline, variable=asked.variable, group_by=asked.group_by,
            executor=asked.executor, workers=asked.workers,
        )  # fmt: skip

    def finish(self, made: Plan | Comparison | None) -> AxisModel | None:
        """Work out what there is to see, in the worker's thread."""
        return None if made is None else AxisModel.of(made)

    def __str__(self) -> str:
        return f"Axiswise: {'comparing axes' if self._comparing else 'the plan'},"
