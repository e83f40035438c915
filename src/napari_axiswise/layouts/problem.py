"""Problems of a dataset: files that were skipped or look wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..core.text import printable


class Problem(NamedTuple):
    """A file that was skipped or looks wrong, and the reason."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{printable(self.path)}: {printable(self.reason)}"


class Problems(list[Problem]):
    """List of problems with a limited length, as there may be one for each of a million records."""

    MOST = 20_000
    """Problems that are listed; further ones are only counted."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def append(self, problem: Problem) -> None:
        """Add a problem, or only count it if the list is full."""
        self.total += 1
        if len(self) < self.MOST:
            super().append(problem)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Add several problems, including those that they only counted."""
        for problem in problems:
            self.append(problem)
        if isinstance(problems, Problems):
            self.total += problems.total - len(problems)

    def with_count(self) -> list[Problem]:
        """Return the listed problems, followed by the number of the others."""
        more = self.total - len(self)
        return [*self, Problem("…", f"and {more:,} more problems")] if more else list(self)
