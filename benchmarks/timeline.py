"""Timeline with 2,000 tasks: frames per second, and the cost of an event and of a progress update.

Each frame is forced, with new data and a new time range, in a visible window. The widget is as wide as a narrow dock,
or as half a screen.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from benchmarks.window import percentiles
from napari_axiswise.core.events import TaskEvent
from napari_axiswise.results.records import TaskOutput
from napari_axiswise.timeline.progress import measure_progress
from napari_axiswise.timeline.scheduling import deal_out
from napari_axiswise.timeline.timeline import Timeline
from napari_axiswise.ui.timeline.panel import TimelinePanel

TASKS = 2_000
LANES = 16
FRAMES = 200


def make_events(tasks: int, lanes: int) -> list[tuple[float, TaskEvent]]:
    """Return the events of a run, with their times."""
    rng = np.random.default_rng(0)
    seconds = rng.gamma(4.0, 0.25, tasks)
    schedule = deal_out(seconds.tolist(), lanes)
    events = []
    for task in range(tasks):
        started, stopped = float(schedule.started[task]), float(schedule.stopped[task])
        value, took = str(task), stopped - started
        output = TaskOutput(
            value, "", (), (), 9, 9, started, stopped, 0.1 * took, 0.7 * took, 0.1 * took,
            f"host:{schedule.lanes[task]}:1", 10**8,
        )  # fmt: skip
        status = "failed" if task % 50 == 0 else "done"
        outcome = TaskEvent(value, status, output, "", "", started, stopped, output.worker)
        events += [(started, TaskEvent(value, "started", started=started)), (stopped, outcome)]
    return sorted(events, key=lambda timed: (timed[0], not timed[1].is_outcome))


def new_timeline(tasks: int, lanes: int) -> Timeline:
    values = [str(task) for task in range(tasks)]
    return Timeline("timepoint", values, dict.fromkeys(values, 9), lanes=lanes, began=0.0)


def time_events() -> None:
    for tasks, lanes in ((TASKS, LANES), (100_000, 64)):
        events, timeline = make_events(tasks, lanes), new_timeline(tasks, lanes)
        started = perf_counter()
        for moment, event in events:
            timeline.add(event, moment)
        each = (perf_counter() - started) / len(events)
        half = new_timeline(tasks, lanes)
        for moment, event in events[: len(events) // 2]:
            half.add(event, moment)
        started = perf_counter()
        measure_progress(half, events[len(events) // 2][0])
        update = perf_counter() - started
        print(
            f"{tasks:7,} tasks in {lanes} lanes: an event {each * 1e6:.0f} µs, a progress update {update * 1e3:.1f} ms"
        )


def time_pictures(width: int, colour: str, tasks: int = TASKS) -> None:
    events, timeline = make_events(tasks, LANES), new_timeline(tasks, LANES)
    window = QWidget()
    panel = TimelinePanel()
    QVBoxLayout(window).addWidget(panel)
    window.resize(width, 700)
    window.show()
    panel.follow(timeline, {"timepoint": timeline.axis_values})
    panel.colour.setCurrentIndex(panel.colour.findData(colour))
    panel.colour.activated.emit(panel.colour.currentIndex())
    panel.finish()
    QApplication.processEvents()
    last = events[-1][0]
    for moment, event in events:
        timeline.add(event, moment)
    assert panel.canvas is not None
    assert panel._colours is not None
    took = []
    started = perf_counter()
    for number in range(FRAMES):
        began = perf_counter()
        # Extend the time range, as if the last tasks were still running.
        moment = last * (1 + number / FRAMES / 10)
        panel.canvas.show_bars(timeline.bars(moment), LANES, moment, panel._colours)
        panel.canvas.viewport().repaint()
        took.append((perf_counter() - began) * 1000)
    rate = FRAMES / (perf_counter() - started)
    print(
        f"{tasks:,} bars, by {colour}, {width} pixels wide: {rate:.0f} frames per second; {percentiles(took)}"
    )
    window.close()


def main() -> None:
    application = QApplication.instance() or QApplication([])
    time_events()
    for width in (300, 960):
        for colour in ("status", "timepoint"):
            time_pictures(width, colour)
    time_pictures(300, "status", 100_000)
    del application


if __name__ == "__main__":
    main()
