"""Reasons why a function cannot be a step, each with what to do instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.kinds import KINDS
from .annotations import LAYER_TUPLE, last_names, other_layers, resolved, written_layers
from .docstrings import Docstring
from .parameters import WIDGETS, ParameterReading, other_types

_MUTABLE = (list, dict, set, bytearray, np.ndarray)


def object_refusal(function: object) -> str:
    """Return why an object cannot be a step whatever its parameters; empty if it may be one."""
    if inspect.isclass(function):
        widget = WIDGETS & {cls.__name__ for cls in function.__mro__}
        what = "It is a widget of its own" if widget else "It is a class"
        return f"{what}, which is not called with arrays. Use a function that it calls."
    if not callable(function):
        return "It is not a function."
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "It is a coroutine, which is not awaited. Use an ordinary function."
    if inspect.isgeneratorfunction(function):
        return "It is a generator. Return all results at once, with return."
    return ""


def parameter_refusal(read: Sequence[ParameterReading], inputs: Sequence[ParameterReading]) -> str:
    """Return why a function cannot be a step because of its parameters; empty if it can."""
    for one in read:
        where = f"Its parameter {one.name!r}"
        if one.takes_viewer and one.needed:
            return (
                f"{where} takes the viewer, which a worker process does not have. "
                "Take the data of layers instead, such as napari.types.ImageData."
            )
        if one.takes_other and one.needed:
            return (
                f"{where} takes a {one.takes_other}, which a worker process does not have. {_alternatives()}"
            )
        if isinstance(one.default, _MUTABLE):
            return (
                f"{where} has a {type(one.default).__name__} as its default, which all calls share and may change. "
                "Use None, or a tuple."
            )
    if not inputs and any(one.how is inspect.Parameter.VAR_POSITIONAL for one in read):
        return "It takes any number of arrays, *args. Give each array a named parameter."
    if not inputs:
        return "It takes no array. Its first parameter must: annotate it, for example as numpy.ndarray."
    for one in read:
        if one.start is inspect.Parameter.empty and not one.various and one not in inputs:
            if one.takes_array:
                return f"Its parameter {one.name!r} takes an array and comes after other parameters. Inputs come first."
            return f"Its parameter {one.name!r} has no default. Call the function from one of your own that sets it."
    return ""


def annotation_refusal(function: Callable[..., Any], annotation: object) -> str:
    """Return why a function cannot be a step because of its return annotation; empty if it can."""
    if annotation is inspect.Signature.empty:
        return ""
    annotation = resolved(annotation, function)
    names = [] if annotation is None else last_names(annotation)
    if annotation is None or names in (["None"], ["NoneType"]):
        return f"It returns nothing, and changes the viewer or its inputs instead. {_alternatives()}"
    if any(name in WIDGETS or name.endswith("Worker") for name in names):
        return f"It returns a widget or a napari worker. {_alternatives()}"
    others = [name for name in names if name in other_types()]
    if LAYER_TUPLE in names:
        others += [name for name in written_layers(function) if name.capitalize() in other_layers()]
    elif names[:1] and names[0] in ("float", "int", "str", "bool", "tuple", "Tuple"):
        others.append(names[0])
    return f"It returns {_indefinite(others[0])}. {_alternatives()}" if others else ""


def results_refusal(docstring: Docstring, read: Sequence[ParameterReading]) -> str:
    """Return why a function cannot be a step because of its documented results; empty if it can."""
    if not docstring.results:
        return ""
    first, *more = docstring.results
    asked = any(one.adds_results for one in read)
    if more and not asked and "optional" not in more[0].type:
        names = " and ".join(result.name or result.type for result in docstring.results)
        return f"It returns several things, {names}. Call it from a function of your own that returns one of them."
    return f"It returns {_indefinite(first.other)}. {_alternatives()}" if first.other else ""


def _alternatives() -> str:
    *phrases, last = (kind.phrase for kind in KINDS.values())
    return f"A step returns {', '.join(phrases)}, or {last} such as a dict of columns."


def _indefinite(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
