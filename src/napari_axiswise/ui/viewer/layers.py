"""Results as layers: one per task, or one per step that is filled as tasks finish."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...core.axes import axis_parts, value_codes
from ...core.events import TaskEvent
from ...pipeline.step import Step
from ...results.records import TaskOutput
from ..common.settings import Settings
from .arrays import PlaneStack
from .axes import DATASET, LayerAxes, arrange_layers
from .features import ObjectFeatures
from .kinds import KindLayer, RowsLayer, layer_of

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Layer
    from napari.viewer import Viewer

    from ...runs.result import RunResult

ShowAs = Literal["auto", "layer per task", "stacked"]
SHOW_AS: tuple[ShowAs, ...] = ("auto", "layer per task", "stacked")

FILES_AT_ONCE = 8
"""Number of files read in one job."""

ROWS_GROWTH = 1.25
"""Factor by which the number of tasks grows before a layer of rows is updated."""

RESULT = "napari-axiswise result"
"""Metadata key under which a result layer names its step and its task."""


def show(result: RunResult, viewer: Viewer | None = None, show_as: ShowAs = "auto") -> list[Layer]:
    """Add a result's outputs to a viewer, as the widget does.

    Parameters
    ----------
    result : RunResult
        Result of `run`.
    viewer : napari.Viewer, optional
        By default, the current viewer or a new one.
    show_as : {"auto", "layer per task", "stacked"}
        One layer per task and kept step, or one per kept step with the axis in front. ``"auto"`` chooses a layer per
        task for up to 16 tasks, or the number in napari's preferences.

    Returns
    -------
    list of napari layers
        The added layers, which read from the output folder as they are displayed.
    """
    import napari

    viewer = viewer or napari.current_viewer() or napari.Viewer()
    layers = ResultLayers(viewer, result, show_as)
    arrange_layers(viewer, result.dataset.source, layers.axes.names)
    for event in result.outcomes.values():
        layers.add(event)
    layers.finish()
    while layers.step():
        pass
    return layers.added


class ResultLayers:
    """Layers of one run.

    Finished tasks queue jobs, and each call of `step` does one, so that the caller can process window events in
    between.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer to which layers are added.
    result : RunResult
        Result of a run, which may still be going on.
    show_as : {"auto", "layer per task", "stacked"}
        See `show`.
    """

    def __init__(self, viewer: Viewer, result: RunResult, show_as: ShowAs = "auto") -> None:
        if show_as not in SHOW_AS:
            raise ValueError(f"show_as={show_as!r}: use one of {', '.join(SHOW_AS)}.")
        few = len(result.outcomes) <= Settings.current().most_layers
        per_task = show_as == "layer per task" or (show_as == "auto" and few)
        self._viewer = viewer
        self._result = result
        self._store = result.store
        self._axis = result.axis
        self._parts = axis_parts(result.axis, result.dataset.components)
        self._per_task = per_task
        self.axes = LayerAxes.of(result.dataset, first=None if per_task else result.axis)
        self.added: list[Layer] = []
        self._shown: dict[tuple[str, str], _Shown] = {}
        self._jobs: deque[Callable[[], None]] = deque()
        self._queued: set[tuple[str, str]] = set()
        self._measurements = {
            name: step.name
            for step in reversed(result.pipeline.kept)
            if step.output_kind.in_table
            for name in step.inputs or ()
        }

    def add(self, event: TaskEvent) -> None:
        """Queue the layers of a task's output for the next calls of `step`."""
        if not isinstance(event.result, TaskOutput):
            return
        written = {planes.step for planes in event.result.planes} | {
            table.step for table in event.result.tables
        }
        for step in self._result.pipeline.kept:
            kind_layer = layer_of(step.output_kind)
            if step.name not in written or kind_layer is None:
                continue
            key = (step.name, event.axis_value if self._per_task else "")
            shown = self._shown.setdefault(key, _Shown(step, kind_layer, key[1]))
            shown.add(event.axis_value, event.result)
            if key not in self._queued and self._has_to_update(shown, event.axis_value):
                self._queued.add(key)
                self._jobs.append(partial(self._update, key))

    def replace_other_axes(self) -> None:
        """Remove the layers that show the same output folder by another axis, since this run's layers replace them."""
        for layer in list(self._viewer.layers):
            result = layer.metadata.get(RESULT, {})
            if result.get("output") == self._result.output and result["axis"] != self._axis:
                self._jobs.append(partial(self._remove, layer))

    def _remove(self, layer: Layer) -> None:
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def finish(self) -> None:
        """Queue the remaining updates, since no more tasks will finish."""
        for key, shown in self._shown.items():
            if isinstance(shown.kind_layer, RowsLayer) and shown.read < len(shown.outputs):
                self._jobs.append(partial(self._update, key))
            if shown.step.name in self._measurements:
                self._jobs.append(partial(self._measure, shown))

    def step(self) -> bool:
        """Do one queued job. Return whether there was any."""
        if not self._jobs:
            return False
        self._jobs.popleft()()
        return True

    def _has_to_update(self, shown: _Shown, axis_value: str) -> bool:
        """Return whether the output of a task changes the display."""
        layer = shown.layer
        if layer is None:
            return True
        if isinstance(shown.kind_layer, RowsLayer):
            # napari slows down with the number of points, so updates become rarer as it grows.
            return len(shown.outputs) >= ROWS_GROWTH * shown.read
        step = self._store.steps[shown.step.name]
        at = self.axes.indices_under_sliders(self._viewer, layer, step.grid.names, self._fixed(shown))
        looked_at = all(at.get(name, code) == code for name, code in self._codes(axis_value).items())
        brighter = shown.step.output_kind.has_intensities and tuple(layer.contrast_limits) != _limits(
            step.limits
        )
        return looked_at or brighter

    def _update(self, key: tuple[str, str]) -> None:
        """Add the layer of a step and task, or update it."""
        self._queued.discard(key)
        shown = self._shown[key]
        if isinstance(shown.kind_layer, RowsLayer):
            self._update_rows(shown, shown.kind_layer)
        else:
            self._update_planes(shown)

    def _update_planes(self, shown: _Shown) -> None:
        step = self._store.steps[shown.step.name]
        own, fixed = step.grid.names, self._fixed(shown)
        shapes = np.array(step.shapes)
        stack = PlaneStack(
            lengths=self.axes.lengths(own, fixed),
            plane_shape=(int(shapes[:, 0].max()), int(shapes[:, 1].max())),
            dtype=step.dtype,
            read=lambda position: self._store.read(shown.step.name, self.axes.codes(own, fixed, position)),
        )
        if self._is_new(shown):
            self._add(shown, stack, self.axes.metadata(own, fixed), _limits(step.limits))
        elif shown.adopted or shown.layer.data.shape != stack.shape:
            shown.adopted = False
            shown.layer.data = stack
        else:
            shown.layer.refresh()
        if shown.step.output_kind.has_intensities:
            self._share_limits(shown.step.name, _limits(step.limits))
        elif self._per_task:
            self._jobs.append(partial(self._measure, shown))

    def _add(
        self, shown: _Shown, data: Any, axes: Mapping[str, Any], limits: tuple[float, float] = (0.0, 1.0)
    ) -> None:
        layer = shown.kind_layer.make(data, limits, **self._common(shown), **axes)
        shown.layer = self._viewer.add_layer(layer)
        self._place(shown.layer)

    def _is_new(self, shown: _Shown) -> bool:
        """Return whether a layer has to be added, after looking for one from an earlier part of the run."""
        if shown.layer is None:
            result = self._common(shown)["metadata"][RESULT]
            left = (layer for layer in self._viewer.layers if layer.metadata.get(RESULT) == result)
            shown.layer = next(left, None)
            if shown.layer is not None:
                shown.adopted = True
                self.added.append(shown.layer)
        return shown.layer is None

    def _place(self, layer: Layer) -> None:
        """Move a new layer to its position in the order of tasks and steps."""
        later = [
            other
            for other in self.added
            if other in self._viewer.layers and self._rank(other) > self._rank(layer)
        ]
        self.added.append(layer)
        if later:
            layers = self._viewer.layers
            layers.move(layers.index(layer), min(map(layers.index, later)))

    def _rank(self, layer: Layer) -> tuple[tuple[int, ...], int]:
        result = layer.metadata[RESULT]
        steps = [step.name for step in self._result.pipeline]
        return tuple(self._codes(result["axis_value"]).values()), steps.index(result["step"])

    def _share_limits(self, step: str, limits: tuple[float, float]) -> None:
        """Queue the same contrast limits for all layers of a step."""
        for shown in self._shown.values():
            layer = shown.layer
            if shown.step.name == step and layer is not None and tuple(layer.contrast_limits) != limits:
                self._jobs.append(partial(_set_limits, layer, limits))

    def _update_rows(self, shown: _Shown, rows_layer: RowsLayer) -> None:
        # Only new files are read, a few at a time.
        few = list(islice(shown.outputs.values(), shown.read, shown.read + FILES_AT_ONCE))
        shown.read += len(few)
        new = [table for output in few for table in output.tables]
        rows = self._store.table(shown.step.name, new)
        shown.parts.append(rows_layer.data(rows, self._leading(rows)))
        if shown.read < len(shown.outputs):
            self._jobs.append(partial(self._update_rows, shown, rows_layer))
            return
        data = np.concatenate(shown.parts)
        if self._is_new(shown):
            # Rows have their position along every axis: unlike planes they are not translated to that of their task.
            self._add(shown, data, self.axes.metadata(self.axes.names, {}))
        else:
            shown.layer.data = data

    def _leading(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return the index of each row along each axis in front of Y and X."""
        leading = np.zeros((len(rows), len(self.axes.names)))
        for axis, name in enumerate(self.axes.names):
            if name in rows.columns:
                leading[:, axis] = rows[name].map(self.axes.components[name].index)
        return leading

    def _measure(self, shown: _Shown) -> None:
        """Set the measurements of objects as features of a labels layer, which follow the sliders."""
        table = self._measurements.get(shown.step.name)
        if table is None or shown.layer is None or shown.layer not in self._viewer.layers:
            return
        rows = self._rows(shown, table)
        if "label" in rows.columns:
            own = self._store.steps[shown.step.name].grid.names
            ObjectFeatures(self._viewer, shown.layer, rows, self.axes, own, self._fixed(shown))

    def _rows(self, shown: _Shown, step: str) -> pd.DataFrame:
        return self._store.table(
            step, [table for output in shown.outputs.values() for table in output.tables]
        )

    def _fixed(self, shown: _Shown) -> dict[str, int]:
        if not self._per_task:
            return {}
        return self._codes(shown.axis_value)

    def _codes(self, axis_value: str) -> dict[str, int]:
        """Return the index of each component of an axis value; empty for a layer of all tasks."""
        return value_codes(axis_value, self._parts, self.axes.components)

    def _common(self, shown: _Shown) -> dict[str, Any]:
        step, axis = shown.step.name, self._axis
        result = {"step": step, "axis": axis, "axis_value": shown.axis_value, "output": self._result.output}
        return {
            "name": f"{step} · {axis} {shown.axis_value}" if self._per_task else f"{step} · by {axis}",
            "metadata": {DATASET: self._result.dataset.source, RESULT: result},
        }


@dataclass(eq=False)
class _Shown:
    """Current or future layer, with the outputs that it shows."""

    step: Step
    kind_layer: KindLayer
    axis_value: str
    outputs: dict[str, TaskOutput] = field(default_factory=dict)
    read: int = 0
    parts: list[NDArray[Any]] = field(default_factory=list)
    layer: Any = None
    adopted: bool = False

    def add(self, axis_value: str, output: TaskOutput) -> None:
        """Set the output of a task, which replaces an earlier one."""
        if axis_value in self.outputs:
            # The rows already read may include earlier ones of this task.
            self.read, self.parts = 0, []
        self.outputs[axis_value] = output


def _limits(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    if not np.isfinite([low, high]).all():
        return 0.0, 1.0
    return low, high if high > low else low + 1.0


def _set_limits(layer: Any, limits: tuple[float, float]) -> None:
    low, high = layer.contrast_limits_range
    layer.contrast_limits_range = (min(low, limits[0]), max(high, limits[1]))
    layer.contrast_limits = limits
