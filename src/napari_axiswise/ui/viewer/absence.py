"""A text on the canvas that explains why there is no image at the sliders, where layers are black."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...core.axes import axis_parts, join_values
from ...core.events import TaskEvent
from ..common.task_board import TaskBoard
from .axes import is_shown, places_under_sliders

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ...runs.result import RunResult

WIDTH, MAX_LINES = 56, 4
"""Characters per line and number of lines of the text."""


def absence(result: RunResult, events: Mapping[str, TaskEvent], at: Mapping[str, int]) -> str:
    """Explain why kept steps have no image at a slider position; empty if they have one.

    Parameters
    ----------
    result : RunResult
        Result of a run, which may still be going on.
    events : mapping
        From axis value to the last event of the task; tasks without an event are pending.
    at : mapping
        From component name to the index of the current value, by default 0.
    """
    dataset = result.dataset
    parts = axis_parts(result.axis, dataset.components)
    value = join_values([dataset.components[name][at.get(name, 0)] for name in parts])
    steps_by_reason: dict[str, list[str]] = {}
    for step in result.pipeline.kept:
        output = result.store.steps.get(step.name)
        names = output.grid.names if output is not None else tuple(dataset.components)
        codes = tuple(at.get(name, 0) for name in names)
        if step.output_kind.has_planes and (output is None or output.shape_of(codes) is None):
            if len(dataset) and not _was_taken(result, dict(zip(names, codes, strict=True))):
                return "No image was taken here."
            steps_by_reason.setdefault(_reason(events.get(value), bool(len(dataset))), []).append(step.name)
    return "\n".join(f"{', '.join(steps)}: {reason}" for reason, steps in steps_by_reason.items())


def _was_taken(result: RunResult, at: Mapping[str, int]) -> bool:
    planes = result.dataset.index
    if len(at) == len(planes.names):
        return planes.row([at[name] for name in planes.names]) is not None
    rows = np.ones(len(planes), dtype=bool)
    for name, code in at.items():
        rows &= planes.column(name) == code
    return bool(rows.any())


def _reason(event: TaskEvent | None, is_known: bool) -> str:
    """Return the reason from the last event of a task; `is_known` if the data has the image for sure."""
    if event is None or event.status == "waiting":
        return "pending"
    if event.status == "done":
        return "failed: the step returned no image" if is_known else "no image"
    status = "running" if event.status == "started" else event.status
    return f"{status} — {event.error}" if event.status in ("failed", "lost") else status


class AbsenceText:
    """Text overlay that explains why there is no image at the sliders.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer whose text overlay is used, unless it shows another text.
    result : RunResult
        Result of a run, which may still be going on.
    board : TaskBoard
        The last events of the run's tasks.
    """

    def __init__(self, viewer: Viewer, result: RunResult, board: TaskBoard) -> None:
        self._viewer = viewer
        self._result = result
        self._board = board
        self._text = ""
        board.updated.connect(self._on_event)

    def close(self) -> None:
        """Clear the text, and ignore further events."""
        self._board.updated.disconnect(self._on_event)
        self._write("")

    def _on_event(self, event: TaskEvent) -> None:
        if event.is_outcome:
            self.update()

    def update(self) -> None:
        """Show the text for the current slider position, if the sliders are those of the dataset."""
        if not is_shown(self._viewer, self._result.dataset.source):
            self._write("")
            return
        at = places_under_sliders(self._viewer, self._result.dataset.components)
        self._write(absence(self._result, self._board.events, at))

    def _write(self, text: str) -> None:
        lines = [line for part in text.split("\n") for line in textwrap.wrap(part, WIDTH)]
        text = "\n".join(lines[:MAX_LINES] + ["…"] * (len(lines) > MAX_LINES))
        overlay = self._viewer.canvas.overlays.text
        if overlay.text in ("", self._text) and text != self._text:
            overlay.text = self._text = text
            overlay.position = "top_left"
            overlay.visible = bool(text)
