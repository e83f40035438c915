"""Patterns of file names, as users write them: reading one, and writing one for a reading."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from math import prod
from typing import cast

import regex

from .readings import Reading
from .tokens import DIGITS, LETTERS, TIME

_PART = re.compile(r"(?P<literal>[^{}*]+)|\{(?P<name>\w+)(?::(?P<regex>(?:[^{}]|\{[^{}]*\})+))?\}|\*|[{}]")
"""Part of a user's pattern."""

_EXPRESSIONS = {
    "well": r"[A-Za-z]{1,2}[-_ ]?[0-9]{1,3}|[0-9]+",
    "row": r"[A-Za-z]{1,2}|[0-9]+",
    "column": r"[0-9]+",
}
"""Default expressions of components in a pattern. Others match anything except slashes."""

LONGEST_PATTERN = 1_000
"""Maximum length of a pattern."""

MOST_REPEATS = 1_000
"""Maximum number of copies of a group that a pattern may ask for: ``(…){30}`` is compiled into 30 groups."""

TIME_LIMIT = 0.25
"""Seconds that matching names may take beyond `TIME_PER_NAME` for each."""

TIME_PER_NAME = 0.001

_REPEAT = re.compile(r"\)\{([0-9]*),?([0-9]*)")
_UNCLEAR = re.compile(r"\(\?(#|[A-Za-z-]*x)")
"""Comments and verbose groups, which could hide a repeat from `_REPEAT`."""


class SlowPattern(ValueError):
    """Error of a pattern whose matching takes too long."""


class TimedPattern:
    """Regular expression of a user, matched in limited time.

    Unlike `re`, the library that matches it can be interrupted, and lets other threads run meanwhile.

    Parameters
    ----------
    expression : str
        Valid for `re`. Letter case does not matter.
    pattern : str
        What the user wrote, for the message.
    """

    def __init__(self, expression: str, pattern: str) -> None:
        self._expression = regex.compile(expression, regex.IGNORECASE)
        self._pattern = pattern
        self._left = TIME_LIMIT

    @property
    def groupindex(self) -> Mapping[str, int]:
        """Numbers of the named groups."""
        return cast(Mapping[str, int], self._expression.groupindex)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Return the match of a whole text, or None.

        Raises
        ------
        SlowPattern
            It takes too long, alone or with the texts before.
        """
        began = time.thread_time()
        try:
            match = self._expression.fullmatch(text, timeout=self._left)
        except TimeoutError:
            match, self._left = None, 0.0
        self._left = min(TIME_LIMIT, self._left + TIME_PER_NAME - (time.thread_time() - began))
        if self._left <= TIME_PER_NAME:
            raise SlowPattern(
                f"The pattern {self._pattern!r} takes too long to match names such as {text[:80]!r}. Make it less "
                "ambiguous: write the constant parts of the names literally, and restrict the values, as in "
                "'{site:[0-9]+}'."
            )
        return cast("re.Match[str] | None", match)


def compile_pattern(pattern: str) -> tuple[TimedPattern, int]:
    """Compile a user's pattern into a regular expression and the number of path parts that it matches.

    Parameters
    ----------
    pattern : str
        A relative path with ``{component}`` for each value to read, such as
        ``"{batch}/{well}_{condition}_t{timepoint}.tif"``. ``{component:regex}`` restricts the value; ``{_}`` and ``*``
        match anything. ``{row}`` and ``{column}`` are combined into a well.

    Raises
    ------
    ValueError
        The pattern has no component, has one twice, is too long, or contains an invalid regular expression.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(
            f"The pattern {pattern[:40]!r}… has {len(pattern):,} characters. Use at most {LONGEST_PATTERN:,}."
        )
    names: list[str] = []
    expression = ""
    for part in _PART.finditer(pattern):
        literal, name, form = part["literal"], part["name"], part["regex"]
        if literal:
            expression += re.escape(literal)
        elif name and name != "_":
            if name in names:
                raise ValueError(
                    f"The pattern {pattern!r} has {{{name}}} twice. Use {{_}} for parts to ignore."
                )
            names.append(name)
            expression += f"(?P<{name}>{form or _EXPRESSIONS.get(name, '[^/]+?')})"
        elif name == "_" or part[0] == "*":
            expression += "[^/]*?"
        else:
            raise ValueError(
                f"The pattern {pattern!r} has braces without a component. Names have letters, digits and _, "
                "as in '{well}_s{site}.tif'."
            )
    if not names:
        raise ValueError(
            f"The pattern {pattern!r} names no component. Put the parts to read into braces, "
            f"as in '{{well}}_s{{site}}_w{{channel}}.tif'."
        )
    repeats = prod(max(int(number or 1) for number in pair) for pair in _REPEAT.findall(expression))
    if repeats > MOST_REPEATS or _UNCLEAR.search(expression):
        raise ValueError(
            f"The pattern {pattern!r} cannot be used: it has too many repeats of groups, a comment or a verbose group. "
            "Use simpler regular expressions, such as '[0-9]+'."
        )
    try:
        re.compile(expression)
        return TimedPattern(expression, pattern), pattern.count("/") + 1
    except (re.error, regex.error, RecursionError, OverflowError) as error:
        raise ValueError(f"The pattern {pattern!r} cannot be used: {error}.") from error


