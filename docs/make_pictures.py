"""Make the screenshots of the docs: ``python docs/make_pictures.py [name …]``, or ``make pictures``."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import dose_response
import napari
import numpy as np
from qtpy.QtWidgets import QApplication, QScrollArea

from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.ui.editor.function_chooser import FunctionChooser
from napari_axiswise.ui.run.dock import DOCK_CONTENT

IMAGES = Path(os.environ.get("AXISWISE_PICTURES") or Path(__file__).parent / "images")
"""Output folder. `AXISWISE_PICTURES` redirects it, to test this script without changing the docs."""

SIZE = (1400, 860)
COLOURS_OF_BLANK = 4
"""Colours in the thumbnail of a layer that is not drawn yet."""

LONGEST = 120.0
"""Seconds until a wait fails."""


def wait(until: Callable[[], bool], longest: float = LONGEST) -> None:
    """Process events until a condition holds."""
    end = monotonic() + longest
    while not until():
        if monotonic() > end:
            raise SystemExit(f"The window did not reach the expected state within {longest:.0f} s.")
        QApplication.processEvents()
        sleep(0.005)  # leave the processors to the workers


def pause(seconds: float) -> None:
    """Process events for some seconds."""
    end = monotonic() + seconds
    wait(lambda: monotonic() > end)


def open_plate() -> tuple[Any, Any]:
    """Return a viewer with the sample plate, and the widget."""
    viewer = napari.Viewer(title="napari-axiswise")
    viewer.window.resize(*SIZE)
    viewer.open_sample("napari-axiswise", "plate")
    _, widget = viewer.window.add_plugin_dock_widget("napari-axiswise", "Axiswise")
    # The second channel gets brighter from well to well: these limits suit all wells.
    nuclei, cells = viewer.layers
    nuclei.contrast_limits = (120, 1200)
    cells.contrast_limits = (80, 850)
    return viewer, widget


def wait_for_workers() -> None:
    """Wait until the workers have started, so that a picture shows the times of the tasks alone."""
    pause(4)


def go_to(viewer: Any, **places: int) -> None:
    """Move the named sliders, and wait until the window is drawn."""
    for name, place in places.items():
        viewer.dims.set_current_step(viewer.dims.axis_labels.index(name), place)
    pause(1.5)


def is_drawn(viewer: Any, name: str) -> bool:
    """Return whether a layer that is drawn in the background shows more than its empty canvas."""
    thumbnails = [layer.thumbnail for layer in viewer.layers if layer.name == name]
    return bool(thumbnails) and len(np.unique(thumbnails[0].reshape(-1, 4), axis=0)) > COLOURS_OF_BLANK


def take(viewer: Any, name: str) -> None:
    """Save a screenshot of the window."""
    pause(0.5)
    path = IMAGES / name
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(f"{name}: {path.stat().st_size // 1000} kB")


def take_section(section: Any, name: str) -> None:
    """Save a picture of a section of the dock, even if it is taller than the window."""
    pause(1)
    path = IMAGES / name
    section.grab().save(str(path))
    print(f"{name}: {path.stat().st_size // 1000} kB")


def picture_run_by_well() -> None:
    """Show a first run: before, during and after it."""
    viewer, widget = open_plate()
    go_to(viewer, well=2, site=0, timepoint=7)
    take(viewer, "opened.png")

    widget.run()
    landed: list[Any] = []
    viewer.layers.events.inserted.connect(landed.append)
    wait(lambda: len(landed) == 3)
    take(viewer, "running.png")

    wait(lambda: not widget.running)
    viewer.layers.selection.active = viewer.layers["nuclei · well B04"]
    go_to(viewer, well=2, site=0, timepoint=7, channel=0)
    take(viewer, "window.png")
    viewer.close()


def picture_run_by_timepoint() -> None:
    """Show the same plate, split by timepoint and stacked in one layer."""
    viewer, widget = open_plate()
    widget.axis.value = "timepoint"
    widget.show_as.value = "stacked"
    widget.run()
    wait(lambda: not widget.running)
    go_to(viewer, timepoint=7, well=2, site=0, channel=0)
    take(viewer, "timepoint.png")
    viewer.close()


def picture_timeline() -> None:
    """Show the timeline during a run, with a failed task."""
    with tempfile.TemporaryDirectory() as scratch:
        wells = tuple(f"{row}{column:02d}" for row in "BCDE" for column in range(2, 10))
        folder = write_plate(Path(scratch, "plate"), PlatePlan(wells, 2, 3, 1, size=256))
        next(file for file in sorted(folder.rglob("*.TIF")) if "_C05" in file.name).write_bytes(b"")
        viewer = napari.Viewer(title="napari-axiswise")
        viewer.window.resize(*SIZE)
        viewer.open(str(folder), plugin="napari-axiswise")
        _, widget = viewer.window.add_plugin_dock_widget("napari-axiswise", "Axiswise")
        wait_for_workers()
        widget.show_as.value = "stacked"
        widget.timeline_section.expand(animate=False)
        panel = widget.timeline_panel
        widget.run()
        wait(lambda: any(event.status == "failed" for event in widget.result.outcomes.values()))
        wait(lambda: widget.progress.value > 20)
        panel.canvas.point_at(panel.timeline.axis_values.index("C05"))
        panel.canvas.setFocus()
        dock = panel.window().findChild(QScrollArea, DOCK_CONTENT)
        pause(0.2)
        bar = dock.verticalScrollBar()
        bar.setValue(panel.mapTo(dock.widget(), panel.rect().topLeft()).y() - 60)
        take(viewer, "timeline.png")
        viewer.close()


def picture_which_axis() -> None:
    """Show a plan of the sample plate."""
    viewer, widget = open_plate()
    wait_for_workers()
    widget.axis_section.expand(animate=False)
    widget.axis_panel.plan_button.click()
    wait(lambda: widget.axis_panel.model is not None)
    take_section(widget.axis_section, "which-axis.png")
    viewer.close()


def add_step(widget: Any, words: str, picture: str = "") -> None:
    """Add the first function found, as a user would."""
    panel, count = widget.editor_panel, len(widget.pipeline)
    panel.add_button.click()
    chooser = panel.findChild(FunctionChooser)
    wait(lambda: chooser.list.count() > 0)
    chooser.search.setText(words)
    if picture:
        take_section(chooser, picture)
    chooser.add_button.click()
    wait(lambda: len(widget.pipeline) > count)


def picture_tutorial() -> None:
    """Show a pipeline that is built, tried on a plane, and compared along several axes."""
    viewer, widget = open_plate()
    go_to(viewer, well=2, site=0, timepoint=7)
    widget.editor_section.expand(animate=False)
    widget.pipeline_choice.value = "Even out the background"
    panel = widget.editor_panel
    panel.steps.setCurrentRow(1)
    add_step(widget, "otsu", "functions.png")
    add_step(widget, "split touching")
    add_step(widget, "measure regions")
    take_section(widget.editor_section, "editor.png")

    viewer.layers.selection.active = viewer.layers[0]
    panel.steps.setCurrentRow(3)
    panel.try_button.click()
    wait(lambda: any(layer.name == "preview · split_touching" for layer in viewer.layers))
    pause(2)
    take(viewer, "try.png")
    panel.try_button.click()

    widget.editor_section.collapse(animate=False)
    widget.axis_section.expand(animate=False)
    widget.axis_panel.compare_button.click()
    wait(lambda: widget.axis_panel.model is not None, 3 * LONGEST)
    take_section(widget.axis_section, "compare.png")
    viewer.close()


def picture_report() -> None:
    """Show the report of a plate that lacks planes."""
    with tempfile.TemporaryDirectory() as scratch:
        wells = tuple(f"{row}{column:02d}" for row in "ABCDEFGH" for column in range(1, 13))
        folder = write_plate(Path(scratch, "ragged-plate"), PlatePlan(wells, 2, 2, 2, size=96))
        for number, file in enumerate(sorted(folder.rglob("*.TIF"))):
            if "_C0" in file.name or number % 41 == 0 or "_F11" in file.name:
                if "_w2" in file.name:
                    file.unlink()
                elif number % 17 == 0:
                    file.write_bytes(b"")
        viewer = napari.Viewer(title="napari-axiswise")
        viewer.window.resize(*SIZE)
        viewer.open(str(folder), plugin="napari-axiswise")
        _, widget = viewer.window.add_plugin_dock_widget("napari-axiswise", "Axiswise")
        wait(lambda: not widget.report.isHidden())
        widget.report.expand(animate=False)
        take(viewer, "report.png")
        viewer.close()


def choose(box: Any, value: str) -> None:
    """Choose from a dropdown of the plot, as a user would."""
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.currentIndex())


def picture_dose_response() -> None:
    """Show BBBC013: the plate during the run, as a heat map, and the dose response."""
    folder = dose_response.find_folder()
    viewer = napari.Viewer(title="napari-axiswise")
    viewer.window.resize(*SIZE)
    viewer.open(str(folder), plugin="napari-axiswise")
    _, widget = viewer.window.add_plugin_dock_widget("napari-axiswise", "Axiswise")
    widget.pipeline = dose_response.make_pipeline()
    widget.plate_panel.expand(animate=False)
    widget.plate_panel.step.value = "nuclei"
    widget.run()
    wait(lambda: widget.result.store.steps.get("nuclei") and widget.progress.value > 40)
    go_to(viewer, well=5)
    take(viewer, "plate-filling.png")

    wait(lambda: not widget.running, 3 * LONGEST)
    widget.plate_panel.step.value = "cells"
    wait(lambda: "ratio" in widget.plate_panel.column.choices)
    widget.plate_panel.column.value = "ratio"
    widget.plate_panel.statistic.value = "median"
    wait(lambda: is_drawn(viewer, "plate · cells: ratio, median"))
    go_to(viewer, well=11)
    take(viewer, "plate.png")

    plot = widget.plot_panel
    widget.plot_section.expand(animate=False)
    plot.show_plate_map(dose_response.read_controls(folder))
    choose(plot.y, "ratio")
    choose(plot.statistic, "median")
    choose(plot.x, dose_response.DOSE)
    choose(plot.colour, dose_response.ROWS)
    pause(2)
    dock = plot.window().findChild(QScrollArea, DOCK_CONTENT)
    dock.ensureWidgetVisible(plot, 0, 0)
    take(viewer, "dose-response.png")
    viewer.close()


PICTURES = {
    "report": picture_report,
    "tutorial": picture_tutorial,
    "well": picture_run_by_well,
    "timepoint": picture_run_by_timepoint,
    "timeline": picture_timeline,
    "which-axis": picture_which_axis,
    "dose-response": picture_dose_response,
}


def main(names: Sequence[str]) -> None:
    """Make the named pictures, or all. Those of BBBC013 are skipped if its images are missing."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    # napari reads this setting from the environment: every dock starts with its defaults.
    os.environ["NAPARI_WINDOW_START_WHERE_LEFT"] = "false"
    for name in names or PICTURES:
        if name != "dose-response" or dose_response.find_folder().is_dir():
            PICTURES[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
