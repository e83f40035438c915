"""Docstrings: what numpydoc and its kin tell of parameters and results that annotations do not."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import docstring_parser
from docstring_parser import DocstringStyle

from ..core.kinds import IMAGE, KINDS, OutputKind

_OTHER_TYPES = re.compile(r"\b(float|int|str|bool|tuple|list|function|scalar)\b")
_SCALARS: Mapping[str, type] = {
    "bool": bool, "boolean": bool, "int": int, "uint": int, "integer": int, "ints": int, "float": float,
    "floats": float, "double": float, "scalar": float, "number": float, "str": str, "string": str,
}  # fmt: skip
_NUMBER = r"-?\d+(?:\.\d+)?"
_RANGE = re.compile(
    rf"\b(?:range|interval|between|from|in)\s+[\[(]?({_NUMBER})(?:\s*,\s*|\s+and\s+|\s+to\s+)({_NUMBER})[\])]?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class DocumentedResult:
    """One of the things that a function is said to return.

    Parameters
    ----------
    name : str
        Empty where it has none.
    type : str
        As it is written: ``(M, N) ndarray of int``.
    description : str
        What it is.
    """

    name: str
    type: str
    description: str

    @property
    def kind(self) -> OutputKind | None:
        """The kind of step output that it is; None where it is none."""
        for kind in KINDS.values():
            if kind.documented_type and re.search(kind.documented_type, self.type):
                return kind
        if not documents_array(self.type, first=True):
            return None
        text = f"{self.name} {self.description}"
        texts = (kind for kind in KINDS.values() if kind.documented_text)
        return next((kind for kind in texts if re.search(kind.documented_text, text)), IMAGE)

    @property
    def other(self) -> str:
        """What it is where that is surely none of a step's kinds: ``float``; else empty."""
        found = _OTHER_TYPES.search(self.type)
        return found[0] if found and self.kind is None else ""


@dataclass(frozen=True)
class Docstring:
    """What a docstring says, in text.

    Parameters
    ----------
    summary : str
        Its first sentence or two.
    types : mapping
        From each parameter to its type, as it is written.
    help : mapping
        From each parameter to the first paragraph on it.
    results : tuple of DocumentedResult
        What the function returns.
    """

    summary: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    help: Mapping[str, str] = field(default_factory=dict)
    results: tuple[DocumentedResult, ...] = ()

    @classmethod
    def read(cls, text: str) -> Docstring:
        """Return what a docstring says, in whichever style; as much of it as can be understood."""
        underlined = re.search(r"^\s*-{3,}\s*$", text, re.MULTILINE)
        try:
            parsed = docstring_parser.parse(
                text, DocstringStyle.NUMPYDOC if underlined else DocstringStyle.AUTO
            )
        except docstring_parser.ParseError:
            return cls(first_paragraph(text))
        types, helps = {}, {}
        for parameter in parsed.params:
            for name in re.split(r"\s*,\s*", parameter.arg_name):
                types[name] = parameter.type_name or ""
                helps[name] = first_paragraph(parameter.description or "")
        results: list[DocumentedResult] = []
        for result in parsed.many_returns:
            names, written = result.return_name or "", result.type_name or ""
            # What follows the results is sometimes indented as they are.
            if written.casefold() == "see also" or names.startswith(".."):
                break
            description = _one_line(result.description or "")
            results.extend(
                DocumentedResult(name, written, description) for name in re.split(r"\s*,\s*", names)
            )
        return cls(_one_line(parsed.short_description or ""), types, helps, tuple(results))


def first_paragraph(text: str) -> str:
    """Return the first paragraph of a text, in one line and without the markup of reStructuredText."""
    return _one_line(text.strip().partition("\n\n")[0])


def documents_array(written: str, first: bool = False) -> bool:
    """Whether a type, as it is written, has an array; with `first`, before it has anything else."""
    layers = "|".join(kind.layer for kind in KINDS.values() if kind.layer)
    array = re.search(rf"\b(nd)?array(s|[-_ ]?like)?\b|\b({layers})(Data)?\b", written)
    other = _OTHER_TYPES.search(written)
    return array is not None and not (first and other and other.start() < array.start())


def documented_scalar(written: str) -> type | None:
    """Return the first of bool, int, float and str that a type has, as it is written; None where it has none."""
    words = re.findall(r"[A-Za-z]+", written)
    return next((_SCALARS[word] for word in words if word in _SCALARS), None)


def documented_choices(written: str) -> tuple[object, ...]:
    """Return the choices that numpydoc has in braces: ``{'reflect', 'nearest'}``."""
    found = re.search(r"\{([^{}]*)\}", written)
    if not found:
        return ()
    try:
        choices = ast.literal_eval(f"({found[1]},)")
    except (SyntaxError, ValueError):
        return ()
    return choices if all(isinstance(one, (str, int, float, type(None))) for one in choices) else ()


def documented_range(text: str) -> tuple[float, float] | None:
    """Return the range that is there in words, ``from 0 to 100``; None where none is."""
    found = _RANGE.search(text)
    return (float(found[1]), float(found[2])) if found else None


def _one_line(text: str) -> str:
    """Return text as one paragraph, without the markup of reStructuredText."""
    return re.sub(r":\w+:(?=`)|`+", "", " ".join(text.split()))
