"""Where a plate is chosen: by a dialog, or by typing a path or an address."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from magicgui.widgets import FileEdit
from psygnal import Signal, SignalInstance
from qtpy.QtWidgets import QLineEdit

Source = str | Path
"""An address, or a path."""


class Typed:
    """Tells when what a field says has settled: it was set, or typed to the end and not just one key further.

    Parameters
    ----------
    line : QLineEdit
        Where it is typed.
    changed : psygnal.SignalInstance
        Emitted with every change.

    Attributes
    ----------
    settled : psygnal.Signal
        Emitted once it has.
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


class SourceEdit(FileEdit):
    """A field for a folder or an address, with a button for a dialog.

    Attributes
    ----------
    chosen : psygnal.Signal
        Emitted with what was chosen, set, or typed to the end.
    """

    chosen = Signal(object)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(mode="d", **kwargs)
        self._typed = Typed(self.line_edit.native, self.changed)
        self._typed.settled.connect(self._choose)

    def _choose(self) -> None:
        if str(self.value) not in ("", "."):
            self.chosen.emit(as_address(self.value))


def as_address(path: Source) -> Source:
    """Return an address as it was before it was taken for a path, which has no double slashes."""
    scheme = re.match(r"([a-z][a-z0-9+]+):/(?=[^/])", str(path))
    return f"{scheme[1]}://{str(path)[scheme.end() :]}" if scheme else path
