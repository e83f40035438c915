"""Parts of panels for a narrow dock."""

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
"""Default height of a legend in pixels; a longer one scrolls."""


class Legend(QListWidget):
    """The entries of a legend, in as many columns as fit.

    Parameters
    ----------
    height : int
        Height in pixels; a longer legend scrolls.
    icon_width : int
        Width of the icons in pixels.
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
        """Show entries, or hide the legend if there are none."""
        self.clear()
        for item in items:
            self.addItem(item)
        self.setVisible(bool(items))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Set the height that the entries need."""
        if self.count():
            self.doItemsLayout()
            first, last = (self.visualItemRect(self.item(row)) for row in (0, self.count() - 1))
            self.setFixedHeight(min(self._height, last.bottom() - first.top() + 5))


def dropdown(name: str, tooltip: str) -> QComboBox:
    """Return a dropdown whose width does not depend on its entries."""
    part = QComboBox()
    part.setAccessibleName(name)
    part.setToolTip(tooltip)
    part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return part


def line(name: str) -> QLabel:
    """Return a label with plain text that wraps and can be selected."""
    label = QLabel()
    label.setAccessibleName(name)
    label.setWordWrap(True)
    show_plain(label)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def offer(part: QComboBox, choices: Sequence[Choice], chosen: str) -> None:
    """Set the choices of a dropdown and the chosen one, without emitting a signal."""
    with QSignalBlocker(part):
        if [(part.itemText(row), part.itemData(row)) for row in range(part.count())] != list(choices):
            part.clear()
            for text, data in choices:
                part.addItem(text, data)
        part.setCurrentIndex(part.findData(chosen))


def section(title: str, content: QWidget) -> QCollapsible:
    """Return a collapsible section."""
    collapsible = QCollapsible(title, collapsedIcon="▶")
    collapsible.setContent(content)
    collapsible.setDuration(0)
    # Otherwise collapsed content stays visible with no height: it would be drawn, and Tab would go there.
    collapsible.toggled.connect(content.setVisible)
    collapsible.collapse(animate=False)
    return collapsible


def fit(section: QCollapsible) -> None:
    """Set the height that the content of an open section needs."""
    if section.isExpanded():
        # In a scroll area, a layout gives wrapping labels less height than they need.
        section.content().setMinimumHeight(section.content().minimumSizeHint().height())
        section.expand(animate=False)
