"""The list of steps: select, rename, turn on and off, and move with the mouse or the keyboard."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QModelIndex, QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from ...pipeline.pipeline import Pipeline
from ..common.plain import plain_tooltip

MAX_ROWS = 8
"""Number of visible steps; more scroll."""

_NOTE = Qt.ItemDataRole.UserRole
_NAME = Qt.ItemDataRole.UserRole + 1


class _Line(QStyledItemDelegate):
    """Delegate that paints the note of a step after its name, and edits the name only."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        super().initStyleOption(option, index)
        option.text = " · ".join(filter(None, (index.data(), index.data(_NOTE))))


class StepList(QListWidget):
    """List of the steps of a pipeline, with one selected.

    Attributes
    ----------
    chosen : Signal
        Emitted with the name of the selected step.
    renamed : Signal
        Emitted with the old and the new name of a step.
    switched : Signal
        Emitted with the name of a step and whether it is on.
    moved : Signal
        Emitted with the name of a step and its new position.
    """

    chosen = Signal(str)
    renamed = Signal(str, str)
    switched = Signal(str, bool)
    moved = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(_Line(self))
        self.setAccessibleName("Steps")
        self.setToolTip(
            "F2 renames a step, Space turns it on or off, Alt+Up and Alt+Down move it, Delete removes it."
        )
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.currentItemChanged.connect(self._emit_chosen)
        self.itemChanged.connect(self._emit_changed)
        # Queued: the rows can only be reordered once the drop is finished.
        self.model().rowsMoved.connect(self._emit_moved, Qt.ConnectionType.QueuedConnection)

    def show_steps(self, pipeline: Pipeline, selected: str, notes: Mapping[str, str]) -> None:
        """Show the steps with their notes, and select one."""
        with QSignalBlocker(self):
            while self.count() > len(pipeline):
                self.takeItem(self.count() - 1)
            for row, step in enumerate(pipeline):
                if row == self.count():
                    self.addItem(QListWidgetItem())
                item = self.item(row)
                item.setFlags(
                    Qt.ItemFlag.ItemIsEnabled
                    | Qt.ItemFlag.ItemIsSelectable
                    | Qt.ItemFlag.ItemIsEditable
                    | Qt.ItemFlag.ItemIsUserCheckable
                    | Qt.ItemFlag.ItemIsDragEnabled
                )
                item.setText(step.name)
                item.setData(_NAME, step.name)
                item.setCheckState(Qt.CheckState.Checked if step.enabled else Qt.CheckState.Unchecked)
                item.setData(_NOTE, notes.get(step.name, step.kind) if step.enabled else "off")
                item.setToolTip(plain_tooltip(notes.get(step.name, "")))
                if step.name == selected:
                    self.setCurrentItem(item)
        self.viewport().update()
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: D102
        rows = min(max(self.count(), 2), MAX_ROWS)
        height = self.sizeHintForRow(0) if self.count() else self.fontMetrics().height()
        return QSize(super().sizeHint().width(), rows * (height + 2) + 2 * self.frameWidth() + 4)

    def _emit_chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(_NAME))

    def _emit_changed(self, item: QListWidgetItem) -> None:
        name = item.data(_NAME)
        if item.text() != name:
            self.renamed.emit(name, item.text())
        else:
            self.switched.emit(name, item.checkState() == Qt.CheckState.Checked)

    def _emit_moved(self, _: QModelIndex, start: int, __: int, ___: QModelIndex, row: int) -> None:
        to = row if row < start else row - 1
        self.moved.emit(self.item(to).data(_NAME), to)
