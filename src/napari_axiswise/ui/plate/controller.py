"""Brings together what is chosen in the dock, the run that goes on, and the plate in the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_error

from ...core.events import TaskEvent
from ...runs.result import RunResult
from ..run.session import RunSession
from .layer import PlateView
from .model import PlateChoice
from .panel import PlatePanel

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


class PlateController:
    """Shows of each run what is chosen, from its beginning on.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the plate is shown.
    panel : PlatePanel
        Where it is chosen what of.

    Attributes
    ----------
    view : PlateView or None
        What is in the viewer.
    """

    def __init__(self, viewer: Viewer, panel: PlatePanel) -> None:
        self.view: PlateView | None = None
        self._viewer = viewer
        self._panel = panel
        self._session: RunSession | None = None
        self._events: dict[str, TaskEvent] = {}
        panel.chosen.connect(self._show)

    def follow(self, session: RunSession) -> None:
        """Show a run that was just started, instead of the one before."""
        self._session = session
        self._events = dict(session.result.outcomes)
        session.found.connect(self._take_found)
        session.took.connect(self._take)
        session.over.connect(self._finish)
        session.hold_layers = self._is_first_due
        self._show(self._panel.choice)

    def close(self) -> None:
        """Follow nothing any more."""
        self._session = None
        if self.view is not None:
            self.view.close()

    def _show(self, choice: PlateChoice) -> None:
        layer = self._leave()
        if self._session is not None and choice.step:
            try:
                self.view = PlateView(self._viewer, self._session.result, choice, self._session.axes)
            except ValueError as error:
                show_error(f"Axiswise: {error}")
        if self.view is not None:
            self.view.columns_found.connect(self._panel.show_columns)
            self.view.closed.connect(self._forget)
            self.view.failed.connect(self._fail)
            self.view.take(self._events.values())
            self.view.show(layer)
        elif layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _leave(self) -> Image | None:
        """Take the plate off the run that it shows, and return its layer."""
        view, self.view = self.view, None
        if view is None:
            return None
        view.close()
        return view.layer

    def _fail(self, told: str) -> None:
        """Tell why what was chosen cannot be shown, once, and show nothing."""
        if self.view is None:
            return
        layer = self._leave()
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        self._panel.show_nothing()
        show_error(f"Axiswise: {told}")

    def _forget(self) -> None:
        """Take note that the user removed the layer."""
        self.view = None
        self._panel.show_nothing()

    def _is_first_due(self) -> bool:
        """Return whether the first thumbnail is about to be shown, which the first layer of images would hold up."""
        return self.view is not None and self.view.is_first_due

    def _take(self, event: TaskEvent) -> None:
        self._events[event.axis_value] = event
        if self.view is not None:
            self.view.take([event])

    def _take_found(self, events: list[TaskEvent]) -> None:
        for event in events:
            self._take(event)

    def _finish(self, result: RunResult) -> None:
        # What tasks had finished that were lost or cancelled is found only at the end.
        found = [event for event in result.outcomes.values() if event.status in ("cancelled", "lost")]
        for event in found:
            self._take(event)
