"""The plot itself. Imports pyqtgraph, so the panel imports this module only when it is first shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import pyqtgraph as pg
from pyqtgraph.graphicsItems.ScatterPlotItem import SpotItem
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QFocusEvent, QKeyEvent
from qtpy.QtWidgets import QWidget

from ..common.canvas import Canvas
from ..common.plain import plain_tooltip
from .data import PlotData, tick_levels

_CROWDED = 1_000
_GAP = np.full((1, 2), np.nan)


class PlotCanvas(Canvas):
    """Canvas with points, and the mean and standard deviation of each group.

    Clicking a point chooses its well. The arrow keys move from point to point, and Enter chooses.

    Attributes
    ----------
    well_chosen : Signal
        Emitted with the name of a well.
    """

    well_chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._data: PlotData | None = None
        self._at: int | None = None
        self._points = pg.ScatterPlotItem()
        self._ring = pg.ScatterPlotItem(symbol="o", size=16, brush=None)
        self.setAccessibleName("Plot")
        self.recolour()

    @property
    def data(self) -> PlotData | None:
        """The data on the canvas."""
        return self._data

    @property
    def groups(self) -> Sequence[str]:
        """The entries of the legend; empty if all points have one colour."""
        return self._data.colours if self._data is not None and self._data.colour_label else ()

    def show_data(self, data: PlotData | None) -> None:
        """Draw `data`; None clears the canvas."""
        self._data, self._at = data, None
        self.draw()
        self.enableAutoRange()
        text = "" if data is None else f"{data.y_label} against {data.x_label}, {len(data.points):,} points"
        self.setAccessibleDescription(text)

    def export_points(self, scale: float | None) -> None:
        """Draw points as vector shapes for an export at `scale`; None goes back to the screen."""
        # On screen points are cached bitmaps, which an export would enlarge.
        if scale is None:
            self._points.setExportMode(False)
        else:
            self._points.setExportMode(True, {"antialias": True, "resolutionScale": scale})
        self._ring.setVisible(scale is None and self._at is not None)

    def draw(self) -> None:
        """Redraw everything."""
        self.clear()
        data = self._data
        if data is None:
            return
        # pyqtgraph renders labels as HTML.
        self.setLabel("left", escape(data.y_label))
        self.setLabel("bottom", escape(data.x_label))
        self.getAxis("bottom").setTicks(tick_levels(data.ticks) or None)
        if data.points.empty:
            return
        groups = {name: number for number, name in enumerate(data.colours)}
        self._draw_means(data, groups)
        # One brush and one pen per group: one for each of 10,000 points takes seconds.
        looks = [self.look(number) for number in groups.values()]
        brushes = [pg.mkBrush(colour) for _, colour in looks]
        pens = [self.edge(symbol, colour) for symbol, colour in looks]
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
            tip=lambda x, y, data: plain_tooltip(self._describe(data)),
        )
        self._points.sigClicked.connect(self._click)
        self.addItem(self._points)
        self._ring.setPen(pg.mkPen(self._text, width=2))
        self.addItem(self._ring, ignoreBounds=True)
        self._point_at(self._at)

    def _draw_means(self, data: PlotData, groups: Mapping[str, int]) -> None:
        """Draw the mean and standard deviation of each group, joined by a line if x is numeric."""
        # One item per colour, not per group: hundreds of items are slow to add.
        reach = 0.25 if data.ordinal else float(np.ptp(data.points["x"])) / 100 or 0.1
        numbers = data.means["colour"].map(groups) % len(self.colours)
        for number, means in data.means.groupby(numbers):
            pen = pg.mkPen(self.colours[int(number)], width=1.5)
            if not data.ordinal:
                # NaN separates the lines of two groups.
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

    def _describe(self, row: int) -> str:
        assert self._data is not None
        point = self._data.points.iloc[row]
        names = [point[name] for name in ("plate", "well") if point[name] and self._data.x_label != name]
        names.append(f"{self._data.x_label} {point['value']}")
        if self._data.colour_label not in ("", self._data.x_label):
            names.append(f"{self._data.colour_label} {point['colour']}")
        return f"{', '.join(names)}: {point['y']:.4g}"

    def _click(self, _: object, clicked: Sequence[SpotItem], event: MouseClickEvent) -> None:
        """Choose the point under the mouse that is nearest to it."""
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
        """Put a ring around a point, and emit its description."""
        self._at = row
        self._ring.setVisible(row is not None)
        if self._data is None or row is None:
            self.pointed.emit("")
            return
        point = self._data.points.iloc[row]
        self._ring.setData([point["x"]], [point["y"]])
        self.pointed.emit(self._describe(row))

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
