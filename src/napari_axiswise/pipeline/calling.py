"""Calling: a step's function, whoever wrote it, with arrays and for arrays.

A function that a plugin wrote for napari may want layers and return layers. It gets layers that are made of the
arrays here, in the worker, and what it returns is taken out of them: neither the function nor whoever uses it has
to know. napari is imported for such functions only, and Qt for none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache, partial
from io import BytesIO
from itertools import pairwise
from operator import attrgetter
from types import FunctionType
from typing import Any, cast

import cloudpickle
import numpy as np

from ..core.kinds import OutputKind, kind_of_layer
from .annotations import ANY_LAYER, NAPARI_LAYERS, layer_kind, layer_of, resolved, signature_of

_TYPES_OF_LAYERS = frozenset(name.casefold() for name in (*NAPARI_LAYERS, ANY_LAYER))


def call_function(
    function: Callable[..., Any], arrays: Sequence[Any], params: Mapping[str, Any], kind: OutputKind
) -> Any:
    """Call a step's function, and return what it gives as an array or a table.

    Parameters
    ----------
    function : callable
        It takes arrays or layers of napari, and returns arrays, tables, layers, or tuples of a layer's data, what
        else there is to say of it, and its type; or a list of those.
    arrays : sequence
        Its inputs. Where its annotation says ``Image``, ``Labels`` or ``Points``, it gets a layer of that.
    params : mapping
        Its keyword arguments.
    kind : OutputKind
        The step's output. Of several layers that the function returns, the first that has this kind of data.

    Returns
    -------
    object
        For `units.read_result`.

    Raises
    ------
    TypeError
        It returned layers, and none of this kind.
    """
    wanted = _layers_wanted(function)
    if wanted:
        arrays = [
            _layer(array, *wanted[number]) if number in wanted else array
            for number, array in enumerate(arrays)
        ]
    return unwrapped(function(*arrays, **params), kind)


def unwrapped(returned: Any, kind: OutputKind) -> Any:
    """Return the data of the layers, or tuples for layers, that a function returned; anything else as it is.

    Raises
    ------
    TypeError
        See `call_function`.
    """
    if isinstance(returned, (np.ndarray, Mapping)):
        return returned
    several = isinstance(returned, list) and bool(returned)
    layers = [_layer_type(one) for one in (returned if several else [returned])]
    if not all(layers):
        return returned
    for one, layer in zip(returned if several else [returned], layers, strict=True):
        if kind.accepts_layer(str(layer)):
            return _full(one[0] if isinstance(one, tuple) else one.data)
    found = " and ".join(dict.fromkeys(cast("list[str]", layers)))
    first = kind_of_layer(str(layers[0]).capitalize())
    advice = f" Set output={first.name!r}." if first is not None else ""
    raise TypeError(f"it returned a layer of {found}, and the step's output is {kind.name}.{advice}")


def _full(data: Any) -> Any:
    """Return a layer's data; of an image at several resolutions, as napari tells one from a stack, the full one."""
    if isinstance(data, np.ndarray) or not isinstance(data, Sequence) or not len(data):
        return data
    sizes = [np.size(level) for level in data]
    pyramid = np.ndim(data[0]) > 1 and all(larger > smaller for larger, smaller in pairwise(sizes))
    return data[0] if pyramid else data


def plain_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function beneath a widget that magicgui makes of one; any other function itself.

    What plugins export is often a ``@magic_factory``, which makes a widget when it is called, or a ``@magicgui``,
    which is one.
    """
    if not _is_magic(function):
        return function
    # A factory is a partial of the class of its widgets; a widget wraps its function.
    if isinstance(function, partial):
        beneath = function.keywords.get("function")
    else:
        beneath = getattr(function, "__wrapped__", None)
    return plain_function(beneath) if callable(beneath) else function


def magic_options(function: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    """Return what ``@magic_factory`` was told of the field of each parameter; nothing for any other function.

    The function beneath a factory, which is what a step has, will do.
    """
    factory = function if _is_magic(function) else _factory_of(function)
    return dict(factory.keywords.get("param_options") or {}) if isinstance(factory, partial) else {}


def dumps(value: object) -> bytes:
    """Return a pickle by value of what was typed into a console, and by name of what is in a module.

    cloudpickle does so. To it, a function beneath a widget is in no module: what is there is the widget. Members of
    an Enum go by name too, as they do from Python 3.12 on: their values may be anything.
    """
    stream = BytesIO()
    _Pickler(stream).dump(value)
    return stream.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Enum) and value.name in type(value).__members__:
            return getattr, (type(value), value.name)
        if _factory_of(value) is not None:
            return _load_plain, (value.__module__, value.__qualname__)
        return super().reducer_override(value)


def _load_plain(module: str, name: str) -> Callable[..., Any]:
    from importlib import import_module

    return plain_function(attrgetter(name)(import_module(module)))


def _is_magic(function: object) -> bool:
    """Whether magicgui made it. Told by name, as magicgui is not imported for functions that do not use it."""
    return any(cls.__module__.partition(".")[0] == "magicgui" for cls in type(function).__mro__)


def _factory_of(function: object) -> object:
    """Return the ``@magic_factory`` that a function's module has in its place; None where there is none.

    The module of a widget that is made already does not count: to import it makes the widget, in a worker too.
    """
    if not isinstance(function, FunctionType):
        return None
    try:
        there = attrgetter(function.__qualname__)(sys.modules.get(function.__module__))
    except AttributeError:
        return None
    return there if isinstance(there, partial) and plain_function(there) is function else None


def _layers_wanted(function: Callable[..., Any]) -> dict[int, tuple[str, str]]:
    """Return the name and layer of each parameter that wants one, by its position."""
    try:
        return _known_layers_wanted(function)
    except TypeError:  # it has no hash
        return _read_layers_wanted(function)


def _read_layers_wanted(function: Callable[..., Any]) -> dict[int, tuple[str, str]]:
    signature = signature_of(function)
    parameters = signature.parameters.values() if signature else ()
    layers = [(one.name, layer_of(resolved(one.annotation, function))) for one in parameters]
    return {number: named for number, named in enumerate(layers) if named[1]}


_known_layers_wanted = lru_cache(maxsize=64)(_read_layers_wanted)


def _layer(array: Any, name: str, layer: str) -> Any:
    """Return a layer of napari; an image where any layer will do."""
    from napari import layers

    kind = layer_kind(layer)
    if kind is None:
        raise TypeError(
            f"its parameter {name!r} takes {layer}, which no step makes. Call it from another function."
        )
    return getattr(layers, kind.layer)(array, name=name, **kind.layer_options)


def _layer_type(value: object) -> str | None:
    """Return the type of a layer, or of a tuple for one; None for anything else."""
    if isinstance(value, tuple):
        if not 2 <= len(value) <= 3 or not isinstance(value[1], Mapping):
            return None
        named = str(value[2]).casefold() if len(value) == 3 else "image"
        return named if named in _TYPES_OF_LAYERS else None
    for cls in type(value).__mro__:
        if cls.__module__.startswith("napari.layers") and cls.__name__.casefold() in _TYPES_OF_LAYERS:
            return cls.__name__.casefold()
    return None
