"""Names of functions in recipes: ``module:name``."""

from __future__ import annotations

import importlib
import sys
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import cast

from ..core.errors import error_message
from ..core.import_paths import module_place
from .calling import plain_function
from .step import StepFunction

OWN_FILE = "my_steps"
"""Module name that messages suggest for functions that are not in a file."""


def function_path(function: StepFunction) -> str:
    """Return the ``module:name`` from which a function can be imported.

    The outermost public module that exports the function is preferred: ``skimage.filters:gaussian`` rather than
    ``skimage._shared.filters:gaussian``.

    Raises
    ------
    ValueError
        The function cannot be imported, or its name imports something else.
    """
    if isinstance(function, partial):
        raise ValueError(
            "its function is a functools.partial, which cannot be imported by name. "
            "Use the function itself, and put the partial's arguments into params."
        )
    name = str(
        getattr(function, "__qualname__", None) or getattr(function, "__name__", type(function).__name__)
    )
    module = str(getattr(function, "__module__", None) or "")
    public = [part for part in module.split(".") if not part.startswith("_")]
    packages = [".".join(public[:length]) for length in range(1, len(public) + 1)]
    # Some universal functions of numpy and scipy have no __module__.
    candidates = (*packages, module) if module else ("numpy", "scipy.special")
    if not module or _has_file(module):
        for candidate in filter(None, candidates):
            found = _import_named(candidate, name)
            if found is function or (callable(found) and plain_function(found) is function):
                return f"{candidate}:{name}"
    plain = name if name.isidentifier() else "segment"
    raise ValueError(
        f"its function {name} was defined in a console, in a script or by other code, so a recipe cannot import it. "
        f"Save it as an ordinary function in a file beside the recipe, such as {OWN_FILE}.py, and use "
        f"'from {OWN_FILE} import {plain}'. The recipe will then contain {OWN_FILE}:{plain}."
    )


def load_function(path: str, folder: Path | None = None) -> StepFunction:
    """Import a function by its ``module:name``. It may be a magicgui widget of a function.

    If `folder` contains the module, the function must come from there.

    Raises
    ------
    ValueError
        The path is invalid, or its module cannot be imported, was imported from elsewhere or has no such function.
    """
    # In a recipe, the folder is that of the recipe.
    entry = path if folder is None else f"function = {path!r}"
    module_name, _, name = path.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *name.split("."))):
        raise ValueError(f"{entry} is not of the form 'module:name', such as 'skimage.filters:gaussian'.")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            put = f"Put {missing.partition('.')[0]}.py into {folder}, or install" if folder else "Install"
            raise ValueError(f"{entry}: there is no module {missing!r}. {put} its package.") from error
        raise ValueError(
            f"{entry}: importing {module_name} fails with {error_message(error)}. "
            f"Try 'import {module_name}' in Python."
        ) from error
    if folder is not None:
        _check_home(module_name.partition(".")[0], folder)
    try:
        function = attrgetter(name)(module)
    except AttributeError as error:
        raise ValueError(
            f"{entry}: {_home(module) or module_name} has no {name!r}. Check the name."
        ) from error
    if not callable(function):
        raise ValueError(f"{entry} is a {type(function).__name__}, not a function.")
    return cast(StepFunction, function)


def _has_file(module: str) -> bool:
    """Return whether another Python process can import a module. Consoles and scripts are not importable."""
    return module != "__main__" and (
        module in sys.builtin_module_names or _home(sys.modules.get(module)) is not None
    )


def _home(module: ModuleType | None) -> str | None:
    return getattr(module, "__file__", None)


def _import_named(module: str, name: str) -> object:
    try:
        return attrgetter(name)(importlib.import_module(module))
    except (ImportError, AttributeError):
        return None


def _check_home(package: str, folder: Path) -> None:
    """Raise ValueError if a module is beside the recipe but was imported from elsewhere."""
    place, home = module_place(package, folder), _home(sys.modules[package])
    if place is None or home is None:
        return
    beside = Path(place)
    if beside.is_file() and not beside.samefile(home):
        raise ValueError(
            f"{beside} is beside the recipe, but this Python imported {package} from {home}. "
            "Rename one of the two, or start a new Python."
        )
