"""A window of its own for a result that is in a folder."""

from __future__ import annotations

from importlib import import_module

import napari


def open_window(folder: str) -> None:
    """Open napari with the result of a run, and return when the window is closed.

    Parameters
    ----------
    folder : str
        The output of the run.

    Raises
    ------
    ValueError, OSError
        There is no result.
    ImportError
        There is no Qt.
    """
    axiswise = import_module("napari_axiswise")
    result = axiswise.open_result(folder)
    viewer = napari.Viewer(title=f"napari-axiswise · {folder}")
    axiswise.show(result, viewer)
    napari.run()
