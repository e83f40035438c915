"""Brings together the panel that asks whether the axis changes the answer, the check, and the viewer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from ...core.events import TaskEvent
from ...datasets.dataset import Dataset
from ...pipeline.pipeline import Pipeline
from ...planning.check.axis_check import AxisCheck
from ...planning.check.checking import AxisChecking
from ...planning.sizes import CHECKED_UNITS
from ..common.worker import EventsWorker, make_worker
from ..run.form import AxisForm
from ..run.request import Request
from .layers import show_check, step_to_show
from .model import CheckModel
from .panel import CheckPanel

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True, eq=False)
class CheckRequest(Request):
    """What is to be checked; see `napari_axiswise.check_axis`.

    Parameters
    ----------
    axes : tuple of str, optional
        The axes to compare; left out, those that are possible.
    units : int, optional
        Of the sample; None is everything.
    """

    axes: tuple[str, ...] | None = None
    units: int | None = CHECKED_UNITS


class CheckEvents:
    """A check as a function that gives its events, by a name that napari can show.

    Attributes
    ----------
    check : AxisCheck or None
        What was found, once it was.
    """

    def __init__(self, request: CheckRequest) -> None:
        self._request = request
        self._checking: AxisChecking | None = None
        self.check: AxisCheck | None = None

    @property
    def total(self) -> int:
        """Tasks of all runs; 0 until it is known."""
        return 0 if self._checking is None else self._checking.total

    def __call__(self) -> Generator[TaskEvent, None, AxisCheck]:
        """Return the generator of events; it runs in whatever thread drains it."""
        asked = self._request
        # A sample of a large plate takes a moment to find: here, not in the window's thread.
        self._checking = AxisChecking(
            asked.dataset, asked.pipeline, asked.axes, asked.variable, asked.group_by,
            executor=asked.executor, workers=asked.workers, units=asked.units,
        )  # fmt: skip
        self.check = yield from self._checking.events()
        return self.check

    def finish(self, made: AxisCheck | None) -> AxisCheck | None:
        """Return what was found: nothing is left to do."""
        return made

    def __str__(self) -> str:
        return f"Axiswise: whether the axis changes the answer of {self._request.pipeline},"


class CheckController(QObject):
    """Carries out the checks that are asked for in the panel, one at a time, and shows what they find.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the difference is shown.
    panel : CheckPanel
        Where it is asked for and told.
    request : callable
        Returns what is to be checked, or None where nothing can be.

    Attributes
    ----------
    check : AxisCheck or None
        What was found last.
    changed : Signal
        Emitted when `running` has changed.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, panel: CheckPanel, request: Callable[[], CheckRequest | None]) -> None:
        super().__init__(panel)
        self.check: AxisCheck | None = None
        self._viewer = viewer
        self._panel = panel
        self._request = request
        self._events: CheckEvents | None = None
        self._worker: EventsWorker | None = None
        self._subject: tuple[object, ...] = ()
        panel.asked.connect(self.start)
        panel.cancelled.connect(self.cancel)
        panel.show_asked.connect(self.show_difference)

    def follow(self, *subject: object) -> None:
        """Forget what was found of something else than what is chosen now: dataset, pipeline, variable, group_by."""
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
        """Whether a check goes on."""
        return self._worker is not None

    def start(self) -> None:
        """Check what is chosen, and return at once."""
        if self.running:
            return
        request = self._request()
        if request is None:
            self._panel.render(CheckModel(told="Choose a plate and a pipeline first."))
            return
        self.check = None
        self._events = CheckEvents(request)
        self._worker = make_worker(self._events)
        self._worker.tell(yielded=self._take, errored=self._fail, finished=self._finish)
        self._panel.render(CheckModel(running=True))
        self.changed.emit()
        self._worker.start()

    def cancel(self) -> None:
        """Stop the check that goes on."""
        if self._worker is not None:
            self._worker.quit()

    def close(self) -> None:
        """Stop, and tell nobody any more."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.forget()

    def show_difference(self) -> None:
        """Show the difference that was found as layers."""
        if self.check is None:
            return
        try:
            show_check(self.check, self._viewer)
        except (ValueError, OSError) as error:
            show_error(f"Axiswise: {error}")

    def _take(self, event: TaskEvent) -> None:
        if self._worker is None or self._events is None:
            return
        model = replace(self._panel.model, total=self._events.total)
        self._panel.render(replace(model, done=model.done + int(event.is_outcome)))

    def _fail(self, error: Exception) -> None:
        if self._worker is not None:
            self._end(CheckModel(told=f"It could not be checked: {error}"))

    def _finish(self) -> None:
        if self._worker is None or self._events is None:
            return
        self.check = self._events.check
        if self.check is None:
            self._end(CheckModel(told="Cancelled."))
        else:
            self._end(CheckModel(told=str(self.check), can_show=_can_be_shown(self.check)))

    def _end(self, model: CheckModel) -> None:
        self._worker = self._events = None
        with suppress(RuntimeError):  # where the window is gone
            self._panel.render(model)
            self.changed.emit()


def check_request(
    dataset: Dataset | None, pipeline: Pipeline, form: AxisForm, workers: int, executor: str
) -> CheckRequest | None:
    """Return what is to be checked of what is chosen in the dock; None where nothing is open.

    It is checked on this machine, also where the run is for a cluster.
    """
    if dataset is None:
        return None
    where = "processes" if executor == "dask" else executor
    return CheckRequest(dataset, pipeline, form.variable, form.group_by, where, workers)


def _can_be_shown(check: AxisCheck) -> bool:
    try:
        return bool(step_to_show(check))
    except ValueError:
        return False
