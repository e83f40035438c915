"""Signatures: which arrays a function takes, what else it can be told, and what it gives; or why it is no step.

Annotations come first, then the docstring, then names: much of scientific Python is documented in numpydoc and
has no annotations.
"""

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from ..core.kinds import IMAGE, KINDS
from .annotations import (
    LAYER_TUPLE,
    is_array,
    last_names,
    other_layers,
    resolved,
    returned_kind,
    signature_of,
    written_layers,
)
from .calling import magic_options, plain_function
from .docstrings import Docstring, documented_choices, documented_range, documented_scalar, documents_array

_ARRAY_NAMES = re.compile(
    r"(\w+_)?(image|img|mask|labels?|markers?|seeds?|data|volume|layer|intensities|field)_?\d*"
)
_VIEWER_NAMES = ("viewer", "napari_viewer")
_WIDGETS = frozenset({"Widget", "Container", "FunctionGui", "QWidget", "QDialog", "QMainWindow"})
_MUTABLE = (list, dict, set, bytearray, np.ndarray)
_MORE_RESULTS = re.compile(r"return_\w+|(extended|extra|full)_output")
"""Names of flags that have a function return several things."""


@dataclass(frozen=True)
class Parameter:
    """What a function can be told beside its arrays.

    Parameters
    ----------
    name : str
        Of the keyword.
    annotation : type
        What it is, for a form: its annotation without what `Annotated` adds, or what the docstring or the default
        tell.
    default : object
        Its value where it is not given; of one that has to be given, what a form starts with.
    help : str
        What the docstring says of it: one paragraph, without markup.
    options : mapping
        For magicgui: ``choices``, ``min``, ``max`` and others, as far as they are told.
    needed : bool
        Whether it has to be given. Only choices are, whose first is the default; with a number to be given, a
        function is no step.
    """

    name: str
    annotation: object
    default: object
    help: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    needed: bool = False


@dataclass(frozen=True)
class Signature:
    """How a step can call a function.

    Parameters
    ----------
    inputs : tuple of str
        The parameters that take an array, a layer or a table. They are its first, and each is needed.
    optional_inputs : tuple of str
        Those right after them that can have one too, and do without.
    parameters : tuple of Parameter
        What else it can be told. What a form has no field for is left out, and keeps its default.
    output : str
        The name of the kind of output that it gives.
    summary : str
        The first sentence of its docstring.
    reason : str
        Why it cannot be a step, and what to do; empty where it can.
    """

    inputs: tuple[str, ...] = ()
    optional_inputs: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    output: str = IMAGE.name
    summary: str = ""
    reason: str = ""


def read_signature(function: Callable[..., Any]) -> Signature:
    """Return how a step can call a function, from its annotations, its docstring and its names.

    Parameters
    ----------
    function : callable
        Any. Of what magicgui made a widget of, the function beneath counts.

    Returns
    -------
    Signature
        With a `reason` where it cannot be a step. Nothing is raised, and nothing is called.
    """
    plain = plain_function(function)
    docstring = Docstring.read(inspect.getdoc(plain) or "")
    refused = _refused_object(plain)
    signature = None if refused else signature_of(plain)
    if signature is None:
        unknown = "Python cannot tell its parameters. Call it from a function of your own, and use that."
        return Signature(summary=docstring.summary, reason=refused or unknown)
    options = magic_options(function)
    read = [
        _Read.of(parameter, plain, docstring, options.get(parameter.name, {}))
        for parameter in signature.parameters.values()
    ]
    inputs, optional = _split_inputs(read)
    return Signature(
        inputs=tuple(one.name for one in inputs),
        optional_inputs=tuple(one.name for one in optional),
        parameters=tuple(filter(None, (one.parameter() for one in read if one not in (*inputs, *optional)))),
        output=(returned_kind(plain) or (docstring.results and docstring.results[0].kind) or IMAGE).name,
        summary=docstring.summary,
        reason=_refused_parameter(read, inputs)
        or (_refused_annotation(plain, signature.return_annotation) if returned_kind(plain) is None else "")
        or (_refused_results(docstring, read) if signature.return_annotation is signature.empty else ""),
    )


