"""The axis panel: predicted time by each axis, the choice of one, and the effect of more workers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Signal
from qtpy.QtGui import QResizeEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from ...core.axes import axis_label
from ..common.column import ColumnPanel
from ..common.export import export
from ..common.parts import Legend, line
from ..common.save_button import SaveButton
from ..common.theme import is_theme_change
from .model import AxisModel
from .table import AxisRow, AxisRows, AxisTable, AxisTableModel

if TYPE_CHECKING:
    from .canvas import ScalingCanvas

LEGEND_HEIGHT = 110
"""Height of the legend in pixels; a longer one scrolls."""

NO_PLAN = "Plan runs a small sample, keeps no output, and predicts the time of the whole run by each axis."
MEANING = "Large mark: more workers hardly help. Dotted line: the number of workers in this plan."
MEASURED = "Hollow mark: measured."


class AxisPanel(ColumnPanel):
    """Panel that shows a plan, and in which the user chooses an axis from it.

    Attributes
    ----------
    model : AxisModel or None
        The plan on screen.
    plan_requested, compare_requested, cancel_requested : Signal
        Emitted when the button is pressed.
    axis_chosen : Signal
        Emitted with the axis to split by.
    drawn : Signal
        Emitted when the contents change and may need more room.
    """

    plan_requested = Signal()
    compare_requested = Signal()
    cancel_requested = Signal()
    axis_chosen = Signal(str)
    drawn = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model: AxisModel | None = None
        self.canvas: ScalingCanvas | None = None
        self._busy: QPushButton | None = None
        self._cancelling = False
        self._make_parts()
        self._arrange()
        self._show_point("")
        self.show_model(None)
        self.enable(False)

    def show_model(self, model: AxisModel | None) -> None:
        """Show a plan or comparison; None clears the panel."""
        self.model = model
        self.note.setText(NO_PLAN if model is None else model.summary)
        for part in (self.table, self.description, self.choose_button, self.save_button):
            part.setVisible(model is not None)
        self.table.show_rows(AxisRows() if model is None else AxisRows.of(model.plan, model.comparison))
        self._draw()
        self.drawn.emit()

    def enable(self, possible: bool) -> None:
        """Enable or disable the buttons."""
        for button in (self.plan_button, self.compare_button):
            cancels = button is self._busy and not self._cancelling
            button.setEnabled(possible if self._busy is None else cancels)

    def show_busy(self, comparing: bool) -> None:
        """Turn the pressed button into a cancel button while a plan or comparison runs."""
        self._busy = self.compare_button if comparing else self.plan_button
        self._busy.setText("Cancel")
        self.enable(False)
        self.show_progress(0)

    def show_progress(self, count: int) -> None:
        """Show the number of finished tasks or units."""
        what, noun = ("Comparing", "task") if self._busy is self.compare_button else ("Measuring", "unit")
        self.note.setText(f"{what}: {count:,} {noun}{'s' if count != 1 else ''} done…")

    def show_cancelling(self) -> None:
        """Show that the plan or comparison is being cancelled."""
        if self._busy is not None:
            self._cancelling = True
            self._busy.setText("Cancelling…")
            self.enable(False)

    def show_idle(self) -> None:
        """Show that nothing is running."""
        self._busy, self._cancelling = None, False
        self._name_buttons()
        self.note.setText(NO_PLAN if self.model is None else self.model.summary)
        self.drawn.emit()

    def export(self, path: str | Path) -> None:
        """Save the table as CSV, or the plot as an image; the suffix decides.

        Raises
        ------
        OSError
            The file could not be written.
        """
        model = self.model
        if model is not None and self.canvas is not None:
            export(path, lambda: model.table, self.canvas)

    def _make_parts(self) -> None:
        self.plan_button, self.compare_button = QPushButton(), QPushButton()
        self.choose_button = QPushButton("Split by this")
        self.save_button = SaveButton("Save the plan", "plan.csv", self.export)
        self._name_buttons()
        self.plan_button.setToolTip("Run a small sample and predict the time of the whole run by each axis.")
        self.compare_button.setToolTip("Run a sample by each axis in turn and measure the time.")
        self.choose_button.setToolTip("Split by the selected axis. Enter or a double-click does the same.")
        self.save_button.setToolTip("Save the table as CSV, or the plot as PNG or SVG.")

        self.note, self.description, self.pointed, self.meaning = map(
            line, ("Recommendation", "Selected axis", "Selected point", "Key to the marks")
        )
        self.table = AxisTable(AxisTableModel())
        self.legend = Legend(LEGEND_HEIGHT, icon_width=30)
        for button, asked in (
            (self.plan_button, self.plan_requested),
            (self.compare_button, self.compare_requested),
        ):
            button.clicked.connect(
                lambda _, asked=asked: (asked if self._busy is None else self.cancel_requested).emit()
            )
        self.choose_button.clicked.connect(lambda: self.table.choose(self.table.currentIndex().row()))
        self.save_button.failed.connect(self.note.setText)
        self.table.axis_chosen.connect(self.axis_chosen)
        self.table.row_shown.connect(self._show_row)

    def _name_buttons(self) -> None:
        self.plan_button.setText("Plan")
        self.compare_button.setText("Compare axes")

    def _arrange(self) -> None:

        self._column.addLayout(_beside(self.plan_button, self.compare_button))
        for part in (self.note, self.table, self.description):
            self._column.addWidget(part)
        self._column.addLayout(_beside(self.choose_button))
        for part in (self.pointed, self.legend, self.meaning):
            self._column.addWidget(part)
        self._column.addLayout(_beside(self.save_button))

    def _show_row(self, row: AxisRow | None) -> None:
        """Describe the selected axis."""
        self.description.setText("" if row is None else row.description)
        self.choose_button.setEnabled(row is not None and row.allowed)
        self.choose_button.setText("Split by this" if row is None else f"Split by {axis_label(row.axis)}")
        self.drawn.emit()

    def _draw(self) -> None:
        lines = self.model.scaling.lines if self.model is not None else ()
        if self.canvas is None:
            if not lines or not self.isVisible():
                return
            self._make_canvas()
        assert self.canvas is not None
        self.canvas.show_scaling(self.model.scaling if self.model is not None and lines else None)
        for part in (self.canvas, self.meaning):
            part.setVisible(bool(lines))
        measured = self.model is not None and self.model.comparison is not None
        self.meaning.setText(f"{MEANING} {MEASURED}" if measured else MEANING)
        self._show_legend()

    def _show_legend(self) -> None:
        if self.canvas is not None:
            self.legend.show_groups(self.canvas.legend_items())

    def _make_canvas(self) -> None:
        # Imported late: pyqtgraph would slow down opening the dock.
        from .canvas import ScalingCanvas

        self.canvas = ScalingCanvas(self)
        self.canvas.pointed.connect(self._show_point)
        self._column.insertWidget(self._column.indexOf(self.pointed), self.canvas, stretch=1)
        for before, after in pairwise((self.choose_button, self.canvas, self.legend, self.save_button)):
            QWidget.setTabOrder(before, after)

    def _show_point(self, text: str) -> None:
        self.pointed.setText(text)
        self.pointed.setVisible(bool(text))
        self.drawn.emit()

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
        if is_theme_change(event) and self.canvas is not None:
            self.canvas.recolour()
            self._show_legend()


def _beside(*parts: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    for part in parts:
        # A long name must not make the dock wider.
        part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        layout.addWidget(part)
    return layout
