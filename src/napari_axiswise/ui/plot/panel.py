"""The plot in the dock: what is drawn against what, the picture, and Z′ of the controls."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pandas as pd
from qtpy.QtCore import QEvent, QSignalBlocker, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...core.text import join_names
from ...plates.statistics import STATISTICS
from ..common.export import ask_export, export
from ..common.parts import Legend, dropdown, line, offer
from ..common.plain import plain_tooltip
from .data import PlotData, plot_data, z_primes
from .model import PlotModel

if TYPE_CHECKING:
    from .canvas import PlotCanvas

MOST_TOLD = 4
"""Colour groups whose Z′ is told in the panel; the tooltip has all."""

PLATE_MAPS = "Plate maps (*.csv *.tsv *.txt);;All files (*)"


class PlotPanel(QWidget):
    """Draws a column of the table against a component or a property of the plate map.

    The numbers are made in a thread, since a table may have millions of rows; the picture is made when the panel
    is seen for the first time.

    Attributes
    ----------
    model : PlotModel
        What can be chosen, and what is.
    data : PlotData or None
        What is drawn.
    well_chosen : Signal
        Emitted with the name of the well whose point was chosen.
    plate_map_chosen : Signal
        Emitted with the path of a plate map that is to be read, and handed to `take_plate_map`.
    drawn : Signal
        Emitted when what is chosen is drawn.
    """

    well_chosen = Signal(str)
    plate_map_chosen = Signal(str)
    drawn = Signal()
    _made = Signal(int, object, object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = PlotModel()
        self.data: PlotData | None = None
        self.canvas: PlotCanvas | None = None
        self._wanted = 0
        self._stale = True
        self._make_parts()
        self._arrange()
        self._made.connect(self._draw)
        self._show_model()

    def show_table(self, table: pd.DataFrame | None, components: Mapping[str, tuple[str, ...]]) -> None:
        """Offer a table, with what was chosen before as far as it still can be.

        Parameters
        ----------
        table : DataFrame or None
            A row per measured object; None for none.
        components : mapping
            From component name to its values.
        """
        self._take(PlotModel.of(table, components, self.model.plate_map, self.model))

    def take_plate_map(self, plate_map: pd.DataFrame | None) -> None:
        """Join a plate map in.

        Parameters
        ----------
        plate_map : DataFrame or None
            A row per well, whose name is the index; a column per property. None for none.

        Raises
        ------
        ValueError
            It has a well twice.
        """
        self._take(PlotModel.of(self.model.table, self.model.components, plate_map, self.model))

    def export(self, path: str | Path) -> None:
        """Save what is drawn: the numbers as CSV, or the picture, as the suffix says.

        Raises
        ------
        OSError
            It could not be written there.
        """
        if self.data is not None and self.canvas is not None:
            export(path, self.data.export, self.canvas)

    def _make_parts(self) -> None:
        self.y = dropdown("Column", "The measured column that is drawn upwards.")
        self.statistic = dropdown(
            "Statistic", "What the rows of a point are summed up by: a point is a well."
        )
        self.x = dropdown("Against", "A component, or a property of the plate map.")
        self.colour = dropdown(
            "Colour", "A component, or a property of the plate map, that is told by colour."
        )
        self.log = QCheckBox("log")
        self.log.setAccessibleName("Logarithmic scale")
        self.plate_map_button = QPushButton("Plate map…")
        self.plate_map_button.setToolTip("A CSV file with a row per well: condition, dose, control.")
        self.export_button = QPushButton("Save…")
        self.export_button.setAccessibleName("Save the plot")
        self.export_button.setToolTip("The numbers as CSV, or the picture as PNG or SVG.")
        self.legend = Legend()
        self.pointed, self.message = line("The point"), line("Z prime")
        for part, name in (
            (self.y, "y"),
            (self.statistic, "statistic"),
            (self.x, "x"),
            (self.colour, "colour"),
        ):
            part.activated.connect(lambda _, part=part, name=name: self._choose(**{name: part.currentData()}))
        self.log.toggled.connect(lambda on: self._choose(log=on))
        self.plate_map_button.clicked.connect(lambda: self._ask_plate_map())
        self.export_button.clicked.connect(lambda: self._ask_export())

    def _arrange(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, part in (
            ("plot", self.y), ("as", self.statistic), ("against", self.x), ("colour", self.colour)
        ):  # fmt: skip
            rows.addRow(name, part)
        buttons = QHBoxLayout()
        for part in (self.log, self.plate_map_button, self.export_button):
            buttons.addWidget(part)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 4, 4, 4)
        self._column.addLayout(rows)
        self._column.addLayout(buttons)
        for part in (self.pointed, self.legend, self.message):
            self._column.addWidget(part)

    def _ask_plate_map(self) -> None:
        path = ask_plate_map(self)
        if path:
            self.plate_map_chosen.emit(path)

    def _ask_export(self) -> None:
        path = ask_export(self, "Save the plot", "plot.csv")
        if not path:
            return
        try:
            self.export(path)
        except OSError as error:
            self.message.setText(str(error))

    def _choose(self, **choices: str | bool) -> None:
        self._take(self.model.choose(**choices))  # type: ignore[arg-type]

    def _take(self, model: PlotModel) -> None:
        self.model = model
        self._show_model()
        self._stale = True
        if self.isVisible():
            self._make()

    def _show_model(self) -> None:
        """Show what can be chosen, and what is."""
        model = self.model
        offer(self.y, [(name, name) for name in model.y_choices], model.y)
        offer(self.statistic, [(name, name) for name in STATISTICS], model.statistic)
        offer(self.x, model.x_choices, model.x)
        offer(self.colour, [("one colour", ""), *model.x_choices], model.colour or "")
        # Rows are counted, whatever was measured of them.
        self.y.setEnabled(model.statistic != "count")
        with QSignalBlocker(self.log):
            self.log.setChecked(model.log and model.can_log)
        self.log.setEnabled(model.can_log)
        self.log.setToolTip(
            "A logarithmic scale of x; 0 stands one decade below the smallest number above it."
            if model.can_log
            else "A logarithmic scale needs numbers from 0 on."
        )

    def _make(self) -> None:
        """Make the numbers in a thread of their own; who asks anew does not want what was asked for before."""
        self._stale = False
        self._wanted += 1
        Thread(target=self._make_numbers, args=(self._wanted, self.model), daemon=True).start()

    def _make_numbers(self, number: int, model: PlotModel) -> None:
        data, told, problem = None, {}, ""
        try:
            data = plot_data(model)
            told = z_primes(model)
        except Exception as error:
            problem = str(error)
        with suppress(RuntimeError):  # where the window is gone
            self._made.emit(number, data, told, problem)

    def _draw(self, number: int, data: PlotData | None, told: Mapping[str, float], problem: str) -> None:
        if number != self._wanted or self.canvas is None:
            return
        self.data = data
        self.canvas.show_data(data)
        self.canvas.setVisible(data is not None)
        self.export_button.setEnabled(data is not None)
        self.legend.show_groups(self._groups())
        lines = [*_told_z_primes(told, self.model.colour or ""), *_told_points(data)]
        self.message.setText("\n".join([problem, *lines] if problem else lines))
        every = [f"{name} {value:.2f}".strip() for name, value in told.items()]
        self.message.setToolTip(plain_tooltip("\n".join(every)) if len(every) > MOST_TOLD else "")
        self.drawn.emit()

    def _groups(self) -> list[QListWidgetItem]:
        """Return the legend's entries; none where there is one colour."""
        if self.canvas is None:
            return []
        return [QListWidgetItem(self.canvas.icon(n), name) for n, name in enumerate(self.canvas.groups)]

    def _make_canvas(self) -> None:
        # Opening the dock does not pay for the import.
        from .canvas import PlotCanvas

        self.canvas = PlotCanvas(self)
        self.canvas.well_chosen.connect(self.well_chosen)
        self.canvas.pointed.connect(self.pointed.setText)
        self._column.insertWidget(2, self.canvas, stretch=1)
        QWidget.setTabOrder(self.export_button, self.canvas)
        QWidget.setTabOrder(self.canvas, self.legend)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102
        super().showEvent(event)
        if self.canvas is None:
            self._make_canvas()
        if self._stale:
            self._make()

    def changeEvent(self, event: QEvent) -> None:  # noqa: D102
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange) and self.canvas is not None:
            self.canvas.recolour()
            self.legend.show_groups(self._groups())


def ask_plate_map(parent: QWidget) -> str:
    """Let the user choose a plate map; an empty text for none."""
    path, _ = QFileDialog.getOpenFileName(parent, "Plate map", "", PLATE_MAPS)
    return str(path)


def _told_z_primes(told: Mapping[str, float], colour: str) -> list[str]:
    """Return a line that tells Z′; none where there are no controls."""
    if not told:
        return []
    if list(told) == [""]:
        return [f"Z′ {told['']:.2f}"]
    values = [f"{value:.2f} ({colour} {name})" for name, value in told.items()]
    return [f"Z′ {join_names(values, most=MOST_TOLD)}"]


def _told_points(data: PlotData | None) -> list[str]:
    """Return a line that tells what is not drawn; none where all is."""
    if data is None:
        return ["Nothing to plot yet: a run with a step that measures gives a table."]
    if not data.left_out:
        return []
    points = "1 point has" if data.left_out == 1 else f"{data.left_out:,} points have"
    return [f"{points} no {data.x_label} or no {data.y_label}."]
