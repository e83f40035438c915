"""Connects the plate panel with the current run and with the plate in the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.events import TaskEvent
from ..common.plain import notify_error
from ..common.task_board import TaskBoard
from ..run.session import RunSession
from .model import PlateChoice
from .panel import PlatePanel
from .view import PlateView

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer


class PlateController:
    """Controller that shows each run as a plate, from its start.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer that shows the plate.
    panel : PlatePanel
        Panel in which the user chooses the contents of the plate.
    board : TaskBoard
        The last events of the run's tasks.

    Attributes
    ----------
    view : PlateView or None
        The plate in the viewer.
    """

    def __init__(self, viewer: Viewer, panel: PlatePanel, board: TaskBoard) -> None:
        self.view: PlateView | None = None
        self._viewer = viewer
        self._panel = panel
        self._session: RunSession | None = None
        self._board = board
        board.updated.connect(self._update)
        board.found.connect(self._add_found)
        panel.chosen.connect(self._show)

    def follow(self, session: RunSession) -> None:
        """Show a run that has just started instead of the previous one."""
        self._session = session
        session.hold_layers = self._is_first_due
        self._show(self._panel.choice)

    def close(self) -> None:
        """Stop following the run."""
        self._session = None
        if self.view is not None:
            self.view.close()

    def _show(self, choice: PlateChoice) -> None:
        layer = self._detach()
        if self._session is not None and choice.step:
            try:
                self.view = PlateView(self._viewer, self._session.result, choice, self._session.axes)
            except ValueError as error:
                notify_error(error)
        if self.view is not None:
            self.view.columns_found.connect(self._panel.show_columns)
            self.view.closed.connect(self._on_closed)
            self.view.failed.connect(self._on_failed)
            self.view.update(self._board.events.values())
            self.view.show(layer)
        elif layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _detach(self) -> Image | None:
        """Close the plate view, and return its layer."""
        view, self.view = self.view, None
        if view is None:
            return None
        view.close()
        return view.layer

    def _on_failed(self, message: str) -> None:
        """Show an error once, and remove the plate."""
        if self.view is None:
            return
        layer = self._detach()
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        self._panel.show_nothing()
        notify_error(message)

    def _on_closed(self) -> None:
        """Reset the panel after the user removed the layer."""
        self.view = None
        self._panel.show_nothing()

    def _is_first_due(self) -> bool:
        """Return whether the first thumbnail is about to appear, which adding an image layer would delay."""
        return self.view is not None and self.view.is_first_due

    def _update(self, event: TaskEvent) -> None:
        self._add_found([event])

    def _add_found(self, events: list[TaskEvent]) -> None:
        if self.view is not None:
            self.view.update(events)
