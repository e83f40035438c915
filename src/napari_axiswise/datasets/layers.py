"""Datasets from napari layers. Layers are recognised by their attributes, so napari is not imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from ..core.calibration import SECONDS, Calibration
from .arrays import array_dataset, axis_components
from .dataset import Dataset


class ImageLayer(Protocol):
    """The part of a napari Image or Labels layer that is used here."""

    name: str
    data: Any
    axis_labels: tuple[str, ...]
    scale: Any
    units: Any


def open_layers(layers: Sequence[ImageLayer], axes: Sequence[str] | None = None) -> Dataset:
    """Open one n-dimensional image layer as a dataset.

    Parameters
    ----------
    layers : sequence of one napari layer
        Its data has shape (…, Y, X).
    axes : sequence of str, optional
        Components of the leading axes. By default, the layer's ``axis_labels``.

    Raises
    ------
    TypeError
        An object is not a layer.
    ValueError
        There is not exactly one layer, it is in colour, it has no axis besides Y and X, or `axes` does not have a
        different name for each axis.
    """
    for layer in layers:
        if not hasattr(layer, "axis_labels"):
            raise TypeError(
                f"A {type(layer).__name__} cannot be opened as a dataset. Give a folder, a file, an array or a "
                "napari layer."
            )
    if not layers:
        raise ValueError("There is no layer to open. Give one image layer, or a folder.")
    if len(layers) != 1:
        raise ValueError(f"Only one image layer can be opened, not {len(layers)}. Stack the layers first.")
    layer = layers[0]
    if getattr(layer, "rgb", False):
        raise ValueError(
            f"Layer {layer.name!r} is in colour. Split it into channels first (Layer ▸ Split RGB)."
        )
    array = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    names = tuple(axes) if axes is not None else axis_components(layer.axis_labels)
    dataset = array_dataset(array, names, layer.name, calibration=_calibration(layer, names), layout="layer")
    return replace(dataset, reopen=lambda: open_layers(layers, axes))


def _calibration(layer: ImageLayer, names: Sequence[str]) -> Calibration:
    """Return the calibration from the scale of a layer, for axes with units of length or time."""
    units = [str(unit) for unit in layer.units]
    scale = dict(zip(names, map(float, layer.scale), strict=False))
    unit_of = dict(zip(names, units, strict=False))
    seconds = SECONDS.get(unit_of.get("timepoint", ""), 0.0) * scale.get("timepoint", 0.0)
    is_calibrated = units[-1] != "pixel"
    same_unit = is_calibrated and unit_of.get("z_index") == units[-1]
    return Calibration(
        pixel_size=(float(layer.scale[-2]), float(layer.scale[-1])) if is_calibrated else None,
        unit=units[-1] if is_calibrated else "pixel",
        z_step=scale["z_index"] if same_unit else None,
        time_step=seconds or None,
    )
