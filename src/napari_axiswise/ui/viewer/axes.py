"""The components of a dataset as axes of layers, so that all layers of a dataset share their sliders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.axes import axis_parts
from ...core.calibration import Calibration
from ...datasets.dataset import Dataset
from .arrays import PlaneStack

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

DATASET = "napari-axiswise dataset"
"""Metadata key under which a layer names the dataset of its planes."""

VALUES = "napari-axiswise values"
"""Metadata key under which a layer lists component values of its planes that its axes do not show."""


@dataclass(frozen=True)
class LayerAxes:
    """Axes of the layers of a dataset: one per component with more than one value, then Y and X.

    Every layer has all axes. Along a component with one value in a layer, the layer has one plane, at the position of
    that value. Along a component that its planes lack (after a projection), it has one plane that covers all positions.

    Parameters
    ----------
    names : tuple of str
        The components, slowest first.
    components : mapping
        From component name to all its values in the dataset.
    calibration : Calibration
        Calibration of the dataset.
    """

    names: tuple[str, ...]
    components: Mapping[str, tuple[str, ...]]
    calibration: Calibration

    @classmethod
    def of(cls, dataset: Dataset, first: str | None = None) -> LayerAxes:
        """Return the axes of a dataset, starting with the components of `first`, if any."""
        front = axis_parts(first, dataset.components) if first is not None else ()
        names = [name for name, values in dataset.components.items() if len(values) > 1 or name in front]
        names.sort(key=lambda name: front.index(name) if name in front else len(front))
        return cls(tuple(names), dataset.components, dataset.calibration)

    def lengths(self, own: Sequence[str], fixed: Mapping[str, int]) -> tuple[int, ...]:
        """Return the lengths of the leading axes of a layer.

        Parameters
        ----------
        own : sequence of str
            The components of its planes.
        fixed : mapping
            From components with one value in the layer to the index of that value.
        """
        return tuple(
            len(self.components[name]) if name in own and name not in fixed else 1 for name in self.names
        )

    def codes(self, own: Sequence[str], fixed: Mapping[str, int], position: Sequence[int]) -> tuple[int, ...]:
        """Return the index of the value of each component in `own` at a position along the leading axes."""
        at = dict(zip(self.names, position, strict=True)) | dict(fixed)
        return tuple(at.get(name, 0) for name in own)

    def indices_under_sliders(
        self, viewer: Viewer, layer: Layer, own: Sequence[str], fixed: Mapping[str, int]
    ) -> dict[str, int]:
        """Return the index of the value of each component at which a layer is displayed, in 3-D without those of depth.

        The sliders count in steps of the finest layer of the viewer, which need not be one of this dataset.
        """
        names = layer.axis_labels
        displayed = {axis - viewer.dims.ndim for axis in viewer.dims.displayed}
        indices = {}
        # A layer has the last axes of the viewer.
        for axis, coordinate in enumerate(layer.world_to_data(viewer.dims.point), -len(names)):
            name = names[axis]
            if name in self.names and axis not in displayed:
                extent, start = self._place(name, own, fixed)
                indices[name] = round(coordinate * extent + start)
        return indices

    def _place(self, name: str, own: Sequence[str], fixed: Mapping[str, int]) -> tuple[int, float]:
        """Return how many values a plane of a layer covers along a component, and the index of the first plane."""
        if name in own or name in fixed:
            return 1, fixed.get(name, 0)
        length = len(self.components[name])
        return length, (length - 1) / 2

    def metadata(self, own: Sequence[str], fixed: Mapping[str, int]) -> dict[str, Any]:
        """Return the layer arguments for the axes: labels, scale, translate and units."""
        axes = (*self.names, "y", "x")
        steps, units = zip(*map(self.calibration.step, axes), strict=True)
        places = (*(self._place(name, own, fixed) for name in self.names), (1, 0), (1, 0))
        return {
            "axis_labels": axes,
            "scale": tuple(step * extent for step, (extent, _) in zip(steps, places, strict=True)),
            "translate": tuple(step * start for step, (_, start) in zip(steps, places, strict=True)),
            "units": units,
        }


def is_shown(viewer: Viewer, source: str) -> bool:
    """Return whether a viewer has layers, and therefore the sliders, of a dataset."""
    return any(layer.metadata.get(DATASET) == source for layer in viewer.layers)


def places_under_sliders(viewer: Viewer, components: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return the index of the current value of each component with a slider.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer with the sliders.
    components : mapping
        From each component of a dataset to its values. If no slider has the name of a component (layers with unnamed
        axes), sliders are matched to components by their order.
    """
    names = viewer.dims.axis_labels[:-2]
    if not set(names) & set(components):
        names = tuple(components)[-len(names) :] if len(names) <= len(components) else names
    return {
        name: min(step, len(components[name]) - 1)
        for name, step in zip(names, viewer.dims.current_step, strict=False)
        if name in components
    }


def covered_components(viewer: Viewer, components: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the components whose slider has one position because every layer covers all values, such as channels.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer with the sliders.
    components : mapping
        From each component of a dataset to its values.
    """
    names = viewer.dims.axis_labels[:-2]
    return tuple(
        name
        for name, steps in zip(names, viewer.dims.nsteps, strict=False)
        if len(components.get(name, ())) > 1 and steps == 1
    )


def go_to(viewer: Viewer, axes: LayerAxes, values: Mapping[str, str]) -> None:
    """Move the sliders of a dataset's layers to component values; unknown ones are ignored.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer with the sliders.
    axes : LayerAxes
        Axes of the layers.
    values : mapping
        From component name to value.
    """
    labels = viewer.dims.axis_labels
    for name, value in values.items():
        if name in axes.names and name in labels and value in axes.components[name]:
            step, _ = axes.calibration.step(name)
            viewer.dims.set_point(labels.index(name), axes.components[name].index(value) * step)


def arrange_layers(viewer: Viewer, source: str, names: Sequence[str]) -> None:
    """Transpose the layers of a dataset so that their axes are in the order of new layers.

    napari aligns layers by the position of an axis, not by its label, so layers can only share sliders if their axes
    have the same order. The displayed planes stay the same.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer with the layers.
    source : str
        The dataset, as named in the layers' metadata under `DATASET`.
    names : sequence of str
        The components, slowest first.
    """
    steps = dict(zip(viewer.dims.axis_labels[:-2], viewer.dims.current_step, strict=False))
    for layer in viewer.layers:
        own = layer.axis_labels[:-2]
        wanted = [name for name in names if name in own]
        if layer.metadata.get(DATASET) != source or len(wanted) != len(own) or tuple(wanted) == own:
            continue
        order = [own.index(name) for name in wanted]
        axes = [*order, len(own), len(own) + 1]
        arranged = {
            name: [getattr(layer, name)[axis] for axis in axes] for name in ("scale", "translate", "units")
        }
        layer.data = (
            layer.data.transposed(order)
            if isinstance(layer.data, PlaneStack)
            else np.asarray(layer.data)[:, axes]
        )
        layer.axis_labels = (*wanted, *layer.axis_labels[-2:])
        for name, value in arranged.items():
            setattr(layer, name, value)
    new = viewer.dims.axis_labels[:-2]
    if tuple(steps) != new and set(steps) == set(new):
        viewer.dims.current_step = (*(steps[name] for name in new), *viewer.dims.current_step[-2:])
