"""What all pictures of plots share: the colours of the theme, the legend, the wheel, and how they are saved."""

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
"""Colours that all tell apart (M. Okabe, K. Ito, "Color Universal Design", 2008); the eighth, black, is the text's."""

SYMBOLS = ("o", "s", "t1", "d", "star", "t", "p", "h", "x")
"""Nine shapes and eight colours: 72 groups before two look the same."""

PICTURE_SCALE = 4
"""How many pixels a saved picture has for one of the screen."""

MARGIN = 8
"""Pixels between the entries of the legend in a saved picture."""

KEY_HEIGHT = 12
"""Pixels of the picture before an entry of the legend."""


class DockCanvas(pg.PlotWidget):
    """A picture in a dock. The wheel zooms once it has the focus, so that a dock scrolls past it."""

    def __init__(self, parent: QWidget, height: int) -> None:
        super().__init__(parent)
        self.setMenuEnabled(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, height)
        for axis in ("left", "bottom"):
            self.getAxis(axis).enableAutoSIPrefix(False)

    def draw(self) -> None:
        """Draw everything anew."""

    def recolour(self) -> None:
        """Take the colours of the theme."""
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
    """A plot that has a legend, and can be saved.

    Attributes
    ----------
    pointed : Signal
        Emitted with what is to be told of the point that the arrow keys have gone to.
    """

    pointed = Signal(str)
    key_width = KEY_HEIGHT
    """Pixels of the picture before an entry of the legend."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, 220)

    @property
    def groups(self) -> Sequence[str]:
        """The entries of the legend; none where there is none."""
        return ()

    def export_points(self, scale: float | None) -> None:
        """Draw points as shapes while a picture is saved at some scale, and as ever once that is None."""

    def icon(self, group: int) -> QIcon:
        """Return what the points of a group look like."""
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
        """Paint what stands before an entry of the legend, around the origin."""
        symbol, colour = self.look(group)
        drawSymbol(painter, symbol, 10, self.edge(symbol, colour), pg.mkBrush(colour))

    def look(self, group: int) -> tuple[str, QColor]:
        """Return the symbol and the colour of a group."""
        return SYMBOLS[group % len(SYMBOLS)], self.colours[group % len(self.colours)]

    @property
    def colours(self) -> list[QColor]:
        """Of groups."""
        return [*map(QColor, OKABE_ITO), self._text]

    def edge(self, symbol: str, colour: QColor) -> object:
        """Return the pen of a point: a rim of the ground's colour tells points apart that lie on each other."""
        return pg.mkPen(colour if symbol == "x" else self._ground, width=1)

    def save(self, path: Path) -> None:
        """Save the picture, as SVG or, by any other suffix that Qt knows, as pixels.

        Raises
        ------
        OSError
            It could not be written there.
        """
        size = QSize(self.width(), self.height() + self._legend(self.height(), None))
        # pyqtgraph's exporters leave the legend out, and the one for SVG cannot read the paths of recent versions
        # of Qt (pyqtgraph issue 3485).
        if path.suffix.lower() == ".svg":
            drawing = QSvgGenerator()
            drawing.setFileName(str(path))
            drawing.setSize(size)
            # The axes are drawn beforehand, for the screen: at another resolution they were of another size.
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
                f"{path} could not be written; give a name that ends in .png or .svg, in a folder of yours."
            )

    def _paint(self, device: QPaintDevice, scale: int) -> bool:
        """Paint the plot and the legend below it; return whether the device took them."""
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
        """Paint the legend from a height on, beside each other as far as there is room; return its height."""
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
