"""Names, durations and sizes as text."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable

LONGEST_NAME = 40
"""Characters of a quoted name that are shown."""

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
