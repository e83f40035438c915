"""Asking where to save what a plot shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from qtpy.QtWidgets import QFileDialog, QWidget

if TYPE_CHECKING:
    import pandas as pd

EXPORTS = "Numbers (*.csv);;Picture (*.png);;Drawing (*.svg)"


class Picture(Protocol):
    """What can be saved as a picture."""

    def save(self, path: Path) -> None:
        """Save it."""


def export(path: str | Path, numbers: Callable[[], pd.DataFrame], picture: Picture) -> None:
    """Save numbers as CSV, or the picture, as the suffix of the path says.

    Raises
    ------
    OSError
        It could not be written there.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        numbers().to_csv(path, index=False)
    else:
        picture.save(path)


def ask_export(parent: QWidget, title: str, name: str) -> str:
    """Let the user say where to save numbers or a picture, with a suffix; an empty text for nowhere."""
    path, kind = QFileDialog.getSaveFileName(parent, title, name, EXPORTS)
    suffix = kind[kind.find("*") + 1 : kind.find(")")]
    return str(path) if not path or Path(path).suffix else f"{path}{suffix}"
