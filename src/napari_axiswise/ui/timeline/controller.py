"""Connects the timeline panel with the current run, the task table and the viewer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ...core.axes import axis_parts, value_codes
from ...core.events import TaskEvent
from ...timeline.timeline import Timeline, count_planes
from ..common.task_board import RunState, TaskBoard
from ..run.session import RunSession
from ..run.task_table import TaskTable
from ..viewer.axes import go_to, is_shown
from ..viewer.layers import RESULT
from .panel import TimelinePanel

if TYPE_CHECKING:
    from napari.viewer import Viewer


class TimelineController:
    """Controller that shows each run on the timeline, and goes to the chosen task.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Its sliders and layers go to the chosen task.
    panel : TimelinePanel
        Shows the run.
    table : TaskTable
        Its selection follows the chosen task.
    board : TaskBoard
        The last events of the run's tasks.
    run_again : callable
        Reruns the tasks selected in the table.
    """

    def __init__(
        self,
        viewer: Viewer,
        panel: TimelinePanel,
        table: TaskTable,
        board: TaskBoard,
        run_again: Callable[[], None],
    ) -> None:
        self._viewer = viewer
        self._panel = panel
        self._table = table
        self._run_again = run_again
        self._session: RunSession | None = None
        self._timeline: Timeline | None = None
        self._board = board
        board.found.connect(self._skip_found)
        board.updated.connect(self._update)
        board.state_changed.connect(self._on_state)
        panel.task_chosen.connect(self._choose)
        panel.rerun_requested.connect(self._rerun)

    def follow(self, session: RunSession, expected_seconds: Mapping[str, float] | None = None) -> None:
        """Show a run that has just started, with the expected seconds of each task if a plan has them."""
        run = session.run
        planes = run.dataset.index
        self._session = session
        self._timeline = Timeline(
            run.axis,
            run.axis_values,
            count_planes(planes, run.axis),
            lanes=run.workers,
            expected_seconds=expected_seconds,
        )
        self._panel.follow(self._timeline, planes.components)

    def close(self) -> None:
        """Stop following the run."""
        self._session = self._timeline = None
        self._panel.finish()

    def _skip_found(self, found: list[TaskEvent]) -> None:
        if self._timeline is not None:
            self._timeline.subtract({event.axis_value: event.result.plane_count for event in found})

    def _update(self, event: TaskEvent) -> None:
        if self._timeline is not None:
            self._timeline.add(event)

    def _on_state(self, state: RunState) -> None:
        if state != "finished":
            return
        self._panel.finish()
        if self._panel.chosen:
            self._show(self._panel.chosen)

    def _choose(self, value: str) -> None:
        self._table.select(value)
        self._show(value)
        if self._board.event(value).status == "done":
            self._go_to(value)

    def _show(self, value: str) -> None:
        if self._session is None:
            return
        event = self._board.event(value)
        is_unfinished = event.is_outcome and event.status != "done"
        trace = f"{event.error}\n\n{event.traceback}".strip() if is_unfinished else ""
        self._panel.show_task(value, trace, is_unfinished and not self._session.running)

    def _rerun(self, value: str) -> None:
        self._table.select(value)
        self._run_again()

    def _go_to(self, value: str) -> None:
        """Move the sliders to a task, and select its layer if it has one."""
        if self._session is None:
            return
        result = self._session.result
        components = result.dataset.components
        codes = value_codes(value, axis_parts(result.axis, components), components)
        if is_shown(self._viewer, result.dataset.source):
            go_to(
                self._viewer,
                self._session.axes,
                {name: components[name][code] for name, code in codes.items()},
            )
        for layer in reversed(self._viewer.layers):
            source = layer.metadata.get(RESULT, {})
            if source.get("output") == result.output and source.get("axis_value") == value:
                self._viewer.layers.selection.active = layer
                return
