"""What is tried on a plane, as layers: one per step, which changes in place as the step does."""

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
"""The key of a layer's metadata under which a layer of what is tried tells its step."""

MUCH = 2.0
"""By how much the contrast of an image may change before it gets other limits."""


@dataclass(eq=False)
class _Shown:
    """The layer of a step, and what it shows."""

    layer: Layer
    kind: OutputKind
    key: str = ""
    place: Mapping[str, Any] | None = None
    features: str = ""
    limits: tuple[float, float] = (0.0, 1.0)
    is_result: bool = False
    was_visible: bool | None = None
    """Whether it was before the step failed; None where it did not."""


class PreviewLayers:
    """Shows what was made of the plane under the sliders.

    Work is queued by `take` and done by `step`, a layer at a time, so that the window can breathe in between: first
    what is visible.

    Parameters
    ----------
    viewer : napari.Viewer
        Where layers are added.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._shown: dict[str, _Shown] = {}
        self._dismissed: set[str] = set()
        self._jobs: deque[Callable[[], None]] = deque()
        self._order: list[str] = []

    def take(self, dataset: Dataset, pipeline: Pipeline, previews: Sequence[StepPreview]) -> None:
        """Have what was made be shown, by the next calls of `step`.

        Parameters
        ----------
        dataset : Dataset
            Of the plane.
        pipeline : Pipeline
            Configured.
        previews : sequence of StepPreview
            What its steps made; layers of other steps go.
        """
        self._jobs.clear()
        axes = self._axes(dataset)
        # Where no slider goes, what is tried is seen as well.
        covered = covered_components(self._viewer, dataset.components)
        previews = [
            replace(made, places={name: code for name, code in made.places.items() if name not in covered})
            for made in previews
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
        """Do one piece of work. Return whether there was any."""
        if not self._jobs:
            return False
        self._jobs.popleft()()
        return True

    def hide(self) -> None:
        """Hide all layers until there is something to show again."""
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
        """Return the axes of the dataset, in the order that those of the viewer have."""
        axes, labels = LayerAxes.of(dataset), self._viewer.dims.axis_labels
        if not set(axes.names) <= set(labels):
            return axes
        return replace(axes, names=tuple(sorted(axes.names, key=labels.index)))

    def _remove(self, step: str) -> None:
        layer = self._shown.pop(step).layer
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _show(self, dataset: Dataset, axes: LayerAxes, made: StepPreview, is_result: bool) -> None:
        """Have the layer of a step show what the step made; hide it where that is nothing."""
        shown = self._shown.get(made.step)
        if shown is not None and shown.layer not in self._viewer.layers:
            # Who removed it does not want it.
            del self._shown[made.step]
            self._dismissed.add(made.step)
            shown = None
        if made.step in self._dismissed:
            return
        if made.data is None and made.rows is None:
            if shown is not None:
                _hide(shown)
            return
        place = axes.metadata(tuple(made.places), made.places)
        if shown is not None and (shown.kind is not made.kind or shown.layer.ndim != len(axes.names) + 2):
            self._remove(made.step)
            shown = None
        if shown is None:
            self._shown[made.step] = shown = self._add(dataset, place, made, is_result)
        else:
            shown.layer.metadata[DATASET] = dataset.source
            _move(shown, place)
            _update(shown, made)
            if shown.was_visible is not None:
                shown.layer.visible, shown.was_visible = shown.was_visible, None
            if shown.is_result != is_result and shown.layer.visible == shown.is_result:
                # As ever, unless the user has shown or hidden it.
                shown.layer.visible = is_result
        shown.is_result = is_result
        shown.key = made.key

    def _add(self, dataset: Dataset, place: Mapping[str, Any], made: StepPreview, is_result: bool) -> _Shown:
        common = {
            **place,
            "name": f"try · {made.step}",
            "visible": is_result,
            "metadata": {DATASET: dataset.source, PREVIEW: made.step},
        }
        kind_layer = _kind_layer(made)
        layer = kind_layer.make(_data(made, len(place["scale"])), made.limits, **common)
        layers = self._viewer.layers
        selected = set(layers.selection)
        self._viewer.add_layer(layer)
        if selected:
            layers.selection = selected
        rank = self._order.index(made.step)
        later = [
            other.layer
            for step, other in self._shown.items()
            if step in self._order and self._order.index(step) > rank and other.layer in layers
        ]
        if later:
            layers.move(layers.index(layer), min(map(layers.index, later)))
        return _Shown(layer, made.kind, place=place, limits=made.limits)

    def _measure(self, step: str, table: StepPreview | None) -> None:
        """Give a labels layer the measurements of its objects."""
        shown = self._shown.get(step)
        key, rows = "", pd.DataFrame()
        if table is not None and table.rows is not None and "label" in table.rows.columns:
            # napari looks labels up in the column "index".
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


def _data(made: StepPreview, ndim: int) -> Any:
    """Return the data of a layer that has one plane, or one plane's points."""
    data, rows, kind_layer = made.data, made.rows, _kind_layer(made)
    if isinstance(kind_layer, RowsLayer):
        assert rows is not None
        return kind_layer.data(rows, np.zeros((len(rows), ndim - 2)))
    assert data is not None
    return PlaneStack((1,) * (ndim - 2), data.shape, data.dtype, lambda _: data)


def _kind_layer(made: StepPreview) -> KindLayer:
    kind_layer = layer_of(made.kind)
    assert kind_layer is not None
    return kind_layer


def _move(shown: _Shown, place: Mapping[str, Any]) -> None:
    """Take a layer to the place of another plane."""
    if shown.place != place:
        for name, value in place.items():
            if shown.place is None or shown.place[name] != value:
                setattr(shown.layer, name, value)
        shown.place = place


def _update(shown: _Shown, made: StepPreview) -> None:
    """Let a layer show other pixels or points."""
    if shown.key == made.key:
        return
    layer = shown.layer
    layer.data = _data(made, layer.ndim)
    if made.kind.has_intensities and _differ_much(shown.limits, made.limits):
        # Before the limits themselves, which are kept within it.
        layer.contrast_limits_range = made.limits
        layer.contrast_limits = made.limits
        shown.limits = made.limits


def _differ_much(before: tuple[float, float], now: tuple[float, float]) -> bool:
    spans = before[1] - before[0], now[1] - now[0]
    apart = now[0] > before[1] or now[1] < before[0]
    return apart or max(spans) > MUCH * min(spans)
