"""A window of its own for a result that is in a folder."""

from __future__ import annotations

import napari

from ...runs.result import open_result
from .layers import show


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
    result = open_result(folder)
    viewer = napari.Viewer(title=f"napari-axiswise · {folder}")
    show(result, viewer)
    napari.run()
