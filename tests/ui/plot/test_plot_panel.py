"""The plot in the dock shows what the form says, and says what was chosen in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QImage, QPainter
from qtpy.QtSvg import QSvgRenderer

from napari_axiswise.ui.common import save_button
from napari_axiswise.ui.plot import data as plot_numbers
from napari_axiswise.ui.plot import panel as plot_panel
from napari_axiswise.ui.plot.panel import PlotPanel

WAIT = 10_000
WELLS = tuple(f"{row}{column:02d}" for row in "ABCDEFGH" for column in range(1, 13))
TIMEPOINTS = tuple(map(str, range(1, 31)))
PLATE_MAP = pd.DataFrame(
    {
        "condition": ["vehicle" if well.endswith("01") else "drug" for well in WELLS],
        "dose": [float(int(well[1:]) - 1) for well in WELLS],
        "control": [{"01": "negative", "12": "positive"}.get(well[1:], "") for well in WELLS],
    },
    index=pd.Index(WELLS, name="well"),
)
COURSE = pd.DataFrame(
    [
        {"well": well, "timepoint": time, "area": float(n + int(time))}
        for n, well in enumerate(WELLS[:6])
        for time in TIMEPOINTS
    ]
)


@pytest.fixture(autouse=True)
def screening(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for what reads controls: Z′ is told as the difference of the means."""
    monkeypatch.setattr(plot_numbers, "control_roles", lambda plate_map: plate_map["control"])
    monkeypatch.setattr(plot_numbers, "z_prime", lambda positive, negative: positive.mean() - negative.mean())


@pytest.fixture
def panel(qtbot: Any) -> PlotPanel:
    """A panel as wide as a narrow dock, with a plate of 96 wells, and no plate map yet."""
    panel = PlotPanel()
    qtbot.addWidget(panel)
    panel.resize(300, 700)
    table = pd.DataFrame({"well": WELLS, "channel": "1", "area": np.arange(96.0), "solidity": 1.0})
    panel.show_table(table, {"well": WELLS, "channel": ("1",)})
    with qtbot.waitSignal(panel.drawn, timeout=WAIT):
        panel.show()
    return panel


def after(qtbot: Any, panel: PlotPanel, act: Callable[[], object]) -> None:
    """Act, and wait until what it asked for is drawn."""
    with qtbot.waitSignal(panel.drawn, timeout=WAIT):
        act()


def pick(part: Any, value: str) -> None:
    """Choose in a dropdown as a user does."""
    part.setCurrentIndex(part.findData(value))
    part.activated.emit(part.currentIndex())


