"""Which axis: what a run would take along each, the choice, and what more workers would do."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Signal
from qtpy.QtGui import QResizeEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QListWidgetItem, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ...core.axes import told_axis
from ..common.export import ask_export, export
from ..common.parts import Legend, line
from .model import AxisModel
from .table import AxisRow, AxisRows, AxisTable, AxisTableModel

if TYPE_CHECKING:
    from .canvas import ScalingCanvas

LEGEND_HEIGHT = 110
"""Pixels of the legend; a longer one scrolls."""

NO_PLAN = "Plan runs a few units, keeps nothing, and tells what the whole would take along each axis."
MEANING = "Large mark: beyond it, more workers hardly help. Dotted: the lanes of this plan."
MEASURED = "Hollow, beside that: measured."


class AxisPanel(QWidget):
    """Shows a plan, and lets an axis be chosen from it.

    Attributes
    ----------
    foreseen : AxisModel or None
        What is shown.
    plan_asked, compare_asked, cancel_asked : Signal
        Emitted when a button was pressed.
    axis_chosen : Signal
        Emitted with the axis to split by.
    drawn : Signal
        Emitted when something else is shown, which may need more room.
    """

    plan_asked = Signal()
    compare_asked = Signal()
    cancel_asked = Signal()
    axis_chosen = Signal(str)
    drawn = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.foreseen: AxisModel | None = None
        self.canvas: ScalingCanvas | None = None
        self._busy: QPushButton | None = None
        self._cancelling = False
        self._make_parts()
        self._arrange()
        self._tell_point("")
        self.show_foreseen(None)
        self.enable(False)

    def show_foreseen(self, foreseen: AxisModel | None) -> None:
        """Show a plan or a comparison; None for nothing."""
        self.foreseen = foreseen
        self.note.setText(NO_PLAN if foreseen is None else foreseen.told)
        for part in (self.table, self.told, self.choose_button, self.save_button):
            part.setVisible(foreseen is not None)
        self.table.show_rows(
            AxisRows() if foreseen is None else AxisRows.of(foreseen.plan, foreseen.comparison)
        )
        self._draw()
        self.drawn.emit()

    def enable(self, possible: bool) -> None:
        """Let a plan be made, or not."""
        for button in (self.plan_button, self.compare_button):
            cancels = button is self._busy and not self._cancelling
            button.setEnabled(possible if self._busy is None else cancels)

    def show_busy(self, comparing: bool) -> None:
        """Show that a plan is being made, or axes compared: the button that was pressed cancels that."""
        self._busy = self.compare_button if comparing else self.plan_button
        self._busy.setText("Cancel")
        self.enable(False)
        self.show_progress(0)

    def show_progress(self, count: int) -> None:
        """Show how much is over."""
        what, noun = ("Comparing", "task") if self._busy is self.compare_button else ("Measuring", "unit")
        self.note.setText(f"{what} … {count:,} {noun}{'s' if count != 1 else ''} done")

    def show_cancelling(self) -> None:
        """Show that what goes on is about to end."""
        if self._busy is not None:
            self._cancelling = True
            self._busy.setText("Cancelling …")
            self.enable(False)

    def show_idle(self) -> None:
        """Show that nothing goes on any more."""
        self._busy, self._cancelling = None, False
        self._name_buttons()
        self.note.setText(NO_PLAN if self.foreseen is None else self.foreseen.told)
        self.drawn.emit()

    def export(self, path: str | Path) -> None:
        """Save the table as CSV, or the picture, as the suffix says.

        Raises
        ------
        OSError
            It could not be written there.
        """
        foreseen = self.foreseen
        if foreseen is not None and self.canvas is not None:
            export(path, lambda: foreseen.table, self.canvas)

    def _make_parts(self) -> None:
        self.plan_button, self.compare_button = QPushButton(), QPushButton()
        self.choose_button, self.save_button = QPushButton("Split by this"), QPushButton("Save…")
        self._name_buttons()
        self.plan_button.setToolTip("Run and measure a few units, and tell what the whole would take.")
        self.compare_button.setToolTip("Run a sample along each axis, one after the other, and measure.")
        self.choose_button.setToolTip("Split by the axis that is selected; as does Enter, or a double click.")
        self.save_button.setToolTip("The table as CSV, or the picture as PNG or SVG.")
        self.save_button.setAccessibleName("Save the plan")
        self.note, self.told, self.pointed, self.meaning = map(
            line, ("Recommendation", "The axis that is selected", "The point", "What the marks mean")
        )
        self.table = AxisTable(AxisTableModel())
        self.legend = Legend(LEGEND_HEIGHT, icon_width=30)
        for button, asked in (
            (self.plan_button, self.plan_asked),
            (self.compare_button, self.compare_asked),
        ):
            button.clicked.connect(
                lambda _, asked=asked: (asked if self._busy is None else self.cancel_asked).emit()
            )
        self.choose_button.clicked.connect(lambda: self.table.choose(self.table.currentIndex().row()))
        self.save_button.clicked.connect(lambda: self._ask_export())
        self.table.axis_chosen.connect(self.axis_chosen)
        self.table.row_shown.connect(self._tell)

    def _name_buttons(self) -> None:
        self.plan_button.setText("Plan")
        self.compare_button.setText("Compare axes")

    def _arrange(self) -> None:
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 4, 4, 4)
        self._column.addLayout(_beside(self.plan_button, self.compare_button))
        for part in (self.note, self.table, self.told):
            self._column.addWidget(part)
        self._column.addLayout(_beside(self.choose_button))
        for part in (self.pointed, self.legend, self.meaning):
            self._column.addWidget(part)
        self._column.addLayout(_beside(self.save_button))

    def _tell(self, row: AxisRow | None) -> None:
        """Tell all of the axis that is selected."""
        self.told.setText("" if row is None else row.told)
        self.choose_button.setEnabled(row is not None and row.allowed)
        self.choose_button.setText("Split by this" if row is None else f"Split by {told_axis(row.axis)}")
        self.drawn.emit()

    def _ask_export(self) -> None:
        path = ask_export(self, "Save the plan", "plan.csv")
        if not path:
            return
        try:
            self.export(path)
        except OSError as error:
            self.note.setText(str(error))

    def _draw(self) -> None:
        lines = self.foreseen.scaling.lines if self.foreseen is not None else ()
        if self.canvas is None:
            if not lines or not self.isVisible():
                return
            self._make_canvas()
        assert self.canvas is not None
        self.canvas.show_scaling(self.foreseen.scaling if self.foreseen is not None and lines else None)
        for part in (self.canvas, self.meaning):
            part.setVisible(bool(lines))
        measured = self.foreseen is not None and self.foreseen.comparison is not None
        self.meaning.setText(f"{MEANING} {MEASURED}" if measured else MEANING)
        self._show_legend()

    def _show_legend(self) -> None:
        if self.canvas is not None:
            groups = enumerate(self.canvas.groups)
            self.legend.show_groups([QListWidgetItem(self.canvas.icon(n), name) for n, name in groups])

    def _make_canvas(self) -> None:
        # Opening the dock does not pay for the import.
        from .canvas import ScalingCanvas

        self.canvas = ScalingCanvas(self)
        self.canvas.pointed.connect(self._tell_point)
        self._column.insertWidget(self._column.indexOf(self.pointed), self.canvas, stretch=1)
        for before, after in pairwise((self.choose_button, self.canvas, self.legend, self.save_button)):
            QWidget.setTabOrder(before, after)

    def _tell_point(self, told: str) -> None:
        self.pointed.setText(told)
        self.pointed.setVisible(bool(told))
        self.drawn.emit()

    def sizeHint(self) -> QSize:  # noqa: D102
        # What a section gives its content does not ask how high texts are at this width.
        hint = super().sizeHint()
        return QSize(hint.width(), max(hint.height(), self._column.totalHeightForWidth(self.width())))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        return QSize(super().minimumSizeHint().width(), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.drawn.emit()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102
        super().showEvent(event)
        if self.canvas is None:
            self._draw()
            self.drawn.emit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: D102
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange) and self.canvas is not None:
            self.canvas.recolour()
            self._show_legend()


def _beside(*parts: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    for part in parts:
        # A long name must not make the dock wider.
        part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout.addWidget(part)
    return layout
