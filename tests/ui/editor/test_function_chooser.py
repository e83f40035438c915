"""The dialog of functions: looked for by words, taken by Enter, and refused with the reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_axiswise.catalog.offer import Offer
from napari_axiswise.ui.common.background import THREAD
from napari_axiswise.ui.editor.function_chooser import FunctionChooser

OWN = '''
import numpy as np


def halve(image: np.ndarray) -> np.ndarray:
    """Divide by two."""
    return image / 2


def point(image: np.ndarray, viewer) -> np.ndarray:
    """Look at it."""
    return image
'''


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    parent = QWidget()
    qtbot.addWidget(parent)
    return parent


@pytest.fixture
def chooser(qtbot: QtBot, parent: QWidget) -> Iterator[FunctionChooser]:
    chooser = FunctionChooser(parent)
    chooser.ask()
    qtbot.waitUntil(lambda: chooser.list.count() > 50, timeout=60_000)
    yield chooser
    chooser.reject()


def found(chooser: FunctionChooser) -> list[str]:
    items = [chooser.list.item(row) for row in range(chooser.list.count())]
    return [item.data(Qt.ItemDataRole.UserRole).path for item in items if item.data(Qt.ItemDataRole.UserRole)]


def test_enter_takes_the_first_that_is_found(qtbot: QtBot, chooser: FunctionChooser) -> None:
    with qtbot.waitSignal(chooser.chosen, timeout=60_000) as taken:
        qtbot.keyClicks(chooser.search, "gauss")
        qtbot.keyClick(chooser.search, Qt.Key.Key_Return)
    assert taken.args[0].path == "napari_axiswise.functions:gaussian"
    assert not chooser.isVisible()


def test_the_arrows_go_through_the_list_while_the_search_is_typed(
    qtbot: QtBot, chooser: FunctionChooser
) -> None:
    qtbot.keyClicks(chooser.search, "gauss")
    second = found(chooser)[1]
    qtbot.keyClick(chooser.search, Qt.Key.Key_Down)
    with qtbot.waitSignal(chooser.chosen, timeout=60_000) as taken:
        qtbot.keyClick(chooser.search, Qt.Key.Key_Return)
    assert taken.args[0].path == second


def test_what_cannot_be_a_step_is_not_taken_and_says_why(
    qtbot: QtBot, chooser: FunctionChooser, tmp_path: Path
) -> None:
    taken: list[Offer] = []
    chooser.chosen.connect(taken.append)
    (tmp_path / "looks_at_layers.py").write_text(OWN)
    chooser.add_file(tmp_path / "looks_at_layers.py")
    qtbot.keyClicks(chooser.search, "point")
    qtbot.waitUntil(lambda: "looks_at_layers:point" in found(chooser), timeout=60_000)
    chooser.list.setCurrentRow(found(chooser).index("looks_at_layers:point"))
    qtbot.waitUntil(lambda: "viewer" in chooser.list.currentItem().toolTip(), timeout=60_000)
    assert not chooser.add_button.isEnabled()
    qtbot.keyClick(chooser.search, Qt.Key.Key_Return)
    assert "viewer" in chooser.about.text()
    assert chooser.isVisible()
    assert not taken


@pytest.mark.parametrize("words", ["numpy:sqrt", "skimage.filters:sobel"])
def test_any_function_can_be_named(qtbot: QtBot, chooser: FunctionChooser, words: str) -> None:
    qtbot.keyClicks(chooser.search, words)
    assert found(chooser)[0] == words


def test_a_file_that_cannot_be_is_said(qtbot: QtBot, chooser: FunctionChooser, tmp_path: Path) -> None:
    before = found(chooser)
    chooser.add_file(tmp_path / "nothing.py")
    qtbot.waitUntil(lambda: "nothing.py" in chooser.about.text(), timeout=60_000)
    assert found(chooser) == before


def test_it_is_as_wide_as_a_small_screen_allows(chooser: FunctionChooser) -> None:
    assert chooser.minimumSizeHint().width() <= 420


@pytest.mark.parametrize("end", [FunctionChooser.reject, FunctionChooser.close])
def test_its_thread_ends_with_it_or_with_the_dock(qtbot: QtBot, parent: QWidget, end: Any) -> None:
    before = set(threading.enumerate())
    chooser = FunctionChooser(parent)
    chooser.ask()
    (thread,) = {new for new in threading.enumerate() if new.name == THREAD} - before
    end(chooser)
    qtbot.waitUntil(lambda: not thread.is_alive(), timeout=60_000)
