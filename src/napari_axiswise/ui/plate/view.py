"""The plate view: a plate's layer, redrawn in a thread as tasks finish."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from ...core.events import TaskEvent
from ...results.records import TaskOutput
from ..common.background import BackgroundQueue
from ..viewer.axes import LayerAxes, arrange_layers
from .drawing import Place, PlateDrawing
from .layer import PlateLayer
from .model import PlateChoice
from .states import sliders_of

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from ...runs.result import RunResult

logger = logging.getLogger(__name__)

UPDATE_INTERVAL = 250
"""Milliseconds between two updates, so that repainting does not slow the window down."""

PAINT_TIME = 60
"""Milliseconds until a refreshed layer is on the screen."""


def show_plate(
    result: RunResult,
    viewer: Viewer | None = None,
    step: str | None = None,
    column: str | None = None,
    statistic: str = "mean",
) -> Image:
    """Add a result to a viewer as a plate: a thumbnail per field, or a heat map of a table's column.

    Fields without an image have a sign, which differs in shape: pending, failed, no image taken. A click on a well
    moves the sliders there.

    Parameters
    ----------
    result : RunResult
        Result from `run` or `open_result`.
    viewer : napari.Viewer, optional
        By default, the current viewer or a new one.
    step : str, optional
        A kept step: images or labels for thumbnails, a table for a heat map. By default, the last one.
    column : str, optional
        A column of the table, or ``"count"`` for the number of rows. By default, thumbnails are shown.
    statistic : {"mean", "median", "std", "min", "max", "sum", "count"}
        Statistic of the rows of a well.

    Returns
    -------
    napari.layers.Image
        The layer, which reads from the output folder as the sliders move.

    Raises
    ------
    ValueError
        The data has no plate, or the pipeline no such step.
    """
    import napari

    viewer = viewer or napari.current_viewer() or napari.Viewer()
    choice = PlateChoice(step or "", column or "", statistic)
    if not step:
        choice = replace(choice, step=(choice.steps(result.pipeline) or [""])[-1])
    view = PlateView(viewer, result, choice, LayerAxes.of(result.dataset))
    view.update(result.outcomes.values(), wait=True)
    arrange_layers(viewer, result.dataset.source, view.axes.names)
    return view.show()


class PlateView(QObject):
    """Plate in a viewer that follows a run.

    Pictures are drawn in a thread; the GUI thread only shows them.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer that shows the plate.
    result : RunResult
        Result of a run, which may still be going on.
    choice : PlateChoice
        Contents of the plate.
    axes : LayerAxes
        Axes of the image layers.

    Attributes
    ----------
    is_first_due : bool
        Whether the first task has finished but is not on the screen yet. Slow work should wait until it is.
    columns_found : psygnal.Signal
        Emitted with the columns of the table.
    closed : psygnal.Signal
        Emitted when the layer was removed.
    failed : psygnal.Signal
        Emitted with a message if the contents cannot be shown.

    Raises
    ------
    ValueError
        See `PlateDrawing`.
    """

    columns_found = Signal(tuple)
    closed = Signal()
    failed = Signal(str)

    def __init__(self, viewer: Viewer, result: RunResult, choice: PlateChoice, axes: LayerAxes) -> None:
        super().__init__()
        self.axes = axes
        self._viewer = viewer
        self._drawing = PlateDrawing(result, choice)
        self._layer = PlateLayer(viewer, result, self._drawing, axes, self._request)
        self._drawer = BackgroundQueue()
        self._drawer.returned.connect(self._update)
        self._drawer.failed.connect(self._fail)
        self._waiting: list[TaskEvent] = []
        self._is_busy = self._is_closed = False
        self.is_first_due = self._has_first = self._is_first_drawn = False
        self._pace = self._timer(UPDATE_INTERVAL, self._hand_over)
        self._later = self._timer(UPDATE_INTERVAL, self._hand_over)
        self._paint = self._timer(PAINT_TIME, self._release)

    @property
    def layer(self) -> Image | None:
        """The napari layer, once `show` was called."""
        return self._layer.layer

    def show(self, layer: Image | None = None) -> Image:
        """Add the plate to the viewer, or reuse a plate's layer, and return the layer."""
        shown = self._layer.show(layer)
        self._viewer.layers.events.removed.connect(self._close_if_removed)
        return shown

    def update(self, events: Iterable[TaskEvent], wait: bool = False) -> None:
        """Draw the effect of events: at once after a pause, then at most every `UPDATE_INTERVAL`.

        Parameters
        ----------
        events : iterable of TaskEvent
            Events of the run.
        wait : bool
            Return only when everything is drawn.
        """
        self._waiting += events
        if not self._has_first:
            self._has_first = self.is_first_due = any(
                isinstance(event.result, TaskOutput) for event in self._waiting
            )
        if wait:
            events, self._waiting = self._waiting, []
            self._drawing.update(events)
        else:
            self._schedule()

    def go_to(self, position: Any) -> None:
        """Move the sliders to the well and field at a position in world coordinates."""
        self._layer.go_to(position)

    def close(self) -> None:
        """Stop following the run. The layer stays as it is."""
        self._layer.close()
        self._viewer.layers.events.removed.disconnect(self._close_if_removed)
        self.is_first_due = False
        self._is_closed = True
        self._drawer.close()
        with suppress(RuntimeError):  # the window is gone
            for timer in (self._pace, self._later, self._paint):
                timer.stop()

    def _timer(self, milliseconds: int, callback: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(callback)
        return timer

    def _schedule(self) -> None:
        """Draw outcomes at once, but not too often; let started tasks wait for more."""
        if not self._waiting or self._is_busy or self._pace.isActive():
            return
        if any(event.is_outcome for event in self._waiting):
            self._hand_over()
        elif not self._later.isActive():
            self._later.start()

    def _hand_over(self) -> None:
        """Let the thread draw the waiting events, unless it is busy."""
        if self._waiting and not self._is_busy:
            events, self._waiting = self._waiting, []
            if any(event.is_outcome for event in events):
                self._pace.start()
            self._is_busy = True
            self._is_first_drawn = self.is_first_due
            self._work(partial(self._drawing.update, events))

    def _request(self, place: Place) -> None:
        """Let the thread draw the picture at a slider position."""
        self._work(partial(self._draw, place))

    def _draw(self, place: Place) -> bool | None:
        drawing = self._drawing
        # The sliders may have moved on, or planes may have other components than assumed.
        own = tuple(name for name, _ in place) == sliders_of(drawing.names)
        if place != drawing.wanted or not own or drawing.picture(place) is not None:
            return None
        drawing.draw(place)
        return False

    def _work(self, job: Callable[[], bool | None]) -> None:
        """Run a job in the thread, then show what it drew."""
        if not self._is_closed:
            self._drawer.put(job)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, (ValueError, OSError)):
            self.failed.emit(str(error))
        else:
            logger.error("The plate could not be drawn.", exc_info=error)
        self._update(None)

    def _update(self, is_rearranged: bool | None) -> None:
        """Show what was drawn; None for nothing."""
        self._is_busy = False
        if is_rearranged is not None and self.layer is not None and self.layer in self._viewer.layers:
            self._layer.update(is_rearranged)
            if self._drawing.values.columns:
                self.columns_found.emit(self._drawing.values.columns)
        if self._is_first_drawn and not self._paint.isActive():
            self._paint.start()
        self._schedule()

    def _release(self) -> None:
        self.is_first_due = self._is_first_drawn = False

    def _close_if_removed(self, event: Any) -> None:
        # Not `is`: napari passes plugins a proxy of the layer.
        if event.value == self.layer:
            self.close()
            self.closed.emit()
