"""Datasets from napari layers, which are looked at by their attributes: nothing here imports napari."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..planes import Planes
from .calibration import Calibration
from .dataset import Dataset

_AXIS_NAMES = {
    "t": "timepoint", "time": "timepoint", "frame": "timepoint",
    "c": "channel", "ch": "channel", "z": "z_index", "plane": "z_index",
    "s": "site", "p": "site", "pos": "site", "position": "site", "field": "site", "fov": "site",
    "w": "well",
}  # fmt: skip


class ImageLayer(Protocol):
    """What is used of a napari Image or Labels layer."""

    name: str
    data: Any
    axis_labels: tuple[str, ...]
    scale: Any
    units: Any


def axis_components(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the components of the leading axes of a layer, from the labels of all its axes.

    Labels that say nothing (``-3``, as napari has them when nobody named the axes) become ``axis1``, ….
    """
    names: list[str] = []
    for number, label in enumerate(labels[:-2], 1):
        text = label.strip().lower().replace(" ", "_")
        name = _AXIS_NAMES.get(text, text)
        names.append(name if name.isidentifier() and name not in names else f"axis{number}")
    return tuple(names)


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
        Not one layer; no axis besides Y and X; multiscale or colour data; not one name per axis.
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
    if array.ndim < 3:
        raise ValueError(
            f"Layer {layer.name!r} has shape {tuple(array.shape)}: besides Y and X there is no axis to split by. "
            "Choose a layer with at least three axes."
        )
    names = tuple(axes) if axes is not None else axis_components(layer.axis_labels)
    if len(names) != array.ndim - 2 or len(set(names)) != len(names):
        raise ValueError(
            f"Layer {layer.name!r} has {array.ndim - 2} axes before Y and X; "
            f"give a different name to each, not {', '.join(names) or 'none'}."
        )
    leading = array.shape[:-2]
    pages = np.arange(int(np.prod(leading)), dtype=np.int32)
    index = Planes(
        {name: tuple(str(i + 1) for i in range(length)) for name, length in zip(names, leading, strict=True)},
        np.stack(np.unravel_index(pages, leading), axis=1).astype(np.int32),
        ("layer.npy",),
        np.zeros(len(pages), np.int32),
        pages,
        layer.name,
    )
    units = [str(unit) for unit in layer.units[-2:]]
    known = units[0] != "pixel"
    return Dataset(
        layout="layer",
        index=index,
        shape=(int(array.shape[-2]), int(array.shape[-1])),
        dtype=np.dtype(array.dtype),
        calibration=Calibration((float(layer.scale[-2]), float(layer.scale[-1])), units[0])
        if known
        else Calibration(),
        array=array,
        reopen=lambda: open_layers(layers, axes),
    )
