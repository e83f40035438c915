"""Map of a plate: a disc for each well, filled in proportion to its planes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from ...core.wells import row_name
from ..common.plain import plain_tooltip

WHOLE, PARTIAL = QColor("#3b7dc4"), QColor("#e69f00")
"""Colours of complete and incomplete wells, safe for colour-blind users."""

MARGIN = 20
"""Pixels for row and column names."""


class PlateMap(QWidget):
    """Widget that shows the share of planes in each well, for plates of 6 to 1536 wells.

    Click a well or use the arrow keys to select it.

    Attributes
    ----------
    chosen : Signal
        Emitted with the row and column index of the selected well.
    """

    chosen = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: NDArray[np.float64] = np.zeros((0, 0))
        self._tips: dict[tuple[int, int], str] = {}
        self._at: tuple[int, int] | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Plate map")

    def show_plate(self, shares: NDArray[np.float64], tips: dict[tuple[int, int], str]) -> None:
        """Show a plate.

        Parameters
        ----------
        shares : ndarray, shape (rows, columns)
            Share of planes in each well, from 0 to 1; NaN for no well.
        tips : dict
            Tooltip of each well, by row and column index.
        """
        self._shares, self._tips, self._at = shares, tips, None
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102
        return QSize(280, self.heightForWidth(280))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(120, 60)

    def hasHeightForWidth(self) -> bool:  # noqa: D102
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: D102
        rows, columns = self._shares.shape
        return int(MARGIN + rows * min(40.0, (width - MARGIN) / max(1, columns))) + 1

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(text)
        faint.setAlpha(110)
        pitch = self._pitch()
        self._paint_names(painter, text, pitch)
        for row, column in np.ndindex(*self._shares.shape):
            self._paint_well(painter, row, column, pitch, faint)
        if self._at is not None:
            painter.setPen(QPen(text, max(1.0, pitch / 10)))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._cell(*self._at, pitch))
        painter.end()

    def _paint_names(self, painter: QPainter, text: QColor, pitch: float) -> None:
        rows, columns = self._shares.shape
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        painter.setPen(text)
        every = max(1, int(np.ceil(14 / max(pitch, 1))))
        centre = Qt.AlignmentFlag.AlignCenter
        for row in range(0, rows, every):
            cell = QRectF(0, MARGIN + (row + 0.5) * pitch - 7, MARGIN - 2, 14)
            painter.drawText(cell, centre, row_name(row))
        for column in range(0, columns, every):
            cell = QRectF(MARGIN + (column + 0.5) * pitch - 10, 2, 20, MARGIN - 4)
            painter.drawText(cell, centre, str(column + 1))

    def _paint_well(self, painter: QPainter, row: int, column: int, pitch: float, faint: QColor) -> None:
        cell = self._cell(row, column, pitch).adjusted(pitch * 0.1, pitch * 0.1, -pitch * 0.1, -pitch * 0.1)
        share = self._shares[row, column]
        painter.setPen(QPen(faint, 0.7))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(cell)
        if not share > 0:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(WHOLE if share >= 1 else PARTIAL)
        if share >= 1:
            painter.drawEllipse(cell)
        else:
            # Clockwise from twelve o'clock, in sixteenths of a degree.
            painter.drawPie(cell, 90 * 16, -int(max(0.04, share) * 360 * 16))

    def _pitch(self) -> float:
        rows, columns = self._shares.shape
        if not rows:
            return 0.0
        return min(40.0, (self.width() - MARGIN) / columns, (self.height() - MARGIN) / rows)

    def _cell(self, row: int, column: int, pitch: float) -> QRectF:
        return QRectF(MARGIN + column * pitch, MARGIN + row * pitch, pitch, pitch)

    def _well_at(self, position: QPointF) -> tuple[int, int] | None:
        pitch = self._pitch()
        if not pitch:
            return None
        row, column = int((position.y() - MARGIN) // pitch), int((position.x() - MARGIN) // pitch)
        rows, columns = self._shares.shape
        return (row, column) if 0 <= row < rows and 0 <= column < columns else None

    def _choose(self, at: tuple[int, int] | None) -> None:
        self._at = at
        self.update()
        if at is not None:
            self.chosen.emit(*at)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: D102
        self._choose(self._well_at(event.position()))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        step = _STEPS.get(event.key())
        if step is None or not self._shares.size:
            super().keyPressEvent(event)
            return
        rows, columns = self._shares.shape
        row, column = self._at or (0, -1 if step[1] else 0)
        self._choose(((row + step[0]) % rows, (column + step[1]) % columns))

    def event(self, event: QEvent) -> bool:  # noqa: D102
        if event.type() == QEvent.Type.ToolTip:
            at = self._well_at(QPointF(event.pos()))
            tip = "" if at is None else self._tips.get(at, "no images")
            QToolTip.showText(event.globalPos(), plain_tooltip(tip), self)
            return True
        return bool(super().event(event))


_STEPS: dict[int, Sequence[int]] = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
