"""Docstrings in numpydoc and similar styles, as a source of types that annotations do not give."""

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
    """One documented result of a function.

    Parameters
    ----------
    name : str
        Its name; empty if it has none.
    type : str
        Its type as written: ``(M, N) ndarray of int``.
    description : str
        Its description.
    """

    name: str
    type: str
    description: str

    @property
    def kind(self) -> OutputKind | None:
        """The kind of step output that matches it; None if none does."""
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
        """Its type if no kind of step output matches it, such as ``float``; else empty."""
        found = _OTHER_TYPES.search(self.type)
        return found[0] if found and self.kind is None else ""


@dataclass(frozen=True)
class Docstring:
    """The parsed parts of a docstring.

    Parameters
    ----------
    summary : str
        Its first sentence or two.
    types : mapping
        The type of each parameter as written, by name.
    help : mapping
        The first paragraph on each parameter, by name.
    results : tuple of DocumentedResult
        The results.
    """

    summary: str = ""
    types: Mapping[str, str] = field(default_factory=dict)
    help: Mapping[str, str] = field(default_factory=dict)
    results: tuple[DocumentedResult, ...] = ()

    @classmethod
    def read(cls, text: str) -> Docstring:
        """Return the parts of a docstring in any style, as far as it can be parsed."""
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
            # Sections after the results sometimes have the same indentation.
            if written.casefold() == "see also" or names.startswith(".."):
                break
            description = _one_line(result.description or "")
            results.extend(
                DocumentedResult(name, written, description) for name in re.split(r"\s*,\s*", names)
            )
        return cls(_one_line(parsed.short_description or ""), types, helps, tuple(results))


def first_paragraph(text: str) -> str:
    """Return the first paragraph of a text on one line, without reStructuredText markup."""
    return _one_line(text.strip().partition("\n\n")[0])


def documents_array(written: str, first: bool = False) -> bool:
    """Return whether a type as written includes an array; with `first`, before any other type."""
    layers = "|".join(kind.layer for kind in KINDS.values() if kind.layer)
    array = re.search(rf"\b(nd)?array(s|[-_ ]?like)?\b|\b({layers})(Data)?\b", written)
    other = _OTHER_TYPES.search(written)
    return array is not None and not (first and other and other.start() < array.start())


def documented_scalar(written: str) -> type | None:
    """Return the first of bool, int, float and str in a type as written; None if there is none."""
    words = re.findall(r"[A-Za-z]+", written)
    return next((_SCALARS[word] for word in words if word in _SCALARS), None)


def documented_choices(written: str) -> tuple[object, ...]:
    """Return the choices in braces: ``{'reflect', 'nearest'}``."""
    found = re.search(r"\{([^{}]*)\}", written)
    if not found:
        return ()
    try:
        choices = ast.literal_eval(f"({found[1]},)")
    except (SyntaxError, ValueError):
        return ()
    return choices if all(isinstance(one, (str, int, float, type(None))) for one in choices) else ()


def documented_range(text: str) -> tuple[float, float] | None:
    """Return a range in words, such as ``from 0 to 100``; None if there is none."""
    found = _RANGE.search(text)
    return (float(found[1]), float(found[2])) if found else None


def _one_line(text: str) -> str:
    """Return a text on one line, without reStructuredText markup."""
    return re.sub(r":\w+:(?=`)|`+", "", " ".join(text.split()))
