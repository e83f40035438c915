"""Layers of the preview: one per step, which is updated in place."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.kinds import OutputKind
from ...datasets.dataset import Dataset
from ...pipeline.pipeline import Pipeline
from ...pipeline.step import RAW
from ...preview.output import StepPreview
from ..viewer.arrays import PlaneStack
from ..viewer.axes import DATASET, LayerAxes, covered_components
from ..viewer.kinds import KindLayer, RowsLayer, layer_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

PREVIEW = "napari-axiswise preview"
"""Metadata key under which a preview layer names its step."""

MAX_CONTRAST_CHANGE = 2.0
"""Factor by which the range of an image may change before its contrast limits are updated."""


@dataclass(eq=False)
class _Shown:
    """Layer of a step, with the state it shows."""

    layer: Layer
    kind: OutputKind
    key: str = ""
    place: Mapping[str, Any] | None = None
    features: str = ""
    limits: tuple[float, float] = (0.0, 1.0)
    is_result: bool = False
    was_visible: bool | None = None
    """Visibility before the step failed; None if it did not fail."""


class PreviewLayers:
    """Layers of the preview.

    `show` queues jobs, visible layers first, and each call of `step` does one, so that the caller can process window
    events in between.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer to which layers are added.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._shown: dict[str, _Shown] = {}
        self._dismissed: set[str] = set()
        self._jobs: deque[Callable[[], None]] = deque()
        self._order: list[str] = []

    def show(self, dataset: Dataset, pipeline: Pipeline, previews: Sequence[StepPreview]) -> None:
        """Queue the outputs of steps for the next calls of `step`, and remove the layers of other steps.

        Parameters
        ----------
        dataset : Dataset
            Dataset of the plane.
        pipeline : Pipeline
            Configured pipeline.
        previews : sequence of StepPreview
            Outputs of its steps.
        """
        self._jobs.clear()
        axes = self._axes(dataset)
        # A preview covers all positions along components without a slider.
        covered = covered_components(self._viewer, dataset.components)
        previews = [
            replace(
                preview, places={name: code for name, code in preview.places.items() if name not in covered}
            )
            for preview in previews
        ]
        pictures = [shown for shown in previews if layer_of(shown.kind) is not None]
        self._order = [shown.step for shown in pictures]
        for step in [step for step in self._shown if step not in self._order]:
            self._jobs.append(partial(self._remove, step))
        tables = {shown.step: shown for shown in previews if shown.kind.in_table and not shown.error}
        measured = {
            name: tables[step.name]
            for step in reversed(pipeline.steps)
            if step.name in tables
            for name in step.inputs or ()
        }
        results = _results(pictures)
        for shown in sorted(pictures, key=lambda shown: shown.step not in results):
            self._jobs.append(partial(self._show, dataset, axes, shown, shown.step in results))
            if shown.kind.has_planes and not shown.kind.has_intensities:
                self._jobs.append(partial(self._measure, shown.step, measured.get(shown.step)))

    def step(self) -> bool:
        """Do one queued job. Return whether there was any."""
        if not self._jobs:
            return False
        self._jobs.popleft()()
        return True

    def hide(self) -> None:
        """Hide all layers until the next output."""
        self._jobs.clear()
        for shown in self._shown.values():
            _hide(shown)

    def clear(self) -> None:
        """Remove all layers."""
        self._jobs.clear()
        self._dismissed.clear()
        for step in [*self._shown]:
            self._remove(step)

    def _axes(self, dataset: Dataset) -> LayerAxes:
        """Return the axes of the dataset in the order of the viewer's axes."""
        axes, labels = LayerAxes.of(dataset), self._viewer.dims.axis_labels
        if not set(axes.names) <= set(labels):
            return axes
        return replace(axes, names=tuple(sorted(axes.names, key=labels.index)))

    def _remove(self, step: str) -> None:
        layer = self._shown.pop(step).layer
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _show(self, dataset: Dataset, axes: LayerAxes, preview: StepPreview, is_result: bool) -> None:
        """Add or update the layer of a step; hide it if the step has no output."""
        shown = self._shown.get(preview.step)
        if shown is not None and shown.layer not in self._viewer.layers:
            # The user removed the layer, so it does not come back.
            del self._shown[preview.step]
            self._dismissed.add(preview.step)
            shown = None
        if preview.step in self._dismissed:
            return
        if preview.data is None and preview.rows is None:
            if shown is not None:
                _hide(shown)
            return
        place = axes.metadata(tuple(preview.places), preview.places)
        if shown is not None and (shown.kind is not preview.kind or shown.layer.ndim != len(axes.names) + 2):
            self._remove(preview.step)
            shown = None
        if shown is None:
            self._shown[preview.step] = shown = self._add(dataset, place, preview, is_result)
        else:
            shown.layer.metadata[DATASET] = dataset.source
            _move(shown, place)
            _update(shown, preview)
            if shown.was_visible is not None:
                shown.layer.visible, shown.was_visible = shown.was_visible, None
            if shown.is_result != is_result and shown.layer.visible == shown.is_result:
                # Follow the default, unless the user has shown or hidden the layer.
                shown.layer.visible = is_result
        shown.is_result = is_result
        shown.key = preview.key

    def _add(
        self, dataset: Dataset, place: Mapping[str, Any], preview: StepPreview, is_result: bool
    ) -> _Shown:
        common = {
            **place,
            "name": f"preview · {preview.step}",
            "visible": is_result,
            "metadata": {DATASET: dataset.source, PREVIEW: preview.step},
        }
        kind_layer = _kind_layer(preview)
        layer = kind_layer.make(_data(preview, len(place["scale"])), preview.limits, **common)
        layers = self._viewer.layers
        selected = set(layers.selection)
        self._viewer.add_layer(layer)
        if selected:
            layers.selection = selected
        rank = self._order.index(preview.step)
        later = [
            other.layer
            for step, other in self._shown.items()
            if step in self._order and self._order.index(step) > rank and other.layer in layers
        ]
        if later:
            layers.move(layers.index(layer), min(map(layers.index, later)))
        return _Shown(layer, preview.kind, place=place, limits=preview.limits)

    def _measure(self, step: str, table: StepPreview | None) -> None:
        """Set the measurements of objects as features of a labels layer."""
        shown = self._shown.get(step)
        key, rows = "", pd.DataFrame()
        if table is not None and table.rows is not None and "label" in table.rows.columns:
            # napari looks up labels in the column "index".
            key, rows = table.key, table.rows.assign(index=table.rows["label"]).reset_index(drop=True)
        if shown is not None and shown.features != key:
            shown.layer.features, shown.features = rows, key


