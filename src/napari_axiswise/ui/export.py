"""Asking where to save what a plot shows."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

EXPORTS = "Numbers (*.csv);;Picture (*.png);;Drawing (*.svg)"


def ask_export(parent: QWidget, title: str, name: str) -> str:
    """Let the user say where to save numbers or a picture, with a suffix; an empty text for nowhere."""
    path, kind = QFileDialog.getSaveFileName(parent, title, name, EXPORTS)
    suffix = kind[kind.find("*") + 1 : kind.find(")")]
    return str(path) if not path or Path(path).suffix else f"{path}{suffix}"
