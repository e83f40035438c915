"""The base of all plots: theme colours, legend, mouse wheel, and saving."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyqtgraph as pg
from pyqtgraph.graphicsItems.ScatterPlotItem import drawSymbol
from qtpy.QtCore import QPoint, QPointF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QPaintDevice, QPainter, QPalette, QPixmap, QWheelEvent
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QListWidgetItem, QWidget

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442")
"""A colour-blind safe palette (M. Okabe, K. Ito, "Color Universal Design", 2008). The text colour is the eighth."""

SYMBOLS = ("o", "s", "t1", "d", "star", "t", "p", "h", "x")
"""Nine shapes and eight colours make 72 different groups."""

PICTURE_SCALE = 4
"""Pixels of a saved picture per pixel of the screen."""

MARGIN = 8
"""Pixels between the entries of the legend in a saved picture."""

KEY_HEIGHT = 12
"""Height in pixels of the icon of a legend entry."""


class DockCanvas(pg.PlotWidget):
    """A plot in a dock. The wheel zooms only if it has the focus, so that the dock can be scrolled past it."""

    def __init__(self, parent: QWidget, height: int) -> None:
        super().__init__(parent)
        self.setMenuEnabled(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, height)
        # pyqtgraph draws the label of the bottom axis, and the topmost tick, a few pixels outside.
        self.getPlotItem().layout.setContentsMargins(1, 6, 1, 6)
        for axis in ("left", "bottom"):
            self.getAxis(axis).enableAutoSIPrefix(False)

    def draw(self) -> None:
        """Redraw everything."""

    def recolour(self) -> None:
        """Apply the colours of the theme."""
        palette = self.parentWidget().palette()
        self._text = palette.color(QPalette.ColorRole.WindowText)
        self._ground = palette.color(QPalette.ColorRole.Window)
        self.setBackground(self._ground)
        for name in ("left", "bottom"):
            axis = self.getAxis(name)
            axis.setPen(self._text)
            axis.setTextPen(self._text)
        self.draw()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: D102
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class Canvas(DockCanvas):
    """A plot with a legend that can be saved.

    Attributes
    ----------
    pointed : Signal
        Emitted with a description of the point that the arrow keys moved to.
    """

    pointed = Signal(str)
    key_width = KEY_HEIGHT
    """Width in pixels of the icon of a legend entry."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, 220)

    @property
    def groups(self) -> Sequence[str]:
        """The names of the legend entries."""
        return ()

    def export_points(self, scale: float | None) -> None:
        """Draw points for a saved picture of some scale; None restores how they are drawn on screen."""

    def icon(self, group: int) -> QIcon:
        """Return the icon of a group."""
        picture = QPixmap(self.key_width, KEY_HEIGHT)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(self.key_width / 2, KEY_HEIGHT / 2)
        self.paint_key(painter, group)
        painter.end()
        return QIcon(picture)

    def legend_items(self) -> list[QListWidgetItem]:
        """Return the entries of the legend, each with its icon."""
        return [QListWidgetItem(self.icon(number), name) for number, name in enumerate(self.groups)]

    def paint_key(self, painter: QPainter, group: int) -> None:
        """Paint the icon of a group around the origin."""
        symbol, colour = self.look(group)
        drawSymbol(painter, symbol, 10, self.edge(symbol, colour), pg.mkBrush(colour))

    def look(self, group: int) -> tuple[str, QColor]:
        """Return the symbol and the colour of a group."""
        return SYMBOLS[group % len(SYMBOLS)], self.colours[group % len(self.colours)]

    @property
    def colours(self) -> list[QColor]:
        """The colours of groups."""
        return [*map(QColor, OKABE_ITO), self._text]

    def edge(self, symbol: str, colour: QColor) -> object:
        """Return the pen of a point: a rim in the background colour separates overlapping points."""
        return pg.mkPen(colour if symbol == "x" else self._ground, width=1)

    def save(self, path: Path) -> None:
        """Save the plot as SVG, or as an image in any format that Qt knows, depending on the suffix.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        size = QSize(self.width(), self.height() + self._legend(self.height(), None))
        # The exporters of pyqtgraph omit the legend, and its SVG exporter fails with recent Qt (pyqtgraph issue 3485).
        if path.suffix.lower() == ".svg":
            drawing = QSvgGenerator()
            drawing.setFileName(str(path))
            drawing.setSize(size)
            # The axes are already laid out for the screen and would have another size at another resolution.
            drawing.setResolution(self.logicalDpiX())
            drawing.setViewBox(self.rect().adjusted(0, 0, 0, size.height() - self.height()))
            written = self._paint(drawing, 1)
        else:
            picture = QImage(size * PICTURE_SCALE, QImage.Format.Format_RGB32)
            for set_resolution in (picture.setDotsPerMeterX, picture.setDotsPerMeterY):
                set_resolution(round(self.logicalDpiX() / 0.0254))
            written = self._paint(picture, PICTURE_SCALE) and picture.save(str(path))
        if not written:
            raise OSError(
                f"{path} could not be written. Choose a name that ends in .png or .svg, in a writable folder."
            )

    def _paint(self, device: QPaintDevice, scale: int) -> bool:
        """Paint the plot and the legend below it; return whether that succeeded."""
        painter = QPainter()
        if not painter.begin(device):
            return False
        painter.scale(scale, scale)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(0, 0, self.width(), self.height() + self._legend(0, None), self._ground)
        self.export_points(float(scale))
        self.render(painter, self.rect().toRectF(), self.rect())
        self.export_points(None)
        self._legend(self.height(), painter)
        return bool(painter.end())

    def _legend(self, top: int, painter: QPainter | None) -> int:
        """Paint the legend below a height, in as many columns as fit, and return its height."""
        if not self.groups:
            return 0
        metrics, line = self.fontMetrics(), self.fontMetrics().height() + MARGIN
        key = self.key_width - KEY_HEIGHT + line
        at = QPoint(MARGIN, top)
        for number, name in enumerate(self.groups):
            width = key + metrics.horizontalAdvance(name) + MARGIN
            if at.x() > MARGIN and at.x() + width > self.width():
                at = QPoint(MARGIN, at.y() + line)
            if painter is not None:
                painter.save()
                painter.translate(QPointF(at.x() + key / 2, at.y() + line / 2))
                self.paint_key(painter, number)
                painter.restore()
                painter.setFont(self.font())
                painter.setPen(self._text)
                painter.drawText(at.x() + key, at.y() + MARGIN // 2 + metrics.ascent(), name)
            at.setX(at.x() + width)
        return at.y() + line + MARGIN - top
