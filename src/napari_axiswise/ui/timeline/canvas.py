"""The picture of a timeline. Like that of a plot, it is imported once there is something to see."""

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
from .colours import GRADES, STATUS, BarColours

Part = Literal["read", "compute", "write", "rest", "started", "failed", "lost", "cancelled"]
BANDS: tuple[Part, ...] = ("read", "compute", "write")
ENDINGS: tuple[Part, ...] = ("started", "failed", "lost", "cancelled")

STATUS_COLOURS = {
    "done": OKABE_ITO[0], "started": OKABE_ITO[4], "failed": OKABE_ITO[3], "lost": OKABE_ITO[5],
}  # fmt: skip
"""The colour of the text is that of what was cancelled."""

PATTERNS = {
    "started": Qt.BrushStyle.Dense6Pattern,
    "failed": Qt.BrushStyle.DiagCrossPattern,
    "lost": Qt.BrushStyle.VerPattern,
    "cancelled": Qt.BrushStyle.NoBrush,
}
"""What tells statuses apart without colour; the bar of a task that is done is full."""

TEXT_IN_BANDS = {"read": 0.65, "compute": 0.0, "write": 0.35}
"""How much of the text's colour is in the bands of a bar: all of them stand out from the ground of any theme."""

THICKNESS = 0.8
"""Of a bar; the distance of two rows is 1."""

REACH = 4
"""Pixels from a bar at which a click is still meant for it."""

MOST_TICKS = 8

MOST_BARS = 4_000
"""Bars in sight up to which each is drawn; of more, one of those that begin in the same pixel."""

MARGIN = 1.02
"""By how much what is shown is longer than the run so far."""


