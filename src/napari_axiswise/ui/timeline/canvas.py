"""The bars of a timeline. Imports pyqtgraph, so the panel imports this module only when it is first shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from qtpy.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from qtpy.QtGui import (
    QBrush,
    QColor,
    QFocusEvent,
    QHelpEvent,
    QIcon,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPen,
    QPixmap,
)
from qtpy.QtWidgets import QToolTip, QWidget

from ...timeline.timeline import STATUSES, Bars
from ..common.canvas import OKABE_ITO, DockCanvas
from ..common.plain import plain_tooltip
from ..common.theme import mixed
from .colours import GRADES, STATUS, BarColours

Part = Literal["read", "compute", "write", "rest", "started", "failed", "lost", "cancelled"]
BANDS: tuple[Part, ...] = ("read", "compute", "write")
ENDINGS: tuple[Part, ...] = ("started", "failed", "lost", "cancelled")

STATUS_COLOURS = {
    "done": OKABE_ITO[0], "started": OKABE_ITO[4], "failed": OKABE_ITO[3], "lost": OKABE_ITO[5],
}  # fmt: skip
"""Colours of the bars by status; cancelled tasks have the colour of the text."""

PATTERNS = {
    "started": Qt.BrushStyle.Dense6Pattern,
    "failed": Qt.BrushStyle.DiagCrossPattern,
    "lost": Qt.BrushStyle.VerPattern,
    "cancelled": Qt.BrushStyle.NoBrush,
}
"""Fill patterns that distinguish statuses without colour; the bar of a finished task is solid."""

TEXT_IN_BANDS = {"read": 0.65, "compute": 0.0, "write": 0.35}
"""Share of the text colour in each band of a bar, so that all bands are visible in any theme."""

THICKNESS = 0.8
"""Height of a bar, as a fraction of a row."""

REACH = 4
"""Pixels from a bar within which a click counts as a click on it."""

MAX_TICKS = 8

MAX_BARS = 4_000
"""Number of visible bars up to which each is drawn; beyond, one of those that start in the same pixel."""

MARGIN = 1.02
"""Length of the time axis, relative to the run so far."""


class TimelineCanvas(DockCanvas):
    """Canvas with a bar per task: seconds since the start of the run along x, and a row per worker.

    Clicking a bar chooses its task. The arrow keys move from bar to bar, and Enter chooses. The wheel zooms only if
    the timeline has the focus; otherwise it scrolls the dock. Until the user zooms, the whole run is shown.

    Attributes
    ----------
    task_chosen : Signal
        Emitted with the number of the chosen task.
    pointed : Signal
        Emitted with the number of the task that was clicked or reached with the arrow keys, or -1.
    describe : callable
        Returns the tooltip of a bar, from the number of its task.
    follows : bool
        Whether the time axis grows with the run.
    """

    task_chosen = Signal(int)
    pointed = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, 180)
        self.follows = True
        self.describe: Callable[[int], str] = str
        self._bars: Bars | None = None
        self._workers = 0
        self._colours: BarColours | None = None
        self._at: int | None = None
        self._items: dict[tuple[int, Part], _BarItem] = {}
        self._ring = pg.PlotCurveItem()
        self._ring.setZValue(1)
        self.addItem(self._ring, ignoreBounds=True)
        self.hideButtons()
        self.setMouseEnabled(x=True, y=False)
        self.disableAutoRange()
        self.invertY(True)
        self.setLimits(xMin=0)
        self.setAccessibleName("Timeline")
        self.setLabel("bottom", "seconds")
        self.setLabel("left", "worker")
        self.scene().sigMouseClicked.connect(self._click)
        self.getViewBox().sigRangeChangedManually.connect(self._stay)
        self.recolour()

    def draw(self) -> None:
        """Update the colours after a change of theme."""
        self._ring.setPen(pg.mkPen(self._text, width=2))
        for (group, part), item in self._items.items():
            item.setOpts(brush=self._brush(group, part), pen=self._pen(group, part))

    def show_bars(self, bars: Bars, workers: int, seconds: float, colours: BarColours) -> None:
        """Draw bars.

        Parameters
        ----------
        bars : Bars
            All bars of the run.
        workers : int
            Number of rows.
        seconds : float
            Duration of the run so far.
        colours : BarColours
            The colour of each task.
        """
        if self._colours is not colours:
            for item in self._items.values():
                self.removeItem(item)
            self._items = {}
            self._colours = colours
        self._bars = bars
        if workers != self._workers:
            self._workers = workers
            step = max(1, math.ceil(workers / MAX_TICKS))
            self.getAxis("left").setTicks([[(row, str(row + 1)) for row in range(0, workers, step)]])
            self.setYRange(-0.5, max(workers, 1) - 0.5, padding=0)
        if self.follows:
            self.setXRange(0, max(seconds * MARGIN, 0.1), padding=0)
        self._draw(bars, colours)
        self._draw_ring()

    def show_all(self) -> None:
        """Show the whole run from the next update on, as it grows."""
        self.follows = True

    def point_at(self, task: int | None) -> None:
        """Put a frame around the bar of a task; None removes it."""
        self._at = task
        self._draw_ring()
        self.pointed.emit(-1 if task is None else task)

    def icon(self, group: int, part: Part) -> QIcon:
        """Return the legend icon of a part of a bar, in the colour of a group; -1 for the text colour."""
        picture = QPixmap(12, 12)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setPen(self._pen(group, part))
        painter.setBrush(self._brush(group, part))
        bands = {"read": QRect(0, 8, 12, 4), "compute": QRect(0, 4, 12, 4), "write": QRect(0, 0, 12, 4)}
        if part in bands:
            painter.drawRect(bands[part])
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(pg.mkPen(self._text))
            painter.drawRect(0, 0, 11, 11)
        elif part == "rest":
            painter.fillRect(0, 0, 12, 12, self._brush(group, "compute"))
        else:
            painter.drawRect(0, 0, 11, 11)
        painter.end()
        return QIcon(picture)

    def _draw(self, bars: Bars, colours: BarColours) -> None:
        pixel = self.getViewBox().viewPixelSize()[0]
        first, last = self.viewRange()[0]
        bars = _in_sight(bars, first, last, pixel)
        # Each bar is at least a pixel wide, and longer bars leave a gap of a pixel.
        took = bars.stopped - bars.started
        drawn = np.maximum(took - np.where(took > 4 * pixel, pixel, 0), pixel)
        bottom = bars.lane + THICKNESS / 2
        groups = colours.groups[bars.task]
        shares = np.stack([bars.reading, bars.computing, bars.writing]) / np.maximum(took, 1e-9)
        tops = np.cumsum(shares, axis=0) * THICKNESS
        tops = np.concatenate([np.zeros((1, len(bars))), tops, np.full((1, len(bars)), THICKNESS)])
        tops = np.minimum(tops, THICKNESS)
        done = bars.status == STATUSES.index("done")
        wanted: dict[tuple[int, Part], tuple[np.ndarray, ...]] = {}
        for group in np.unique(groups).tolist():
            own = groups == group
            for number, part in enumerate((*BANDS, "rest")):
                which = own & done & (tops[number + 1] > tops[number])
                if which.any():
                    low, high = (bottom - tops[place] for place in (number, number + 1))
                    wanted[group, part] = (bars.started[which], drawn[which], high[which], low[which])
            for part in ENDINGS:
                which = own & (bars.status == STATUSES.index(part))
                if which.any():
                    high = bottom[which] - THICKNESS
                    wanted[group, part] = (bars.started[which], drawn[which], high, bottom[which])
        for key in [key for key in self._items if key not in wanted]:
            self.removeItem(self._items.pop(key))
        for key, (left, width, high, low) in wanted.items():
            if key not in self._items:
                item = _BarItem(
                    x0=left, width=width, y0=high, y1=low, brush=self._brush(*key), pen=self._pen(*key)
                )
                self._items[key] = item
                self.addItem(item, ignoreBounds=True)
            else:
                self._items[key].setOpts(x0=left, width=width, y0=high, y1=low)

    def _draw_ring(self) -> None:
        place = self._place(self._at)
        self._ring.setVisible(place is not None)
        if place is None or self._bars is None:
            return
        left, right = self._bars.started[place], self._bars.stopped[place]
        row, half = self._bars.lane[place], THICKNESS / 2 + 0.05
        self._ring.setData(
            [left, right, right, left, left], [row - half, row - half, row + half, row + half, row - half]
        )

    def _place(self, task: int | None) -> int | None:
        """Return the index of a task's bar; None if it has none."""
        if self._bars is None or task is None:
            return None
        place = int(np.searchsorted(self._bars.task, task))
        return place if place < len(self._bars) and self._bars.task[place] == task else None

    def _colour(self, group: int, part: Part) -> QColor:
        assert self._colours is not None
        if self._colours.label == STATUS:
            if part == "cancelled":
                return self._text
            return QColor(STATUS_COLOURS[part if part in ENDINGS else "done"])
        if group < 0:
            return self._text
        if self._colours.is_scale:
            # Cut off the end of the scale that is close to the background.
            first, last = (0.35, 1.0) if self._ground.lightness() < 128 else (0.0, 0.75)
            place = first + (last - first) * group / (GRADES - 1)
            return pg.colormap.get("cividis").map(place, mode="qcolor")
        return QColor(OKABE_ITO[group % len(OKABE_ITO)])

    def _brush(self, group: int, part: Part) -> QBrush:
        colour = self._colour(group, part)
        if part in PATTERNS:
            return QBrush(colour, PATTERNS[part])
        if part == "rest":
            return QBrush(mixed(colour, self._ground, 0.7))
        return QBrush(mixed(colour, self._text, TEXT_IN_BANDS[part]))

    def _pen(self, group: int, part: Part) -> QPen:
        if part in PATTERNS:
            return pg.mkPen(self._colour(group, part), width=1)
        return QPen(Qt.PenStyle.NoPen)

    def _under(self, position: QPointF) -> int | None:
        """Return the task whose bar is at a position in the scene."""
        if self._bars is None or not len(self._bars):
            return None
        box = self.getViewBox()
        point = box.mapSceneToView(position)
        away = np.maximum(self._bars.started - point.x(), point.x() - self._bars.stopped)
        away[self._bars.lane != round(point.y())] = np.inf
        nearest = int(np.argmin(away))
        return int(self._bars.task[nearest]) if away[nearest] <= REACH * box.viewPixelSize()[0] else None

    def _click(self, event: MouseClickEvent) -> None:
        task = self._under(event.scenePos())
        if task is not None and event.button() == Qt.MouseButton.LeftButton:
            self.point_at(task)
            self.task_chosen.emit(task)

    def _stay(self) -> None:
        self.follows = False

    def _beside(self, key: int) -> int | None:
        """Return the task next to the framed one in the direction of an arrow key, or the first."""
        bars, place = self._bars, self._place(self._at)
        if bars is None or not len(bars):
            return None
        if place is None:
            return int(bars.task[np.lexsort((bars.started, bars.lane))[0]])
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            step = 1 if key == Qt.Key.Key_Right else -1
            later = (bars.started - bars.started[place]) * step
            others = np.flatnonzero((bars.lane == bars.lane[place]) & (later > 0))
            return int(bars.task[others[np.argmin(later[others])]]) if len(others) else self._at
        step = 1 if key == Qt.Key.Key_Down else -1
        beyond = (bars.lane - bars.lane[place]) * step
        if not (beyond > 0).any():
            return self._at
        others = np.flatnonzero(beyond == beyond[beyond > 0].min())
        middle = (bars.started + bars.stopped) / 2
        return int(bars.task[others[np.argmin(np.abs(middle[others] - middle[place]))]])

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        key = event.key()
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.point_at(self._beside(key))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._at is not None:
            self.task_chosen.emit(self._at)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: D102
        by_key = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if by_key and self._at is None:
            self.point_at(self._beside(Qt.Key.Key_Right))
        super().focusInEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: D102
        if event.type() != QEvent.Type.ToolTip or not isinstance(event, QHelpEvent):
            return bool(super().viewportEvent(event))
        task = self._under(self.mapToScene(event.pos()))
        QToolTip.showText(event.globalPos(), "" if task is None else plain_tooltip(self.describe(task)), self)
        return True


