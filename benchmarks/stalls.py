"""How long the GUI thread is held while 384 tasks land in a stacked layer, and how soon the first one shows.

A timer that should fire every 5 ms notes when it does: all that holds the thread, ours and napari's. What is
ours is measured by itself, as the time inside the widget's own slots. Adding a layer is napari's, and the
gaps in which one was added are listed apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer

from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.functions import PIPELINES
from napari_axiswise.ui.layers import ResultLayers
from napari_axiswise.ui.session import RunSession
from napari_axiswise.ui.widget import AxiswiseWidget

WELLS = tuple(f"{row}{column:02}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25))
STEP = 5


@dataclass
class Heartbeat:
    """Notes how late a timer of the GUI thread is."""

    viewer: napari.Viewer
    gaps: list[float] = field(default_factory=list)
    napari_gaps: list[float] = field(default_factory=list)
    last: float = 0.0
    layers: int = 0

    def start(self) -> None:
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(STEP)
        self.timer.timeout.connect(self.beat)
        self.last = perf_counter()
        self.layers = len(self.viewer.layers)
        self.timer.start()

    def beat(self) -> None:
        now = perf_counter()
        added = len(self.viewer.layers) != self.layers
        self.layers = len(self.viewer.layers)
        (self.napari_gaps if added else self.gaps).append((now - self.last) * 1000)
        self.last = now

    def stop(self) -> None:
        self.timer.stop()


class OwnTime:
    """Milliseconds of each call of the widget's and its session's slots, less what adding layers took in it."""

    SLOTS = (
        (AxiswiseWidget, "_show_progress"),
        (AxiswiseWidget, "_finish"),
        (RunSession, "_take"),
        (RunSession, "_tick"),
        (RunSession, "_end_tasks"),
        (ResultLayers, "show_plane_features"),
    )

    def __init__(self) -> None:
        self.calls: list[float] = []
        self.napari = 0.0

    @contextmanager
    def measure(self) -> Iterator[None]:
        with ExitStack() as patches:
            for owner, name in self.SLOTS:
                patches.enter_context(patch.object(owner, name, self._timed(getattr(owner, name))))
            for name in ("add_image", "add_labels"):
                adding = self._adding(getattr(napari.Viewer, name))
                patches.enter_context(patch.object(napari.Viewer, name, adding))
            yield

    def _timed(self, slot: Callable[..., None]) -> Callable[..., None]:
        @wraps(slot)
        def timed(owner: object, *arguments: object) -> None:
            started, self.napari = perf_counter(), 0.0
            slot(owner, *arguments[: slot.__code__.co_argcount - 1])
            self.calls.append((perf_counter() - started - self.napari) * 1000)

        return timed

    def _adding(self, add: Callable[..., object]) -> Callable[..., object]:
        @wraps(add)
        def timed(*arguments: object, **options: object) -> object:
            started = perf_counter()
            try:
                return add(*arguments, **options)
            finally:
                self.napari += perf_counter() - started

        return timed


def pause(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec_()


def percentiles(gaps: list[float]) -> str:
    p50, p99 = np.percentile(gaps, (50, 99))
    return f"median {p50:5.1f}  p99 {p99:5.1f}  worst {max(gaps):6.1f} ms"


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
