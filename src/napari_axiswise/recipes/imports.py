"""What a recipe would import, found without importing it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..core.import_paths import module_place
from .toml import read_toml

TRUSTED = ("napari_axiswise.functions", "skimage")
"""Modules whose public functions may be imported without asking."""


def recipe_imports(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return the modules that reading a recipe would import, with the files or folders where they lie.

    Left out are the functions of this package and of scikit-image, and modules that are not there.

    Parameters
    ----------
    path : path
        A TOML file.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is not TOML.
    """
    path = Path(path).expanduser().absolute()
    found: dict[str, str] = {}
    for module, name in named_functions(read_toml(path)):
        package = module.partition(".")[0]
        place = module_place(package) or module_place(package, path.parent.resolve())
        if place is not None and not _is_trusted(module, name):
            found[module] = place
    return found


def named_functions(recipe: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield module and name of each function in a recipe. What is not as it should be is left to the reader."""
    steps = recipe.get("steps")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, dict):
            routes = step.get("routes")
            for entry in (step, *(routes.values() if isinstance(routes, dict) else ())):
                function = entry.get("function") if isinstance(entry, dict) else None
                if isinstance(function, str) and not function.startswith("."):
                    module, _, name = function.partition(":")
                    yield module, name


def _is_trusted(module: str, name: str) -> bool:
    """Return whether a function is a public one of a trusted module, and not one of a module that this imports."""
    inside = any(f"{module}.".startswith(f"{package}.") for package in TRUSTED)
    return (
        inside
        and name.isidentifier()
        and not any(part.startswith("_") for part in (*module.split("."), name))
    )
