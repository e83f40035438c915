"""``make demo``: run the sample plate along two axes in a window, which stays open unless ``--close`` is given."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import napari
from qtpy.QtCore import QEventLoop, QTimer

from ..core.text import format_seconds

if TYPE_CHECKING:
    from .run.widget import AxiswiseWidget

SCREENSHOT = Path("demo.png")
LONGEST = 120_000
"""Milliseconds after which a run counts as stuck."""


def run_along(widget: AxiswiseWidget, axis: str) -> float:
    """Run the pipeline along an axis, and return the seconds that it took."""
    loop = QEventLoop()
    widget.axis.value = axis
    over = widget.finished.connect(lambda: loop.quit())
    QTimer.singleShot(LONGEST, loop.quit)
    started = perf_counter()
    widget.run()
    loop.exec_()
    widget.finished.disconnect(over)
    if widget.running:
        widget.cancel()
        raise SystemExit(f"The run along {axis} did not end within {LONGEST // 1000} s.")
    return perf_counter() - started


def pause(milliseconds: int) -> None:
    """Run the event loop for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec_()


def main() -> None:
    """Run the demo."""
    # A setting of the plugin: the dock ignores the choices of the last session.
    os.environ["NAPARI_WINDOW_START_WHERE_LEFT"] = "false"
    viewer = napari.Viewer(title="napari-axiswise")
    viewer.window.resize(1500, 950)
    viewer.open_sample("napari-axiswise", "plate")
    _, widget = viewer.window.add_plugin_dock_widget("napari-axiswise", "Axiswise")
    widget.show_as.value = "stacked"
    # Workers start before the first run, so that both axes are timed alike.
    pause(4000)
    for axis in ("well", "timepoint"):
        seconds = run_along(widget, axis)
        print(f"by {axis}: {len(widget.result.results)} tasks in {format_seconds(seconds)}", flush=True)
    pause(1000)
    viewer.screenshot(str(SCREENSHOT), canvas_only=False, flash=False)
    print(f"Screenshot: {SCREENSHOT.resolve()}")
    if "--close" in sys.argv:
        viewer.close()
    else:
        napari.run()


if __name__ == "__main__":
    main()
