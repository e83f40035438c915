"""Which axis? in the dock: a plan as a table and as curves, made in a thread, and an axis chosen from it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage

import napari_axiswise as aw
from napari_axiswise.functions import gaussian, project
from napari_axiswise.ui.axis import controller as axis_control
from napari_axiswise.ui.axis.controller import AxisController
from napari_axiswise.ui.axis.panel import AxisPanel
from napari_axiswise.ui.common import save_button
from napari_axiswise.ui.run.widget import AxiswiseWidget
from processes import child_processes

pytestmark = pytest.mark.timeout(180)

WAIT = 60_000
STACKED = aw.Pipeline([aw.Step(gaussian), aw.Step(project, name="movie", variable="timepoint")])


def stumble(image: np.ndarray) -> np.ndarray:
    raise ValueError("no nuclei")


def slow(image: np.ndarray) -> np.ndarray:
    time.sleep(1)
    return image


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The errors that are shown."""
    errors: list[str] = []
    monkeypatch.setattr(axis_control, "notify_error", lambda error: errors.append(str(error)))
    return errors


@pytest.fixture
def panel(qtbot: Any) -> AxisPanel:
    """A panel as wide as a narrow dock leaves it."""
    panel = AxisPanel()
    qtbot.addWidget(panel)
    panel.resize(240, 900)
    panel.show()
    return panel


@pytest.fixture
def plan(qtbot: Any, panel: AxisPanel, plate: Path) -> Iterator[Callable[..., AxisController]]:
    """Make a plan of the plate, or a comparison, as a user does, and wait for what it gives."""
    dataset = aw.open_dataset(plate)
    made: list[AxisController] = []
    trials: list[aw.RunPlan] = []

    def press(pipeline: aw.Pipeline, compare: bool = False, workers: int = 2) -> AxisController:
        if not made:
            made.append(AxisController(panel, lambda: trials[-1]))
        (control,) = made
        trials.append(aw.RunPlan(dataset, pipeline, executor="threads", workers=workers))
        control.follow(True, dataset, pipeline, (), None)
        button = panel.compare_button if compare else panel.plan_button
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert control.running
        assert button.text() == "Cancel"
        qtbot.waitUntil(lambda: not control.running, timeout=WAIT)
        assert button.text() != "Cancel"
        assert button.isEnabled()
        return control

    yield press
    for control in made:
        control.close()


def cells(panel: AxisPanel) -> dict[str, tuple[str, ...]]:
    return {row.axis: row.cells for row in panel.table.model().shown.rows}


def select(panel: AxisPanel, axis: str) -> None:
    panel.table.selectRow(list(cells(panel)).index(axis))


@pytest.mark.slow
def test_the_dock_does_not_import_what_draws() -> None:
    panels = "napari_axiswise.ui.axis.panel, napari_axiswise.ui.plot.panel"
    code = f"import sys, {panels}; sys.exit('pyqtgraph' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_plan_in_the_dock_chooses_the_axis_of_the_run(
    qtbot: Any, widget: AxiswiseWidget, plate: Path
) -> None:
    widget.executor.value = "processes"
    panel, planner = widget.axis_panel, widget._planner
    assert not panel.plan_button.isEnabled()
    widget.open(plate)
    widget.pipeline = aw.Pipeline([gaussian])
    assert panel.plan_button.isEnabled()
    panel.plan_button.click()
    assert not widget.run_button.enabled, "what is measured is to have the machine to itself"
    qtbot.waitUntil(lambda: not planner.running, timeout=WAIT)
    assert widget.run_button.enabled
    assert planner.plan is not None
    assert planner.plan["timepoint"].seconds > 0
    assert panel.note.text().startswith("Split by ")
    select(panel, "site")
    qtbot.keyClick(panel.table, Qt.Key.Key_Down)
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert widget.axis.value == "timepoint"
    assert planner.plan is not None, "it is of what is chosen, whatever the axis"
    if "well,timepoint" in cells(panel):
        select(panel, "well,timepoint")
        panel.choose_button.click()
        assert widget.axis.value == "well,timepoint"
    widget.variable.value = ["site"]
    assert planner.plan is None
    assert panel.table.isHidden()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["window", "dock"])
def test_closing_ends_what_is_measured(
    qtbot: Any, docked: tuple[Any, AxiswiseWidget], plate: Path, what: str
) -> None:
    viewer, widget = docked
    widget.open(plate)
    widget.pipeline = aw.Pipeline([slow])
    widget.axis_panel.compare_button.click()
    note = widget.axis_panel.note
    qtbot.waitUntil(lambda: re.search(r" [1-9]\d* tasks? done", note.text()) is not None, timeout=WAIT)
    if what == "window":
        viewer.close()
    else:
        viewer.window.remove_dock_widget(widget.native)
        # No process is left while the window stays: the widget was given up, not its window.
        qtbot.waitUntil(lambda: not child_processes(), timeout=5_000)


