"""The state of the check panel."""

from __future__ import annotations

from dataclasses import dataclass

INTRODUCTION = "Runs a sample by each possible axis and compares the output of every step."


@dataclass(frozen=True)
class CheckModel:
    """State of a check.

    Parameters
    ----------
    running : bool
        Whether the check is running.
    done, total : int
        Number of finished tasks and of all tasks; 0 until known.
    message : str
        The outcome, or an error.
    can_show : bool
        Whether there is a difference to show as layers.
    """

    running: bool = False
    done: int = 0
    total: int = 0
    message: str = INTRODUCTION
    can_show: bool = False

    @property
    def progress(self) -> str:
        """The progress of the check in words."""
        if not self.total:
            return "Starting…"
        if self.done < self.total:
            return f"{self.done} of {self.total} tasks"
        return "Comparing…"
