"""What was skipped or is not as it should be, and why."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple


class Problem(NamedTuple):
    """Something that was skipped, or that sticks out, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{printable(self.path)}: {printable(self.reason)}"


def printable(text: str) -> str:
    r"""Return text that stays on its line and reads in the order that it is in.

    Names of files may hold anything: new lines, marks that turn the direction of writing, bytes that are
    no characters. These are shown as ``\n``, ``\u202e`` and so on.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