class TimelineCanvas(DockCanvas):
    """Draws bars: along x the seconds since the run began, a row per lane.

    A click on a bar chooses its task; so does Enter, for the bar that the arrow keys have gone to. The wheel zooms once
    the timeline has the focus, so that a dock scrolls past it. Until something is zoomed, all of the run is shown.

    Attributes
    ----------
    task_chosen : Signal
        Emitted with the number of a task.
    pointed : Signal
        Emitted with the number of the task that the arrow keys or a click have gone to.
    tell : callable
        Returns what the tooltip of a bar says, by the number of its task.
    follows : bool
        Whether all of the run is shown, as it grows.
    """

    task_chosen = Signal(int)
    pointed = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, 180)
        self.follows = True
        self.tell: Callable[[int], str] = str
        self._bars: Bars | None = None
        self._lanes = 0
        self._colouring: BarColours | None = None
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
        self.setLabel("left", "lane")
        self.scene().sigMouseClicked.connect(self._click)
        self.getViewBox().sigRangeChangedManually.connect(self._stay)
        self.recolour()

    def draw(self) -> None:
        """Give what is drawn the colours of the theme."""
        self._ring.setPen(pg.mkPen(self._text, width=2))
        for (group, part), item in self._items.items():
            item.setOpts(brush=self._brush(group, part), pen=self._pen(group, part))

    def show_bars(self, bars: Bars, lanes: int, seconds: float, colouring: BarColours) -> None:
        """Draw bars.

        Parameters
        ----------
        bars : Bars
            All there are.
        lanes : int
            How many rows to show.
        seconds : float
            Of the run, so far.
        colouring : BarColours
            What colour each task has.
        """
        if self._colouring is not colouring:
            for item in self._items.values():
                self.removeItem(item)
            self._items = {}
            self._colouring = colouring
        self._bars = bars
        if lanes != self._lanes:
            self._lanes = lanes
            step = max(1, math.ceil(lanes / MOST_TICKS))
            self.getAxis("left").setTicks([[(row, str(row + 1)) for row in range(0, lanes, step)]])
            self.setYRange(-0.5, max(lanes, 1) - 0.5, padding=0)
        if self.follows:
            self.setXRange(0, max(seconds * MARGIN, 0.1), padding=0)
        self._draw(bars, colouring)
        self._draw_ring()

    def show_all(self) -> None:
        """Show all of the run, and go on to as it grows; drawn the next time."""
        self.follows = True

    def point_at(self, task: int | None) -> None:
        """Put a frame around the bar of a task."""
        self._at = task
        self._draw_ring()
        self.pointed.emit(-1 if task is None else task)

    def icon(self, group: int, part: Part) -> QIcon:
        """Return what a part of a bar looks like, in the colour of a group; -1 for that of the text."""
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

    def _draw(self, bars: Bars, colouring: BarColours) -> None:
        pixel = self.getViewBox().viewPixelSize()[0]
        first, last = self.viewRange()[0]
        bars = _in_sight(bars, first, last, pixel)
        # However short a task was, it can be seen; where there is room, so is the gap between two.
        took = bars.stopped - bars.started
        drawn = np.maximum(took - np.where(took > 4 * pixel, pixel, 0), pixel)
        bottom = bars.lane + THICKNESS / 2
        groups = colouring.groups[bars.task]
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
        """Return where among the bars that of a task is."""
        if self._bars is None or task is None:
            return None
        place = int(np.searchsorted(self._bars.task, task))
        return place if place < len(self._bars) and self._bars.task[place] == task else None

    def _colour(self, group: int, part: Part) -> QColor:
        assert self._colouring is not None
        if self._colouring.label == STATUS:
            if part == "cancelled":
                return self._text
            return QColor(STATUS_COLOURS[part if part in ENDINGS else "done"])
        if group < 0:
            return self._text
        if self._colouring.is_scale:
            # Neither end of it is lost on the ground.
            first, last = (0.35, 1.0) if self._ground.lightness() < 128 else (0.0, 0.75)
            place = first + (last - first) * group / (GRADES - 1)
            return pg.colormap.get("cividis").map(place, mode="qcolor")
        return QColor(OKABE_ITO[group % len(OKABE_ITO)])

    def _brush(self, group: int, part: Part) -> QBrush:
        colour = self._colour(group, part)
        if part in PATTERNS:
            return QBrush(colour, PATTERNS[part])
        if part == "rest":
            return QBrush(_mixed(colour, self._ground, 0.7))
        return QBrush(_mixed(colour, self._text, TEXT_IN_BANDS[part]))

    def _pen(self, group: int, part: Part) -> QPen:
        if part in PATTERNS:
            return pg.mkPen(self._colour(group, part), width=1)
        return QPen(Qt.PenStyle.NoPen)

    def _under(self, position: QPointF) -> int | None:
        """Return the task whose bar is at a place of the scene."""
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
        """Return the task whose bar is beside the one that has the frame, or the first."""
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
        QToolTip.showText(event.globalPos(), "" if task is None else plain_tooltip(self.tell(task)), self)
        return True


class _BarItem(pg.BarGraphItem):
    """Bars of one look. Which is under the mouse is looked up in their numbers, many times faster than by shapes."""

    def shape(self) -> QPainterPath:
        return QPainterPath()

    def pixelPadding(self) -> float:
        # The length of a pixel is slow to ask for, twice for every item and picture.
        return 0.0

    def boundingRect(self) -> QRectF:
        bounds = super().boundingRect()
        return bounds.adjusted(-bounds.width() / 50, -0.1, bounds.width() / 50, 0.1)


def _in_sight(bars: Bars, first: float, last: float, pixel: float) -> Bars:
    """Return the bars between two seconds; of too many, one for each pixel: one that went wrong, if there is any."""
    if len(bars) <= MOST_BARS:
        return bars
    bars = bars.select(np.flatnonzero((bars.stopped >= first) & (bars.started <= last)))
    if len(bars) <= MOST_BARS:
        return bars
    column = np.maximum((bars.started - first) / pixel, 0).astype(np.intp)
    place = bars.lane * (column.max() + 1) + column
    shown = np.full(place.max() + 1, -1)
    for chosen in (np.arange(len(bars)), np.flatnonzero(bars.status > STATUSES.index("done"))):
        shown[place[chosen]] = chosen
    return bars.select(shown[shown >= 0])


def _mixed(colour: QColor, other: QColor, share: float) -> QColor:
    """Return a colour with so much of another one in it, from 0 to 1."""
    return QColor(
        *(
            round(own * (1 - share) + its * share)
            for own, its in zip(colour.getRgb()[:3], other.getRgb()[:3], strict=True)
        )
    )
