"""Annotations: what functions say that they take and return, by name, so that napari need not be importable."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial
from typing import Annotated, Any, cast

from ..core.kinds import KINDS, Kind

LAYERS: Mapping[str, Kind] = {"Image": "image", "Labels": "labels", "Points": "points", "Layer": "image"}
"""The layers of napari whose data a step can take or make. Any layer will do: then it is an image."""

OTHER_LAYERS = ("Shapes", "Surface", "Tracks", "Vectors")
"""Those whose data no step makes."""

LAYER_TUPLE = "LayerDataTuple"
"""What a function returns that says the type of its layer only when it is called."""

_KINDS_OF_DATA: Mapping[str, Kind] = {
    "ImageData": "image",
    "LabelsData": "labels",
    "PointsData": "points",
    "DataFrame": "table",
}
_ARRAYS = frozenset({"ndarray", "NDArray", "ArrayLike", "ArrayBase", *_KINDS_OF_DATA})


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return a function's signature, with annotations as they were written; None where Python cannot tell it."""
    try:
        if sys.version_info >= (3, 14):
            from annotationlib import Format

            return inspect.signature(function, annotation_format=Format.FORWARDREF)
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def resolved(annotation: object, function: Callable[..., Any]) -> object:
    """Return what an annotation stands for, or the annotation itself where its module does not have that.

    Text that names napari stays text: to look it up could import all of napari, and its name says enough. Text of a
    function that came here by value stands for nothing: what it stood for, the function's own ``Image`` perhaps, did
    not come along.
    """
    if not isinstance(annotation, str) or "napari" in annotation:
        return annotation
    while isinstance(function, partial):
        function = function.func
    there = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return eval(annotation, {**vars(typing), **there})
    except Exception:
        module = sys.modules.get(getattr(function, "__module__", None) or "")
        return annotation if there is getattr(module, "__dict__", None) else inspect.Parameter.empty


def names_in(annotation: object) -> Iterator[str]:
    """Yield the dotted names that an annotation is made of: ``Optional[napari.types.ImageData]`` has two."""
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    if isinstance(annotation, type) and not typing.get_args(annotation):
        annotation = f"{annotation.__module__}.{annotation.__qualname__}"
    yield from re.findall(r"[\w.]+", annotation if isinstance(annotation, str) else str(annotation))


def last_names(annotation: object) -> list[str]:
    """Return the names that an annotation is made of without their modules: ``Optional`` and ``ImageData``."""
    return [dotted.rpartition(".")[2] for dotted in names_in(annotation)]


def kind_of(annotation: object) -> Kind | None:
    """Return the kind of step output that an annotation names; None where it names none."""
    for dotted in names_in(annotation):
        name = dotted.rpartition(".")[2]
        if name in _KINDS_OF_DATA:
            return _KINDS_OF_DATA[name]
        if _is_layer(dotted, LAYERS):
            return LAYERS[name]
    return None


def layer_of(annotation: object) -> str:
    """Return the name of the napari layer that an annotation asks for; empty where it asks for none."""
    layers = (name for name in names_in(annotation) if _is_layer(name, (*LAYERS, *OTHER_LAYERS)))
    return next(layers, "").rpartition(".")[2]


def is_array(annotation: object) -> bool:
    """Whether an annotation asks for what a step can hand over: an array, a layer's data, a layer or a table."""
    last = set(last_names(annotation))
    return "Callable" not in last and (bool(last & _ARRAYS) or layer_of(annotation) in LAYERS)


def returned_kind(function: Callable[..., Any]) -> Kind | None:
    """Return the kind that a function says it returns; None where it does not say."""
    if getattr(function, "step_output", None) in KINDS:
        return cast(Kind, function.step_output)  # type: ignore[attr-defined]
    signature = signature_of(function)
    if signature is None or signature.return_annotation is signature.empty:
        return None
    annotation = resolved(signature.return_annotation, function)
    named = kind_of(annotation)
    if named:
        return named
    names = last_names(annotation)
    if LAYER_TUPLE in names:
        written = written_layers(function)
        return next((kind for kind in KINDS if written == {kind}), None)
    return "table" if names and names[0] in ("dict", "list", "Dict", "List") else None


def _is_layer(dotted: str, names: Container[str]) -> bool:
    """Whether a name is that of a layer of napari, and not of some other library's ``Image``."""
    home, _, name = dotted.rpartition(".")
    return name in names and (not home or home == "layers" or home.startswith("napari"))


def written_layers(function: Callable[..., Any]) -> set[str]:
    """Return the types of layers in the tuples that a function's source has: ``{"labels"}``.

    Of a function that returns what another one gives, the tuples of its module count.
    """
    function = inspect.unwrap(function)
    own = _source_tree(function)
    calls = any(isinstance(node, ast.Return) and isinstance(node.value, ast.Call) for node in ast.walk(own))
    return _tuple_ends(own) or (_tuple_ends(_source_tree(inspect.getmodule(function))) if calls else set())


def _source_tree(source: Any) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(source)))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])


def _tuple_ends(tree: ast.AST) -> set[str]:
    """Return the types of layers that are written as the last of three in a tuple."""
    last = [node.elts[2] for node in ast.walk(tree) if isinstance(node, ast.Tuple) and len(node.elts) == 3]
    written = {str(one.value).casefold() for one in last if isinstance(one, ast.Constant)}
    return written & {name.casefold() for name in (*LAYERS, *OTHER_LAYERS)}
