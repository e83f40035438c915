"""The table of axes: number of tasks, time, speed-up, and what limits each."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QEvent, QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QFont, QKeyEvent, QPalette, QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from ...core.axes import axis_label
from ...core.text import format_bytes, format_seconds
from ...planning.plan import AxisPlan, Plan
from ...planning.trials import Comparison
from ..common.plain import plain_tooltip
from ..common.theme import is_theme_change, mixed

RECOMMENDED = "★"
"""Mark of the recommended axis."""

NOTHING = "–"

HEAD_MARGIN = 10
"""Pixels beside the text of a column header."""

MARGIN = 2
"""Pixels above and below the text of a row."""

MAX_ROWS = 10
"""Number of visible rows; more rows scroll."""

TASKS = 1
"""The column to hide in a narrow dock; its numbers are also in the description and the tooltip."""

FAINT = 0.55
"""Share of the text colour in the names of axes that are not possible."""

LIMITS: Mapping[str, str] = {
    "too few tasks": "some workers have nothing to do",
    "one long task": "all workers wait for the longest task",
    "memory": "there is no memory for more workers",
    "reading": "reading images takes most of the time",
    "processors": "all workers are busy computing",
}
"""Explanation of each limit of a run."""


@dataclass(frozen=True)
class AxisRow:
    """Row of the table of axes.

    Parameters
    ----------
    axis : str
        The axis; a product of components has commas.
    allowed, recommended : bool
        Whether the axis is possible, and whether it is the recommended one.
    cells : tuple of str
        The text of each column.
    description : str
        The plan of this axis in words.
    """

    axis: str
    allowed: bool
    recommended: bool
    cells: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class AxisRows:
    """Contents of the table of axes.

    Parameters
    ----------
    columns : tuple of str
        Column headers.
    rows : tuple of AxisRow
        One row per axis.
    """

    columns: tuple[str, ...] = ("axis,\nlimited by", "tasks", "time", "speed-\nup")
    rows: tuple[AxisRow, ...] = ()

    @classmethod
    def of(cls, plan: Plan, comparison: Comparison | None = None) -> AxisRows:
        """Return the rows of a plan, with the times measured in a comparison."""
        # A measurement counts more than a prediction.
        recommended = plan.recommended if comparison is None else comparison.fastest
        tried = () if comparison is None else comparison.axes
        columns = (*cls.columns[:2], "pre-\ndicted", "mea-\nsured") if tried else cls.columns
        rows = []
        for row in plan.axes:
            took = comparison.seconds(row.axis) if comparison is not None and row.axis in tried else []
            mark = f"{RECOMMENDED} " if row.axis == recommended else ""
            speed_up = f"{row.speed_up:.1f}×" if math.isfinite(row.speed_up) else NOTHING
            limit = row.limit if row.allowed else "not possible"
            cells = (
                f"{mark}{axis_label(row.axis)}\n{limit}",
                NOTHING if row.workload is None else f"{len(row.workload):,}",
                format_seconds(row.seconds),
                (format_seconds(statistics.median(took)) if took else NOTHING) if tried else speed_up,
            )
            rows.append(
                AxisRow(row.axis, row.allowed, row.axis == recommended, cells, _describe(plan, row, took))
            )
        return cls(columns, tuple(rows))


def _describe(plan: Plan, row: AxisPlan, took: Sequence[float]) -> str:
    work = row.workload
    name = axis_label(row.axis)
    if work is None:
        return f"{name} is not possible: {row.note}."
    count = len(work)
    sentences = [
        f"{name}: {count:,} task{'s' if count != 1 else ''}, each with "
        f"{_range(work.units, 'unit')} and {_range(work.planes, 'plane')}.",
        f"Reads {format_bytes(int(work.planes.sum()) * plan.plane_bytes)}.",
    ]
    if plan.pilot.memory:
        sentences.append(f"A worker used up to {format_bytes(plan.pilot.memory)}.")
    if math.isfinite(row.speed_up):
        sentences.append(
            f"About {format_seconds(row.seconds)}, {row.speed_up:.1f} times as fast as one worker "
            f"(efficiency {row.speed_up / plan.lanes:.0%})."
        )
    if row.limit in LIMITS:
        sentences.append(f"Limited by {row.limit}: {LIMITS[row.limit]}.")
    if took:
        several = f", {format_seconds(min(took))} to {format_seconds(max(took))}" if len(took) > 1 else ""
        sentences.append(f"Measured: {format_seconds(statistics.median(took))}{several}.")
    return " ".join(sentences)


def _range(numbers: NDArray[np.int64], noun: str) -> str:
    least, most = int(numbers.min()), int(numbers.max())
    plural = "s" if most != 1 else ""
    return f"{least:,} {noun}{plural}" if least == most else f"{least:,}–{most:,} {noun}{plural}"


class AxisTableModel(QAbstractTableModel):
    """Qt model of the table of axes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown = AxisRows()
        self.faint = QColor(Qt.GlobalColor.gray)

    def show_rows(self, shown: AxisRows) -> None:
        """Replace the rows."""
        self.beginResetModel()
        self.shown = shown
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return len(self.shown.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return len(self.shown.columns)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return self.shown.columns[section]

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        row, column = self.shown.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return row.cells[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tooltip(row.description)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            text = row.cells[column].replace("\n", ", ")
            return f"{text}, recommended" if row.recommended and column == 0 else text
        if role == Qt.ItemDataRole.TextAlignmentRole and column > 0:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole and not row.allowed:
            return self.faint
        if role == Qt.ItemDataRole.FontRole and not row.allowed:
            font = QFont()
            font.setItalic(True)
            return font
        return None


class AxisTable(QTableView):
    """Table of axes that fits into a narrow dock.

    Attributes
    ----------
    axis_chosen : Signal
        Emitted with the axis of a row that was double-clicked or chosen with Enter.
    row_shown : Signal
        Emitted with the new current `AxisRow`, or None.
    """

    axis_chosen = Signal(str)
    row_shown = Signal(object)

    def __init__(self, model: AxisTableModel) -> None:
        super().__init__()
        model.setParent(self)
        self.setModel(model)
        self.setAccessibleName("Axes")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Tab leaves the table; the arrow keys move from row to row.
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        self.horizontalHeader().setSectionsClickable(False)
        self.horizontalHeader().setHighlightSections(False)
        self.doubleClicked.connect(lambda index: self.choose(index.row()))
        self.selectionModel().currentRowChanged.connect(lambda current, _: self._emit_row(current.row()))

    @property
    def current(self) -> AxisRow | None:
        """The current row."""
        row = self.currentIndex().row()
        return self.model().shown.rows[row] if row >= 0 else None

    def show_rows(self, shown: AxisRows) -> None:
        """Replace the rows, and keep the current axis, or select the recommended one."""
        before = self.current
        self.model().show_rows(shown)
        names = [row.axis for row in shown.rows]
        wanted = next((row.axis for row in shown.rows if row.recommended), "")
        if before is not None and not before.recommended and before.axis in names:
            wanted = before.axis
        if wanted in names:
            self.selectRow(names.index(wanted))
        self.fit()
        self.row_shown.emit(self.current)

    def choose(self, row: int) -> None:
        """Choose the axis of a row if it is possible."""
        if row >= 0 and self.model().shown.rows[row].allowed:
            self.axis_chosen.emit(self.model().shown.rows[row].axis)

    def fit(self) -> None:
        """Fit the numeric columns to their contents, the first to the remaining width, and the height to the rows."""
        self._update_colours()
        header, model = self.horizontalHeader(), self.model()
        numbers = range(TASKS, model.columnCount())
        self.setColumnHidden(TASKS, False)
        widths = {column: max(self._head_width(column), self.sizeHintForColumn(column)) for column in numbers}
        rest = self.viewport().width() - sum(widths.values())
        self.setColumnHidden(TASKS, rest < self.sizeHintForColumn(0))
        for column, width in widths.items():
            self.setColumnWidth(column, width)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        height = 2 * self.fontMetrics().height() + 2 * MARGIN
        self.verticalHeader().setDefaultSectionSize(height)
        rows = min(MAX_ROWS, model.rowCount()) * height
        self.setFixedHeight(header.sizeHint().height() + rows + 2 * self.frameWidth())

    def _head_width(self, column: int) -> int:
        # The header's size hint leaves out the style's padding.
        lines = self.model().shown.columns[column].split("\n")
        return max(map(self.horizontalHeader().fontMetrics().horizontalAdvance, lines)) + HEAD_MARGIN

    def _update_colours(self) -> None:
        palette = self.palette()
        text, ground = (
            palette.color(role) for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Window)
        )
        self.model().faint = mixed(ground, text, FAINT)

    def _emit_row(self, row: int) -> None:
        self.row_shown.emit(self.model().shown.rows[row] if row >= 0 else None)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.choose(self.currentIndex().row())
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.fit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: D102
        super().changeEvent(event)
        if is_theme_change(event):
            self.fit()
