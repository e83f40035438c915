"""Planes of an array in memory, and such planes on their way to another process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .reader import PlaneReader


class Pixels(Protocol):
    """An array of any kind, shape (…, Y, X)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class HeldPlanes(PlaneReader):
    """Has some planes.

    Parameters
    ----------
    planes : mapping
        From the number of a page to its pixels, shape (Y, X).
    """

    planes: Mapping[int, NDArray[Any]]

    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane, shape (Y, X)."""
        return self.planes[page]


@dataclass(frozen=True, eq=False)
class ArrayPlanes(PlaneReader):
    """Reads planes of an array in memory. Pickled, it becomes `HeldPlanes`: only then are pixels of them copied.

    Parameters
    ----------
    array : array_like
        Shape (…, Y, X). Pages are counted along the leading axes, the last of them fastest.
    pages : tuple of int
        Those that are taken to the other process.
    """

    array: Pixels
    pages: tuple[int, ...]

    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane, shape (Y, X)."""
        return np.asarray(self.array[np.unravel_index(page, self.array.shape[:-2])])

    def __reduce__(self) -> tuple[Callable[..., HeldPlanes], tuple[dict[int, NDArray[Any]]]]:
        return HeldPlanes, ({page: self.read("", "", page) for page in self.pages},)
