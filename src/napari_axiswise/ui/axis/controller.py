"""Connects the axis panel with the planner, which plans and compares axes in a thread."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QTimer

from ...core.events import TaskEvent
from ...planning.plan import Plan
from ...planning.planner import planning
from ...planning.trials import comparing
from ...runs.plan import RunPlan
from ...runs.run import Run
from ..common.background import Background
from ..common.plain import notify_error
from .model import AxisModel
from .panel import AxisPanel

PROGRESS_INTERVAL = 1_000
"""Milliseconds between two updates of the progress: repainting disturbs the measurement."""


class AxisController:
    """Controller that makes plans and compares axes for the panel.

    Parameters
    ----------
    panel : AxisPanel
        Starts plans, and shows them.
    trial : callable
        Returns the plan, without an axis, that axes are compared with; None if no dataset is open.

    Attributes
    ----------
    plan : Plan or None
        The last plan, as long as it matches the current choices.
    changed : psygnal.Signal
        Emitted when `running` changes.
    """

    changed = Signal()

    def __init__(self, panel: AxisPanel, trial: Callable[[], RunPlan | None]) -> None:
        self.plan: Plan | None = None
        self._panel = panel
        self._trial = trial
        self._subject: tuple[object, ...] = (None,)
        self._background = Background()
        self._background.yielded.connect(self._count)
        self._background.returned.connect(self._show)
        self._background.failed.connect(self._fail)
        self._background.finished.connect(self._end)
        self._wanted = False
        self._done = 0
        self._ticks = QTimer(panel)
        self._ticks.setInterval(PROGRESS_INTERVAL)
        self._ticks.timeout.connect(self._show_progress)
        panel.plan_requested.connect(self.make_plan)
        panel.compare_requested.connect(self.compare_axes)
        panel.cancel_requested.connect(self.cancel)

    @property
    def running(self) -> bool:
        """Whether a plan or comparison is running."""
        return self._background.running

    def make_plan(self) -> None:
        """Plan the current choices in a thread. Errors are shown as notifications."""
        self._start(comparing_axes=False)

    def compare_axes(self) -> None:
        """Run a sample by each axis in a thread. Errors are shown as notifications."""
        self._start(comparing_axes=True)

    def cancel(self) -> None:
        """Stop the current plan or comparison."""
        if self.running:
            self._wanted = False
            self._panel.show_cancelling()
            self._background.cancel()

    def follow(self, possible: bool, *subject: object) -> None:
        """Drop the plan if the choices have changed.

        Parameters
        ----------
        possible : bool
            Whether a plan can be made now.
        *subject
            The dataset, pipeline, variable, group_by and executor to plan.
        """
        if subject != self._subject:
            self._subject = subject
            self.cancel()
            self.plan = None
            if self._panel.model is not None:
                self._panel.show_model(None)
        self._panel.enable(possible)

    def expected_seconds(self, run: Run) -> dict[str, float] | None:
        """Return the seconds that the plan expects for each task of a run; None without a matching plan."""
        if self._subject[:2] != (run.dataset, run.pipeline):
            return None
        known = [] if self.plan is None else [row for row in self.plan.axes if row.axis == run.axis]
        values = run.dataset.index.axis_values(run.axis)
        if not known or known[0].workload is None or len(known[0].workload) != len(values):
            return None
        return dict(zip(values, known[0].workload.seconds.tolist(), strict=True))

    def close(self) -> None:
        """Stop the current plan or comparison without showing it, since the widget is closed."""
        self._background.close()
        with suppress(RuntimeError):  # the Qt objects are gone
            self._ticks.stop()

    def _start(self, comparing_axes: bool) -> None:
        if self.running:
            return
        try:
            trial = self._trial()
        except (ValueError, OSError) as error:
            notify_error(error)
            return
        if trial is None:
            return
        self._wanted, self._done = True, 0
        task = "comparing axes" if comparing_axes else "planning"
        self._background.start(lambda: _events(trial, comparing_axes), f"Axiswise: {task},")
        self._panel.show_busy(comparing_axes)
        self._ticks.start()
        self.changed.emit()

    def _count(self, event: TaskEvent) -> None:
        self._done += event.is_outcome

    def _show(self, model: AxisModel) -> None:
        if model.comparison is None:
            self.plan = model.plan
        self._panel.show_model(model)

    def _fail(self, error: Exception) -> None:
        if self._wanted:
            notify_error(error)

    def _show_progress(self) -> None:
        self._panel.show_progress(self._done)

    def _end(self) -> None:
        self._ticks.stop()
        self._panel.show_idle()
        self.changed.emit()


def _events(trial: RunPlan, comparing_axes: bool) -> Generator[TaskEvent, None, AxisModel]:
    """Yield the events of a plan or comparison, and return the panel's model."""
    make: Callable[..., Generator[TaskEvent, None, Any]] = comparing if comparing_axes else planning
    result = yield from make(trial)
    return AxisModel.of(result)
