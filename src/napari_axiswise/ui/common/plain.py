"""Text that others wrote, as it is: Qt would take what looks like HTML for HTML, and load pictures that it names."""

from __future__ import annotations

from html import escape

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel


def plain_tooltip(text: str) -> str:
    """Return a text that a tooltip shows as it is."""
    return f"<p style='white-space: pre-wrap'>{escape(text)}</p>" if text else ""


def show_plain(label: QLabel) -> None:
    """Let a label show its texts as they are."""
    label.setTextFormat(Qt.TextFormat.PlainText)
