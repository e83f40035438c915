"""Parameters of a function: which take arrays, and which a form has a field for.

Annotations come first, then the docstring, then names: much of scientific Python is documented in numpydoc and has no
annotations.
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

from .annotations import is_array, last_names, other_layers, resolved
from .docstrings import Docstring, documented_choices, documented_range, documented_scalar, documents_array

WIDGETS = frozenset({"Widget", "Container", "FunctionGui", "QWidget", "QDialog", "QMainWindow"})
"""Names of classes of widgets."""

_ARRAY_NAMES = re.compile(
    r"(\w+_)?(image|img|mask|labels?|markers?|seeds?|data|volume|layer|intensities|field)_?\d*"
)
_VIEWER_NAMES = ("viewer", "napari_viewer")
_MORE_RESULTS = re.compile(r"return_\w+|(extended|extra|full)_output")


@dataclass(frozen=True)
class Parameter:
    """Parameter of a function that a form has a field for.

    Parameters
    ----------
    name : str
        Its name.
    annotation : type
        Its type: from its annotation, without `Annotated`, or else from its docstring or its default.
    default : object
        Its default; for a required parameter, the value with which a form starts.
    help : str
        Its description in the docstring: one paragraph, without markup.
    options : mapping
        Options for magicgui, such as ``choices``, ``min`` and ``max``.
    needed : bool
        Whether it is required. Only parameters with choices are, and start with the first; a function with another
        required parameter cannot be a step.
    """

    name: str
    annotation: object
    default: object
    help: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    needed: bool = False


@dataclass(frozen=True)
class ParameterReading:
    """Parameter as it is declared and documented, from which its role in a step is derived."""

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
    ) -> ParameterReading:
        """Return the reading of a parameter.

        Parameters
        ----------
        parameter : inspect.Parameter
            As declared.
        function : callable
            Its function.
        docstring : Docstring
            The function's docstring.
        options : mapping
            Its options for magicgui.
        """
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
        """Whether it has an annotation."""
        return self.annotation is not inspect.Parameter.empty

    @property
    def various(self) -> bool:
        """Whether it is ``*args`` or ``**kwargs``."""
        return self.how in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

    @property
    def needed(self) -> bool:
        """Whether it is required."""
        return self.default is inspect.Parameter.empty and not self.various

    @property
    def start(self) -> object:
        """The value with which a form starts: its default, magicgui's value, or its first choice; else empty."""
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
        """Whether it can be given by position."""
        return self.how in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

    @property
    def takes_viewer(self) -> bool:
        """Whether it takes napari's viewer."""
        return self.name in _VIEWER_NAMES or any(name.endswith("Viewer") for name in self._names)

    @property
    def takes_array(self) -> bool:
        """Whether it takes an array, by its annotation, or else its docstring, or else its name."""
        if self.annotated:
            return is_array(self.annotation)
        if self.documented:
            return documents_array(self.documented, first=self.needed)
        return self.needed and bool(_ARRAY_NAMES.fullmatch(self.name))

    @property
    def takes_other(self) -> str:
        """The name of the type that it takes and steps do not have, such as a widget; else empty."""
        return next((name for name in self._names if name in WIDGETS | other_types()), "")

    @property
    def adds_results(self) -> bool:
        """Whether it is a flag that makes the function return several things."""
        return bool(_MORE_RESULTS.fullmatch(self.name))

    @property
    def _names(self) -> list[str]:
        return last_names(self.annotation) if self.annotated else []

    def parameter(self) -> Parameter | None:
        """Return the parameter for a form; None if forms have no field for it, or it changes what is returned."""
        if self.start is inspect.Parameter.empty or self.various or self.adds_results:
            return None
        typed, options = self._typed()
        if typed is None:
            return None
        options |= {name: value for name, value in self.options.items() if name not in ("value", "bind")}
        return Parameter(self.name, typed, self.start, self.help, options, self.needed)

    def _typed(self) -> tuple[object, dict[str, object]]:
        """Return its type and options; the type is None if forms have no field for it."""
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
        """Return the range in the docstring, if the default is in it."""
        limits = documented_range(f"{self.documented} {self.help}")
        default = self.start
        if limits is None or not isinstance(default, (int, float)) or isinstance(default, bool):
            return {}
        low, high = map(type(default), limits)
        return {"min": low, "max": high} if low <= default <= high and low < high else {}

    def _guessed(self) -> object:
        """Return the type by the docstring or the default; None if neither shows it."""
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


def other_types() -> frozenset[str]:
    """Return the names of layers, and of types of their data, that steps do not have."""
    return frozenset(f"{layer}{ending}" for layer in other_layers() for ending in ("", "Data"))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float))


def _has_field(annotation: object) -> bool:
    """Return whether forms have a field for a type: numbers, text, choices, paths, and sequences of these."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return True
    if origin in (tuple, list, Sequence, typing.Union, type(int | None)):
        of = [one for one in arguments if one not in (Ellipsis, type(None))]
        return bool(of) and all(map(_has_field, of))
    return isinstance(annotation, type) and issubclass(annotation, (bool, int, float, str, Path, enum.Enum))
