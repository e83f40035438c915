"""Heads of paths: the folders and the prefix before the values in a name, which tell plates and times apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ..column import Column
from .tokens import TIME_TEXT

PLATE_NAMES = ("plate", "batch", "experiment")
"""Names of the component that heads are values of; the first that is not taken."""

HEAD_NAMES = {*PLATE_NAMES, "timepoint"}
"""Names of the components that heads are values of."""

_TIMES = tuple(
    re.compile(expression, re.IGNORECASE)
    for expression in (
        r"(?<![^\W_])(?:time[ _-]?point|time|tp|t|day|hour)[ _-]?(?P<number>[0-9]+)h?(?![^\W_])",
        TIME_TEXT,
    )
)


def head_columns(heads: Column, taken: Collection[str]) -> dict[str, Column]:
    """Return the components that heads are values of: ``timepoint`` for dates and times, ``plate`` for the rest.

    Parameters
    ----------
    heads : Column
        Folders and prefix of each file: ``"2024-01-01/exp1_"``. Text that all have in common is ignored.
    taken : collection of str
        Names of components that exist.

    Returns
    -------
    dict
        Empty if all heads are the same.
    """
    if len(heads.texts) < 2:
        return {}
    found: dict[str, Column] = {}
    plates: list[Sequence[str]] = []
    for level in _levels(heads.texts):
        timed = None if "timepoint" in (*taken, *found) else _times(level)
        if timed is None:
            plates.append(level)
            continue
        times, level = timed
        found["timepoint"] = _with_codes(times, heads)
        if len(set(level)) > 1:
            plates.append(level)
    if plates:
        name = next((name for name in PLATE_NAMES if name not in taken), "head")
        texts = ["/".join(filter(None, parts)).strip("_- ./") or "." for parts in zip(*plates, strict=True)]
        found[name] = _with_codes(texts, heads)
    return found


def _levels(heads: Sequence[str]) -> list[Sequence[str]]:
    """Return the levels of folders, and the prefix, in which heads differ."""
    parts = [head.split("/") for head in heads]
    if len(set(map(len, parts))) > 1:
        return [heads]
    levels = [tuple(part.strip("_- .") for part in level) for level in zip(*parts, strict=True)]
    return [level for level in levels if len(set(level)) > 1]


def _times(level: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """Return the one time in each text and the text around it, or None if there is none in all of them that varies."""
    for expression in _TIMES:
        matches = [list(expression.finditer(text)) for text in level]
        if all(len(found) == 1 for found in matches):
            times = [found[0].groupdict().get("number") or found[0][0] for found in matches]
            if len(set(times)) > 1:
                rests = [expression.sub("", text).strip("_- .") for text in level]
                return times, rests
    return None


def _with_codes(texts: Sequence[str], heads: Column) -> Column:
    """Return a column with one text per head."""
    by_head = Column.of(texts)
    return Column(by_head.texts, by_head.codes[heads.codes])