@dataclass(frozen=True)
class _Read:
    """A parameter, and what was found out about it."""

    name: str
    how: inspect._ParameterKind
    default: object
    annotation: object
    documented: str
    help: str
    options: Mapping[str, object]

    @classmethod
    def of(
        cls,
        parameter: inspect.Parameter,
        function: Callable[..., Any],
        docstring: Docstring,
        options: Mapping[str, object],
    ) -> _Read:
        annotation = resolved(parameter.annotation, function)
        if typing.get_origin(annotation) is Annotated:
            annotation, *extras = typing.get_args(annotation)
            for extra in extras:
                options = {**(extra if isinstance(extra, Mapping) else {}), **options}
        return cls(
            name=parameter.name,
            how=parameter.kind,
            default=parameter.default,
            annotation=annotation,
            documented=docstring.types.get(parameter.name, ""),
            help=docstring.help.get(parameter.name, ""),
            options=options,
        )

    @property
    def annotated(self) -> bool:
        return self.annotation is not inspect.Parameter.empty

    @property
    def various(self) -> bool:
        """Whether it is ``*args`` or ``**kwargs``."""
        return self.how in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

    @property
    def needed(self) -> bool:
        """Whether it has to be given."""
        return self.default is inspect.Parameter.empty and not self.various

    @property
    def start(self) -> object:
        """What a form starts with: its default, what magicgui was told, or the first of its choices; else empty."""
        if not self.needed:
            return self.default
        for name in ("value", "bind"):
            if name in self.options:
                return self.options[name]
        choices = self.options.get("choices")
        if isinstance(self.annotation, type) and issubclass(self.annotation, enum.Enum):
            choices = list(self.annotation)
        elif typing.get_origin(self.annotation) is Literal:
            choices = typing.get_args(self.annotation)
        return choices[0] if isinstance(choices, Sequence) and choices else inspect.Parameter.empty

    @property
    def positional(self) -> bool:
        return self.how in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

    @property
    def takes_viewer(self) -> bool:
        return self.name in _VIEWER_NAMES or any(name.endswith("Viewer") for name in self._names)

    @property
    def takes_array(self) -> bool:
        """Whether it takes an array, by its annotation, else its docstring, else its name."""
        if self.annotated:
            return is_array(self.annotation)
        if self.documented:
            return documents_array(self.documented, first=self.needed)
        return self.needed and bool(_ARRAY_NAMES.fullmatch(self.name))

    @property
    def takes_other(self) -> str:
        """The name of what it takes that a worker process, or a step, does not have; empty for anything else."""
        return next((name for name in self._names if name in _WIDGETS | _other_types()), "")

    @property
    def _names(self) -> list[str]:
        return last_names(self.annotation) if self.annotated else []

    def parameter(self) -> Parameter | None:
        """Return it for a form; None if a form has no field for it, or it would change what is returned."""
        if self.start is inspect.Parameter.empty or self.various or _MORE_RESULTS.fullmatch(self.name):
            return None
        typed, options = self._typed()
        if typed is None:
            return None
        options |= {name: value for name, value in self.options.items() if name not in ("value", "bind")}
        return Parameter(self.name, typed, self.start, self.help, options, self.needed)

    def _typed(self) -> tuple[object, dict[str, object]]:
        """Return its type and options; None for a type that no form has a field for."""
        choices = documented_choices(self.documented)
        if self.start is not None and self.start not in choices:
            choices = ()
        options: dict[str, object] = {"choices": choices} if choices else {}
        typed: object
        if self.annotated:
            typed = self.annotation if _has_field(self.annotation) else None
            if typing.get_origin(typed) is Literal:
                options = {"choices": typing.get_args(typed)}
        elif "choices" in self.options or choices:
            known = [type(one) for one in (self.start, *choices) if one is not None]
            typed = known[0] | None if known and self.start is None else known[0] if known else None
        else:
            typed = self._guessed()
        return typed, options | (self._range() if typed else {})

    def _range(self) -> dict[str, object]:
        """Return the range that the docstring has in words, if the default is in it."""
        told = documented_range(f"{self.documented} {self.help}")
        default = self.start
        if told is None or not isinstance(default, (int, float)) or isinstance(default, bool):
            return {}
        low, high = map(type(default), told)
        return {"min": low, "max": high} if low <= default <= high and low < high else {}

    def _guessed(self) -> object:
        """Return the type that the docstring or the default tell; None where neither does."""
        scalar = documented_scalar(self.documented)
        if self.start is None:
            several = re.search(r"sequence|tuple|list|array|iterable|[Cc]allable|function", self.documented)
            return None if scalar is None or several else scalar | None
        if isinstance(self.start, enum.Enum):
            return type(self.start)
        if isinstance(self.start, (bool, int, float, str, Path)):
            own = float if type(self.start) is int and scalar is float else type(self.start)
            return own | None if re.search(r"\bNone\b", self.documented) else own
        if isinstance(self.start, tuple) and self.start and all(isinstance(one, str) for one in self.start):
            return Sequence[str]
        if isinstance(self.start, tuple) and self.start and all(map(_is_number, self.start)):
            return tuple[tuple(map(type, self.start))]  # type: ignore[misc]
        return None


