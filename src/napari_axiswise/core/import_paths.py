"""ImportPaths: the folders from which one process imports, sent to another."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from sysconfig import get_paths


@dataclass(frozen=True)
class ImportPaths:
    """The ``sys.path`` of a process.

    Parameters
    ----------
    every : tuple of str
        All entries. Folders are absolute.
    own : tuple of str
        Those outside of the Python environment, such as the folder of a script.
    """

    every: tuple[str, ...]
    own: tuple[str, ...]

    @classmethod
    def current(cls) -> ImportPaths:
        """Return those of this process, relative to its current folder now."""
        return _with_own(tuple(_absolute(path) for path in sys.path if isinstance(path, str)))

    def adopt(self) -> None:
        """Import from the same folders in the same order. For a process on the same machine."""
        if sys.path != list(self.every):
            sys.path[:] = self.every
            importlib.invalidate_caches()

    def extend(self) -> None:
        """Import from the folders outside of the environment too. For a process that may have another environment."""
        missing = [path for path in self.own if path not in sys.path]
        if missing:
            sys.path.extend(missing)
            importlib.invalidate_caches()


def _absolute(path: str) -> str:
    """Return a folder as an absolute path. Other entries are names that only an import hook understands."""
    if os.path.isabs(path) or not Path(path).is_dir():  # noqa: PTH117 (a Path object takes long, at every call)
        return path
    return str(Path(path).resolve())


@lru_cache(maxsize=8)
def _with_own(every: tuple[str, ...]) -> ImportPaths:
    environment = [Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)]
    folders = [Path(path).resolve() for path in every if Path(path).is_absolute()]
    own = [
        str(folder) for folder in folders if not any(folder.is_relative_to(prefix) for prefix in environment)
    ]
    return ImportPaths(every, tuple(own))


@lru_cache(maxsize=1024)
def is_installed(file: str) -> bool:
    """Return whether a file belongs to the standard library or an installed package."""
    paths = get_paths()
    folders = (paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return any(Path(file).is_relative_to(folder) for folder in folders)
