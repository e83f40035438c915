"""``napari-axiswise show``: a result in napari."""

from __future__ import annotations

import argparse
from importlib import import_module

from ..core.errors import missing_package
from .terminal import ALL_DONE, WRONG_INPUT, write


def show(arguments: argparse.Namespace) -> int:
    """Open napari with the result in a folder; return the exit code when the window is closed.

    Raises
    ------
    ValueError, OSError
        The folder has no result.
    """
    try:
        # By name: the command does not depend on the interface, which needs Qt.
        import_module("napari_axiswise.ui.viewer.window").open_window(arguments.folder)
    except ImportError as error:
        write(f"napari-axiswise: {missing_package('show', 'napari with Qt', 'napari-axiswise[all]', error)}")
        return WRONG_INPUT
    return ALL_DONE
