"""``make demo``: the sample plate, run along two axes, in a window that stays open unless ``--close`` is given."""

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
"""Milliseconds after which a run is taken to be stuck."""


def run_along(widget: AxiswiseWidget, axis: str) -> float:
    """Run the widget's pipeline along an axis and return the seconds until it was finished."""
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
    """Let the window live for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec_()


def main() -> None:
    """Show what the plugin does."""
    # A setting of napari's: the dock starts as the first one does, whatever was done in it last time.
    os.environ["NAPARI_WINDOW_START_WHERE_LEFT"] = "false"
    viewer = napari.Viewer(title="napari-axiswise")
    viewer.window.resize(1500, 950)
    viewer.open_sample("napari-axiswise", "plate")
    _, widget = viewer.window.add_plugin_dock_widget("napari-axiswise", "Axiswise")
    widget.show_as.value = "stacked"
    # What the first run has to wait for is the start of the workers, not the axis.
    pause(4000)
    for axis in ("well", "timepoint"):
        seconds = run_along(widget, axis)
        print(f"by {axis}: {len(widget.result.results)} tasks in {format_seconds(seconds)}", flush=True)
    pause(1000)
    viewer.screenshot(str(SCREENSHOT), canvas_only=False, flash=False)
    print(f"A picture of the window: {SCREENSHOT.resolve()}")
    if "--close" in sys.argv:
        viewer.close()
    else:
        napari.run()


if __name__ == "__main__":
    main()
