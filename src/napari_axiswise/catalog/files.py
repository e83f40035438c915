"""Functions by name, and those of a Python file."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

from ..pipeline.names import load_function
from ..pipeline.step import StepFunction
from .offer import Offer
from .source import written_functions


def named_offer(path: str) -> Offer:
    """Return the function ``module:name``, whatever it is in."""
    module, _, name = path.partition(":")
    return Offer(path, name, module)


def file_offers(path: str | os.PathLike[str]) -> Iterator[Offer]:
    """Yield the public functions of a Python file. It is read now, and run when one of them is first asked for.

    Its folder is put on ``sys.path`` then, where worker processes find it too.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        Its name is none that Python can import.
    """
    path = Path(path).expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Give the path of a .py file.")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ValueError(
            f"{path.name} cannot be imported: a module is named with letters, digits and '_', and ends in .py. "
            "Rename it."
        )
    for function in written_functions(path):
        named = f"{path.stem}:{function.name}"
        yield Offer(named, function.name, path.name, function.about, partial(_load_beside, named, path))


def _load_beside(named: str, path: Path) -> StepFunction:
    """Import a function from a file, as the file is now."""
    _import_file(path, path.stat().st_mtime_ns)
    return load_function(named, path.parent)


@lru_cache(maxsize=16)
def _import_file(path: Path, changed: int) -> None:
    """Import a file; once more, where it has changed since."""
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    importlib.invalidate_caches()
    module = sys.modules.get(path.stem)
    if module is not None and getattr(module, "__file__", None) == str(path):
        importlib.reload(module)
