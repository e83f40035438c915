"""Parts of panels that fit into a narrow dock."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QWidget,
)
from superqt import QCollapsible

from .choices import Choice
from .plain import show_plain

LEGEND_HEIGHT = 66
"""Pixels of a legend, unless another height is asked for; a longer one scrolls."""


class Legend(QListWidget):
    """What the signs of a picture stand for, beside each other as far as there is room.

    Parameters
    ----------
    height : int
        Pixels; a longer one scrolls.
    icon_width : int
        Pixels of the signs.
    """

    def __init__(self, height: int = LEGEND_HEIGHT, icon_width: int = 12) -> None:
        super().__init__()
        self._height = height
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setSelectionMode(QListWidget.SelectionMode.NoSelection)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setIconSize(QSize(icon_width, 12))
        self.setSpacing(1)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Legend")
        self.setVisible(False)

    def show_groups(self, items: Sequence[QListWidgetItem]) -> None:
        """Show entries; hide where there are none."""
        self.clear()
        for item in items:
            self.addItem(item)
        self.setVisible(bool(items))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Take as much room as the entries need."""
        if self.count():
            self.doItemsLayout()
            first, last = (self.visualItemRect(self.item(row)) for row in (0, self.count() - 1))
            self.setFixedHeight(min(self._height, last.bottom() - first.top() + 5))


def dropdown(name: str, tooltip: str) -> QComboBox:
    """Return a dropdown that a long name does not make wider."""
    part = QComboBox()
    part.setAccessibleName(name)
    part.setToolTip(tooltip)
    part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return part


def line(name: str) -> QLabel:
    """Return a line of text that wraps, and can be selected."""
    label = QLabel()
    label.setAccessibleName(name)
    label.setWordWrap(True)
    show_plain(label)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def offer(part: QComboBox, choices: Sequence[Choice], chosen: str) -> None:
    """Show what can be chosen of, and what is, without saying that it was chosen."""
    with QSignalBlocker(part):
        if [(part.itemText(row), part.itemData(row)) for row in range(part.count())] != list(choices):
            part.clear()
            for text, data in choices:
                part.addItem(text, data)
        part.setCurrentIndex(part.findData(chosen))


def section(title: str, content: QWidget) -> QCollapsible:
    """Return a line that opens, and shows the content."""
    made = QCollapsible(title, collapsedIcon="▶")
    made.setContent(content)
    made.setDuration(0)
    # Without this what is folded away were shown without height: it would draw, and Tab would lead there.
    made.toggled.connect(content.setVisible)
    made.collapse(animate=False)
    return made


def fit(section: QCollapsible) -> None:
    """Let a section that is open take as much room as its content needs."""
    if section.isExpanded():
        # A layout within what scrolls gives lines that wrap less than they need.
        section.content().setMinimumHeight(section.content().minimumSizeHint().height())
        section.expand(animate=False)
