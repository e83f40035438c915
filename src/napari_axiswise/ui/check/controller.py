"""Connects the check panel with the check of the axis and with the viewer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psygnal import Signal

from ...core.events import TaskEvent
from ...planning.check.api import AxisChecking
from ...planning.check.result import AxisCheck
from ...planning.sizes import CHECKED_UNITS
from ...runs.plan import RunPlan
from ..common.background import Background
from ..common.plain import notify_error
from .layers import show_check, step_to_show
from .model import CheckModel
from .panel import CheckPanel

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True, eq=False)
class CheckRequest:
    """Arguments of a check; see `napari_axiswise.check_axis`.

    Parameters
    ----------
    plan : RunPlan
        The work, without an axis.
    axes : tuple of str, optional
        The axes to compare. By default, all possible axes.
    units : int, optional
        Number of units in the sample; None for all.
    """

    plan: RunPlan
    axes: tuple[str, ...] | None = None
    units: int | None = CHECKED_UNITS

    @classmethod
    def of(cls, trial: RunPlan | None) -> CheckRequest | None:
        """Return the check of some work; None if no dataset is open.

        The check runs on this machine even if the run is meant for a Dask cluster.
        """
        if trial is None:
            return None
        return cls(replace(trial, executor="processes") if trial.executor == "dask" else trial)


class CheckEvents:
    """Generator function of a check's events, with a name for napari's task manager.

    Attributes
    ----------
    check : AxisCheck or None
        The outcome, once the check is finished.
    """

    def __init__(self, request: CheckRequest) -> None:
        self._request = request
        self._checking: AxisChecking | None = None
        self.check: AxisCheck | None = None

    @property
    def total(self) -> int:
        """Number of tasks of all runs; 0 until it is known."""
        return 0 if self._checking is None else self._checking.total

    def __call__(self) -> Generator[TaskEvent, None, AxisCheck]:
        """Return the generator of events, which runs in the calling thread."""
        asked = self._request
        # Choosing a sample of a large plate takes a moment, so it is not done in the GUI thread.
        self._checking = AxisChecking(asked.plan, axes=asked.axes, units=asked.units)
        self.check = yield from self._checking.events()
        return self.check

    def __str__(self) -> str:
        return f"Axiswise: checking the axis of {self._request.plan.pipeline},"


class CheckController:
    """Controller that runs checks, one at a time, and shows their outcomes.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer that shows the difference.
    panel : CheckPanel
        Panel that starts checks and shows their outcomes.
    request : callable
        Returns the arguments of a check, or None if there is nothing to check.

    Attributes
    ----------
    check : AxisCheck or None
        The last outcome.
    changed : psygnal.Signal
        Emitted when `running` changes.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, panel: CheckPanel, request: Callable[[], CheckRequest | None]) -> None:
        self.check: AxisCheck | None = None
        self._viewer = viewer
        self._panel = panel
        self._request = request
        self._events: CheckEvents | None = None
        self._background = Background()
        self._background.yielded.connect(self._count)
        self._background.failed.connect(self._fail)
        self._background.finished.connect(self._finish)
        self._subject: tuple[object, ...] = ()
        panel.check_requested.connect(self.start)
        panel.cancel_requested.connect(self.cancel)
        panel.show_requested.connect(self.show_difference)

    def follow(self, *subject: object) -> None:
        """Drop the outcome if dataset, pipeline, variable or group_by have changed."""
        if subject == self._subject:
            return
        had, self._subject = self._subject, subject
        if self.running:
            self.cancel()
        elif had != ():
            self.check = None
            self._panel.render(CheckModel())

    @property
    def running(self) -> bool:
        """Whether a check is running."""
        return self._background.running

    def start(self) -> None:
        """Start a check of the current choices in a thread."""
        if self.running:
            return
        request = self._request()
        if request is None:
            self._panel.render(CheckModel(message="Open a plate and choose a pipeline first."))
            return
        self.check = None
        self._events = CheckEvents(request)
        self._background.start(self._events, str(self._events))
        self._panel.render(CheckModel(running=True))
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the current check."""
        self._background.cancel()

    def close(self) -> None:
        """Stop the current check without showing its outcome."""
        self._background.close()

    def show_difference(self) -> None:
        """Add the difference to the viewer as layers."""
        if self.check is None:
            return
        try:
            show_check(self.check, self._viewer)
        except (ValueError, OSError) as error:
            notify_error(error)

    def _count(self, event: TaskEvent) -> None:
        if self._events is None:
            return
        model = replace(self._panel.model, total=self._events.total)
        self._panel.render(replace(model, done=model.done + int(event.is_outcome)))

    def _fail(self, error: Exception) -> None:
        self._end(CheckModel(message=f"The check failed: {error}"))

    def _finish(self) -> None:
        if self._events is None:  # it failed
            return
        self.check = self._events.check
        if self.check is None:
            self._end(CheckModel(message="Cancelled."))
        else:
            self._end(CheckModel(message=str(self.check), can_show=_can_be_shown(self.check)))

    def _end(self, model: CheckModel) -> None:
        self._events = None
        self._panel.render(model)
        self.changed.emit()


def _can_be_shown(check: AxisCheck) -> bool:
    try:
        return bool(step_to_show(check))
    except ValueError:
        return False
