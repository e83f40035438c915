"""Calling the functions of steps, including napari plugins' functions of layers.

Functions that expect napari layers get layers made of the arrays in the worker, and the data of layers that they return
are extracted. napari is imported for such functions only, and Qt never.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import pairwise, zip_longest
from operator import attrgetter
from types import FunctionType
from typing import Any, cast

import numpy as np

from ..core.calibration import Calibration
from ..core.kinds import OutputKind, kind_of_layer
from .annotations import ANY_LAYER, NAPARI_LAYERS, layer_kind, layer_of, resolved, signature_of
from .unit_info import SPACING, UNIT, UnitInfo, asked_information

_TYPES_OF_LAYERS = frozenset(name.casefold() for name in (*NAPARI_LAYERS, ANY_LAYER))


def call_function(
    function: Callable[..., Any],
    arrays: Sequence[Any],
    params: Mapping[str, Any],
    kind: OutputKind,
    unit: UnitInfo,
    leading: Sequence[tuple[str, ...]] = (),
    calibration: Calibration | None = None,
) -> Any:
    """Call a step's function and return its result as arrays or tables.

    Parameters
    ----------
    function : callable
        Function of arrays or napari layers that returns arrays, tables, layers, layer data tuples, or a list of those.
    arrays : sequence
        Inputs. Those annotated as ``Image``, ``Labels`` or ``Points`` are converted to layers in the dataset's scale.
    params : mapping
        Keyword arguments.
    kind : OutputKind
        The step's output. Of several layers that the function returns, the first that has this kind of data.
    unit : UnitInfo
        What is known about the arrays, for functions that ask for it. Params come first.
    leading : sequence of tuple of str
        For each input, the components of its leading axes. Layers are labelled and scaled by them.
    calibration : Calibration, optional
        That of the dataset, for layers.

    Returns
    -------
    object
        For `units.read_result`.

    Raises
    ------
    TypeError
        It returned layers, but none of this kind.
    """
    wanted = _layers_wanted(function)
    if wanted:
        arrays = [
            _calibrated(_layer(array, *wanted[number]), own, calibration or Calibration())
            if number in wanted
            else array
            for number, (array, own) in enumerate(zip_longest(arrays, leading, fillvalue=()))
        ]
    information = {UNIT: unit, SPACING: unit.spacing}
    asked = {name: information[name] for name in asked_information(function)}
    return unwrapped(function(*arrays, **{**asked, **params}), kind)


def unwrapped(returned: Any, kind: OutputKind) -> Any:
    """Return the data of layers or layer data tuples. Return anything else unchanged.

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
    """Return the data of a layer, at full resolution if it is multiscale by napari's rule."""
    if isinstance(data, np.ndarray) or not isinstance(data, Sequence) or not len(data):
        return data
    sizes = [np.size(level) for level in data]
    pyramid = np.ndim(data[0]) > 1 and all(larger > smaller for larger, smaller in pairwise(sizes))
    return data[0] if pyramid else data


def plain_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function in a magicgui widget or factory. Return other functions unchanged.

    Plugins often export a ``@magic_factory``, which creates a widget when called, or a ``@magicgui`` widget.
    """
    if not _is_magic(function):
        return function
    # A factory is a partial of its widget class, and a widget wraps its function.
    if isinstance(function, partial):
        beneath = function.keywords.get("function")
    else:
        beneath = getattr(function, "__wrapped__", None)
    return plain_function(beneath) if callable(beneath) else function


def magic_options(function: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    """Return the options of each parameter in ``@magic_factory``; empty for other functions.

    The function in a factory is accepted, too.
    """
    factory = function if _is_magic(function) else factory_of(function)
    return dict(factory.keywords.get("param_options") or {}) if isinstance(factory, partial) else {}


def _is_magic(function: object) -> bool:
    """Return whether an object is from magicgui. Its name is compared, so that magicgui need not be imported."""
    return any(cls.__module__.partition(".")[0] == "magicgui" for cls in type(function).__mro__)


def factory_of(function: object) -> object:
    """Return the ``@magic_factory`` that replaces a function in its module, or None.

    A ``@magicgui`` widget does not count, because importing its module in a worker would create the widget.
    """
    if not isinstance(function, FunctionType):
        return None
    try:
        there = attrgetter(function.__qualname__)(sys.modules.get(function.__module__))
    except AttributeError:
        return None
    return there if isinstance(there, partial) and plain_function(there) is function else None


def _layers_wanted(function: Callable[..., Any]) -> dict[int, tuple[str, str]]:
    """Return name and layer type of each parameter that expects a layer, by position."""
    try:
        return _cached_layers_wanted(function)
    except TypeError:  # it is not hashable
        return _read_layers_wanted(function)


def _read_layers_wanted(function: Callable[..., Any]) -> dict[int, tuple[str, str]]:
    signature = signature_of(function)
    parameters = signature.parameters.values() if signature else ()
    layers = [(one.name, layer_of(resolved(one.annotation, function))) for one in parameters]
    return {number: named for number, named in enumerate(layers) if named[1]}


_cached_layers_wanted = lru_cache(maxsize=64)(_read_layers_wanted)


def _layer(array: Any, name: str, layer: str) -> Any:
    """Convert an array to a napari layer; an image if any layer is accepted."""
    from napari import layers

    kind = layer_kind(layer)
    if kind is None:
        raise TypeError(
            f"its parameter {name!r} expects {layer}, which steps do not produce. Call it from another function."
        )
    return getattr(layers, kind.layer)(array, name=name, **kind.layer_options)


def _calibrated(layer: Any, leading: tuple[str, ...], calibration: Calibration) -> Any:
    """Set the axis labels, scale and units of a layer. Points may have further axes in front, which are not known."""
    unknown = [str(number - layer.ndim) for number in range(layer.ndim - len(leading) - 2)]
    axes = [*unknown, *leading, "y", "x"][-layer.ndim :]
    steps = [calibration.step(axis) for axis in axes]
    layer.axis_labels = axes
    layer.scale = [step for step, _ in steps]
    layer.units = [unit for _, unit in steps]
    return layer


def _layer_type(value: object) -> str | None:
    """Return the type of a layer or a layer data tuple; None for anything else."""
    if isinstance(value, tuple):
        if not 2 <= len(value) <= 3 or not isinstance(value[1], Mapping):
            return None
        named = str(value[2]).casefold() if len(value) == 3 else "image"
        return named if named in _TYPES_OF_LAYERS else None
    for cls in type(value).__mro__:
        if cls.__module__.startswith("napari.layers") and cls.__name__.casefold() in _TYPES_OF_LAYERS:
            return cls.__name__.casefold()
    return None
