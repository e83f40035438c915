"""Planes of arrays in memory, and copies of them for other processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .reader import PlaneReader


class Pixels(Protocol):
    """Any array-like of shape (…, Y, X)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class CopiedPlanes(PlaneReader):
    """Reader of planes that were copied from an array.

    Parameters
    ----------
    planes : mapping
        Pixels of each page, shape (Y, X).
    """

    planes: Mapping[int, NDArray[Any]]

    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane, shape (Y, X)."""
        return self.planes[page]


@dataclass(frozen=True, eq=False)
class ArrayPlanes(PlaneReader):
    """Reader of planes of an array in memory. Pickling copies the planes into `CopiedPlanes`.

    Parameters
    ----------
    array : array_like
        Array of shape (…, Y, X). Pages are numbered along the leading axes, the last of them fastest.
    pages : tuple of int
        Pages that pickling copies.
    """

    array: Pixels
    pages: tuple[int, ...]

    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane, shape (Y, X)."""
        return np.asarray(self.array[np.unravel_index(page, self.array.shape[:-2])])

    def __reduce__(self) -> tuple[Callable[..., CopiedPlanes], tuple[dict[int, NDArray[Any]]]]:
        return CopiedPlanes, ({page: self.read("", "", page) for page in self.pages},)
