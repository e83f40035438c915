"""Reader of plate folders, for File ▸ Open and drag and drop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import PlaneError
from ...core.files import is_address
from ...datasets.dataset import Dataset
from ...datasets.opening import open_dataset
from ...layouts.folder import Folder
from ...layouts.ome.zarr import is_plate
from ..viewer.arrays import PlaneStack
from ..viewer.axes import DATASET, VALUES, LayerAxes

LayerData = tuple[Any, dict[str, Any], str]

OPENED = "napari-axiswise opened"
"""Key of the dataset in a layer's metadata."""

_COLORMAPS = ("bop blue", "bop orange", "bop purple", "green", "magenta", "cyan", "yellow", "red")


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Return a reader for a folder or the address of an OME-Zarr plate, or None.

    Other Zarr stores are left to other readers, because this one shows only the largest level.
    """
    if not isinstance(path, str):
        return None
    is_ours = False
    if is_address(path):
        with suppress(OSError, ValueError):
            is_ours = path.rstrip("/").endswith(".zarr") and is_plate(path.rstrip("/"))
    elif Path(path).is_dir():
        is_ours = not Folder(Path(path)).is_store or is_plate(path)
    return (lambda source: dataset_layers(open_dataset(source))) if is_ours else None


def dataset_layers(dataset: Dataset) -> list[LayerData]:
    """Return a layer per channel, with a slider for every other component with more than one value."""
    axes = LayerAxes.of(dataset)
    channels = dataset.components.get("channel", ("",))
    return [channel_layer(dataset, axes, number) for number in range(len(channels))]


def channel_layer(dataset: Dataset, axes: LayerAxes, channel: int) -> LayerData:
    """Return the layer of one channel, which is visible at every position of the channel slider."""
    names = tuple(dataset.components)
    own = tuple(name for name in names if name != "channel")

    def read(position: tuple[int, ...]) -> Any:
        at = dict(zip(own, axes.codes(own, {}, position), strict=True)) | {"channel": channel}
        row = dataset.index.row([at[name] for name in names])
        if row is None:
            raise KeyError(position)
        return dataset.index.read(row)

    several = len(dataset.components.get("channel", ())) > 1
    value = dataset.components.get("channel", ("1",))[channel]
    title = f"channel {value}" if several else "images"
    return (
        PlaneStack(axes.lengths(own, {}), dataset.shape, dataset.dtype, read),
        {
            "name": f"{Path(dataset.source).name} · {dataset.channel_names.get(value, title)}",
            "contrast_limits": _contrast_limits(dataset, channel),
            "colormap": _COLORMAPS[channel % len(_COLORMAPS)] if several else "gray",
            "blending": "additive",
            "metadata": {
                OPENED: dataset,
                DATASET: dataset.source,
                VALUES: {"channel": value} if several else {},
            },
            **axes.metadata(own, {}),
        },
        "image",
    )


def _contrast_limits(dataset: Dataset, channel: int) -> tuple[float, float]:
    """Estimate contrast limits from a few planes of a channel, spread over the dataset."""
    rows = np.arange(len(dataset.index))
    if "channel" in dataset.components:
        rows = np.flatnonzero(dataset.index.column("channel") == channel)
    limits = []
    for row in rows[np.linspace(0, len(rows) - 1, num=min(5, len(rows)), dtype=int)]:
        with suppress(PlaneError):
            limits.append(np.percentile(dataset.index.read(int(row))[::2, ::2], (1, 99.8)))
    if not limits:
        return 0.0, 1.0
    low, high = float(np.min(limits)), float(np.max(limits))
    return low, max(high, low + 1)