def grey(image: QImage) -> np.ndarray:
    """Return an image as floats, shape (rows, columns), small enough that rims of letters do not count."""
    small = image.scaledToWidth(300, Qt.TransformationMode.SmoothTransformation)
    small = small.convertToFormat(QImage.Format.Format_Grayscale8)
    bits = small.constBits()
    bits.setsize(small.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(small.height(), small.bytesPerLine())
    return rows[:, : small.width()].astype(float)


def test_what_is_not_seen_is_not_made(qtbot: Any) -> None:
    panel = PlotPanel()
    qtbot.addWidget(panel)
    panel.show_table(COURSE, {"well": WELLS[:6], "timepoint": TIMEPOINTS})
    assert panel.canvas is None
    assert [panel.x.itemData(row) for row in range(panel.x.count())] == ["well", "timepoint"]


def test_without_a_table_it_says_what_gives_one(qtbot: Any, panel: PlotPanel) -> None:
    after(qtbot, panel, lambda: panel.show_table(None, {}))
    assert "Nothing to plot yet" in panel.message.text()
    assert panel.canvas is not None
    assert panel.canvas.isHidden()
    assert not panel.save_button.isEnabled()


def test_every_well_is_drawn_and_nothing_is_cut_off(qtbot: Any, panel: PlotPanel) -> None:
    assert panel.data is not None
    assert len(panel.data.points) == 96
    after(qtbot, panel, lambda: panel.show_plate_map(PLATE_MAP))
    after(qtbot, panel, lambda: pick(panel.colour, "well"))
    assert panel.width() == 300
    assert panel.minimumSizeHint().width() <= 300
    for button in (panel.log, panel.plate_map_button, panel.save_button):
        assert button.width() >= button.minimumSizeHint().width()


def test_what_is_chosen_is_drawn(qtbot: Any, panel: PlotPanel) -> None:
    after(qtbot, panel, lambda: panel.show_plate_map(PLATE_MAP))
    after(qtbot, panel, lambda: pick(panel.x, "dose"))
    after(qtbot, panel, lambda: pick(panel.colour, "condition"))
    after(qtbot, panel, lambda: panel.log.click())
    assert panel.model.log
    assert panel.data is not None
    assert panel.data.colours == ("drug", "vehicle")
    assert [text for _, text in panel.data.ticks] == ["0", "1", "10"]
    assert [panel.legend.item(row).text() for row in range(panel.legend.count())] == ["drug", "vehicle"]
    after(qtbot, panel, lambda: pick(panel.statistic, "count"))
    assert not panel.y.isEnabled()
    assert set(panel.data.points["y"]) == {1.0}


@pytest.mark.parametrize(("x", "possible"), [("dose", True), ("condition", False), ("well", False)])
def test_a_logarithmic_scale_is_offered_for_numbers(
    qtbot: Any, panel: PlotPanel, x: str, possible: bool
) -> None:
    after(qtbot, panel, lambda: panel.show_plate_map(PLATE_MAP))
    after(qtbot, panel, lambda: pick(panel.x, x))
    assert panel.log.isEnabled() == possible


def test_controls_tell_z_prime(qtbot: Any, panel: PlotPanel) -> None:
    assert "Z′" not in panel.message.text()
    after(qtbot, panel, lambda: panel.show_plate_map(PLATE_MAP))
    assert panel.message.text() == "Z′ 11.00"
    after(qtbot, panel, lambda: pick(panel.colour, "channel"))
    assert panel.message.text() == "Z′ 11.00 (channel 1)"


def test_controls_that_give_none_are_told(
    qtbot: Any, panel: PlotPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(plate_map: pd.DataFrame) -> pd.Series:
        raise ValueError("control of A01 is 'maybe'; write positive or negative.")

    monkeypatch.setattr(plot_numbers, "control_roles", refuse)
    after(qtbot, panel, lambda: panel.show_plate_map(PLATE_MAP))
    assert "maybe" in panel.message.text()
    assert panel.data is not None, "the plot needs no controls"


def test_the_button_asks_for_a_plate_map_and_says_which(
    qtbot: Any, panel: PlotPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[str] = []
    panel.plate_map_chosen.connect(chosen.append)
    for answer in ("", "map.csv"):
        monkeypatch.setattr(plot_panel, "ask_plate_map", lambda _, answer=answer: answer)
        qtbot.mouseClick(panel.plate_map_button, Qt.MouseButton.LeftButton)
    assert chosen == ["map.csv"]


def test_a_point_is_chosen_by_mouse_or_keys(qtbot: Any, panel: PlotPanel) -> None:
    canvas = panel.canvas
    assert canvas is not None
    chosen: list[str] = []
    panel.well_chosen.connect(chosen.append)
    qtbot.waitUntil(lambda: canvas.getViewBox().viewRange()[0][1] > 90, timeout=WAIT)
    place = canvas.mapFromScene(canvas.getViewBox().mapViewToScene(QPointF(30.0, 30.0)))
    qtbot.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert panel.pointed.text() == f"well {WELLS[31]}: 31"
    qtbot.keyClick(canvas, Qt.Key.Key_Return)
    assert chosen == [WELLS[30], WELLS[31]]


def test_a_time_course_by_well(qtbot: Any, panel: PlotPanel) -> None:
    after(qtbot, panel, lambda: panel.show_table(COURSE, {"well": WELLS[:6], "timepoint": TIMEPOINTS}))
    after(qtbot, panel, lambda: pick(panel.x, "timepoint"))
    after(qtbot, panel, lambda: pick(panel.colour, "well"))
    assert panel.data is not None
    assert len(panel.data.points) == 180
    assert panel.legend.count() == 6


def test_wells_of_which_the_plate_map_tells_nothing_leave_an_empty_plot(qtbot: Any, panel: PlotPanel) -> None:
    after(qtbot, panel, lambda: panel.show_plate_map(PLATE_MAP.set_axis([f"P{n}" for n in range(96)])))
    after(qtbot, panel, lambda: pick(panel.x, "condition"))
    assert "96 points have no condition" in panel.message.text()
    after(qtbot, panel, lambda: pick(panel.x, "well"))
    assert "96 points" not in panel.message.text()


def test_names_are_shown_as_they_are(qtbot: Any, panel: PlotPanel) -> None:
    name = "<img src='file:///nowhere'>"
    after(qtbot, panel, lambda: panel.show_plate_map(PLATE_MAP.rename(columns={"dose": name})))
    after(qtbot, panel, lambda: pick(panel.x, name))
    assert panel.canvas is not None
    assert "<img" not in panel.canvas.getAxis("bottom").labelString()


def test_the_numbers_are_saved_as_they_are_drawn(panel: PlotPanel, tmp_path: Path) -> None:
    panel.export(tmp_path / "plot.csv")
    saved = pd.read_csv(tmp_path / "plot.csv")
    assert list(saved.columns) == ["well", "mean of area"]
    assert saved["mean of area"].tolist() == list(range(96))


def test_the_picture_is_saved(qtbot: Any, panel: PlotPanel, tmp_path: Path) -> None:
    after(qtbot, panel, lambda: panel.show_plate_map(PLATE_MAP))
    after(qtbot, panel, lambda: pick(panel.colour, "condition"))
    panel.export(tmp_path / "plot.png")
    panel.export(tmp_path / "plot.svg")
    assert QImage(str(tmp_path / "plot.png")).width() > 1000
    drawing = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "vehicle" in drawing, "the legend is in it"
    assert "<image" not in drawing


@pytest.mark.parametrize("x", ["dose", "well"])
def test_the_drawing_is_the_picture(qtbot: Any, panel: PlotPanel, tmp_path: Path, x: str) -> None:
    after(qtbot, panel, lambda: panel.show_plate_map(PLATE_MAP))
    after(qtbot, panel, lambda: pick(panel.x, x))
    panel.export(tmp_path / "plot.png")
    panel.export(tmp_path / "plot.svg")
    picture = QImage(str(tmp_path / "plot.png")).convertToFormat(QImage.Format.Format_Grayscale8)
    drawing = QImage(picture.size(), QImage.Format.Format_RGB32)
    painter = QPainter(drawing)
    QSvgRenderer(str(tmp_path / "plot.svg")).render(painter)
    painter.end()
    differences = np.abs(grey(picture) - grey(drawing))
    assert differences.mean() < 2, "axes and points lie where they do in the picture"


@pytest.mark.parametrize("name", ["plot.csv", "plot.png", "plot.svg", "plot.nothing"])
def test_where_nothing_can_be_saved_it_says_so(
    qtbot: Any, panel: PlotPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path if name == "plot.nothing" else tmp_path / "nowhere"
    monkeypatch.setattr(save_button, "ask_export", lambda *_: str(folder / name))
    qtbot.mouseClick(panel.save_button, Qt.MouseButton.LeftButton)
    assert str(folder) in panel.message.text()


def test_every_part_has_a_name_and_is_reached_by_keys(panel: PlotPanel) -> None:
    assert panel.canvas is not None
    for part in (panel.y, panel.statistic, panel.x, panel.colour, panel.log, panel.canvas, panel.legend):
        assert part.accessibleName()
        assert part.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert panel.canvas.accessibleDescription() == "mean of area against well, 96 points"
