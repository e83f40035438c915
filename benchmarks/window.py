"""Measure pauses of the GUI thread, and the time spent in our own slots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from time import perf_counter, thread_time
from unittest.mock import patch

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer

from napari_axiswise.ui.run.controller import RunController
from napari_axiswise.ui.run.progress import RunProgress
from napari_axiswise.ui.run.session import RunSession
from napari_axiswise.ui.timeline.canvas import TimelineCanvas
from napari_axiswise.ui.timeline.controller import TimelineController
from napari_axiswise.ui.timeline.panel import TimelinePanel
from napari_axiswise.ui.viewer.layers import ResultLayers

WELLS = tuple(f"{row}{column:02}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25))
STEP = 5

Slot = tuple[type, str]

SLOTS: tuple[Slot, ...] = (
    (RunProgress, "_show"),
    (RunController, "_finish"),
    (RunSession, "_add_event"),
    (RunSession, "_tick"),
    (RunSession, "_end_tasks"),
    (ResultLayers, "show_plane_features"),
    (TimelineController, "follow"),
    (TimelinePanel, "_draw"),
    (TimelineCanvas, "paintEvent"),
)
"""Our slots that the GUI thread calls during a run."""


@dataclass
class Heartbeat:
    """Record the gaps of a timer in the GUI thread."""

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
    """Measure each call of some slots in milliseconds, without the time in which napari added layers.

    `processor` has the processor time of calls that added no layer. On a busy machine it is shorter than the wall time.
    """

    def __init__(self, slots: Sequence[Slot] = SLOTS) -> None:
        self.slots = slots
        self.calls: list[float] = []
        self.processor: list[float] = []
        self.worst: dict[str, float] = {}
        self.counts: Counter[str] = Counter()
        self.napari = 0.0

    @contextmanager
    def measure(self) -> Iterator[None]:
        with ExitStack() as patches:
            for owner, name in self.slots:
                patches.enter_context(patch.object(owner, name, self._timed(getattr(owner, name))))
            for name in ("add_image", "add_labels"):
                adding = self._adding(getattr(napari.Viewer, name))
                patches.enter_context(patch.object(napari.Viewer, name, adding))
            yield

    def _timed(self, slot: Callable[..., None]) -> Callable[..., None]:
        @wraps(slot)
        def timed(owner: object, *arguments: object) -> None:
            started, processor, self.napari = perf_counter(), thread_time(), 0.0
            slot(owner, *arguments[: slot.__code__.co_argcount - 1])
            self.calls.append((perf_counter() - started - self.napari) * 1000)
            if not self.napari:
                self.processor.append((thread_time() - processor) * 1000)
            name = slot.__qualname__
            self.counts[name] += 1
            self.worst[name] = max(self.worst.get(name, 0.0), self.calls[-1])

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
