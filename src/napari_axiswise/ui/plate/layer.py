"""A plate in the viewer: one layer beside the images, filled as tasks land; a click on a well goes there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from ...core.events import TaskEvent
from ...results.records import TaskOutput
from ..viewer.arrays import PlaneStack
from ..viewer.axes import DATASET, LayerAxes, arrange_layers
from .drawing import Place, PlateDrawing
from .model import PlateChoice
from .picture import PlatePicture
from .states import sliders_of

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from ...runs.result import RunResult

logger = logging.getLogger(__name__)

PLATE = "napari-axiswise plate"
"""The key of a layer's metadata under which the layer of a plate tells what it shows."""

PACE = 250
"""Milliseconds between two updates: a window that is drawn all the time is a slow one."""

DRAG = 3
"""Pixels of the screen that a mouse moves at most in a click."""

PAINTED = 60
"""Milliseconds after which a layer that was refreshed is on the screen."""

HEIGHT, GAP = 1.8, 0.08
"""Height of the plate and distance from the images, in heights of an image."""


def show_plate(
    result: RunResult,
    viewer: Viewer | None = None,
    step: str | None = None,
    column: str | None = None,
    statistic: str = "mean",
) -> Image:
    """Add a result to a viewer as a plate: a thumbnail for each field, or a heat map of a table's column.

    Fields that are not there have a sign instead, each with its shape: pending, failed, no image taken. A click
    on a well takes the sliders there.

    Parameters
    ----------
    result : RunResult
        From `run` or `open_result`.
    viewer : napari.Viewer, optional
        Left out, the current one, or a new one.
    step : str, optional
        A kept step: of images or labels for thumbnails, left out the last; of a table for a heat map.
    column : str, optional
        A column of the table, ``"count"`` for the number of its rows; left out, thumbnails are shown.
    statistic : {"mean", "median", "std", "min", "max", "sum", "count"}
        Of the rows of a well.

    Returns
    -------
    napari.layers.Image
        The layer, which reads from the output's folder as the sliders move.

    Raises
    ------
    ValueError
        There is no plate, or no such step.
    """
    import napari

    viewer = viewer or napari.current_viewer() or napari.Viewer()
    choice = PlateChoice(step or "", column or "", statistic)
    if not step:
        choice = replace(choice, step=(choice.steps(result.pipeline) or [""])[-1])
    view = PlateView(viewer, result, choice, LayerAxes.of(result.dataset))
    view.take(result.outcomes.values(), wait=True)
    arrange_layers(viewer, result.dataset.source, view.axes.names)
    return view.show()


