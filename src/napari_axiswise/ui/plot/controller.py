"""Connects the plot panel with the table of the last run and with the wells in the viewer."""

from __future__ import annotations

from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from ...plates.map_file import read_plate_map
from ...runs.result import RunResult
from ..viewer.axes import is_shown
from .panel import PlotPanel

if TYPE_CHECKING:
    import pandas as pd
    from napari.viewer import Viewer


class PlotController(QObject):
    """Controller that plots the table of a finished run, joined with the user's plate map.

    If several steps make tables, the last one is plotted.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its sliders go to the well of a chosen point.
    panel : PlotPanel
        Shows the plot.
    """

    _read = Signal(object, object, str)

    def __init__(self, viewer: Viewer, panel: PlotPanel) -> None:
        super().__init__(panel)
        self._viewer = viewer
        self._panel = panel
        self._result: RunResult | None = None
        self._read.connect(self._show_table)
        panel.plate_map_chosen.connect(self.open_plate_map)
        panel.well_chosen.connect(self.go_to)

    def show(self, result: RunResult) -> None:
        """Plot the table of a run, which is read in a thread; an empty plot if it has none."""
        self._result = result
        Thread(target=self._read_table, args=(result,), daemon=True).start()

    def _read_table(self, result: RunResult) -> None:
        tables = [step.name for step in result.pipeline.kept if step.output_kind.in_table]
        table, problem = None, ""
        try:
            table = result.store.table(tables[-1]) if tables else None
        except (ValueError, OSError) as error:
            problem = str(error)
        with suppress(RuntimeError):  # the window is gone
            self._read.emit(result, table, problem)

    def _show_table(self, result: RunResult, table: pd.DataFrame | None, problem: str) -> None:
        if result is not self._result:
            return
        self._panel.show_table(table, result.dataset.components)
        if problem:
            show_error(f"Axiswise: The table cannot be plotted: {problem}")

    def open_plate_map(self, path: str) -> None:
        """Join the plate map in a file with the table. Errors are shown as notifications."""
        try:
            self._panel.show_plate_map(read_plate_map(path))
        except (ValueError, OSError) as error:
            show_error(f"Axiswise: {error}")

    def go_to(self, well: str) -> None:
        """Move the well slider to a well, if the viewer has one."""
        if self._result is None or not is_shown(self._viewer, self._result.dataset.source):
            return
        wells, labels = self._result.dataset.components.get("well", ()), self._viewer.dims.axis_labels
        if well in wells and "well" in labels:
            self._viewer.dims.set_point(labels.index("well"), float(wells.index(well)))
