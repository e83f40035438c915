"""The state of the check panel."""

from __future__ import annotations

from dataclasses import dataclass

INTRODUCTION = "Runs a sample along each possible axis, and compares what every step gives."


@dataclass(frozen=True)
class CheckModel:
    """What the panel shows.

    Parameters
    ----------
    running : bool
        Whether a check goes on.
    done, total : int
        Tasks that are over, and all that there are; 0 until that is known.
    told : str
        What was found, or went wrong.
    can_show : bool
        Whether there is a difference that layers can show.
    """

    running: bool = False
    done: int = 0
    total: int = 0
    told: str = INTRODUCTION
    can_show: bool = False

    @property
    def progress(self) -> str:
        """How far the check is."""
        if not self.total:
            return "Starting…"
        if self.done < self.total:
            return f"{self.done} of {self.total} tasks"
        return "Comparing…"
