"""The napari layer of a plate: where it is, how the sliders pick its picture, and clicks on wells."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..viewer.arrays import PlaneStack
from ..viewer.axes import DATASET, LayerAxes
from .drawing import Place, PlateDrawing
from .picture import PlatePicture
from .states import sliders_of

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from ...runs.result import RunResult

PLATE = "napari-axiswise plate"
"""Metadata key under which the layer of a plate names its output folder and contents."""

MAX_DRAG = 3
"""Screen pixels by which the mouse may move during a click."""

HEIGHT, GAP = 1.8, 0.08
"""Height of the plate and its distance from the images, in image heights."""


class PlateLayer:
    """Layer of a plate, to the left of the images.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer that has the layer.
    result : RunResult
        Result of a run, which may still be going on.
    drawing : PlateDrawing
        Draws the pictures.
    axes : LayerAxes
        Axes of the image layers.
    request : callable
        Called with a slider position whose picture is not drawn yet.

    Attributes
    ----------
    layer : napari.layers.Image or None
        The napari layer, once `show` was called.
    """

    def __init__(
        self,
        viewer: Viewer,
        result: RunResult,
        drawing: PlateDrawing,
        axes: LayerAxes,
        request: Callable[[Place], None],
    ) -> None:
        self.layer: Image | None = None
        self._viewer = viewer
        self._dataset = result.dataset
        self._output = result.output
        self._drawing = drawing
        self._axes = axes
        self._request = request
        self._last: PlatePicture | None = None

    def show(self, layer: Image | None = None) -> Image:
        """Add the layer to the viewer, or reuse one, and return it.

        Parameters
        ----------
        layer : napari.layers.Image, optional
            Layer of another plate view of the same dataset.
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
        self._viewer.mouse_drag_callbacks.append(self._click)
        return self.layer

    def update(self, is_rearranged: bool) -> None:
        """Show new pixels; with `is_rearranged`, give the layer the axes of planes with other components."""
        layer = self.layer
        if layer is None or layer not in self._viewer.layers:
            return
        if not is_rearranged:
            layer.refresh(extent=False, highlight=False)
            return
        order = layer.axis_labels
        options = self._options()
        layer.data = self._stack(order[:-2])
        for name in ("scale", "translate"):
            setattr(layer, name, [options[name][options["axis_labels"].index(label)] for label in order])

    def close(self) -> None:
        """Ignore clicks from now on. The layer stays as it is."""
        with suppress(ValueError):
            self._viewer.mouse_drag_callbacks.remove(self._click)

    def go_to(self, position: Any) -> None:
        """Move the sliders to the well and field at a position in world coordinates."""
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

    def _stack(self, order: Iterable[str] | None = None) -> PlaneStack:
        """Return the pictures as an array over all components.

        All wells and fields have the same picture, with a frame around the current one. This way the sliders have
        their full range from the start, and a click has a target.
        """
        names, geometry = self._drawing.names, self._drawing.geometry
        axes = self._axes

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
        """Return the picture at a slider position, or the previous one until that is drawn."""
        self._drawing.wanted = place
        picture = self._drawing.picture(place)
        if picture is None:
            self._request(place)
        self._last = picture or self._last
        return self._last

    def _options(self) -> dict[str, Any]:
        """Return name, metadata, scale and position of the layer: left of the images, almost twice as high."""
        options = self._axes.metadata(self._drawing.names, {})
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
        """Height and width of an image, in world units."""
        size = self._dataset.pixel_size or (1.0, 1.0)
        return self._dataset.shape[0] * size[0], self._dataset.shape[1] * size[1]

    def _fit_view(self) -> None:
        """Zoom to the plate and the images beside it, whether there are any yet or not."""
        assert self.layer is not None
        height, width = self._image_size
        top, left = self.layer.translate[-2:]
        tall, wide = HEIGHT * height, width - left
        canvas = self._viewer.canvas.size
        self._viewer.scene.camera.center = (0.0, top + tall / 2, left + wide / 2)
        self._viewer.scene.camera.zoom = 0.95 * min(canvas[0] / tall, canvas[1] / wide)

    def _click(self, viewer: Viewer, event: Any) -> Generator[None, None, None]:
        """Go to the clicked well and field, unless the mouse is dragged."""
        start = event.pos
        yield
        while event.type == "mouse_move":
            if np.abs(np.subtract(event.pos, start)).max() > MAX_DRAG:
                return
            yield
        if not event.modifiers:
            self.go_to(event.position)
