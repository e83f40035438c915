"""Arrays whose planes are read when napari displays them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PlaneStack:
    """N-dimensional array of planes for a layer, which reads each slice anew because its data may still be growing.

    Parameters
    ----------
    lengths : tuple of int
        Lengths of the leading axes.
    plane_shape : tuple of int
        (Y, X), or (Y, X, 3) for RGB. Smaller planes are padded with zeros, larger ones are cropped.
    dtype : numpy.dtype
        Type of a pixel.
    read : callable
        From indices along the leading axes to a plane. A plane is zero if this raises KeyError or OSError.
    """

    lengths: tuple[int, ...]
    plane_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[tuple[int, ...]], NDArray[Any]]

    def transposed(self, order: Sequence[int]) -> PlaneStack:
        """Return the array with its leading axes in another order, as `numpy.transpose` does."""
        places = [list(order).index(axis) for axis in range(len(order))]
        return replace(
            self,
            lengths=tuple(self.lengths[axis] for axis in order),
            read=lambda position: self.read(tuple(position[place] for place in places)),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return (*self.lengths, *self.plane_shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        keys = list(key) if isinstance(key, tuple) else [key]
        if any(part is Ellipsis for part in keys):
            place = next(i for i, part in enumerate(keys) if part is Ellipsis)
            keys[place : place + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        leading, inner = keys[: len(self.lengths)], tuple(keys[len(self.lengths) :])
        indices = [np.arange(length)[part] for part, length in zip(leading, self.lengths, strict=True)]
        lengths = [np.size(index) for index in indices]
        planes = [self._plane(codes)[inner] for codes in _product(indices)]
        kept = [length for length, index in zip(lengths, indices, strict=True) if np.ndim(index)]
        if not planes:
            return np.zeros((*kept, *np.zeros(self.plane_shape, bool)[inner].shape), self.dtype)
        return np.stack(planes).reshape(*kept, *planes[0].shape)

    def _plane(self, codes: tuple[int, ...]) -> NDArray[Any]:
        try:
            plane = self.read(codes)
        except (KeyError, OSError) as error:
            if isinstance(error, OSError):
                logger.warning("Shown as black: %s", error)
            return np.zeros(self.plane_shape, self.dtype)
        if plane.shape == self.plane_shape:
            return plane
        padded = np.zeros(self.plane_shape, self.dtype)
        height, width = np.minimum(plane.shape, self.plane_shape)[:2]
        padded[:height, :width] = plane[:height, :width]
        return padded


def _product(indices: Sequence[NDArray[Any]]) -> list[tuple[int, ...]]:
    grids = np.meshgrid(*(np.atleast_1d(index) for index in indices), indexing="ij") if indices else []
    return list(zip(*(grid.ravel().tolist() for grid in grids), strict=True)) if indices else [()]
