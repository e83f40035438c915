"""Offers of functions by name, and of the functions of a Python file."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

from ..core.import_paths import import_from
from ..pipeline.names import load_function
from ..pipeline.step import StepFunction
from .offer import Offer
from .source import written_functions


def named_offer(path: str) -> Offer:
    """Return an offer of the function ``module:name``."""
    module, _, name = path.partition(":")
    return Offer(path, name, module)


def file_offers(path: str | os.PathLike[str]) -> Iterator[Offer]:
    """Yield an offer for each public function of a Python file.

    The file is parsed now and imported when one of its functions is first loaded. Its folder is then added to the end
    of ``sys.path``, which worker processes receive too.

    Raises
    ------
    FileNotFoundError
        The file does not exist.
    ValueError
        Python cannot import a file of that name.
    """
    path = Path(path).expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist. Give the path of a .py file.")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ValueError(
            f"{path.name} cannot be imported. Rename it: the name of a module has only letters, digits and '_', and "
            "ends in .py."
        )
    for function in written_functions(path):
        name = f"{path.stem}:{function.name}"
        load = partial(_load_from_file, name, path)
        yield Offer(name, function.name, path.name, function.about, load)


def _load_from_file(name: str, path: Path) -> StepFunction:
    """Load a function from the current version of a file."""
    _import_file(path, path.stat().st_mtime_ns)
    return load_function(name, path.parent)


@lru_cache(maxsize=16)
def _import_file(path: Path, modified: int) -> None:
    """Import a file, or reload it if it was modified."""
    import_from(path.parent, [path.stem])
    module = sys.modules.get(path.stem)
    if module is not None and getattr(module, "__file__", None) == str(path):
        importlib.reload(module)