def test_a_plan_is_of_what_is_chosen(qtbot: Any, widget: AxiswiseWidget, plate: Path) -> None:
    widget.open(plate)
    widget.executor.value = "serial"
    widget.pipeline = aw.Pipeline([slow])
    widget.axis_panel.plan_button.click()
    widget.pipeline = aw.Pipeline([gaussian])
    assert widget.axis_panel.plan_button.text() == "Cancelling…"
    qtbot.waitUntil(lambda: not widget._planner.running, timeout=WAIT)
    assert widget._planner.plan is None
    assert isinstance(widget, AxiswiseWidget)
    assert widget.run_button.enabled
    widget.axis_panel.plan_button.click()
    qtbot.waitUntil(lambda: widget._planner.plan is not None, timeout=WAIT)
    widget.executor.value = "threads"
    assert widget._planner.plan is None
    assert widget.axis_panel.model is None


def test_all_that_is_known_is_told_and_nothing_is_cut_off(panel: AxisPanel, plan: Any) -> None:
    control = plan(aw.Pipeline([gaussian]))
    rows = cells(panel)
    assert [row[1] for axis, row in rows.items() if "," not in axis] == ["2", "2", "3", "2"]
    marked = [axis for axis, row in rows.items() if row[0].startswith("★ ")]
    assert marked == [control.plan.recommended]
    assert panel.table.current.axis == control.plan.recommended
    select(panel, "timepoint")
    assert "3 tasks, each with 8 units and 8 planes." in panel.description.text()
    assert panel.choose_button.text() == "Split by timepoint"
    assert panel.minimumSizeHint().width() <= 240
    table = panel.table
    assert table.columnViewportPosition(3) + table.columnWidth(3) <= table.viewport().width()


def test_an_axis_that_is_not_possible_says_why_and_is_not_chosen(
    qtbot: Any, panel: AxisPanel, plan: Any
) -> None:
    plan(STACKED)
    select(panel, "timepoint")
    assert cells(panel)["timepoint"] == ("timepoint\nnot possible", "–", "–", "–")
    assert panel.description.text() == "timepoint is not possible: step 'movie' processes timepoint together."
    assert not panel.choose_button.isEnabled()
    with qtbot.assertNotEmitted(panel.axis_chosen):
        qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert "timepoint" not in [line.axis for line in panel.model.scaling.lines]


@pytest.mark.slow
def test_what_was_measured_stands_beside_what_was_foreseen(
    panel: AxisPanel, plan: Any, tmp_path: Path
) -> None:
    whole = plan(STACKED).plan
    control = plan(STACKED, compare=True)
    assert control.plan is whole, "a comparison is of a sample"
    assert "measured 2 times on a sample of " in panel.note.text()
    assert panel.table.model().shown.columns[2:] == ("pre-\ndicted", "mea-\nsured")
    assert cells(panel)["well"][3].endswith("s")
    assert cells(panel)["timepoint"][3] == "–"
    select(panel, "well")
    assert "Measured: " in panel.description.text()
    panel.export(tmp_path / "plan.csv")
    saved = pd.read_csv(tmp_path / "plan.csv").set_index("axis")
    assert (saved.loc[["well", "site", "channel"], ["seconds", "measured"]] > 0).all(axis=None)
    panel.export(tmp_path / "plan.png")
    panel.export(tmp_path / "plan.svg")
    assert QImage(str(tmp_path / "plan.png")).width() > 900
    drawing = (tmp_path / "plan.svg").read_text(encoding="utf-8")
    assert "well, to " in drawing, "the legend is in it"
    assert "<image" not in drawing


def test_curves_are_walked_along_by_keys(qtbot: Any, panel: AxisPanel, plan: Any) -> None:
    plan(aw.Pipeline([gaussian]))
    assert panel.canvas is not None
    assert panel.legend.count() == len(panel.model.scaling.lines)
    assert panel.pointed.isHidden()
    for key, said in (
        (Qt.Key.Key_Right, "well, 1 worker: "),
        (Qt.Key.Key_Right, "well, 2 workers: "),
        (Qt.Key.Key_Down, "site, 2 workers: "),
        (Qt.Key.Key_Left, "site, 1 worker: "),
    ):
        qtbot.keyClick(panel.canvas, key)
        assert panel.pointed.text().startswith(said)


def test_a_pilot_that_fails_is_told(panel: AxisPanel, plan: Any, told: list[str]) -> None:
    plan(aw.Pipeline([stumble]))
    assert "units of the pilot failed" in panel.note.text()
    assert "no nuclei" in panel.note.text()
    assert not told
    # What stops it as a whole is an error.
    plan(aw.Pipeline([aw.Step(gaussian, variable="plate")]))
    assert "'plate'" in told[0]
    assert panel.model is None


def test_cancelling_leaves_what_was_there(
    qtbot: Any, panel: AxisPanel, plan: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    control = plan(aw.Pipeline([gaussian]))
    before = panel.note.text()
    qtbot.mouseClick(panel.compare_button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(panel.compare_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not control.running, timeout=WAIT)
    assert panel.note.text() == before
    monkeypatch.setattr(save_button, "ask_export", lambda *_: str(tmp_path / "nowhere" / "plan.png"))
    qtbot.mouseClick(panel.save_button, Qt.MouseButton.LeftButton)
    assert "could not be written" in panel.note.text()
