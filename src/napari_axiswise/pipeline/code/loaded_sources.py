"""The source files of the modules that this process has imported, which may be edited afterwards."""

from __future__ import annotations

import os
import sys

from ...core.import_paths import is_installed

_Stamp = tuple[int, int]
"""Size and time of a file."""

_noted: set[str] = set()
_stamps: dict[str, _Stamp | None] = {}


def note_sources() -> None:
    """Note the files of modules from outside of the environment that have been imported since the last call."""
    if len(_noted) == len(sys.modules):  # it is called after every task
        return
    for name in sys.modules.keys() - _noted:
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str) and not is_installed(file):
            _stamps[file] = _stamp(file)
    _noted.clear()
    _noted.update(sys.modules)


def changed_sources() -> list[str]:
    """Return the files that have been edited or removed since they were noted."""
    return [file for file, stamp in _stamps.items() if _stamp(file) != stamp]


def _stamp(file: str) -> _Stamp | None:
    try:
        found = os.stat(file)  # noqa: PTH116 (there may be hundreds of files)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
