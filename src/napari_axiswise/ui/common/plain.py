"""Plain text in labels and tooltips: Qt would render text that looks like HTML, and load pictures that it names."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel


def plain_tooltip(text: str) -> str:
    """Return a tooltip that shows a text literally."""
    return f"<p style='white-space: pre-wrap'>{escape(text)}</p>" if text else ""


def show_plain(label: QLabel) -> None:
    """Let a label show its text literally."""
    label.setTextFormat(Qt.TextFormat.PlainText)
