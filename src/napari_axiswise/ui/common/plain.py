"""Plain text in labels, tooltips and notifications: Qt would render what looks like HTML, and load its pictures."""

from __future__ import annotations

import re
from html import escape

from napari.utils import notifications
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QMessageBox, QWidget


def plain_tooltip(text: str) -> str:
    """Return a tooltip that shows a text literally."""
    return f"<p style='white-space: pre-wrap'>{escape(text)}</p>" if text else ""


def show_plain(label: QLabel) -> None:
    """Let a label show its text literally."""
    label.setTextFormat(Qt.TextFormat.PlainText)


def literal(text: str) -> str:
    """Return a text that labels of others, which may take it for HTML, show literally.

    Escaping would not do: such a label may show the escapes, too. An invisible space makes tags and escapes plain text.
    """
    return re.sub(r"<(?=\s*[A-Za-z!?/])|&(?=lt;)", "\\g<0>\u200b", text)


def notify_error(message: object) -> None:
    """Show an error as a notification of napari, literally."""
    notifications.show_error(literal(f"Axiswise: {message}"))


def notify_warning(message: object) -> None:
    """Show a warning as a notification of napari, literally."""
    notifications.show_warning(literal(f"Axiswise: {message}"))


def confirm(parent: QWidget, question: str, details: str, answer: str) -> bool:
    """Ask a question in a box, and return whether the answer was yes.

    Parameters
    ----------
    parent : QWidget
        The box is in front of it.
    question, details : str
        What is asked, and what to know for it. Both are shown literally.
    answer : str
        What is on the button that says yes. The other one cancels, and is the default.
    """
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Axiswise")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(question)
    box.setInformativeText(details)
    box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No)
    box.button(QMessageBox.StandardButton.Yes).setText(answer)
    box.button(QMessageBox.StandardButton.No).setText("Cancel")
    box.setDefaultButton(QMessageBox.StandardButton.No)
    return bool(box.exec() == QMessageBox.StandardButton.Yes)
