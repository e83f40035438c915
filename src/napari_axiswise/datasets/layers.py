"""Datasets from napari layers, which are looked at by their attributes: nothing here imports napari."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from ..core.calibration import SECONDS, Calibration
from .arrays import array_dataset, axis_components
from .dataset import Dataset


class ImageLayer(Protocol):
    """What is used of a napari Image or Labels layer."""

    name: str
    data: Any
    axis_labels: tuple[str, ...]
    scale: Any
    units: Any


def open_layers(layers: Sequence[ImageLayer], axes: Sequence[str] | None = None) -> Dataset:
    """Return the planes of one n-dimensional image layer.

    Parameters
    ----------
    layers : sequence of one napari layer
        With data of shape (…, Y, X).
    axes : sequence of str, optional
        Components of the leading axes; left out, the layer's ``axis_labels``.

    Raises
    ------
    ValueError
        Not one layer; no axis besides Y and X; colour data; not one name per axis.
    """
    for layer in layers:
        if not hasattr(layer, "axis_labels"):
            raise TypeError(
                f"A dataset cannot be made of a {type(layer).__name__}. Give a folder, a file or a napari layer; "
                "an array becomes one by napari.layers.Image(array)."
            )
    if not layers:
        raise ValueError("No layer was given; a dataset is made of one image layer, or of a folder.")
    if len(layers) != 1:
        raise ValueError(f"A dataset is made of one image layer; {len(layers)} were given. Stack them first.")
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
    """Return what the scale of a layer tells, as far as its units are of lengths and times."""
    units = [str(unit) for unit in layer.units]
    scale = dict(zip(names, map(float, layer.scale), strict=False))
    unit_of = dict(zip(names, units, strict=False))
    seconds = SECONDS.get(unit_of.get("timepoint", ""), 0.0) * scale.get("timepoint", 0.0)
    known = units[-1] != "pixel"
    same_unit = known and unit_of.get("z_index") == units[-1]
    return Calibration(
        pixel_size=(float(layer.scale[-2]), float(layer.scale[-1])) if known else None,
        unit=units[-1] if known else "pixel",
        z_step=scale["z_index"] if same_unit else None,
        time_step=seconds or None,
    )
