"""Read type annotations by name, so that napari need not be importable."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any

from ..core.kinds import IMAGE, KINDS, OutputKind, kind_of_layer

NAPARI_LAYERS = ("Image", "Labels", "Points", "Shapes", "Surface", "Tracks", "Vectors")
"""The layer types of napari."""

ANY_LAYER = "Layer"
"""The base class of all layers. A function that takes one gets an image."""

LAYER_TUPLE = "LayerDataTuple"
"""The annotation of a function whose layer type is known only once it returns."""

_ARRAYS = frozenset({"ndarray", "NDArray", "ArrayLike", "ArrayBase"})


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """Return a function's signature with its annotations as written; None if Python cannot determine it."""
    try:
        if sys.version_info >= (3, 14):
            from annotationlib import Format

            return inspect.signature(function, annotation_format=Format.FORWARDREF)
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def resolved(annotation: object, function: Callable[..., Any]) -> object:
    """Evaluate an annotation that is text; return it unchanged if its names are not defined in its module.

    Text that names napari is not evaluated: that could import all of napari, and the name is enough. A function that
    was pickled by value may lack the globals its annotations need, such as its own ``Image``: these count as missing.
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
    """Yield the dotted names in an annotation: two for ``Optional[napari.types.ImageData]``."""
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    if isinstance(annotation, type) and not typing.get_args(annotation):
        annotation = f"{annotation.__module__}.{annotation.__qualname__}"
    yield from re.findall(r"[\w.]+", annotation if isinstance(annotation, str) else str(annotation))


def last_names(annotation: object) -> list[str]:
    """Return the names in an annotation without their modules: ``["Optional", "ImageData"]``."""
    return [dotted.rpartition(".")[2] for dotted in names_in(annotation)]


def other_layers() -> tuple[str, ...]:
    """Return the layer types of napari that no kind of output has the data of."""
    return tuple(layer for layer in NAPARI_LAYERS if kind_of_layer(layer) is None)


def layer_kind(layer: str) -> OutputKind | None:
    """Return the kind that a function gets if it takes a layer of this type; None if no step makes such data."""
    return IMAGE if layer == ANY_LAYER else kind_of_layer(layer)


def kind_of(annotation: object) -> OutputKind | None:
    """Return the kind of step output that an annotation names; None if it names none."""
    for dotted in names_in(annotation):
        name = dotted.rpartition(".")[2]
        found = next((kind for kind in KINDS.values() if name in kind.types), None)
        if found is None and _is_layer(dotted):
            found = layer_kind(name)
        if found is not None:
            return found
    return None


def layer_of(annotation: object) -> str:
    """Return the type of the napari layer that an annotation names; empty if it names none."""
    return next(filter(_is_layer, names_in(annotation)), "").rpartition(".")[2]


def is_array(annotation: object) -> bool:
    """Return whether an annotation stands for an input that a step can pass: an array, a layer or a table."""
    names = set(last_names(annotation))
    types = _ARRAYS.union(*(kind.types for kind in KINDS.values()))
    return "Callable" not in names and (bool(names & types) or layer_kind(layer_of(annotation)) is not None)


def returned_kind(function: Callable[..., Any]) -> OutputKind | None:
    """Return the kind that a function declares; None if it declares none.

    In this order: what `napari_axiswise.step` was given, the return annotation, and for a ``LayerDataTuple`` the
    tuples in the function's source.
    """
    declared = getattr(function, "step_output", None)
    if isinstance(declared, str) and declared in KINDS:
        return KINDS[declared]
    signature = signature_of(function)
    if signature is None or signature.return_annotation is signature.empty:
        return None
    annotation = resolved(signature.return_annotation, function)
    named = kind_of(annotation)
    if named is not None:
        return named
    names = last_names(annotation)
    if LAYER_TUPLE in names:
        written = written_layers(function)
        return kind_of_layer(written.pop().capitalize()) if len(written) == 1 else None
    return next((kind for kind in KINDS.values() if names and names[0] in kind.containers), None)


def _is_layer(dotted: str) -> bool:
    """Return whether a name is that of a napari layer, and not some other library's ``Image``."""
    module, _, name = dotted.rpartition(".")
    is_napari = not module or module == "layers" or module.startswith("napari")
    return is_napari and name in (*NAPARI_LAYERS, ANY_LAYER)


def written_layers(function: Callable[..., Any]) -> set[str]:
    """Return the layer types in the layer data tuples of a function's source: ``{"labels"}``.

    If the function has no such tuple and returns the result of a call, search the whole module instead.
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
    """Return the layer types that are the last element of a three-element tuple."""
    last = [node.elts[2] for node in ast.walk(tree) if isinstance(node, ast.Tuple) and len(node.elts) == 3]
    written = {str(one.value).casefold() for one in last if isinstance(one, ast.Constant)}
    return written & {name.casefold() for name in (*NAPARI_LAYERS, ANY_LAYER)}