def path_tail(path: str, parts: int) -> str:
    """Return the last parts of a relative path."""
    return "/".join(path.rsplit("/", parts)[-parts:])


def write_pattern(reading: Reading, paths: Sequence[str]) -> str | None:
    """Return the pattern that reads paths as a reading does, or None if there is none.

    Values that are numbers match digits only, so that names of another form are not read by mistake.

    Parameters
    ----------
    reading : Reading
        Slots of the paths and their components.
    paths : sequence of str
        The paths that the slots are from.
    """
    pattern = _text(reading)
    expression, parts = compile_pattern(pattern)
    expected: dict[str, tuple[str, ...]] = {
        role: slot.texts
        for slot, role in zip(reading.slots, reading.roles, strict=True)
        if role in expression.groupindex
    }
    for number, path in enumerate(paths):
        try:
            match = expression.fullmatch(path_tail(path, parts))
        except SlowPattern:
            return None
        if match is None or any(match[role] != texts[number] for role, texts in expected.items()):
            return None
    return pattern


def _text(reading: Reading) -> str:
    """Return the text of the pattern of a reading."""
    text: list[str] = []
    places = iter(range(len(reading.slots)))
    for place in places:
        slot, role = reading.slots[place], reading.roles[place]
        if role == "row" and "column" in reading.roles[place : place + 3]:
            column = reading.roles.index("column", place)
            between = reading.slots[place + 1].texts[0] if column == place + 2 else ""
            if between in ("", "-", "_", " "):
                text.append("{well}")
                for _ in range(column - place):
                    next(places)
                continue
        if role in ("row", "column"):
            text.append(f"{{{role}}}")
        elif role:
            text.append(f"{{{role}:{_expression(slot.kind, slot.texts)}}}")
        elif slot.is_constant:
            text.append(re.sub(r"[{}*]+", "*", slot.texts[0]))
        elif text[-1:] != ["{_}"]:
            text.append("{_}")
    return "".join(text)


def _expression(kind: str, texts: Sequence[str]) -> str:
    """Return the regular expression of the values of a component."""
    if kind == DIGITS:
        return "[0-9]+"
    if kind == TIME:
        forms = {re.sub("[0-9]+", "[0-9]+", text).replace(".", "[.]") for text in texts}
        return "|".join(sorted(forms, key=lambda form: (-len(form), form)))
    if not all(map(str.isascii, texts)):
        return r"[^\W\d_]+" if kind == LETTERS else r"[^\W_]+"
    others = "".join(character for character in " -" if any(character in text for text in texts))
    return "[A-Za-z]+" if kind == LETTERS else f"[A-Za-z0-9{others}]+"
