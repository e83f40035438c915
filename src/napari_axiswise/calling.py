"""Calling: a step's function, whoever wrote it, with arrays and for arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any


def plain_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function beneath a widget that magicgui makes of one; any other function itself.

    What plugins export is often a ``@magic_factory``, which makes a widget when it is called, or a ``@magicgui``,
    which is one.
    """
    if not _is_magic(function):
        return function
    beneath = function.keywords.get("function") if isinstance(function, partial) else None
    beneath = beneath or getattr(function, "__wrapped__", None)
    return plain_function(beneath) if callable(beneath) else function


def magic_options(function: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    """Return what ``@magic_factory`` was told of the widget of each parameter; nothing for any other function."""
    if _is_magic(function) and isinstance(function, partial):
        return dict(function.keywords.get("param_options") or {})
    return {}


def _is_magic(function: object) -> bool:
    """Whether magicgui made it. Told by name, as magicgui is not imported for functions that do not use it."""
    return any(cls.__module__.partition(".")[0] == "magicgui" for cls in type(function).__mro__)
