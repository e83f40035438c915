"""The plot panel: the choice of columns, the plot, and Z′ of the controls."""

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
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...core.text import join_names
from ...plates.statistics import STATISTICS
from ..common.export import export
from ..common.parts import Legend, dropdown, line, offer
from ..common.plain import plain_tooltip
from ..common.save_button import SaveButton
from ..common.theme import is_theme_change
from .data import PlotData, plot_data, z_primes
from .model import PlotModel

if TYPE_CHECKING:
    from .canvas import PlotCanvas

MAX_GROUPS = 4
"""Number of colour groups whose Z′ the panel shows; the tooltip has all."""

PLATE_MAPS = "Plate maps (*.csv *.tsv *.txt);;All files (*)"


class PlotPanel(QWidget):
    """Panel that plots a column of the table against a component or a property of the plate map.

    The numbers are computed in a thread, since a table may have millions of rows. The canvas is created when the
    panel is first shown.

    Attributes
    ----------
    model : PlotModel
        The choices on offer, and the chosen ones.
    data : PlotData or None
        The numbers on the canvas.
    well_chosen : Signal
        Emitted with the name of the well of a chosen point.
    plate_map_chosen : Signal
        Emitted with the path of the chosen plate map. Whoever reads it calls `show_plate_map`.
    drawn : Signal
        Emitted when the chosen plot is drawn.
    """

    well_chosen = Signal(str)
    plate_map_chosen = Signal(str)
    drawn = Signal()
    _computed = Signal(int, object, object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = PlotModel()
        self.data: PlotData | None = None
        self.canvas: PlotCanvas | None = None
        self._wanted = 0
        self._stale = True
        self._make_parts()
        self._arrange()
        self._computed.connect(self._draw)
        self._show_model()

    def show_table(self, table: pd.DataFrame | None, components: Mapping[str, tuple[str, ...]]) -> None:
        """Plot a table, with the previous choices that are still valid.

        Parameters
        ----------
        table : DataFrame or None
            One row per measured object; None for no table.
        components : mapping
            From component name to its values.
        """
        self._set_model(PlotModel.of(table, components, self.model.plate_map, self.model))

    def show_plate_map(self, plate_map: pd.DataFrame | None) -> None:
        """Join a plate map with the table.

        Parameters
        ----------
        plate_map : DataFrame or None
            One row per well, indexed by well name; a column per property. None for no plate map.

        Raises
        ------
        ValueError
            The plate map lists a well twice.
        """
        self._set_model(PlotModel.of(self.model.table, self.model.components, plate_map, self.model))

    def export(self, path: str | Path) -> None:
        """Save the numbers as CSV, or the plot as an image; the suffix decides.

        Raises
        ------
        OSError
            The file could not be written.
        """
        if self.data is not None and self.canvas is not None:
            export(path, self.data.export, self.canvas)

    def _make_parts(self) -> None:
        self.y = dropdown("Column", "The measurement on the y axis.")
        self.statistic = dropdown("Statistic", "Combines the objects of a well into one point.")
        self.x = dropdown("X axis", "A component, or a property from the plate map.")
        self.colour = dropdown(
            "Colour", "Colour the points by a component, or a property from the plate map."
        )
        self.log = QCheckBox("log x")
        self.log.setAccessibleName("Logarithmic x axis")
        self.plate_map_button = QPushButton("Plate map…")
        self.plate_map_button.setToolTip(
            "Open a CSV file with one row per well, such as its condition, dose and control."
        )
        self.save_button = SaveButton("Save the plot", "plot.csv", self.export)
        self.save_button.setToolTip("Save the numbers as CSV, or the plot as PNG or SVG.")
        self.legend = Legend()
        self.pointed, self.message = line("Selected point"), line("Z prime")
        for part, name in (
            (self.y, "y"),
            (self.statistic, "statistic"),
            (self.x, "x"),
            (self.colour, "colour"),
        ):
            part.activated.connect(lambda _, part=part, name=name: self._choose(**{name: part.currentData()}))
        self.log.toggled.connect(lambda on: self._choose(log=on))
        self.plate_map_button.clicked.connect(lambda: self._ask_plate_map())
        self.save_button.failed.connect(self.message.setText)

    def _arrange(self) -> None:
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, part in (
            ("column", self.y), ("statistic", self.statistic), ("x axis", self.x), ("colour", self.colour)
        ):  # fmt: skip
            rows.addRow(name, part)
        buttons = QHBoxLayout()
        for part in (self.log, self.plate_map_button, self.save_button):
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

    def _choose(self, **choices: str | bool) -> None:
        self._set_model(self.model.choose(**choices))  # type: ignore[arg-type]

    def _set_model(self, model: PlotModel) -> None:
        self.model = model
        self._show_model()
        self._stale = True
        if self.isVisible():
            self._compute()

    def _show_model(self) -> None:
        """Update the controls from the model."""
        model = self.model
        offer(self.y, [(name, name) for name in model.y_choices], model.y)
        offer(self.statistic, [(name, name) for name in STATISTICS], model.statistic)
        offer(self.x, model.x_choices, model.x)
        offer(self.colour, [("one colour", ""), *model.x_choices], model.colour or "")
        # A count is the same for every column.
        self.y.setEnabled(model.statistic != "count")
        with QSignalBlocker(self.log):
            self.log.setChecked(model.log and model.can_log)
        self.log.setEnabled(model.can_log)
        self.log.setToolTip(
            "Use a logarithmic x axis. 0 is drawn one decade below the smallest positive number."
            if model.can_log
            else "A logarithmic x axis needs numbers, none of them negative."
        )

    def _compute(self) -> None:
        """Compute the numbers in a thread; only the last request is drawn."""
        self._stale = False
        self._wanted += 1
        Thread(target=self._compute_numbers, args=(self._wanted, self.model), daemon=True).start()

    def _compute_numbers(self, number: int, model: PlotModel) -> None:
        data, quality, problem = None, {}, ""
        try:
            data = plot_data(model)
            quality = z_primes(model)
        except Exception as error:
            problem = str(error)
        with suppress(RuntimeError):  # the window is gone
            self._computed.emit(number, data, quality, problem)

    def _draw(self, number: int, data: PlotData | None, quality: Mapping[str, float], problem: str) -> None:
        if number != self._wanted or self.canvas is None:
            return
        self.data = data
        self.canvas.show_data(data)
        self.canvas.setVisible(data is not None)
        self.save_button.setEnabled(data is not None)
        self.legend.show_groups(self.canvas.legend_items())
        lines = [*_z_prime_lines(quality, self.model), *_left_out_lines(data)]
        self.message.setText("\n".join([problem, *lines] if problem else lines))
        every = [f"{name} {value:.2f}".strip() for name, value in quality.items()]
        self.message.setToolTip(plain_tooltip("\n".join(every)) if len(every) > MAX_GROUPS else "")
        self.drawn.emit()

    def _make_canvas(self) -> None:
        # Imported late: pyqtgraph would slow down opening the dock.
        from .canvas import PlotCanvas

        self.canvas = PlotCanvas(self)
        self.canvas.well_chosen.connect(self.well_chosen)
        self.canvas.pointed.connect(self.pointed.setText)
        self._column.insertWidget(2, self.canvas, stretch=1)
        QWidget.setTabOrder(self.save_button, self.canvas)
        QWidget.setTabOrder(self.canvas, self.legend)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102
        super().showEvent(event)
        if self.canvas is None:
            self._make_canvas()
        if self._stale:
            self._compute()

    def changeEvent(self, event: QEvent) -> None:  # noqa: D102
        super().changeEvent(event)
        if is_theme_change(event) and self.canvas is not None:
            self.canvas.recolour()
            self.legend.show_groups(self.canvas.legend_items())


def ask_plate_map(parent: QWidget) -> str:
    """Ask for the file of a plate map; empty if cancelled."""
    path, _ = QFileDialog.getOpenFileName(parent, "Plate map", "", PLATE_MAPS)
    return str(path)


def _z_prime_lines(quality: Mapping[str, float], model: PlotModel) -> list[str]:
    """Return a line with Z′; empty without controls."""
    if not quality:
        return []
    if list(quality) == [""]:
        return [f"Z′ {quality['']:.2f}"]
    of = "plate" if model.has_plates else model.colour
    values = [f"{value:.2f} ({of} {name})" for name, value in quality.items()]
    return [f"Z′ {join_names(values, most=MAX_GROUPS)}"]


def _left_out_lines(data: PlotData | None) -> list[str]:
    """Return a line that counts the points left out; empty if there are none."""
    if data is None:
        return ["Nothing to plot yet. Run a pipeline with a step that measures objects."]
    if not data.left_out:
        return []
    points = "1 point has" if data.left_out == 1 else f"{data.left_out:,} points have"
    return [f"{points} no {data.x_label} or no {data.y_label}."]
