"""Fields to choose a folder: with a dialog, or by typing a path or an address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from magicgui.widgets import FileEdit
from psygnal import Signal, SignalInstance
from qtpy.QtWidgets import QLineEdit

from ...core.files import as_address, is_address

Source = str | Path
"""A path, or an address."""


class Typed:
    """Watcher of a text field that waits until typing has finished.

    Parameters
    ----------
    line : QLineEdit
        The text field.
    changed : psygnal.SignalInstance
        Emitted by the field on every change.

    Attributes
    ----------
    settled : psygnal.Signal
        Emitted when the value was set, or typing has finished.
    """

    settled = Signal()

    def __init__(self, line: QLineEdit, changed: SignalInstance) -> None:
        self._typing = False
        line.textEdited.connect(self._begin)
        line.editingFinished.connect(self._end)
        changed.connect(self._change)

    def _begin(self, _: str) -> None:
        self._typing = True

    def _end(self) -> None:
        if self._typing:
            self._typing = False
            self.settled.emit()

    def _change(self) -> None:
        if not self._typing:
            self.settled.emit()


class FolderEdit(FileEdit):
    """Field for a folder or an address, with a button that opens a dialog."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(mode="d", **kwargs)

    def set_value(self, value: Any) -> None:
        """Set the folder, made absolute, or the address, left as it is."""
        place = as_address(value) if isinstance(value, (str, Path)) else value
        if isinstance(place, str) and is_address(place):
            self.line_edit.value = place
        else:
            super().set_value(value)


class SourceEdit(FolderEdit):
    """Field that reports a folder or an address once it is complete.

    Attributes
    ----------
    chosen : psygnal.Signal
        Emitted with a source that was chosen, set, or typed.
    """

    chosen = Signal(object)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._typed = Typed(self.line_edit.native, self.changed)
        self._typed.settled.connect(self._choose)

    def _choose(self) -> None:
        if str(self.value) not in ("", "."):
            self.chosen.emit(as_address(self.value))
