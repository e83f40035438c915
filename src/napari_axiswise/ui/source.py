"""Where a plate is chosen: by a dialog, or by typing a path or an address."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from magicgui.widgets import FileEdit
from psygnal import Signal

Source = str | Path
"""An address, or a path."""


class SourceEdit(FileEdit):
    """A field for a folder or an address, with a button for a dialog.

    Attributes
    ----------
    chosen : psygnal.Signal
        Emitted with what was chosen, set, or typed to the end: a path that is being typed is another one with
        every key.
    """

    chosen = Signal(object)

    def __init__(self, **kwargs: Any) -> None:
        self._typing = False
        super().__init__(mode="d", **kwargs)
        line = self.line_edit.native
        line.textEdited.connect(self._begin_typing)
        line.editingFinished.connect(self._end_typing)
        self.changed.connect(self._choose)

    def _begin_typing(self, _: str) -> None:
        self._typing = True

    def _end_typing(self) -> None:
        if self._typing:
            self._typing = False
            self._choose()

    def _choose(self, _: object = None) -> None:
        if not self._typing and str(self.value) not in ("", "."):
            self.chosen.emit(as_address(self.value))


def as_address(path: Source) -> Source:
    """Return an address as it was before it was taken for a path, which has no double slashes."""
    scheme = re.match(r"([a-z][a-z0-9+]+):/(?=[^/])", str(path))
    return f"{scheme[1]}://{str(path)[scheme.end() :]}" if scheme else path
