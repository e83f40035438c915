"""ImportPaths: the folders from which one process imports, sent to another."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
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


def module_place(package: str, folder: Path | None = None) -> str | None:
    """Return the file or folder of a top-level module, without importing it; None if it cannot be imported.

    Parameters
    ----------
    package : str
        The module.
    folder : Path, optional
        Where to look. By default wherever this process would, except that folders without ``__init__.py`` do not count:
        a module in any other place comes before them.
    """
    # A file may have been saved a moment ago.
    importlib.invalidate_caches()
    try:
        spec = find_spec(package) if folder is None else PathFinder.find_spec(package, [str(folder)])
    except (ImportError, ValueError):  # ValueError if it is no module, such as __main__
        return None
    if spec is None or (folder is None and spec.origin is None):
        return None
    return spec.origin or next(iter(spec.submodule_search_locations or ()), None)


def import_from(folder: Path, packages: Iterable[str]) -> None:
    """Let this process and its workers import modules from a folder, if some of them can be found there only.

    The folder comes last in ``sys.path``, so that nothing in it replaces a module of a library.

    Parameters
    ----------
    folder : Path
        The folder.
    packages : iterable of str
        Top-level modules that are about to be imported.
    """
    if str(folder) not in sys.path and any(
        module_place(package) is None and module_place(package, folder) is not None for package in packages
    ):
        sys.path.append(str(folder))


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
