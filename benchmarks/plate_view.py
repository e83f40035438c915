"""Plate view of 384 wells with 9 fields, and timeline, during a run: pauses of the GUI thread, delay of thumbnails.

The delay of a thumbnail is the time from the end of its task, by the worker's clock, to the end of the layer's
refresh. It excludes drawing of the canvas by napari.
"""

from __future__ import annotations

import tempfile
from functools import wraps
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import napari
import numpy as np
from qtpy.QtCore import QEventLoop
from qtpy.QtWidgets import QScrollArea

from benchmarks.window import SLOTS, WELLS, Heartbeat, OwnTime, pause, percentiles
from napari_axiswise.core.clock import now
from napari_axiswise.core.events import TaskEvent
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.functions import PIPELINES
from napari_axiswise.ui.plate.drawing import PlateDrawing
from napari_axiswise.ui.plate.layer import PLATE
from napari_axiswise.ui.plate.view import PlateView
from napari_axiswise.ui.run.dock import DOCK_CONTENT
from napari_axiswise.ui.run.widget import AxiswiseWidget

FIELDS = 9


class Lateness:
    """Record the delay between the end of a task and the refresh of the layer with its thumbnails."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.drawing: list[float] = []
        self.updating: list[float] = []
        self._ended: list[float] = []

    def watch(self) -> None:
        take, update = PlateDrawing.update, PlateView._update

        @wraps(take)
        def timed_take(drawing: PlateDrawing, events: list[TaskEvent]) -> bool:
            started = perf_counter()
            is_other = take(drawing, events)
            self.drawing.append((perf_counter() - started) * 1000)
            self._ended += [event.stopped for event in events if event.status == "done" and event.stopped]
            return is_other

        @wraps(update)
        def timed_update(view: PlateView, is_other: bool | None) -> None:
            started = perf_counter()
            update(view, is_other)
            self.updating.append((perf_counter() - started) * 1000)
            ended, self._ended = self._ended, []
            self.seconds += [now() - stopped for stopped in ended]

        patch.object(PlateDrawing, "update", timed_take).start()
        patch.object(PlateView, "_update", timed_update).start()


def run(widget: AxiswiseWidget, viewer: napari.Viewer) -> tuple[Heartbeat, float]:
    loop = QEventLoop()
    over = widget.finished.connect(lambda: loop.quit())
    beat = Heartbeat(viewer)
    started = perf_counter()
    beat.start()
    widget.run()
    loop.exec_()
    seconds = perf_counter() - started
    pause(1000)
    beat.stop()
    widget.finished.disconnect(over)
    return beat, seconds


def main() -> None:
    late = Lateness()
    late.watch()
    own = OwnTime((*SLOTS, (PlateView, "_schedule"), (PlateView, "_update")))
    with tempfile.TemporaryDirectory() as folder, own.measure():
        plan = PlatePlan(wells=WELLS, sites=FIELDS, timepoints=1, channels=1, size=128)
        plate = write_plate(Path(folder), plan)
        viewer = napari.Viewer(show=True)
        _, widget = viewer.window.add_plugin_dock_widget("napari-axiswise", "Axiswise")
        widget.open(plate)
        widget.pipeline = PIPELINES["Find and measure nuclei"]()
        widget.show_as.value = "stacked"
        widget.plate_panel.step.value = "nuclei"
        widget.timeline_section.expand(animate=False)
        pause(5000)
        panel, dock = widget.timeline_panel, widget.native.findChild(QScrollArea, DOCK_CONTENT)
        dock.verticalScrollBar().setValue(panel.mapTo(dock.widget(), panel.rect().topLeft()).y())
        assert not panel.canvas.visibleRegion().isEmpty()
        for attempt in range(2):
            own.worst.clear()
            own.counts.clear()
            for times in (own.calls, own.processor, late.seconds, late.drawing, late.updating):
                times.clear()
            beat, seconds = run(widget, viewer)
            shown = [layer for layer in viewer.layers if PLATE in layer.metadata]
            print(
                f"run {attempt + 1}: {len(widget.result.results)} tasks in {seconds:4.1f} s, {len(shown)} layer; "
                f"GUI thread {percentiles(beat.gaps)}; ours {percentiles(own.calls)}, "
                f"over 50 ms: {sum(call > 50 for call in own.calls)} "
                f"(by processor time: {sum(call > 50 for call in own.processor)}, "
                f"worst {max(own.processor):.0f} ms); "
                f"worst of each: {', '.join(f'{name} {call:.0f}' for name, call in own.worst.items())}; "
                f"{own.counts['GraphicsView.paintEvent']} frames of the timeline; "
                f"with a layer added: {', '.join(f'{gap:.0f}' for gap in beat.napari_gaps)} ms; "
                f"delay of thumbnails: first {late.seconds[0]:.2f} s, median {np.median(late.seconds):.2f} s, "
                f"worst {max(late.seconds):.2f} s; drawn in the thread: {percentiles(late.drawing)}; "
                f"refresh: {percentiles(late.updating)}"
            )
        viewer.close()


if __name__ == "__main__":
    main()
