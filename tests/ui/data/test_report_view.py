"""What the widget shows of a plate before a run: a map to look at, and a table of what is missing."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from qtpy.QtCore import QPoint, Qt
from tifffile import imwrite

import napari_axiswise as aw
from napari_axiswise.layouts.problem import Problem
from napari_axiswise.ui.data import controller
from napari_axiswise.ui.data.plate_map import MARGIN, PlateMap
from napari_axiswise.ui.data.reader import get_reader
from napari_axiswise.ui.data.report import ReportView, rows, summary
from napari_axiswise.ui.run.widget import AxiswiseWidget

WAIT = 30_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plate of 3 wells with 2 channels; of B02 one is missing, and a file is empty."""
    for well in ("A01", "B02", "B03"):
        for channel in (1, 2):
            imwrite(tmp_path / f"{well}_s1_w{channel}.tif", np.full((8, 8), ord(well[2]) + channel, np.uint8))
    (tmp_path / "B02_s1_w2.tif").unlink()
    (tmp_path / "B03_s1_w2.tif").write_bytes(b"")
    return tmp_path


def test_the_widget_tells_what_the_report_tells(qtbot: Any, widget: AxiswiseWidget, folder: Path) -> None:
    widget.source.value = folder
    qtbot.waitUntil(lambda: not widget.report.isHidden(), timeout=WAIT)
    assert widget.dataset is not None
    report = widget.dataset.report()
    assert widget.report.text() == summary(report) == "2 planes missing, 1 issue"
    told = widget.report.table.model()
    shown = [tuple(told.data(told.index(row, column)) for column in (0, 1)) for row in range(told.rowCount())]
    assert shown == [
        ("B03_s1_w2.tif", "the file is empty"),
        ("well B02", "1 of 2 planes"),
        ("well B03", "1 of 2 planes"),
        ("well B02, channel 2", "missing"),
        ("well B03, channel 2", "missing"),
    ]


def test_a_well_is_chosen_by_mouse_or_keys(qtbot: Any, folder: Path) -> None:
    view = ReportView()
    qtbot.addWidget(view)
    view.show_report(aw.open_dataset(folder).report())
    view.map.resize(MARGIN + 3 * 20, MARGIN + 2 * 20)
    chosen: list[tuple[int, int]] = []
    view.map.chosen.connect(lambda *at: chosen.append(at))
    qtbot.mouseClick(view.map, Qt.MouseButton.LeftButton, pos=QPoint(MARGIN + 30, MARGIN + 30))
    assert view.table.model().data(view.table.model().index(0, 1)) == "1 of 2 planes"
    qtbot.keyClick(view.map, Qt.Key.Key_Right)
    qtbot.keyClick(view.map, Qt.Key.Key_Up)
    assert chosen == [(1, 1), (1, 2), (0, 2)]


@pytest.mark.parametrize("size", [(2, 3), (8, 12), (16, 24), (32, 48)])
def test_the_map_fits_plates_of_all_sizes(qtbot: Any, size: tuple[int, int]) -> None:
    plate = PlateMap()
    qtbot.addWidget(plate)
    shares = np.linspace(0, 1, size[0] * size[1]).reshape(size)
    shares[0, 0] = np.nan
    plate.show_plate(shares, {})
    plate.resize(280, plate.heightForWidth(280))
    image = plate.grab().toImage()
    right, bottom = (MARGIN + (n - 0.5) * min(40.0, (280 - MARGIN) / size[1]) for n in (size[1], size[0]))
    assert image.pixelColor(int(right), int(bottom)).name() == "#3b7dc4", "the last well is whole"


def test_a_report_without_wells_is_a_table(qtbot: Any) -> None:
    report = aw.open_dataset(np.zeros((3, 2, 8, 8)), axes=("batch", "timepoint")).report()
    view = ReportView()
    qtbot.addWidget(view)
    view.show_report(report)
    assert view.map.isHidden()
    assert rows(report) == []


def test_names_stay_on_their_line(qtbot: Any, folder: Path) -> None:
    (folder / "new\nline.txt").write_text("")
    dataset = aw.open_dataset(folder)
    assert Problem("new\nline.txt", "not an image") in dataset.problems
    view = ReportView()
    qtbot.addWidget(view)
    view.show_report(dataset.report())
    assert view.table.model().data(view.table.model().index(0, 0)) == r"new\nline.txt"


def test_the_user_says_what_the_pages_of_a_stack_are(
    qtbot: Any, widget: AxiswiseWidget, tmp_path: Path
) -> None:
    imwrite(tmp_path / "stack.tif", np.zeros((6, 8, 8), np.uint8), metadata=None)
    widget.open(tmp_path / "stack.tif")
    assert widget.dataset is not None
    assert list(widget.dataset.components) == ["image", "page"]
    widget.axes.value = "timepoint 3, z_index 2"
    qtbot.waitUntil(lambda: "timepoint" in widget.dataset.components, timeout=WAIT)  # type: ignore[union-attr]
    assert widget.dataset.components["timepoint"] == ("1", "2", "3")
    line = widget.axes.native
    line.clear()
    qtbot.keyClicks(line, "timepoint of 3")
    assert not widget.message.value, "nothing is said while somebody types"
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert "does not name axes" in widget.message.value


def test_an_address_that_is_set_stays_one(widget: AxiswiseWidget, tmp_path: Path) -> None:
    chosen: list[Any] = []
    widget.source.chosen.connect(chosen.append)
    for field in (widget.source, widget.output):
        for address in ("memory://nowhere.zarr", Path("memory://nowhere.zarr")):
            field.value = address
            assert field.line_edit.value == "memory://nowhere.zarr"
        field.value = tmp_path
        assert field.value == tmp_path
    assert chosen == ["memory://nowhere.zarr", tmp_path]


def test_the_reader_takes_folders_and_plates_and_leaves_other_stores(tmp_path: Path, folder: Path) -> None:
    zarr.create_array(tmp_path / "array.zarr", shape=(2, 2), dtype="u1")
    plate = tmp_path / "plate.zarr"
    plate.mkdir()
    (plate / "zarr.json").write_text(json.dumps({"attributes": {"ome": {"plate": {}}}}))
    assert get_reader(str(folder)) is not None
    assert get_reader(str(plate)) is not None
    assert get_reader("http://127.0.0.1:9/plate.zarr") is None, "nobody answers"
    assert get_reader(str(tmp_path / "array.zarr")) is None
    assert get_reader(str(tmp_path / "nowhere")) is None
    assert get_reader([str(folder)]) is None


def test_a_path_is_opened_once_it_is_typed(qtbot: Any, widget: AxiswiseWidget, folder: Path) -> None:
    chosen: list[Any] = []
    widget.source.chosen.connect(chosen.append)
    line = widget.source.line_edit.native
    line.clear()
    qtbot.keyClicks(line, str(folder))
    assert not chosen
    qtbot.keyClick(line, Qt.Key.Key_Return)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert chosen == [folder]
    qtbot.waitUntil(lambda: widget.dataset is not None, timeout=WAIT)


def test_closing_the_window_waits_for_nobody(
    docked: tuple[Any, AxiswiseWidget], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(controller, "open_dataset", lambda *_, **__: go_on.wait(WAIT / 1000))
    viewer, widget = docked
    widget.source.value = folder
    assert not widget.run_button.enabled
    viewer.close()
    go_on.set()
