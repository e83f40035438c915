"""Pauses of the GUI thread while 384 tasks fill a stacked layer, and the delay of the first result.

The gaps of a 5 ms timer show all pauses, ours and napari's. The time inside the widget's own slots is measured
separately. Gaps in which napari added a layer are listed separately.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter

import napari
import numpy as np
from qtpy.QtCore import QEventLoop

from benchmarks.window import WELLS, Heartbeat, OwnTime, pause, percentiles
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.functions import PIPELINES
from napari_axiswise.ui.run.widget import AxiswiseWidget


def run(widget: AxiswiseWidget, viewer: napari.Viewer) -> tuple[Heartbeat, float, float]:
    loop = QEventLoop()
    over = widget.finished.connect(lambda: loop.quit())
    beat = Heartbeat(viewer)
    shown: list[float] = []
    viewer.layers.events.inserted.connect(lambda event: shown.append(perf_counter()))
    started = perf_counter()
    beat.start()
    widget.run()
    loop.exec_()
    seconds = perf_counter() - started
    pause(500)
    beat.stop()
    widget.finished.disconnect(over)
    return beat, seconds, shown[0] - started


def main() -> None:
    own = OwnTime()
    with tempfile.TemporaryDirectory() as folder, own.measure():
        plan = PlatePlan(wells=WELLS, sites=1, timepoints=1, channels=1, size=128)
        plate = write_plate(Path(folder), plan)
        viewer = napari.Viewer(show=True)
        _, widget = viewer.window.add_plugin_dock_widget("napari-axiswise", "Axiswise")
        widget.open(plate)
        widget.pipeline = PIPELINES["Find and measure nuclei"]()
        widget.show_as.value = "stacked"
        pause(5000)
        idle = Heartbeat(viewer)
        idle.start()
        pause(3000)
        idle.stop()
        print(f"GUI thread, idle:                  {percentiles(idle.gaps)}")
        for attempt in range(3):
            own.calls.clear()
            beat, seconds, first = run(widget, viewer)
            task = np.median(widget.result.timings["seconds"])
            print(
                f"run {attempt + 1}: {len(widget.result.results)} tasks in {seconds:4.1f} s; "
                f"GUI thread {percentiles(beat.gaps)}, over 50 ms: {sum(gap > 50 for gap in beat.gaps)}; "
                f"ours {percentiles(own.calls)}, over 50 ms: {sum(call > 50 for call in own.calls)}; "
                f"with a layer added: {', '.join(f'{gap:.0f}' for gap in beat.napari_gaps)} ms; "
                f"first layer after {first:.2f} s, a task takes {task:.2f} s"
            )
            viewer.layers.clear()
            pause(500)
        viewer.close()


if __name__ == "__main__":
    main()
