"""The progress bar of a run."""

from __future__ import annotations

from magicgui.widgets import ProgressBar
from qtpy.QtCore import QTimer

from ..common.task_board import RunState, TaskBoard

TICK = 200
"""Milliseconds between two updates of the progress bar."""


class RunProgress:
    """Shows on a progress bar how many tasks of a run have an outcome.

    Parameters
    ----------
    bar : ProgressBar
        Where it is shown.
    board : TaskBoard
        The tasks of the run.
    """

    def __init__(self, bar: ProgressBar, board: TaskBoard) -> None:
        self._bar = bar
        self._board = board
        self._ticks = QTimer(bar.native)
        self._ticks.setInterval(TICK)
        self._ticks.timeout.connect(self._show)
        board.state_changed.connect(self._on_state)

    def close(self) -> None:
        """Update the bar no more."""
        self._ticks.stop()

    def _on_state(self, state: RunState) -> None:
        if state == "running":
            self._bar.max = max(1, self._board.total)
            self._ticks.start()

    def _show(self) -> None:
        # Qt paints a progress bar at once, and the canvas with it, unless updates are off.
        self._bar.native.setUpdatesEnabled(False)
        self._bar.value = self._board.done
        self._bar.native.setUpdatesEnabled(True)
        if self._board.state != "running":
            self._ticks.stop()
