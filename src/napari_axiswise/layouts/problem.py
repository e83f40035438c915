"""What was skipped or is not as it should be, and why."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """Something that was skipped, or that sticks out, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{printable(self.path)}: {printable(self.reason)}"


class Problems(list[Problem]):
    """Problems, of which so many are listed: there may be one for each of a million records."""

    MOST = 20_000

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def append(self, problem: Problem) -> None:
        """Add a problem."""
        self.total += 1
        if len(self) < self.MOST:
            super().append(problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add several, and what they did not list."""
        for problem in problems:
            self.append(problem)
        if isinstance(problems, Problems):
            self.total += problems.total - len(problems)

    def listed(self) -> list[Problem]:
        """Return what is listed, and how many there are besides."""
        more = self.total - len(self)
        return [*self, Problem("…", f"and {more:,} problems more")] if more else list(self)


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
