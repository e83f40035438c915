"""PageMap: where the planes of a TIFF are."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.text import join_names
from .axes import Axes, axes_text

UNLABELLED = "QRSUVW"
"""Letters of axes that have no meaning here, in order."""


@dataclass(frozen=True, eq=False)
class PageMap:
    """Where the planes of a TIFF are.

    Parameters
    ----------
    axes : Axes
        Axes of the planes: ``T``, ``C``, ``Z``, and letters of `UNLABELLED` for others. From metadata, if the file
        has any.
    places : ndarray of int64, shape (planes along each axis …, 2)
        Page of each plane, and number of the plane within contiguous pixels that begin there; -1 if it is missing.
    pages : int
        Number of pages of the file, without those in SubIFDs.
    damaged : mapping
        Why the pixels of a page are incomplete, by page.
    problems : tuple of str
        Pages that are not planes, and planes that the metadata have and the file does not.
    """

    axes: Axes
    places: NDArray[np.int64]
    pages: int
    damaged: Mapping[int, str]
    problems: tuple[str, ...]

    @property
    def indices(self) -> NDArray[np.intp]:
        """Indices along the axes of the planes that are there, shape (planes, axes)."""
        return np.argwhere(self.places[..., 0] >= 0)

    @cached_property
    def extent(self) -> Axes:
        """The axes, up to the last plane that is there."""
        ends = self.indices.max(axis=0, initial=0) + 1
        return tuple((name, int(end)) for (name, _), end in zip(self.axes, ends, strict=True))

    def numbers(self, common: Axes) -> NDArray[np.int32]:
        """Return the number of each plane that is there along the common axes of several files."""
        lengths = dict(common)
        columns = dict(zip((name for name, _ in self.axes), self.indices.T, strict=True))
        numbers = np.zeros(len(self.indices), np.int64)
        for name, length in lengths.items():
            numbers = numbers * length + columns.get(name, 0)
        return numbers.astype(np.int32)

    def damaged_numbers(self, common: Axes) -> frozenset[int]:
        """Return the numbers, as of `numbers`, of the planes with incomplete pixels."""
        pages = self.places[..., 0]
        return frozenset(self.numbers(common)[np.isin(pages[pages >= 0], list(self.damaged))].tolist())

    def check_within(self, usual: AbstractSet[int], common: Axes) -> None:
        """Check that the file has no planes beyond those that it was taken to have without a look at it.

        Raises
        ------
        ValueError
            It has others.
        """
        surplus = sorted(set(self.numbers(common).tolist()).difference(usual))
        if surplus:
            names = join_names(str(number + 1) for number in surplus)
            raise ValueError(
                f"it has planes that most files lack, {names} of {axes_text(common)}, and it was not looked at on "
                "opening. Open it separately, or fewer files at once"
            )

    def find(self, number: int, common: Axes) -> tuple[int, int]:
        """Return the place of the plane with a number along the common axes of several files.

        Raises
        ------
        ValueError
            The file has no such plane, or has planes beyond the common axes.
        """
        lengths = dict(common)
        if any(length > lengths.get(name, 1) for name, length in self.extent):
            raise ValueError(
                f"its planes are {axes_text(self.extent)}, but those of the dataset's files {axes_text(common)}. Open "
                "the file separately, or without the other files"
            )
        at = dict(zip(lengths, np.unravel_index(number, tuple(lengths.values()) or (1,)), strict=False))
        own = tuple(int(at.pop(name, 0)) for name, _ in self.axes)
        outside = any(at.values()) or any(
            index >= length for index, (_, length) in zip(own, self.axes, strict=True)
        )
        page, within = (-1, 0) if outside else map(int, self.places[own])
        if page < 0:
            raise ValueError(f"it has no plane {number + 1} of {axes_text(common)}, unlike other files")
        return page, within
