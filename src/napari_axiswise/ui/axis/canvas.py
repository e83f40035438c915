"""The plot of wall time against workers. Imports pyqtgraph, so the panel imports this module only when needed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from pyqtgraph.graphicsItems.ScatterPlotItem import drawSymbol
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QFocusEvent, QKeyEvent, QPainter, QPen
from qtpy.QtWidgets import QWidget

from ...core.axes import axis_label
from ...core.text import format_seconds
from ..common.canvas import Canvas
from ..common.plain import plain_tooltip
from .scaling import Scaling

DASHES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashDotDotLine,
)
"""Line styles, which distinguish the axes without colour."""

WORKERS = [
    [(math.log10(count), f"{count:,}") for count in level] for level in ((1, 100, 10_000), (10, 1_000))
]
"""Major and minor ticks of the number of workers."""

TIMES = (
    (0.01, "10 ms"), (0.1, "0.1 s"), (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"),
    (36_000, "10 h"), (86_400 * 4, "4 d"), (86_400 * 40, "40 d"),
)  # fmt: skip
"""Major ticks of time."""

MINOR_TIMES = (
    (0.02, "20 ms"), (0.05, "50 ms"), (0.2, "0.2 s"), (0.5, "0.5 s"), (2, "2 s"), (5, "5 s"), (20, "20 s"),
    (30, "30 s"), (120, "2 min"), (300, "5 min"), (1200, "20 min"), (1800, "30 min"), (7200, "2 h"),
    (18_000, "5 h"), (86_400, "1 d"), (86_400 * 2, "2 d"), (86_400 * 10, "10 d"), (86_400 * 20, "20 d"),
)  # fmt: skip
"""Minor ticks of time, labelled where there is room."""

MIN_RANGE = 0.75
"""Minimum range of time in decades, so that there are ticks."""

SYMBOL_INTERVAL = 8
"""Points of a line from one symbol to the next."""

MEASURED_OFFSET = 0.2
"""Distance, in decades, of measured times from the line at this machine's number of workers."""


