"""Functions by name: ``module:name``, as recipes have them."""

from __future__ import annotations

import importlib
import sys
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import cast

from ..core.errors import error_message
from .calling import plain_function
from .step import StepFunction

OWN_FILE = "my_steps"
"""The module that messages propose for functions that are in no file yet."""


def function_path(function: StepFunction) -> str:
    """Return the ``module:name`` by which a function can be imported anywhere.

    The outermost public module that has the function too is preferred: ``skimage.filters:gaussian``, not
    ``skimage._shared.filters:gaussian``.

    Raises
    ------
    ValueError
        It cannot be imported, or what is imported by its name is something else.
    """
    if isinstance(function, partial):
        raise ValueError(
            "its function is a functools.partial, which has no name to import. "
            "Use the function itself, and give as params what the partial holds."
        )
    name = str(
        getattr(function, "__qualname__", None) or getattr(function, "__name__", type(function).__name__)
    )
    module = str(getattr(function, "__module__", None) or "")
    public = [part for part in module.split(".") if not part.startswith("_")]
    packages = [".".join(public[:length]) for length in range(1, len(public) + 1)]
    # Some of numpy's and scipy's universal functions do not say where they are.
    homes = (*packages, module) if module else ("numpy", "scipy.special")
    if not module or _has_file(module):
        for home in filter(None, homes):
            found = _import_named(home, name)
            if found is function or (callable(found) and plain_function(found) is function):
                return f"{home}:{name}"
    plain = name if name.isidentifier() else "segment"
    raise ValueError(
        f"its function {name} was typed into a console or a script, or made by other code, so that a recipe cannot "
        f"import it. Save it to a file beside the recipe, such as {OWN_FILE}.py, as an ordinary function; then "
        f"'from {OWN_FILE} import {plain}' and use that: the recipe will have {OWN_FILE}:{plain}."
    )


def load_function(path: str, folder: Path | None = None) -> StepFunction:
    """Import a function by its ``module:name``. It may be a widget that magicgui makes of one.

    With a `folder`, it has to come from there if there is such a module.

    Raises
    ------
    ValueError
        The path is no such thing, its module cannot be imported or was imported from elsewhere, or has no
        function of that name.
    """
    # As it is in a recipe, or elsewhere.
    told = path if folder is None else f"function = {path!r}"
    module_name, _, name = path.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *name.split("."))):
        raise ValueError(f"{told} has to be 'module:name', as in 'skimage.filters:gaussian'.")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            put = f"Put {missing.partition('.')[0]}.py into {folder}, or install" if folder else "Install"
            raise ValueError(f"{told}: there is no module {missing!r}. {put} its package.") from error
        raise ValueError(
            f"{told}: importing {module_name} fails with {error_message(error)}. "
            f"Try 'import {module_name}' in Python."
        ) from error
    if folder is not None:
        _check_home(module_name.partition(".")[0], folder)
    try:
        function = attrgetter(name)(module)
    except AttributeError as error:
        raise ValueError(
            f"{told}: {_home(module) or module_name} has no {name!r}. Check the name."
        ) from error
    if not callable(function):
        raise ValueError(f"{told} is a {type(function).__name__}, not a function.")
    return cast(StepFunction, function)


def _has_file(module: str) -> bool:
    """Whether another Python would find a module: those of consoles and scripts are in no file of their own."""
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
    """Raise ValueError if a module that lies beside the recipe was imported from elsewhere."""
    beside = [path for path in (folder / f"{package}.py", folder / package / "__init__.py") if path.is_file()]
    home = _home(sys.modules[package])
    if beside and home is not None and not any(path.samefile(home) for path in beside):
        raise ValueError(
            f"{beside[0]} is beside the recipe, but this Python imported {package} from {home}. "
            "Rename one of the two, or start a new Python."
        )
