"""A panel with its parts in a column."""

from __future__ import annotations

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QVBoxLayout, QWidget


class ColumnPanel(QWidget):
    """Panel with its parts in a column, high enough for text that wraps in a narrow dock."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 4, 4, 4)

    # The height of wrapped text depends on the width, which a layout's size hint ignores.

    def sizeHint(self) -> QSize:  # noqa: D102
        hint = super().sizeHint()
        return QSize(hint.width(), max(hint.height(), self._column.totalHeightForWidth(self.width())))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        # A scrolling dock gives a panel its minimum size.
        return QSize(super().minimumSizeHint().width(), self._column.totalHeightForWidth(self.width()))