class PlateView(QObject):
    """Keeps the layer of a plate up to date.

    Pictures are drawn in a thread of its own; the window's only shows them.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer is.
    result : RunResult
        Of a run that may still be going on.
    choice : PlateChoice
        What is shown.
    axes : LayerAxes
        Of the other layers.

    Attributes
    ----------
    layer : napari.layers.Image or None
        Once `show` was called.
    is_first_due : bool
        Whether the first task has landed and is not on the screen yet: what takes long had better wait.
    columns_found : Signal
        Emitted with the columns of the table that is shown.
    closed : Signal
        Emitted when the layer was removed.
    failed : Signal
        Emitted with what is wrong where what was chosen cannot be shown.

    Raises
    ------
    ValueError
        See `PlateDrawing`.
    """

    columns_found = Signal(tuple)
    closed = Signal()
    failed = Signal(str)
    _drawn = Signal(object)

    def __init__(self, viewer: Viewer, result: RunResult, choice: PlateChoice, axes: LayerAxes) -> None:
        super().__init__()
        self.axes = axes
        self.layer: Image | None = None
        self._viewer = viewer
        self._dataset = result.dataset
        self._output = result.output
        self._drawing = PlateDrawing(result, choice)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="plate view")
        self._waiting: list[TaskEvent] = []
        self._last: PlatePicture | None = None
        self._is_busy = False
        self.is_first_due = self._has_first = self._is_first_drawn = False
        self._pace, self._later = self._timer(PACE, self._hand_over), self._timer(PACE, self._hand_over)
        self._paint = self._timer(PAINTED, self._release)
        self._drawn.connect(self._update)

    def _timer(self, milliseconds: int, callback: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(callback)
        return timer

    def show(self, layer: Image | None = None) -> Image:
        """Put the plate into the viewer, and return its layer.

        Parameters
        ----------
        layer : napari.layers.Image, optional
            Of another plate of the same dataset, to be used again.
        """
        options = self._options()
        stack = self._stack()
        if layer is not None and layer in self._viewer.layers and layer.axis_labels == options["axis_labels"]:
            self.layer = layer
            layer.data = stack
            for name, value in options.items():
                setattr(layer, name, value)
        else:
            if layer is not None and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
            self.layer = self._viewer.add_image(
                stack,
                rgb=True,
                contrast_limits=(0, 255),
                multiscale=False,
                interpolation2d="linear",
                **options,
            )
            self._fit_view()
        self._viewer.layers.events.removed.connect(self._close_if_removed)
        self._viewer.mouse_drag_callbacks.append(self._click)
        return self.layer

    def take(self, events: Iterable[TaskEvent], wait: bool = False) -> None:
        """Take note of what happened, and show it: what is the first after a while at once, more not before long.

        Parameters
        ----------
        events : iterable of TaskEvent
            What happened.
        wait : bool
            Return once it is drawn.
        """
        self._waiting += events
        if not self._has_first:
            self._has_first = self.is_first_due = any(
                isinstance(event.result, TaskOutput) for event in self._waiting
            )
        if wait:
            events, self._waiting = self._waiting, []
            self._drawing.take(events)
        else:
            self._consider()

    def close(self) -> None:
        """Follow the run no more. The layer stays, as it is."""
        with suppress(ValueError):
            self._viewer.mouse_drag_callbacks.remove(self._click)
        self._viewer.layers.events.removed.disconnect(self._close_if_removed)
        self.is_first_due = False
        self._thread.shutdown(wait=False, cancel_futures=True)
        with suppress(RuntimeError):  # where the window is gone
            for timer in (self._pace, self._later, self._paint):
                timer.stop()

    # ------------------------------------------------------------------ drawing

    def _consider(self) -> None:
        """Decide when to draw what has come: outcomes at once, but not too often; that tasks began, after a while."""
        if not self._waiting or self._is_busy or self._pace.isActive():
            return
        if any(event.is_outcome for event in self._waiting):
            self._hand_over()
        elif not self._later.isActive():
            self._later.start()

    def _hand_over(self) -> None:
        """Let the thread draw what has come, if it is not at it."""
        if self._waiting and not self._is_busy:
            events, self._waiting = self._waiting, []
            if any(event.is_outcome for event in events):
                self._pace.start()
            self._is_busy = True
            self._is_first_drawn = self.is_first_due
            self._work(partial(self._drawing.take, events))

    def _draw(self, place: Place) -> bool | None:
        drawing = self._drawing
        # Sliders may have moved on in the meantime, or planes have other components than was thought.
        own = tuple(name for name, _ in place) == sliders_of(drawing.names)
        if place != drawing.wanted or not own or drawing.picture(place) is not None:
            return None
        drawing.draw(place)
        return False

    def _work(self, job: Callable[[], bool | None]) -> None:
        """Do something in the thread, and show what it has drawn."""

        def work() -> None:
            drawn = None
            try:
                drawn = job()
            except (ValueError, OSError) as error:
                with suppress(RuntimeError):  # where the window is gone
                    self.failed.emit(str(error))
            except Exception:
                logger.exception("The plate could not be drawn.")
            with suppress(RuntimeError):  # where the window is gone
                self._drawn.emit(drawn)

        with suppress(RuntimeError):  # where it was closed
            self._thread.submit(work)

    def _update(self, is_other: bool | None) -> None:
        """Show what was drawn; None for nothing."""
        self._is_busy = False
        layer = self.layer
        if is_other is not None and layer is not None and layer in self._viewer.layers:
            if is_other:
                self._rearrange(layer)
            else:
                layer.refresh(extent=False, highlight=False)
            if self._drawing.values.columns:
                self.columns_found.emit(self._drawing.values.columns)
        if self._is_first_drawn and not self._paint.isActive():
            self._paint.start()
        self._consider()

    def _release(self) -> None:
        self.is_first_due = self._is_first_drawn = False

    # ------------------------------------------------------------------ the layer

    def _rearrange(self, layer: Image) -> None:
        """Give the layer the axes of planes that have other components than was thought."""
        order = layer.axis_labels
        options = self._options()
        layer.data = self._stack(order[:-2])
        for name in ("scale", "translate"):
            setattr(layer, name, [options[name][options["axis_labels"].index(label)] for label in order])

    def _stack(self, order: Iterable[str] | None = None) -> PlaneStack:
        """Return the pictures as an array: all wells and fields have the same, but for the frame that says which it is.

        So that the sliders have all their places from the start, and a click has somewhere to go.
        """
        names, geometry = self._drawing.names, self._drawing.geometry
        axes = self.axes

        def read(position: tuple[int, ...]) -> NDArray[np.uint8]:
            at = dict(zip(names, axes.codes(names, {}, position), strict=True))
            place = tuple((name, at[name]) for name in sliders_of(names))
            picture = self._picture(place)
            if picture is None:
                return self._drawing.blank()
            return picture.marked(at["well"], picture.geometry.field(at))

        stack = PlaneStack(axes.lengths(names, {}), (*geometry.shape, 3), np.dtype(np.uint8), read)
        if order is None:
            return stack
        return stack.transposed([axes.names.index(name) for name in order])

    def _picture(self, place: Place) -> PlatePicture | None:
        """Return the picture for a place of the sliders; until that is drawn, the one that was shown before."""
        self._drawing.wanted = place
        picture = self._drawing.picture(place)
        if picture is None:
            self._work(partial(self._draw, place))
        self._last = picture or self._last
        return self._last

    def _options(self) -> dict[str, Any]:
        """Return what napari wants to know of the layer: it is left of the images, as high as some of them."""
        options = self.axes.metadata(self._drawing.names, {})
        height, _ = self._image_size
        rows, columns = self._drawing.geometry.shape
        pixel = HEIGHT * height / rows
        left = -columns * pixel - GAP * height
        return options | {
            "name": f"plate · {self._drawing.choice}",
            "scale": (*options["scale"][:-2], pixel, pixel),
            "translate": (*options["translate"][:-2], (height - HEIGHT * height) / 2, left),
            "metadata": {
                DATASET: self._dataset.source,
                PLATE: {"output": self._output, "choice": self._drawing.choice},
            },
        }

    @property
    def _image_size(self) -> tuple[float, float]:
        """Height and width of an image, in the units of the layers."""
        size = self._dataset.pixel_size or (1.0, 1.0)
        return self._dataset.shape[0] * size[0], self._dataset.shape[1] * size[1]

    def _fit_view(self) -> None:
        """Let the viewer show the plate and the images beside it, be there some or not."""
        assert self.layer is not None
        height, width = self._image_size
        top, left = self.layer.translate[-2:]
        tall, wide = HEIGHT * height, width - left
        canvas = self._viewer.canvas.size
        self._viewer.scene.camera.center = (0.0, top + tall / 2, left + wide / 2)
        self._viewer.scene.camera.zoom = 0.95 * min(canvas[0] / tall, canvas[1] / wide)

    # ------------------------------------------------------------------ the mouse

    def _click(self, viewer: Viewer, event: Any) -> Generator[None, None, None]:
        """Go to the well and field that are clicked on, unless the mouse is dragged."""
        start = event.pos
        yield
        while event.type == "mouse_move":
            if np.abs(np.subtract(event.pos, start)).max() > DRAG:
                return
            yield
        if not event.modifiers:
            self.go_to(event.position)

    def go_to(self, position: Any) -> None:
        """Take the sliders to the well and field at a position, in world coordinates."""
        layer = self.layer
        if layer is None or layer not in self._viewer.layers or not layer.visible:
            return
        if tuple(self._viewer.dims.axis_labels[axis] for axis in self._viewer.dims.displayed) != ("y", "x"):
            return
        y, x = layer.world_to_data(position)[-2:] + 0.5
        geometry = self._drawing.geometry
        well = geometry.well_at(y, x)
        if well is None:
            return
        field = geometry.field_at(y, x)
        values = {"well": well} | (geometry.field_values(field) if field is not None else {})
        labels = list(self._viewer.dims.axis_labels)
        moved = {labels.index(name): code for name, code in values.items() if name in labels}
        self._viewer.dims.set_point(list(moved), [float(code) for code in moved.values()])

    def _close_if_removed(self, event: Any) -> None:
        # Not `is`: napari hands plugins a layer that stands for the layer.
        if event.value == self.layer:
            self.close()
            self.closed.emit()
