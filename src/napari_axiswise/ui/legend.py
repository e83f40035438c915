"""A legend below a plot."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFrame, QListView, QListWidget, QListWidgetItem, QSizePolicy


class Legend(QListWidget):
    """Entries beside each other as far as there is room.

    Parameters
    ----------
    height : int
        Pixels; a longer one scrolls.
    icon_width : int
        Pixels of the pictures of the entries.
    """

    def __init__(self, height: int, icon_width: int = 12) -> None:
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
