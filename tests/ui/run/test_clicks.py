"""From an empty napari to the comparison of two axes, by mouse and keyboard: how many clicks that takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QComboBox, QLineEdit, QMainWindow, QMenu, QScrollArea, QWidget

import napari_axiswise as aw
from napari_axiswise.ui.editor.function_chooser import FunctionChooser
from napari_axiswise.ui.run.dock import DOCK_CONTENT
from napari_axiswise.ui.run.widget import AxiswiseWidget

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MOST_CLICKS = 20
LONG = 120_000


class Hand:
    """Clicks and types as a user does, and counts the clicks."""

    def __init__(self, qtbot: QtBot) -> None:
        self.clicks = 0
        self._qtbot = qtbot

    def click(self, part: QWidget, place: QPoint | None = None) -> None:
        area = part.window().findChild(QScrollArea, DOCK_CONTENT)
        if area is not None and area.isAncestorOf(part):
            # A wheel gets it into sight.
            area.ensureWidgetVisible(part)
        self._qtbot.waitUntil(part.isVisible)
        self._qtbot.mouseClick(part, Qt.MouseButton.LeftButton, pos=place or part.rect().center())
        self.clicks += 1

    def choose(self, box: QComboBox, text: str) -> None:
        """Open a dropdown, and click on a line of it."""
        self.click(box)
        row = next(row for row in range(box.count()) if box.itemText(row).startswith(text))
        view = box.view()
        self._qtbot.waitUntil(view.isVisible)
        # A click that comes sooner is taken for the second half of a double click.
        self._qtbot.wait(QApplication.doubleClickInterval() + 100)
        self.click(view.viewport(), view.visualRect(view.model().index(row, box.modelColumn())).center())
        assert box.currentIndex() == row

    def open_menu(self, window: QMainWindow, title: str, entry: str) -> None:
        bar = window.menuBar()
        action = next(action for action in bar.actions() if action.text().replace("&", "") == title)
        self.click(bar, bar.actionGeometry(action).center())
        menu = action.menu()
        assert isinstance(menu, QMenu)
        self._qtbot.waitUntil(menu.isVisible)
        wanted = next(action for action in menu.actions() if action.text().replace("&", "").startswith(entry))
        self.click(menu, menu.actionGeometry(wanted).center())

    def type(self, part: QWidget, text: str) -> None:
        self._qtbot.keyClicks(part, text)
        self._qtbot.keyClick(part, Qt.Key.Key_Return)


def test_a_plate_a_pipeline_two_runs_and_their_comparison(
    make_napari_viewer: Any, qtbot: QtBot, plate: Path
) -> None:
    viewer = make_napari_viewer(show=True)
    hand = Hand(qtbot)

    # A new dataset.
    window = next(top for top in QApplication.topLevelWidgets() if isinstance(top, QMainWindow))
    hand.open_menu(window, "Plugins", "Axiswise")
    qtbot.waitUntil(lambda: bool(viewer.window.dock_widgets))
    widget = next(dock for dock in viewer.window.dock_widgets.values() if isinstance(dock, AxiswiseWidget))
    line = widget.source.native.findChild(QLineEdit)
    hand.click(line)
    hand.type(line, str(plate))
    qtbot.waitUntil(lambda: widget.dataset is not None, timeout=LONG)

    # A pipeline of four steps.
    hand.choose(widget.pipeline_choice.native, "Even out")
    hand.click(widget.editor_section.toggleButton())
    panel = widget.editor_panel
    qtbot.keyClick(panel.steps, Qt.Key.Key_Down)
    for words, count in (("otsu threshold", 3), ("split touching", 4)):
        hand.click(panel.add_button)
        chooser = panel.findChild(FunctionChooser)
        qtbot.waitUntil(
            lambda chooser=chooser: chooser.isVisible() and chooser.list.count() > 0, timeout=LONG
        )
        hand.type(chooser.search, words)
        qtbot.waitUntil(lambda count=count: len(widget.pipeline) == count, timeout=LONG)
    assert [step.name for step in widget.pipeline] == ["flat", "smooth", "otsu_threshold", "split_touching"]

    # A run along two axes.
    results: list[aw.RunResult] = []
    widget.finished.connect(results.append)
    hand.click(widget.run_button.native)
    qtbot.waitUntil(lambda: len(results) == 1, timeout=LONG)
    hand.choose(widget.axis.native, "timepoint")
    hand.click(widget.run_button.native)
    qtbot.waitUntil(lambda: len(results) == 2, timeout=LONG)
    assert [(result.axis, len(result.results)) for result in results] == [("well", 2), ("timepoint", 3)]
    assert not any(result.failures for result in results)

    # And the comparison.
    hand.click(widget.axis_section.toggleButton())
    hand.click(widget.axis_panel.compare_button)
    qtbot.waitUntil(lambda: widget.axis_panel.model is not None, timeout=LONG)
    assert widget.axis_panel.model.comparison is not None
    assert hand.clicks <= MOST_CLICKS, hand.clicks
