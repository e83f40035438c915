"""The table of tasks: value, status, seconds."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from ...core.axes import axis_label
from ...core.events import TaskEvent
from ...runs.result import RunResult
from ..common.plain import plain_tooltip
from ..common.task_board import TaskBoard

_MARKS = {"waiting": "·", "started": "▶", "done": "✓", "failed": "✗", "lost": "☠", "cancelled": "–"}


class TaskModel(QAbstractTableModel):
    """A Qt model of the tasks on a board, one row each.

    Parameters
    ----------
    board : TaskBoard
        The tasks and their last events.
    parent : QWidget, optional
        The owner.
    """

    def __init__(self, board: TaskBoard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.board = board
        board.planned.connect(self._reset)
        board.updated.connect(self._update)

    def _reset(self) -> None:
        self.beginResetModel()
        self.endResetModel()

    def _update(self, event: TaskEvent) -> None:
        row = self.board.row(event.axis_value)
        if row is not None:
            self.dataChanged.emit(self.index(row, 0), self.index(row, 2))

    def event_at(self, row: int) -> TaskEvent:
        """Return the last event of the task in a row."""
        return self.board.event(self.board.values[row])

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return len(self.board.values)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: D102
        return 3

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: D102
        if role == Qt.ItemDataRole.ToolTipRole and section == 0:
            return plain_tooltip(self._heading)
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return (self._heading, "status", "seconds")[section]

    @property
    def _heading(self) -> str:
        return axis_label(self.board.axis or "task")

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
    """The tasks on a board as a table that fits into a narrow dock."""

    def __init__(self, board: TaskBoard) -> None:
        super().__init__()
        self._board = board
        self.setModel(TaskModel(board, self))
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
        return tuple(self._board.values[row] for row in rows)

    def select(self, axis_value: str) -> None:
        """Select a task, and no other, and scroll to it."""
        row = self._board.row(axis_value)
        if row is not None:
            self.selectRow(row)
            self.scrollTo(self.model().index(row, 0))


def outcome_summary(result: RunResult) -> str:
    """Return the number of tasks per outcome, and the first failure, which may be that of the output's end."""
    statuses = [event.status for event in result.outcomes.values()]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))
    first = next((f"{result.axis} {value}: {event.error}" for value, event in result.failures.items()), "")
    if result.unfinished:
        first = f"The output could not be finished: {result.unfinished}"
    return f"{counts}. {first}".strip()
