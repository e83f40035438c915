"""Why there is no image where the sliders are: a layer shows black there, and black is an image too."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...core.axes import axis_parts, join_values
from ...core.events import TaskEvent
from .axes import is_shown, places_under_sliders

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from ...runs.result import RunResult

WIDTH, MOST_LINES = 56, 4
"""Letters of a line, and lines, of what is told."""


def absence(result: RunResult, events: Mapping[str, TaskEvent], at: Mapping[str, int]) -> str:
    """Return why kept steps have no image at some place; empty where they have.

    Parameters
    ----------
    result : RunResult
        Of a run that may still be going on.
    events : mapping
        From axis value to the last event of the task; those without one are pending.
    at : mapping
        From component name to the index of the value that is looked at; 0 where it is left out.
    """
    dataset = result.dataset
    parts = axis_parts(result.axis, dataset.components)
    value = join_values([dataset.components[name][at.get(name, 0)] for name in parts])
    told: dict[str, list[str]] = {}
    for step in result.pipeline.kept:
        output = result.store.steps.get(step.name)
        names = output.grid.names if output is not None else tuple(dataset.components)
        codes = tuple(at.get(name, 0) for name in names)
        if step.output_kind.has_planes and (output is None or output.shape_of(codes) is None):
            if len(dataset) and not _was_taken(result, dict(zip(names, codes, strict=True))):
                return "No image was taken here."
            told.setdefault(_reason(events.get(value), bool(len(dataset))), []).append(step.name)
    return "\n".join(f"{', '.join(steps)}: {reason}" for reason, steps in told.items())


def _was_taken(result: RunResult, at: Mapping[str, int]) -> bool:
    planes = result.dataset.index
    if len(at) == len(planes.names):
        return planes.row([at[name] for name in planes.names]) is not None
    rows = np.ones(len(planes), dtype=bool)
    for name, code in at.items():
        rows &= planes.column(name) == code
    return bool(rows.any())


def _reason(event: TaskEvent | None, is_known: bool) -> str:
    """Return what became of a task that has no image, though it should; or may, if that is not known."""
    if event is None:
        return "pending"
    if event.status == "done":
        return "failed: it gave no image" if is_known else "no image"
    status = "running" if event.status == "started" else event.status
    return f"{status} — {event.error}" if event.status in ("failed", "lost") else status


class AbsenceText:
    """Tells on the canvas why there is no image where the sliders are.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose text overlay is used, unless somebody else has written there.
    result : RunResult
        Of a run that may still be going on.
    """

    def __init__(self, viewer: Viewer, result: RunResult) -> None:
        self._viewer = viewer
        self._result = result
        self._events: dict[str, TaskEvent] = {}
        self._told = ""

    def take(self, event: TaskEvent) -> None:
        """Take note of what became of a task."""
        self._events[event.axis_value] = event
        if event.is_outcome:
            self.tell()

    def tell(self) -> None:
        """Tell of the place where the sliders are, as long as they are those of the dataset."""
        if not is_shown(self._viewer, self._result.dataset.source):
            self.clear()
            return
        at = places_under_sliders(self._viewer, self._result.dataset.components)
        self._write(absence(self._result, self._events, at))

    def clear(self) -> None:
        """Tell nothing any more."""
        self._write("")

    def _write(self, text: str) -> None:
        lines = [line for part in text.split("\n") for line in textwrap.wrap(part, WIDTH)]
        text = "\n".join(lines[:MOST_LINES] + ["…"] * (len(lines) > MOST_LINES))
        overlay = self._viewer.canvas.overlays.text
        if overlay.text in ("", self._told) and text != self._told:
            overlay.text = self._told = text
            overlay.position = "top_left"
            overlay.visible = bool(text)
