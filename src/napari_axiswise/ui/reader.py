"""Plate folders as layers, for File ▸ Open and drag and drop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.dataset import Dataset
from ..datasets.opening import open_dataset
from ..failures import PlaneError
from .arrays import PlaneStack
from .axes import LayerAxes

if TYPE_CHECKING:
    from napari.viewer import Viewer

LayerData = tuple[Any, dict[str, Any], str]

SOURCE = "napari-axiswise source"
"""The key of a layer's metadata under which its dataset's folder is."""

CHANNEL = "napari-axiswise channel"
"""The key under which the number of its channel is."""

_COLORMAPS = ("bop blue", "bop orange", "bop purple", "green", "magenta", "cyan", "yellow", "red")
_ZARR = ("zarr.json", ".zgroup", ".zarray", ".zattrs")


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return a reader for a folder that is not a Zarr store, or None."""
    if (
        not isinstance(path, str)
        or not Path(path).is_dir()
        or any(Path(path, name).exists() for name in _ZARR)
    ):
        return None
    return lambda folder: dataset_layers(open_dataset(folder))


def dataset_layers(dataset: Dataset) -> list[LayerData]:
    """Return a layer per channel, with a slider for every other component that has more than one value."""
    axes = LayerAxes.of(dataset)
    channels = dataset.components.get("channel", ("",))
    return [channel_layer(dataset, axes, number) for number in range(len(channels))]


def arrange_images(viewer: Viewer, dataset: Dataset, names: Sequence[str]) -> None:
    """Give the images of a dataset that are in a viewer the order of axes that its results will have."""
    axes = LayerAxes.of(dataset, first=names[0] if names else None)
    for layer in viewer.layers:
        channel = layer.metadata.get(CHANNEL)
        if (
            layer.metadata.get(SOURCE) != dataset.source
            or channel is None
            or layer.axis_labels[:-2] == axes.names
        ):
            continue
        data, arranged, _ = channel_layer(dataset, axes, channel)
        layer.data = data
        for attribute in ("axis_labels", "scale", "translate", "units"):
            setattr(layer, attribute, arranged[attribute])


def channel_layer(dataset: Dataset, axes: LayerAxes, channel: int) -> LayerData:
    """Return the layer of one channel, in all places of the channel's slider."""
    names = tuple(dataset.components)
    own = tuple(name for name in names if name != "channel")
    rows = {key: row for row, key in enumerate(map(tuple, dataset.index.codes.tolist()))}

    def read(position: tuple[int, ...]) -> Any:
        at = dict(zip(own, axes.codes(own, {}, position), strict=True)) | {"channel": channel}
        return dataset.index.read(rows[tuple(at[name] for name in names)])

    several = len(dataset.components.get("channel", ())) > 1
    value = dataset.components.get("channel", ("1",))[channel]
    title = f"channel {value}" if several else "images"
    return (
        PlaneStack(axes.lengths(own, {}), dataset.shape, dataset.dtype, read),
        {
            "name": f"{Path(dataset.source).name} · {dataset.channel_names.get(value, title)}",
            "contrast_limits": _first_limits(dataset, channel),
            "colormap": _COLORMAPS[channel % len(_COLORMAPS)] if several else "gray",
            "blending": "additive",
            "metadata": {SOURCE: dataset.source, CHANNEL: channel},
            **axes.metadata(own, {}),
        },
        "image",
    )


def _first_limits(dataset: Dataset, channel: int) -> tuple[float, float]:
    """Return contrast limits from the first plane of a channel that can be read."""
    rows = np.arange(len(dataset.index))
    if "channel" in dataset.components:
        rows = np.flatnonzero(dataset.index.column("channel") == channel)
    for row in rows[:3]:
        try:
            low, high = np.percentile(dataset.index.read(int(row))[::2, ::2], (1, 99.8))
        except PlaneError:
            continue
        return float(low), float(max(high, low + 1))
    return 0.0, 1.0
