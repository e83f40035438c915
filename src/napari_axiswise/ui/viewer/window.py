"""A napari window for the result in an output folder."""

from __future__ import annotations

import napari

from ...runs.result import open_result
from .layers import show


def open_window(folder: str) -> None:
    """Open napari with the result of a run, and return when the window is closed.

    Parameters
    ----------
    folder : str
        Output folder of the run.

    Raises
    ------
    ValueError, OSError
        The folder has no result.
    ImportError
        Qt is not installed.
    """
    result = open_result(folder)
    viewer = napari.Viewer(title=f"napari-axiswise · {folder}")
    show(result, viewer)
    napari.run()