class ScalingCanvas(Canvas):
    """Canvas with wall time against the number of workers, both logarithmic, and one line per axis.

    The left and right arrow keys move along a line, up and down from line to line.
    """

    key_width = 30

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._scaling: Scaling | None = None
        self._at: tuple[int, int] | None = None
        self._curves: list[pg.PlotCurveItem] = []
        self._marks: list[pg.ScatterPlotItem] = []
        self._ring = pg.ScatterPlotItem(symbol="o", size=16, brush=None)
        self.setAccessibleName("Scaling")
        self.recolour()

    @property
    def groups(self) -> Sequence[str]:
        """The axes, each with the number of workers up to which it scales."""
        lines = () if self._scaling is None else self._scaling.lines
        return [f"{axis_label(line.axis)}, to {line.most:,}" for line in lines]

    def show_scaling(self, scaling: Scaling | None) -> None:
        """Draw the curves of a plan; None clears the canvas."""
        self._scaling, self._at = scaling, None
        self.draw()
        self._fit()
        text = "" if scaling is None else f"wall time against workers, {len(scaling.lines)} axes"
        self.setAccessibleDescription(text)

    def export_points(self, scale: float | None) -> None:
        """Draw points as vector shapes for an export at `scale`; None goes back to the screen."""
        for item in self._marks:
            if scale is None:
                item.setExportMode(False)
            else:
                item.setExportMode(True, {"antialias": True, "resolutionScale": scale})
        # Pens are cosmetic: their width does not follow the scale by itself.
        for number, curve in enumerate(self._curves):
            curve.setPen(self._pen(number, scale or 1.0))
        self._ring.setVisible(scale is None and self._at is not None)

    def paint_key(self, painter: QPainter, group: int) -> None:
        """Paint a piece of a line with its symbol, centred at the origin."""
        symbol, colour = self.look(group)
        pen = self._pen(group)
        pen.setCosmetic(False)
        painter.setPen(pen)
        painter.drawLine(QPointF(-self.key_width / 2 + 1, 0), QPointF(self.key_width / 2 - 1, 0))
        drawSymbol(painter, symbol, 9, self.edge(symbol, colour), pg.mkBrush(colour))

    def draw(self) -> None:
        """Redraw everything."""
        self.clear()
        self._curves, self._marks = [], []
        scaling = self._scaling
        if scaling is None:
            return
        self.setLabel("left", "wall time")
        self.setLabel("bottom", "workers")
        self.getAxis("bottom").setTicks(WORKERS)
        self.getAxis("left").setTicks(
            [[(math.log10(seconds), name) for seconds, name in level] for level in (TIMES, MINOR_TIMES)]
        )
        here = pg.InfiniteLine(
            math.log10(scaling.lanes), pen=pg.mkPen(self._text, width=1, style=Qt.PenStyle.DotLine),
            label=f"{scaling.lanes} worker{'s' if scaling.lanes != 1 else ''}",
            labelOpts={"position": 0.95, "color": self._text, "anchors": [(0, 0.5), (0, 0.5)]},
        )  # fmt: skip
        self.addItem(here, ignoreBounds=True)
        measured = []
        for number, line in enumerate(scaling.lines):
            x, y = np.log10(line.workers), np.log10(line.seconds)
            self._curves.append(pg.PlotCurveItem(x, y, pen=self._pen(number), antialias=True))
            self.addItem(self._curves[-1])
            # Overlapping lines have their symbols at different points.
            some = slice(number % SYMBOL_INTERVAL, None, SYMBOL_INTERVAL)
            self._mark(number, x[some], y[some], 6)
            tip = (
                f"{axis_label(line.axis)}: {format_seconds(line.most_seconds)} with {line.most:,} workers. "
                "More workers save at most 5 %."
            )
            self._mark(number, [math.log10(line.most)], [math.log10(line.most_seconds)], 13, tip)
            if math.isfinite(line.measured):
                measured.append((number, line))
        # Side by side, since all have the same number of workers.
        for place, (number, line) in enumerate(measured, 1):
            tip = f"{axis_label(line.axis)}, measured: {format_seconds(line.measured)}"
            at = math.log10(scaling.lanes) + MEASURED_OFFSET * place
            self._mark(number, [at], [math.log10(line.measured)], 11, tip, hollow=True)
        self._ring.setPen(pg.mkPen(self._text, width=2))
        self.addItem(self._ring, ignoreBounds=True)
        self._go_to(self._at)

    def _mark(
        self,
        number: int,
        x: Sequence[float] | NDArray[np.float64],
        y: Sequence[float] | NDArray[np.float64],
        size: int,
        tooltip: str = "",
        hollow: bool = False,
    ) -> None:
        symbol, colour = self.look(number)
        item = pg.ScatterPlotItem(
            x=x, y=y, symbol=symbol, size=size,
            pen=pg.mkPen(colour, width=2) if hollow else self.edge(symbol, colour),
            brush=None if hollow else pg.mkBrush(colour),
            hoverable=bool(tooltip), tip=lambda **_: plain_tooltip(tooltip),
        )  # fmt: skip
        self._marks.append(item)
        self.addItem(item)

    def _pen(self, number: int, scale: float = 1.0) -> QPen:
        return pg.mkPen(self.look(number)[1], width=1.5 * scale, style=DASHES[number % len(DASHES)])

    def _fit(self) -> None:
        """Zoom to all lines, with a range of time that has ticks."""
        lines = () if self._scaling is None else self._scaling.lines
        if not lines:
            return
        times = np.log10(np.concatenate([[*line.seconds, line.measured] for line in lines]))
        least, most = float(np.nanmin(times)), float(np.nanmax(times))
        missing = max(0.0, MIN_RANGE - (most - least)) / 2
        self.setXRange(-0.2, 4.75, padding=0)
        self.setYRange(least - missing, most + missing, padding=0.08)

    def _go_to(self, at: tuple[int, int] | None) -> None:
        """Put a ring around a point of a line, and emit its description."""
        self._at = at
        self._ring.setVisible(at is not None)
        if self._scaling is None or at is None:
            self.pointed.emit("")
            return
        line = self._scaling.lines[at[0]]
        workers, seconds = int(line.workers[at[1]]), float(line.seconds[at[1]])
        self._ring.setData([math.log10(workers)], [math.log10(seconds)])
        named = f"{workers:,} worker{'s' if workers != 1 else ''}"
        self.pointed.emit(f"{axis_label(line.axis)}, {named}: {format_seconds(seconds)}")

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        along = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(event.key(), 0)
        across = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(event.key(), 0)
        lines = () if self._scaling is None else self._scaling.lines
        if not lines or not (along or across):
            super().keyPressEvent(event)
            return
        line, point = self._at or (0, 0)
        if self._at is not None:
            line = (line + across) % len(lines)
            point = (point + along) % len(lines[line].workers)
        self._go_to((line, point))

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        by_key = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if by_key and self._at is None and self._scaling is not None and self._scaling.lines:
            self._go_to((0, 0))
        super().focusInEvent(event)
