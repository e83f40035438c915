"""The steps of a pipeline as a list: chosen, renamed, switched and moved by mouse or keyboard."""

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

MOST_ROWS = 8
"""Steps that are in sight; more scroll."""

_TOLD = Qt.ItemDataRole.UserRole
_NAME = Qt.ItemDataRole.UserRole + 1


class _Line(QStyledItemDelegate):
    """Paints what is told of a step behind its name; only the name is edited."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        super().initStyleOption(option, index)
        option.text = " · ".join(filter(None, (index.data(), index.data(_TOLD))))


class StepList(QListWidget):
    """Shows the steps of a pipeline, of which one is chosen.

    Attributes
    ----------
    chosen : Signal
        Emitted with the name of a step.
    renamed : Signal
        Emitted with the name of a step and the one that was typed.
    switched : Signal
        Emitted with the name of a step and whether it is to be done.
    moved : Signal
        Emitted with the name of a step and the position that it was dragged to.
    """

    chosen = Signal(str)
    renamed = Signal(str, str)
    switched = Signal(str, bool)
    moved = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(_Line(self))
        self.setAccessibleName("Steps")
        self.setToolTip("F2 renames, Space switches off and on, Alt with an arrow moves, Delete removes.")
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.currentItemChanged.connect(self._tell_chosen)
        self.itemChanged.connect(self._tell_changed)
        # Only when the drop is over can the rows be put in order anew.
        self.model().rowsMoved.connect(self._tell_moved, Qt.ConnectionType.QueuedConnection)

    def show_steps(self, pipeline: Pipeline, selected: str, told: Mapping[str, str]) -> None:
        """Show steps, which of them is looked at, and what is told of each."""
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
                item.setData(_TOLD, told.get(step.name, step.kind) if step.enabled else "off")
                item.setToolTip(plain_tooltip(told.get(step.name, "")))
                if step.name == selected:
                    self.setCurrentItem(item)
        self.viewport().update()
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: D102
        rows = min(max(self.count(), 2), MOST_ROWS)
        height = self.sizeHintForRow(0) if self.count() else self.fontMetrics().height()
        return QSize(super().sizeHint().width(), rows * (height + 2) + 2 * self.frameWidth() + 4)

    def _tell_chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(_NAME))

    def _tell_changed(self, item: QListWidgetItem) -> None:
        name = item.data(_NAME)
        if item.text() != name:
            self.renamed.emit(name, item.text())
        else:
            self.switched.emit(name, item.checkState() == Qt.CheckState.Checked)

    def _tell_moved(self, _: QModelIndex, start: int, __: int, ___: QModelIndex, row: int) -> None:
        to = row if row < start else row - 1
        self.moved.emit(self.item(to).data(_NAME), to)
