"""The button that saves what a plot shows."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton

from .export import ask_export


class SaveButton(QPushButton):
    """Button that asks for a file and saves numbers or a picture to it.

    Parameters
    ----------
    title : str
        Title of the dialog, such as ``"Save the plot"``.
    file_name : str
        Suggested file name.
    save : callable
        Called with the chosen path. Its OSError is shown.

    Attributes
    ----------
    failed : Signal
        Emitted with a message if the file could not be written.
    """

    failed = Signal(str)

    def __init__(self, title: str, file_name: str, save: Callable[[str], None]) -> None:
        super().__init__("Save…")
        self.setAccessibleName(title)
        self._title = title
        self._file_name = file_name
        self._save = save
        self.clicked.connect(lambda: self._ask())

    def _ask(self) -> None:
        path = ask_export(self, self._title, self._file_name)
        if not path:
            return
        try:
            self._save(path)
        except OSError as error:
            self.failed.emit(str(error))
