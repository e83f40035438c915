"""Names, values, durations and sizes as text."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from reprlib import Repr
from typing import Any

import numpy as np

from .files import hide_secrets

LONGEST_NAME = 40
"""Characters of a quoted name that are shown."""

LONGEST_VALUE = 2_000
"""Characters of a value that are shown."""

# Durations below the first number are given in two units, of so many seconds each.
_UNITS = (
    (3599.5, 60, "min", 1, "s"),
    (86370.0, 3600, "h", 60, "min"),
    (math.inf, 86400, "d", 3600, "h"),
)


def join_names(names: Iterable[object], last: str = "and", *, most: int = 8, separator: str = ", ") -> str:
    """Join names into a list for a sentence: ``A01, A02 and 94 more``.

    Parameters
    ----------
    names : iterable
        What to list, as text. If it is empty, the result is ``"none"``.
    last : str
        The word before the last name; empty for no word.
    most : int
        How many names to show. A longer list ends in ``"94 more"``.
    separator : str
        The text between the names before the last.
    """
    texts = [printable(str(name)) for name in names]
    if len(texts) > most:
        texts = [*texts[: most - 1], f"{len(texts) - most + 1:,} more"]
    between = f" {last} " if last else separator
    return between.join(filter(None, (separator.join(texts[:-1]), *texts[-1:]))) or "none"


def quote_names(names: Iterable[object], last: str = "and") -> str:
    """Join names in quotation marks; see `join_names`. Long ones are cut short."""
    return join_names((repr(str(name)[:LONGEST_NAME]) for name in names), last)


def printable(text: str) -> str:
    r"""Escape the characters of a text that would break its line or change its direction.

    Names of files may contain anything: new lines, marks that reverse the direction of writing, bytes that are not
    text. These are shown as ``\n``, ``\u202e`` and so on.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def printable_lines(text: str) -> str:
    """Escape what would steer a terminal, as `printable` does, but keep the lines and tabs of a text."""
    if text.isprintable():
        return text
    return "".join(
        part if part in ("\n", "\r\n", "\t") else printable(part) for part in re.split(r"(\r?\n|\t)", text)
    )


class _Values(Repr):
    """Representations of limited length, which are the same in every process."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 8
        self.maxtuple = self.maxlist = self.maxdict = self.maxset = self.maxfrozenset = 100
        self.maxstring = self.maxlong = self.maxother = LONGEST_VALUE // 2

    def repr_ndarray(self, array: np.ndarray[Any, Any], _: int) -> str:
        if array.size <= 20:
            return repr(array)
        numbers = f", from {array.min()} to {array.max()}" if array.dtype.kind in "biuf" else ""
        return f"array(shape={array.shape}, dtype={array.dtype}{numbers})"


def format_value(value: object) -> str:
    """Represent a value in one line of at most `LONGEST_VALUE` characters, without places in memory and passwords."""
    text = re.sub(r" at 0x[0-9A-Fa-f]+", "", hide_secrets(" ".join(_Values().repr(value).split())))
    return printable(text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…")


def shorten_pair(first: str, second: str, most: int = 120) -> tuple[str, str]:
    """Return two texts, or if one is long, the part of each in which they begin to differ."""
    if max(len(first), len(second)) <= most:
        return first, second
    same = next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )
    start = max(0, same - most // 4)

    def part(text: str) -> str:
        return ("…" if start else "") + text[start : start + most] + ("…" if len(text) > start + most else "")

    return part(first), part(second)


def format_seconds(seconds: float) -> str:
    """Format a duration: ``0.04 s``, ``2.5 s``, ``40 s``, ``3 min 20 s``, ``2 h 5 min``, ``1 d 3 h``."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 59.5:
        return f"{seconds:.{2 if seconds < 0.995 else 1 if seconds < 9.95 else 0}f} s"
    _, size, unit, small, small_unit = next(row for row in _UNITS if seconds < row[0])
    count, rest = divmod(round(seconds / small), size // small)
    return f"{count} {unit} {rest} {small_unit}" if rest else f"{count} {unit}"


def format_bytes(size: float) -> str:
    """Format a number of bytes: ``512 bytes``, ``1.5 GB``."""
    units = iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    for larger in units:
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
