"""Brings together the plot in the dock, the table of the last run, and the wells in the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_error

from ..run_result import RunResult
from ..screening import read_plate_map
from .plot_panel import PlotPanel

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PlotControl:
    """Shows the table of a run that is over, with the plate map that the user chose.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose sliders go to the well of a point that is chosen.
    panel : PlotPanel
        Where it is shown.
    """

    def __init__(self, viewer: Viewer, panel: PlotPanel) -> None:
        self._viewer = viewer
        self._panel = panel
        self._wells: tuple[str, ...] = ()
        panel.plate_map_chosen.connect(self.open_plate_map)
        panel.well_chosen.connect(self.go_to)

    def show(self, result: RunResult) -> None:
        """Show the table of a run, or nothing where it has none."""
        components = result.dataset.components
        self._wells = components.get("well", ())
        has_rows = any(step.kind == "table" for step in result.pipeline.kept)
        self._panel.show_table(result.table if has_rows else None, components)

    def open_plate_map(self, path: str) -> None:
        """Join a plate map in. What is wrong with it is shown as an error."""
        try:
            self._panel.take_plate_map(read_plate_map(path))
        except (ValueError, OSError) as error:
            show_error(f"Axiswise: {error}")

    def go_to(self, well: str) -> None:
        """Take the slider of wells to a well, where there is one."""
        labels = self._viewer.dims.axis_labels
        if well in self._wells and "well" in labels:
            self._viewer.dims.set_point(labels.index("well"), float(self._wells.index(well)))
