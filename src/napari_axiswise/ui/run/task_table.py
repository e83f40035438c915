"""The tasks of a run as a table: value, status, seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from ...core.axes import axis_label
from ...core.events import TaskEvent
from ...runs.result import RunResult
from ..common.plain import plain_tooltip

_MARKS = {"waiting": "·", "started": "▶", "done": "✓", "failed": "✗", "lost": "☠", "cancelled": "–"}


class TaskModel(QAbstractTableModel):
    """The last event of every task."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._axis = "task"
        self._values: list[str] = []
        self._rows: dict[str, int] = {}
        self._events: dict[str, TaskEvent] = {}

    def plan(self, axis: str, values: Sequence[str]) -> None:
        """Show the tasks of a run that is about to start."""
        self.beginResetModel()
        self._axis = axis
        self._values = list(values)
        self._rows = {value: row for row, value in enumerate(values)}
        self._events = {}
        self.endResetModel()

    def take(self, event: TaskEvent) -> None:
        """Show what became of a task."""
        self._events[event.axis_value] = event
        row = self._rows[event.axis_value]
        self.dataChanged.emit(self.index(row, 0), self.index(row, 2))

    def event_at(self, row: int) -> TaskEvent:
        """Return the last event of the task in a row."""
        value = self._values[row]
        return self._events.get(value, TaskEvent(value, "waiting"))

    def row_of(self, axis_value: str) -> int | None:
        """Return the row of a task; None where there is none."""
        return self._rows.get(axis_value)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return len(self._values)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 3

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if role == Qt.ItemDataRole.ToolTipRole and section == 0:
            return plain_tooltip(axis_label(self._axis))
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return (axis_label(self._axis), "status", "seconds")[section]

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        event = self.event_at(index.row())
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tooltip(event.error) or None
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == 2:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if index.column() == 0:
            return event.axis_value
        if index.column() == 1:
            return f"{_MARKS[event.status]} {'running' if event.status == 'started' else event.status}"
        if event.started is None or event.stopped is None:
            return ""
        return f"{event.stopped - event.started:.2f}"


class TaskTable(QTableView):
    """A view of the tasks that fits into a narrow dock."""

    def __init__(self, model: TaskModel) -> None:
        super().__init__()
        model.setParent(self)
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setMinimumHeight(140)
        self.verticalHeader().setVisible(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)

    @property
    def selected(self) -> tuple[str, ...]:
        """The axis values of the tasks that are selected."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return tuple(self.model().event_at(row).axis_value for row in rows)

    def select(self, axis_value: str) -> None:
        """Select a task, and no other, and scroll to it."""
        row = self.model().row_of(axis_value)
        if row is not None:
            self.selectRow(row)
            self.scrollTo(self.model().index(row, 0))


def told_ending(result: RunResult) -> str:
    """Return how a run ended: how many tasks had which outcome, and the first failure."""
    counts = [event.status for event in result.outcomes.values()]
    told = ", ".join(f"{counts.count(status)} {status}" for status in dict.fromkeys(counts))
    first = next((f"{result.axis} {value}: {event.error}" for value, event in result.failures.items()), "")
    return f"{told}. {first}".strip()
