"""``make pictures``: the screenshots of the documentation, from the sample plate, by public names only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import napari
from napari.layers import Labels
from PIL import Image
from qtpy.QtWidgets import QApplication

IMAGES = Path(__file__).parent / "images"
SIZE = (1400, 860)
LONGEST = 120.0
"""Seconds after which a run is taken to be stuck."""


def wait(until: Callable[[], bool], longest: float = LONGEST) -> None:
    """Let the window live until something is so."""
    end = monotonic() + longest
    while not until():
        if monotonic() > end:
            raise SystemExit(f"Not so after {longest:.0f} s.")
        QApplication.processEvents()


def pause(seconds: float) -> None:
    """Let the window live for a while."""
    end = monotonic() + seconds
    wait(lambda: monotonic() > end)


def open_plate() -> tuple[Any, Any]:
    """Return a viewer with the sample plate and the widget in it."""
    viewer = napari.Viewer(title="napari-axiswise")
    viewer.window.resize(*SIZE)
    viewer.open_sample("napari-axiswise", "plate")
    _, widget = viewer.window.add_plugin_dock_widget("napari-axiswise", "Axiswise")
    # What a reader should see is cells, not the brightest pixels of the dimmest well.
    nuclei, cells = viewer.layers
    nuclei.contrast_limits = (150, 1300)
    cells.contrast_limits = (150, 1900)
    return viewer, widget


def go_to(viewer: Any, **places: int) -> None:
    """Move the sliders that are named, and give the window time to draw."""
    for name, place in places.items():
        viewer.dims.set_current_step(viewer.dims.axis_labels.index(name), place)
    pause(1.5)


def outline(viewer: Any, width: int = 1) -> None:
    """Draw the labels as outlines, so that the cells are seen under them."""
    for layer in viewer.layers:
        if isinstance(layer, Labels):
            layer.contour = width
            layer.opacity = 1.0


def take(viewer: Any, name: str) -> None:
    """Write a picture of the window, with as many colours as it takes and no more."""
    pause(0.5)
    path = IMAGES / name
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(IMAGES.parent.parent)}: {path.stat().st_size // 1000} kB")


def picture_run_by_well() -> None:
    """Make the pictures of a first run: before, during and after it."""
    viewer, widget = open_plate()
    go_to(viewer, well=1, site=0, timepoint=5)
    take(viewer, "opened.png")

    # The first run of a session waits for its workers to start; by now they have.
    widget.run()
    landed: list[Any] = []
    viewer.layers.events.inserted.connect(landed.append)
    wait(lambda: len(landed) == 3)
    take(viewer, "running.png")

    wait(lambda: not widget.running)
    outline(viewer)
    go_to(viewer, well=4, site=1, timepoint=7, channel=0)
    take(viewer, "window.png")
    viewer.close()


def picture_run_by_timepoint() -> None:
    """Make the picture of the same plate, split by timepoint and shown as one layer."""
    viewer, widget = open_plate()
    widget.axis.value = "timepoint"
    widget.show_as.value = "stacked"
    widget.run()
    wait(lambda: not widget.running)
    outline(viewer)
    go_to(viewer, timepoint=7, well=4, site=1, channel=0)
    take(viewer, "timepoint.png")
    viewer.close()


def main() -> None:
    """Make all pictures."""
    IMAGES.mkdir(exist_ok=True)
    picture_run_by_well()
    picture_run_by_timepoint()


if __name__ == "__main__":
    main()
