"""Saves the numbers or the picture of a plot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from qtpy.QtWidgets import QFileDialog, QWidget

from ...results.csv_text import csv_text

if TYPE_CHECKING:
    import pandas as pd

EXPORTS = "Numbers (*.csv);;Picture (*.png);;Drawing (*.svg)"


class Picture(Protocol):
    """Something that can be saved as a picture."""

    def save(self, path: Path) -> None:
        """Save the picture."""


def export(path: str | Path, numbers: Callable[[], pd.DataFrame], picture: Picture) -> None:
    """Save numbers as CSV, or the picture, depending on the suffix of the path.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        path.write_bytes(csv_text(numbers()).encode())
    else:
        picture.save(path)


def ask_export(parent: QWidget, title: str, name: str) -> str:
    """Ask the user for a file name with a suffix; return an empty text if the dialog is cancelled."""
    path, kind = QFileDialog.getSaveFileName(parent, title, name, EXPORTS)
    suffix = kind[kind.find("*") + 1 : kind.find(")")]
    return str(path) if not path or Path(path).suffix else f"{path}{suffix}"
