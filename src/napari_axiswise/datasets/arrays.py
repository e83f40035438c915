"""Datasets from arrays: numpy, dask, zarr and xarray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..core.calibration import Calibration
from ..core.components import normalize_value
from ..planes.table import Planes
from .dataset import ArrayLike, Dataset

_AXIS_NAMES = {
    "t": "timepoint", "time": "timepoint", "frame": "timepoint",
    "c": "channel", "ch": "channel", "z": "z_index", "plane": "z_index",
    "s": "site", "p": "site", "pos": "site", "position": "site", "field": "site", "fov": "site",
    "w": "well",
}  # fmt: skip


@runtime_checkable
class NamedArray(Protocol):
    """The part of `xarray.DataArray` that is used here."""

    name: Any
    dims: tuple[Any, ...]
    coords: Mapping[Any, Any]
    data: Any

    def transpose(self, *dims: Any) -> NamedArray:
        """Return the array with its dimensions reordered."""


def axis_components(labels: Sequence[str]) -> tuple[str, ...]:
    """Return component names for the leading axes of an array, from the labels of all its axes.

    Labels that are not names, such as napari's default ``-3``, become ``axis1``, ….
    """
    names: list[str] = []
    for number, label in enumerate(labels[:-2], 1):
        text = label.strip().lower().replace(" ", "_")
        name = _AXIS_NAMES.get(text, text)
        names.append(name if name.isidentifier() and name not in names else f"axis{number}")
    return tuple(names)


def is_array(source: object) -> bool:
    """Return whether an object has the attributes of an array."""
    return all(hasattr(source, name) for name in ("shape", "dtype", "ndim", "__getitem__"))


def open_array(array: Any, axes: Sequence[str] | None = None) -> Dataset:
    """Open an array as a dataset.

    Parameters
    ----------
    array : ArrayLike or xarray.DataArray
        Shape (…, Y, X). Dimensions of an xarray named ``y`` and ``x`` may be in any place; otherwise the last two
        are Y and X. Its coordinates become component values.
    axes : sequence of str, optional
        Components of the axes before Y and X. By default, the names of the dimensions.

    Raises
    ------
    ValueError
        There is no axis besides Y and X, or `axes` does not have a different name for each.
    """
    if not isinstance(array, NamedArray):
        if axes is None:
            raise ValueError(
                f"The axes of an array of shape {tuple(array.shape)} have no names. "
                'Name those before Y and X, as in axes=("well", "timepoint").'
            )
        return array_dataset(array, axes, "array")
    if {"y", "x"} <= set(array.dims):
        array = array.transpose(*(dim for dim in array.dims if dim not in ("y", "x")), "y", "x")
    names = tuple(axes) if axes is not None else axis_components([str(dim) for dim in array.dims])
    values = {
        name: tuple(normalize_value(name, str(value)) for value in np.asarray(array.coords[dim]))
        for name, dim in zip(names, array.dims, strict=False)
        if dim in array.coords and np.ndim(array.coords[dim]) == 1
    }
    unique = {name: along for name, along in values.items() if len(set(along)) == len(along)}
    return array_dataset(array.data, names, str(array.name or "array"), values=unique)


def array_dataset(
    array: ArrayLike,
    names: Sequence[str],
    title: str,
    values: Mapping[str, tuple[str, ...]] | None = None,
    calibration: Calibration | None = None,
    layout: str = "array",
) -> Dataset:
    """Return a dataset of an array of shape (…, Y, X).

    Parameters
    ----------
    array : ArrayLike
        The pixels.
    names : sequence of str
        Components of the leading axes.
    title : str
        Name of the array.
    values : mapping, optional
        Component values along the axes. By default, numbers from 1.
    calibration : Calibration, optional
        Metadata of the planes.
    layout : str
        Layout of the dataset.

    Raises
    ------
    ValueError
        There is no axis besides Y and X, or `names` does not have a different name for each.
    """
    leading = tuple(array.shape[:-2])
    if not leading:
        raise ValueError(
            f"{title!r} has shape {tuple(array.shape)}: there is no axis besides Y and X. "
            "Choose an array with at least three axes."
        )
    if len(names) != len(leading) or len(set(names)) != len(names):
        raise ValueError(
            f"{title!r} has {len(leading)} axes before Y and X. "
            f"Give a different name for each, not {', '.join(names) or 'none'}."
        )
    values = values or {}
    pages = np.arange(int(np.prod(leading)), dtype=np.int32)
    index = Planes(
        {
            name: values.get(name) or tuple(str(number + 1) for number in range(length))
            for name, length in zip(names, leading, strict=True)
        },
        np.stack(np.unravel_index(pages, leading), axis=1).astype(np.int32),
        ("layer.npy",),
        np.zeros(len(pages), np.int32),
        pages,
        title,
    )
    return Dataset(
        layout=layout,
        index=index,
        shape=(int(array.shape[-2]), int(array.shape[-1])),
        dtype=np.dtype(array.dtype),
        calibration=calibration or Calibration(),
        array=array,
    )