def _results(pictures: Sequence[StepPreview]) -> set[str]:
    """Return the steps that are visible at first: the plane, the last step, and kinds that are kept by default."""
    last = pictures[-1].step if pictures else ""
    return {shown.step for shown in pictures if shown.kind.kept or shown.step in (last, RAW)}


def _hide(shown: _Shown) -> None:
    if shown.was_visible is None:
        shown.was_visible, shown.layer.visible = bool(shown.layer.visible), False


def _data(preview: StepPreview, ndim: int) -> Any:
    """Return the layer data of one plane, or of the rows of one plane."""
    data, rows, kind_layer = preview.data, preview.rows, _kind_layer(preview)
    if isinstance(kind_layer, RowsLayer):
        assert rows is not None
        return kind_layer.data(rows, np.zeros((len(rows), ndim - 2)))
    assert data is not None
    return PlaneStack((1,) * (ndim - 2), data.shape, data.dtype, lambda _: data)


def _kind_layer(preview: StepPreview) -> KindLayer:
    kind_layer = layer_of(preview.kind)
    assert kind_layer is not None
    return kind_layer


def _move(shown: _Shown, place: Mapping[str, Any]) -> None:
    """Move a layer to the position of another plane."""
    if shown.place != place:
        for name, value in place.items():
            if shown.place is None or shown.place[name] != value:
                setattr(shown.layer, name, value)
        shown.place = place


def _update(shown: _Shown, preview: StepPreview) -> None:
    """Update the pixels or rows of a layer."""
    if shown.key == preview.key:
        return
    layer = shown.layer
    layer.data = _data(preview, layer.ndim)
    if preview.kind.has_intensities and _differ_much(shown.limits, preview.limits):
        # Set first: napari clips the limits to this range.
        layer.contrast_limits_range = preview.limits
        layer.contrast_limits = preview.limits
        shown.limits = preview.limits


def _differ_much(before: tuple[float, float], now: tuple[float, float]) -> bool:
    spans = before[1] - before[0], now[1] - now[0]
    apart = now[0] > before[1] or now[1] < before[0]
    return apart or max(spans) > MAX_CONTRAST_CHANGE * min(spans)
