"""Connects the plot panel with the table of the last run and with the wells in the viewer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...plates.map_file import read_plate_map
from ...runs.result import RunResult
from ..common.background import Background
from ..common.plain import notify_error
from ..viewer.axes import is_shown
from .panel import PlotPanel

if TYPE_CHECKING:
    import pandas as pd
    from napari.viewer import Viewer


class PlotController:
    """Controller that plots the table of a finished run, joined with the user's plate map.

    If several steps make tables, the last one is plotted.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its sliders go to the well of a chosen point.
    panel : PlotPanel
        Shows the plot.
    """

    def __init__(self, viewer: Viewer, panel: PlotPanel) -> None:
        self._viewer = viewer
        self._panel = panel
        self._result: RunResult | None = None
        self._background = Background()
        self._background.returned.connect(self._show_table)
        self._background.failed.connect(self._fail)
        panel.plate_map_chosen.connect(self.open_plate_map)
        panel.well_chosen.connect(self.go_to)

    def show(self, result: RunResult) -> None:
        """Plot the table of a run, which is read in a thread; an empty plot if it has none."""
        self._result = result
        self._background.start(partial(_last_table, result))

    def close(self) -> None:
        """Show no further table."""
        self._background.close()

    def _show_table(self, table: pd.DataFrame | None) -> None:
        if self._result is not None:
            self._panel.show_table(table, self._result.dataset.components)

    def _fail(self, error: Exception) -> None:
        self._show_table(None)
        notify_error(f"The table cannot be plotted: {error}")

    def open_plate_map(self, path: str) -> None:
        """Join the plate map in a file with the table. Errors are shown as notifications."""
        try:
            self._panel.show_plate_map(read_plate_map(path))
        except (ValueError, OSError) as error:
            notify_error(error)

    def go_to(self, well: str) -> None:
        """Move the well slider to a well, if the viewer has one."""
        if self._result is None or not is_shown(self._viewer, self._result.dataset.source):
            return
        wells, labels = self._result.dataset.components.get("well", ()), self._viewer.dims.axis_labels
        if well in wells and "well" in labels:
            self._viewer.dims.set_point(labels.index("well"), float(wells.index(well)))


def _last_table(result: RunResult) -> pd.DataFrame | None:
    """Return the table of the last step that makes one, or None."""
    tables = [step.name for step in result.pipeline.kept if step.output_kind.in_table]
    return result.store.table(tables[-1]) if tables else None
