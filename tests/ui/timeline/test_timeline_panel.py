"""The timeline in the dock: what it shows while a run goes on, and where a click or a key leads."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt

import napari_axiswise as aw
from napari_axiswise.core.events import TaskEvent
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.results.records import TaskOutput
from napari_axiswise.timeline.timeline import Timeline
from napari_axiswise.ui.run.widget import AxiswiseWidget
from napari_axiswise.ui.timeline.colours import BarColours, colour_choices
from napari_axiswise.ui.timeline.panel import TimelinePanel
from napari_axiswise.ui.viewer.layers import RESULT

pytestmark = pytest.mark.timeout(180)

WAIT = 60_000
T0 = 1_000_000.0


def end(timeline: Timeline, value: str, started: float, stopped: float, worker: str, status: Any) -> None:
    timeline.add(TaskEvent(value, "started", started=T0 + started), T0 + started)
    took = stopped - started
    output = TaskOutput(
        value, "", (), (), 4, 4, T0 + started, T0 + stopped, took / 4, took / 2, took / 8, worker
    )
    made = TaskEvent(value, status, output, "", "", output.started, output.stopped, worker)
    timeline.add(made, T0 + stopped)


@pytest.fixture
def panel(qtbot: Any) -> TimelinePanel:
    """A panel as wide as a narrow dock, with a run of four tasks in two lanes that is over."""
    panel = TimelinePanel()
    qtbot.addWidget(panel)
    panel.resize(300, 600)
    panel.show()
    values = ("B02", "B03", "B04", "B05")
    timeline = Timeline("well", values, dict.fromkeys(values, 4), lanes=2, began=T0)
    panel.follow(timeline, {"well": values})
    for value, started, stopped, worker, status in (
        ("B02", 0, 4, "one", "done"), ("B03", 0, 5, "two", "failed"),
        ("B04", 4, 8, "one", "lost"), ("B05", 5, 10, "two", "done"),
    ):  # fmt: skip
        end(timeline, value, started, stopped, worker, status)
    panel.finish()
    return panel


def middle(panel: TimelinePanel, seconds: float, lane: int) -> Any:
    """Return where on the canvas a bar is."""
    canvas = panel.canvas
    assert canvas is not None
    return canvas.mapFromScene(canvas.getViewBox().mapViewToScene(QPointF(seconds, lane)))


def colour_at(panel: TimelinePanel, seconds: float, lane: float) -> tuple[int, ...]:
    assert panel.canvas is not None
    return panel.canvas.grab().toImage().pixelColor(middle(panel, seconds, lane)).getRgb()[:3]


def test_a_click_and_the_keys_lead_to_the_same_task(qtbot: Any, panel: TimelinePanel) -> None:
    canvas = panel.canvas
    assert canvas is not None
    chosen: list[str] = []
    panel.task_chosen.connect(chosen.append)
    qtbot.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=middle(panel, 7, 1))
    assert chosen == ["B05"]
    assert panel.description.text() == "well B05: 5.0 s, 4 planes; read 25%, compute 50%, write 12%"
    canvas.point_at(None)
    told = []
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left):
        qtbot.keyClick(canvas, key)
        told.append(panel.description.text()[5:8])
    assert told == ["B02", "B04", "B04", "B05", "B03"], "below B04 it is B05 that is nearer"
    qtbot.keyClick(canvas, Qt.Key.Key_Return)
    assert chosen == ["B05", "B03"]


def test_what_a_bar_is_of_can_be_seen(panel: TimelinePanel) -> None:
    """A done one has three bands and a rest; the others have patterns, which are no colours."""
    bands = [colour_at(panel, 2, 0.4 - 0.8 * share) for share in (0.1, 0.5, 0.8, 0.95)]
    assert len(set(bands)) == 4
    shades = sorted(sum(band) for band in bands)
    assert all(one < other for one, other in pairwise(shades)), "they differ in lightness too"
    assert panel.canvas is not None
    image = panel.canvas.grab().toImage()
    for seconds, lane in ((2.5, 1), (6, 0)):
        place = middle(panel, seconds, lane)
        around = {image.pixelColor(place.x() + n, place.y() + n // 2).rgb() for n in range(-9, 10)}
        assert len(around) > 1, "a pattern"
    names = [panel.legend.item(row).text() for row in range(panel.legend.count())]
    assert names == [
        "done", "running", "failed", "lost", "cancelled", "write", "compute", "read"
    ]  # fmt: skip


def test_nothing_is_cut_off_in_a_narrow_dock(qtbot: Any, panel: TimelinePanel) -> None:
    panel.show_task("B03", "ValueError: this plane is odd\n\nTraceback …", True)
    panel.resize(235, 700)
    qtbot.wait(50)
    assert panel.minimumSizeHint().width() <= 235
    for part in (
        panel.canvas,
        panel.colour,
        panel.whole_button,
        panel.legend,
        panel.trace,
        panel.again_button,
    ):
        assert part is not None
        assert part.isVisible()
        assert panel.rect().contains(part.geometry())
    assert panel.trace.isReadOnly()
    assert panel.colour.fontMetrics().horizontalAdvance("timepoint") < panel.colour.width() - 30


def test_what_is_zoomed_stays_until_all_is_asked_for(panel: TimelinePanel) -> None:
    canvas = panel.canvas
    assert canvas is not None
    whole = canvas.viewRange()[0]
    box = canvas.getViewBox()
    box.scaleBy((0.5, 1))
    box.sigRangeChangedManually.emit([True, False])
    panel.finish()
    assert canvas.viewRange()[0] != whole
    panel.whole_button.click()
    assert canvas.viewRange()[0] == whole


def test_bars_are_coloured_by_the_components_of_the_axis() -> None:
    components = {"well": ("B02", "B03"), "timepoint": tuple(map(str, range(1, 31)))}
    product = [f"{well},{time}" for well in components["well"] for time in components["timepoint"]]
    timeline = Timeline("well,timepoint", product)
    assert [name for name, _ in colour_choices(timeline, components)] == ["status", "well", "timepoint"]
    by_well = BarColours.of(timeline, components, "well")
    assert by_well.names == ("B02", "B03")
    assert by_well.groups.tolist() == [0] * 30 + [1] * 30
    by_time = BarColours.of(timeline, components, "timepoint")
    assert by_time.is_scale
    assert by_time.names == ("1", "30")
    assert (np.diff(by_time.groups[:30]) >= 0).all()
    assert by_time.groups[:30].tolist() == by_time.groups[30:].tolist()


# ------------------------------------------------------------------ in the widget


@pytest.fixture
def plate(tmp_path: Path) -> aw.Dataset:
    return aw.open_dataset(
        write_plate(tmp_path / "plate", PlatePlan(wells=("B02", "B03", "B04"), timepoints=2, size=48))
    )


def test_a_task_leads_to_its_layer_its_traceback_and_to_running_it_again(
    qtbot: Any, docked: tuple[Any, AxiswiseWidget], plate: aw.Dataset, tmp_path: Path
) -> None:
    viewer, widget = docked
    viewer.window.show()
    sign = str(tmp_path / "odd")
    Path(sign).touch()

    def mask(image: np.ndarray) -> np.ndarray:
        if Path(sign).exists() and image.sum() == odd:
            raise ValueError("this plane is odd")
        return (image > image.mean()).astype(np.int32)

    where = {name: values[0] for name, values in plate.components.items()}
    odd = int(plate.read(**{**where, "well": "B03"}).sum())
    widget.open(plate)
    widget.executor.value = "threads"
    widget.pipeline = aw.Pipeline([aw.Step(mask, name="mask", inputs="raw", output="labels")])
    panel = widget.timeline_panel

    def run(start: Callable[[], object]) -> None:
        with qtbot.waitSignal(widget.finished, timeout=WAIT):
            start()

    run(widget.run)
    assert panel.timeline is not None
    assert panel.canvas is None, "nothing is drawn, and pyqtgraph not imported, until the section is opened"
    widget.timeline_section.expand(animate=False)
    assert "3 of 3 tasks" in panel.progress.text()

    panel.task_chosen.emit("B04")
    assert widget.table.selected == ("B04",)
    layer = viewer.layers.selection.active
    assert layer.metadata[RESULT]["axis_value"] == "B04"
    assert viewer.dims.current_step[viewer.dims.axis_labels.index("well")] == 2
    assert panel.trace.isHidden()

    panel.task_chosen.emit("B03")
    assert "this plane is odd" in panel.trace.toPlainText()
    assert "Traceback" in panel.trace.toPlainText()
    Path(sign).unlink()
    run(panel.again_button.click)
    assert widget.result is not None
    assert not widget.result.missing
    assert panel.timeline.axis_values == ("B03",)
    assert panel.trace.isHidden()
    assert "one task" in panel.progress.text() or panel.timeline.lanes == 1
