"""What was skipped or is not as it should be, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..core.text import printable


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