def _split_inputs(read: Sequence[_Read]) -> tuple[list[_Read], list[_Read]]:
    """Return the parameters that need an array, and those right after them that can have one."""
    inputs: list[_Read] = []
    optional: list[_Read] = []
    for number, one in enumerate(read):
        if not one.positional or one.takes_viewer:
            break
        unsaid = one.needed and not one.annotated and not one.documented
        # scikit-image's thresholds have image=None, for those who give a histogram instead.
        first = number == 0 and (unsaid or one.takes_array)
        if not optional and (first or (one.needed and one.takes_array)):
            inputs.append(one)
        elif one.takes_array and one.default is None and one.name != "out":
            optional.append(one)
        else:
            break
    return inputs, optional if inputs else []


def _refused_object(function: object) -> str:
    """Return why something is not called as a step is, whatever its parameters; empty where it may be."""
    if inspect.isclass(function):
        widget = _WIDGETS & {cls.__name__ for cls in function.__mro__}
        what = "It is a widget of its own" if widget else "It is a class"
        return f"{what}, which is not called with arrays. Use a function that it calls, if there is one."
    if not callable(function):
        return "It is no function."
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "It is a coroutine, and nobody awaits it. Use an ordinary function."
    if inspect.isgeneratorfunction(function):
        return "It is a generator, which gives its results one by one. Return them at once, with return."
    return ""


def _refused_parameter(read: Sequence[_Read], inputs: Sequence[_Read]) -> str:
    """Return why a function's parameters are none of a step's; empty where they are."""
    for one in read:
        where = f"Its parameter {one.name!r}"
        if one.takes_viewer and one.needed:
            return (
                f"{where} takes the viewer, which a worker process does not have. "
                "Take the data of layers instead, such as napari.types.ImageData."
            )
        if one.takes_other and one.needed:
            return f"{where} takes a {one.takes_other}, which a worker process does not have. {_gives()}"
        if isinstance(one.default, _MUTABLE):
            return (
                f"{where} has a {type(one.default).__name__} as default, which all calls share and may change. "
                "Use None, or a tuple."
            )
    if not inputs and any(one.how is inspect.Parameter.VAR_POSITIONAL for one in read):
        return "It takes any number of arrays, *args. Give it a parameter with a name for each, first of all."
    if not inputs:
        return "It takes no array. Its first parameter has to: annotate it as numpy.ndarray, say."
    for one in read:
        if one.start is inspect.Parameter.empty and not one.various and one not in inputs:
            if one.takes_array:
                return (
                    f"Its parameter {one.name!r} takes an array and is not among the first, which inputs are."
                )
            return f"Its parameter {one.name!r} has no default. Call it from a function of your own that gives one."
    return ""


def _refused_annotation(function: Callable[..., Any], annotation: object) -> str:
    """Return why a function's return annotation names nothing that a step gives; empty where it may."""
    if annotation is inspect.Signature.empty:
        return ""
    annotation = resolved(annotation, function)
    names = [] if annotation is None else last_names(annotation)
    if annotation is None or names in (["None"], ["NoneType"]):
        return f"It returns nothing: what it does, it does to the viewer or to what it gets. {_gives()}"
    if any(name in _WIDGETS or name.endswith("Worker") for name in names):
        return f"It returns a widget, or a worker of napari. {_gives()}"
    others = [name for name in names if name in _other_types()]
    if LAYER_TUPLE in names:
        others += [name for name in written_layers(function) if name.capitalize() in other_layers()]
    elif names[:1] and names[0] in ("float", "int", "str", "bool", "tuple", "Tuple"):
        others.append(names[0])
    return f"It returns {_indefinite(others[0])}. {_gives()}" if others else ""


def _refused_results(docstring: Docstring, read: Sequence[_Read]) -> str:
    """Return why what a docstring says is returned is nothing that a step gives; empty where it may be."""
    if not docstring.results:
        return ""
    first, *more = docstring.results
    asked = any(_MORE_RESULTS.fullmatch(one.name) for one in read)
    if more and not asked and "optional" not in more[0].type:
        names = " and ".join(result.name or result.type for result in docstring.results)
        return (
            f"It returns several things, {names}. Return the one that is wanted from a function of your own."
        )
    return f"It returns {_indefinite(first.other)}. {_gives()}" if first.other else ""


def _other_types() -> frozenset[str]:
    """Return the names of layers, and of types of their data, that no step has."""
    return frozenset(f"{layer}{ending}" for layer in other_layers() for ending in ("", "Data"))


def _gives() -> str:
    *phrases, last = (kind.phrase for kind in KINDS.values())
    return f"A step gives {', '.join(phrases)}, or {last} such as a dict of columns."


def _indefinite(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float))


def _has_field(annotation: object) -> bool:
    """Whether a form has a field for a type: numbers, text, choices, paths, and several of these."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return True
    if origin in (tuple, list, Sequence, typing.Union, type(int | None)):
        of = [one for one in arguments if one not in (Ellipsis, type(None))]
        return bool(of) and all(map(_has_field, of))
    return isinstance(annotation, type) and issubclass(annotation, (bool, int, float, str, Path, enum.Enum))
