"""Tokens of a path: separators, words, numbers, times and GUIDs."""

from __future__ import annotations

import re
from typing import NamedTuple

SEPARATOR, LETTERS, DIGITS, TIME, GUID, MIXED = "separator", "letters", "digits", "time", "guid", "mixed"
"""Kinds of tokens. Only columns of several tokens are mixed."""

_DATE = r"(?:19|20)[0-9]{2}(?P<dash>[-_.]?)(?:0[1-9]|1[0-2])(?P=dash)(?:0[1-9]|[12][0-9]|3[01])"
_60 = "[0-5][0-9]"
_CLOCK = rf"(?:[01][0-9]|2[0-3])(?:[-:.]{_60}[-:.]{_60}|{_60}{_60}|h{_60}(?:m(?:{_60}s)?)?)"
_TIMES = (
    rf"{_DATE}(?:[-_T ]{_CLOCK})?",
    # Incucyte: 2024y03m01d_06h00m, and 00d06h00m since the start.
    r"[0-9]{4}y[0-9]{2}m[0-9]{2}d(?:_[0-9]{2}h[0-9]{2}m(?:[0-9]{2}s)?)?",
    r"[0-9]{1,3}d[0-9]{2}h(?:[0-9]{2}m(?:[0-9]{2}s)?)?",
    r"[0-9]{1,4}h[0-9]{2}m(?:[0-9]{2}s)?",
    r"[0-9]{1,5}(?:h|hrs?|hours?|min|days?)",
)
TIME_TEXT = rf"(?<![^\W_])(?:{'|'.join(_TIMES)})(?![^\W_])"
"""Regular expression of dates and times that sort in natural order."""

_GUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_TOKEN = re.compile(
    rf"(?P<guid>{_GUID})|(?P<time>{TIME_TEXT})|(?P<digits>[0-9]+?(?={_GUID})|[0-9]+)"
    r"|(?P<letters>TimePoint|ZStep|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W_])|(?P<separator>/|(?:[^\w/]|_)+)"
)


class Token(NamedTuple):
    """Part of a path, and its kind."""

    kind: str
    text: str


def tokenize(path: str) -> tuple[Token, ...]:
    """Split a path into tokens. Together they are the path.

    Words are also split where a capital follows a small letter, as in ``ChannelDAPI``.
    """
    return tuple(Token(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(path))


def split_fields(tokens: tuple[Token, ...], within: str = "") -> tuple[tuple[Token, ...], ...]:
    """Split tokens into fields and the separators between them, at odd places; a field may be empty.

    Separators of the characters `within` do not split: with a space, ``Alexa 488`` is one field.
    """
    fields: list[list[Token]] = [[]]
    for token in tokens:
        if token.kind == SEPARATOR and (not within or token.text.strip(within)):
            fields += [[token], []]
        else:
            fields[-1].append(token)
    return tuple(map(tuple, fields))
