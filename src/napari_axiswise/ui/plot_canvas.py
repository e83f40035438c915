"""The picture of a plot. It alone imports pyqtgraph, and is imported once there is something to see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import pyqtgraph as pg
from pyqtgraph.graphicsItems.ScatterPlotItem import SpotItem, drawSymbol, renderSymbol
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from qtpy.QtCore import QPoint, QPointF, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QFocusEvent,
    QIcon,
    QImage,
    QKeyEvent,
    QPaintDevice,
    QPainter,
    QPalette,
    QPixmap,
    QWheelEvent,
)
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QWidget

from .plain import plain_tooltip
from .plot_form import PlotData, tick_levels

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442")
"""Colours that all tell apart (M. Okabe, K. Ito, "Color Universal Design", 2008); the eighth, black, is the text's."""

SYMBOLS = ("o", "s", "t1", "d", "star", "t", "p", "h", "x")
"""Nine shapes and eight colours: 72 groups before two look the same."""

PICTURE_SCALE = 4
"""How many pixels a saved picture has for one of the screen."""

MARGIN = 8
"""Pixels between the entries of the legend in a saved picture."""

_CROWDED = 1_000
_GAP = np.full((1, 2), np.nan)


class PlotCanvas(pg.PlotWidget):
    """Draws points, their means and standard deviations.

    A click on a point chooses its well; so does Enter, for the point that the arrow keys have gone to. The wheel
    zooms once the plot has the focus, so that a dock scrolls past it.

    Attributes
    ----------
    well_chosen : Signal
        Emitted with the name of a well.
    pointed : Signal
        Emitted with what is to be told of the point that the arrow keys have gone to.
    """

    well_chosen = Signal(str)
    pointed = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._data: PlotData | None = None
        self._at: int | None = None
        self._points = pg.ScatterPlotItem()
        self._ring = pg.ScatterPlotItem(symbol="o", size=16, brush=None)
        self.setMenuEnabled(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(120, 220)
        self.setAccessibleName("Plot")
        for axis in ("left", "bottom"):
            self.getAxis(axis).enableAutoSIPrefix(False)
        self.recolour()

    @property
    def data(self) -> PlotData | None:
        """What is drawn."""
        return self._data

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
        self._draw()

    def show_data(self, data: PlotData | None) -> None:
        """Draw what a form gave; None for nothing."""
        self._data, self._at = data, None
        self._draw()
        self.enableAutoRange()
        told = "" if data is None else f"{data.y_label} against {data.x_label}, {len(data.points):,} points"
        self.setAccessibleDescription(told)

    def icon(self, group: int) -> QIcon:
        """Return what the points of a colour group look like."""
        symbol, colour = self._look(group)
        return QIcon(
            QPixmap.fromImage(renderSymbol(symbol, 10, self._edge(symbol, colour), pg.mkBrush(colour)))
        )

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
        # Without this the points were small pictures, made larger. They do not follow the painter's scale.
        self._points.setExportMode(True, {"antialias": True, "resolutionScale": float(scale)})
        self._ring.setVisible(False)
        self.render(painter, self.rect().toRectF(), self.rect())
        self._points.setExportMode(False)
        self._ring.setVisible(self._at is not None)
        self._legend(self.height(), painter)
        return bool(painter.end())

    def _legend(self, top: int, painter: QPainter | None) -> int:
        """Paint the legend from a height on, beside each other as far as there is room; return its height."""
        if self._data is None or not self._data.colour_label:
            return 0
        metrics, line = self.fontMetrics(), self.fontMetrics().height() + MARGIN
        at = QPoint(MARGIN, top)
        for number, name in enumerate(self._data.colours):
            width = line + metrics.horizontalAdvance(name) + MARGIN
            if at.x() > MARGIN and at.x() + width > self.width():
                at = QPoint(MARGIN, at.y() + line)
            if painter is not None:
                symbol, colour = self._look(number)
                painter.save()
                painter.translate(QPointF(at.x() + line / 2, at.y() + line / 2))
                drawSymbol(painter, symbol, 10, self._edge(symbol, colour), pg.mkBrush(colour))
                painter.restore()
                painter.setFont(self.font())
                painter.setPen(self._text)
                painter.drawText(at.x() + line, at.y() + MARGIN // 2 + metrics.ascent(), name)
            at.setX(at.x() + width)
        return at.y() + line + MARGIN - top

    def _draw(self) -> None:
        self.clear()
        data = self._data
        if data is None:
            return
        # pyqtgraph takes labels for HTML.
        self.setLabel("left", escape(data.y_label))
        self.setLabel("bottom", escape(data.x_label))
        self.getAxis("bottom").setTicks(tick_levels(data.ticks) or None)
        if data.points.empty:
            return
        groups = {name: number for number, name in enumerate(data.colours)}
        self._draw_means(data, groups)
        # One brush and one pen a group: making them for each of ten thousand points took seconds.
        looks = [self._look(number) for number in groups.values()]
        brushes = [pg.mkBrush(colour) for _, colour in looks]
        pens = [self._edge(symbol, colour) for symbol, colour in looks]
        numbers = data.points["colour"].map(groups).tolist()
        self._points = pg.ScatterPlotItem(
            x=data.points["x"].to_numpy(),
            y=data.points["y"].to_numpy(),
            symbol=[looks[number][0] for number in numbers] if len(looks) > 1 else looks[0][0],
            brush=[brushes[number] for number in numbers] if len(looks) > 1 else brushes[0],
            pen=[pens[number] for number in numbers] if len(looks) > 1 else pens[0],
            data=np.arange(len(data.points)),
            size=8 if len(data.points) < _CROWDED else 5,
            hoverable=True,
            tip=lambda x, y, data: plain_tooltip(self._told(data)),
        )
        self._points.sigClicked.connect(self._click)
        self.addItem(self._points)
        self._ring.setPen(pg.mkPen(self._text, width=2))
        self.addItem(self._ring, ignoreBounds=True)
        self._point_at(self._at)

    def _draw_means(self, data: PlotData, groups: Mapping[str, int]) -> None:
        """Draw the means of all groups, joined where there is something between them, and their deviations."""
        # An item a colour, not a group: hundreds of items are slow to add.
        reach = 0.25 if data.ordinal else float(np.ptp(data.points["x"])) / 100 or 0.1
        numbers = data.means["colour"].map(groups) % len(self._colours)
        for number, means in data.means.groupby(numbers):
            pen = pg.mkPen(self._colours[int(number)], width=1.5)
            if not data.ordinal:
                # What is not finite parts the line of a group from that of the next.
                lines = [group[["x", "mean"]].to_numpy() for _, group in means.groupby("colour")]
                x, y = np.concatenate([part for line in lines for part in (line, _GAP)]).T
                self.addItem(pg.PlotCurveItem(x, y, connect="finite", pen=pen, antialias=True))
            several = means[means["n"] > 1]
            if several.empty:
                continue
            half, side = several["std"].to_numpy(), np.full(len(several), reach)
            self.addItem(
                pg.ErrorBarItem(
                    x=several["x"].to_numpy(), y=several["mean"].to_numpy(),
                    top=half, bottom=half, left=side, right=side, beam=0.0, pen=pen,
                )
            )  # fmt: skip

    @property
    def _colours(self) -> list[QColor]:
        return [*map(QColor, OKABE_ITO), self._text]

    def _look(self, group: int) -> tuple[str, QColor]:
        return SYMBOLS[group % len(SYMBOLS)], self._colours[group % len(self._colours)]

    def _edge(self, symbol: str, colour: QColor) -> object:
        """Return the pen of a point: a rim of the ground's colour tells points apart that lie on each other."""
        return pg.mkPen(colour if symbol == "x" else self._ground, width=1)

    def _told(self, row: int) -> str:
        assert self._data is not None
        point = self._data.points.iloc[row]
        names = [point["well"]] if point["well"] and self._data.x_label != "well" else []
        names.append(f"{self._data.x_label} {point['value']}")
        if self._data.colour_label not in ("", self._data.x_label):
            names.append(f"{self._data.colour_label} {point['colour']}")
        return f"{', '.join(names)}: {point['y']:.4g}"

    def _click(self, _: object, clicked: Sequence[SpotItem], event: MouseClickEvent) -> None:
        """Choose the nearest of the points that lie under the mouse."""
        width, height = self.getViewBox().viewPixelSize()

        def distance(point: SpotItem) -> float:
            away = point.pos() - event.pos()
            return math.hypot(away.x() / width, away.y() / height)

        self._choose(min(clicked, key=distance).data())

    def _choose(self, row: int) -> None:
        assert self._data is not None
        well = self._data.points["well"].iloc[row]
        self._point_at(row)
        if well:
            self.well_chosen.emit(well)

    def _point_at(self, row: int | None) -> None:
        """Put a ring around a point, and tell what it is."""
        self._at = row
        self._ring.setVisible(row is not None)
        if self._data is None or row is None:
            self.pointed.emit("")
            return
        point = self._data.points.iloc[row]
        self._ring.setData([point["x"]], [point["y"]])
        self.pointed.emit(self._told(row))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        count = 0 if self._data is None else len(self._data.points)
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(event.key())
        if step is not None and count:
            self._point_at((self._at + step) % count if self._at is not None else 0)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._at is not None:
            self._choose(self._at)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        by_key = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if by_key and self._at is None and self._data is not None and len(self._data.points):
            self._point_at(0)
        super().focusInEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: D102
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