class _BarItem(pg.BarGraphItem):
    """Bars of one colour and pattern. Hit tests use the numbers, which is far faster than Qt shapes."""

    def shape(self) -> QPainterPath:
        return QPainterPath()

    def pixelPadding(self) -> float:
        # Computing the size of a pixel is slow, and done twice per item and frame.
        return 0.0

    def boundingRect(self) -> QRectF:
        bounds = super().boundingRect()
        return bounds.adjusted(-bounds.width() / 50, -0.1, bounds.width() / 50, 0.1)


def _in_sight(bars: Bars, first: float, last: float, pixel: float) -> Bars:
    """Return the bars between two times; if there are too many, one per pixel, failed ones first."""
    if len(bars) <= MAX_BARS:
        return bars
    bars = bars.select(np.flatnonzero((bars.stopped >= first) & (bars.started <= last)))
    if len(bars) <= MAX_BARS:
        return bars
    column = np.maximum((bars.started - first) / pixel, 0).astype(np.intp)
    place = bars.lane * (column.max() + 1) + column
    shown = np.full(place.max() + 1, -1)
    for chosen in (np.arange(len(bars)), np.flatnonzero(bars.status > STATUSES.index("done"))):
        shown[place[chosen]] = chosen
    return bars.select(shown[shown >= 0])
