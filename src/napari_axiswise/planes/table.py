"""Table of planes: their component values and where they are stored, without pixels."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.axes import axis_parts, join_values
from .images import ImageFiles
from .reader import PlaneReader
from .stamps import Stamps, check_stamp, stamp_files

MOST_PLANES = 1 << 27
"""Maximum number of planes, so that wrong metadata cannot fill the memory."""


@dataclass(frozen=True, eq=False)
class Planes:
    """Table of 2-D planes in natural order, with the component values and the file of each.

    Parameters
    ----------
    components : mapping
        All values of each component in the dataset, in natural order. Selections keep them all, so that a value has
        the same index in every task.
    codes : ndarray of int32, shape (planes, components)
        Index of the value of each component, for each plane. No two planes have the same codes.
    files : sequence of str
        Distinct files, relative to `root`.
    file_codes : ndarray of int32, shape (planes,)
        Index of each plane's file.
    pages : ndarray of int32, shape (planes,)
        Number of each plane in its file, from 0.
    root : str
        The folder or address that contains `files`.
    reader : PlaneReader
        Reader of the planes.
    stamps : ndarray of int64, shape (files, 4), optional
        What the files were when a run began. Reading a plane of a file that has changed since is an error.
    """

    components: Mapping[str, tuple[str, ...]]
    codes: NDArray[np.int32]
    files: Sequence[str]
    file_codes: NDArray[np.int32]
    pages: NDArray[np.int32]
    root: str
    reader: PlaneReader = field(default_factory=ImageFiles)
    stamps: Stamps | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def names(self) -> tuple[str, ...]:
        """Component names, in order."""
        return tuple(self.components)

    def path(self, index: int) -> str:
        """Return the absolute path or the address of a plane's file."""
        return self.reader.path(self.root, self.files[self.file_codes[index]])

    def read(self, index: int) -> NDArray[Any]:
        """Return the pixels of a plane, shape (Y, X).

        Raises
        ------
        PlaneError
            The file cannot be read, or has changed since it was stamped.
        """
        with self._unchanged(index) as file:
            return self.reader.read(self.root, file, int(self.pages[index]))

    def read_labels(self, index: int, name: str) -> NDArray[Any]:
        """Return the labels `name` of a plane, shape (Y, X).

        Raises
        ------
        PlaneError
            The labels cannot be read, or their file has changed since it was stamped.
        """
        with self._unchanged(index) as file:
            return self.reader.read_labels(self.root, file, int(self.pages[index]), name)

    @contextmanager
    def _unchanged(self, index: int) -> Iterator[str]:
        """Yield the file of a plane, and check before and after that it has not changed since it was stamped."""
        code = int(self.file_codes[index])
        file = self.files[code]
        if self.stamps is None:
            yield file
            return
        check_stamp(self._file_path(file), self.stamps[code])
        yield file
        check_stamp(self._file_path(file), self.stamps[code])

    @property
    def paths(self) -> Iterator[str]:
        """The paths of all files."""
        return map(self._file_path, self.files)

    def _file_path(self, file: str) -> str:
        return f"{self.root}{os.sep}{file}"

    def stamped(self) -> Planes:
        """Return the same planes, whose files may not change from now on."""
        return replace(self, stamps=stamp_files(self.paths))

    def row(self, codes: Sequence[int]) -> int | None:
        """Return the row of the plane with these codes, or None if there is no such plane."""
        if self._keys is None:
            rows = np.flatnonzero(np.all(self.codes == np.asarray(codes), axis=1))
            return int(rows[0]) if len(rows) else None
        key = sum(code * factor for code, factor in zip(codes, _factors(self._lengths), strict=True))
        row = int(np.searchsorted(self._keys, key))
        return row if row < len(self) and self._keys[row] == key else None

    @cached_property
    def _keys(self) -> NDArray[np.int64] | None:
        return plane_keys(self.codes, self._lengths)

    @property
    def _lengths(self) -> list[int]:
        return [len(values) for values in self.components.values()]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_keys", "_axes")}

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Planes:
        """Return the planes in `rows` (indices or a mask), with only their files."""
        used, file_codes = np.unique(self.file_codes[rows], return_inverse=True)
        files = tuple(self.files[code] for code in used)
        return Planes(
            self.components,
            self.codes[rows],
            files,
            file_codes.astype(np.int32),
            self.pages[rows],
            self.root,
            self.reader.of_files(files),
            None if self.stamps is None else self.stamps[used],
        )

    def column(self, name: str) -> NDArray[np.int32]:
        """Return the codes of one component, shape (planes,)."""
        return self.codes[:, self.names.index(name)]

    def axis_values(self, axis: str) -> tuple[str, ...]:
        """Return the values of an axis, in natural order.

        Parameters
        ----------
        axis : str
            A component, for all its values; or a product of components, for the combinations that have planes, the
            first component slowest.

        Raises
        ------
        ValueError
            There is no such component, or two combinations have the same text.
        """
        return self._axis(axis)[0]

    def axis_codes(self, axis: str) -> NDArray[np.int32]:
        """Return the index of each plane's value in `axis_values`, shape (planes,)."""
        return self._axis(axis)[1]

    def _axis(self, axis: str) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        if axis not in self._axes:
            parts = axis_parts(axis, self.components)
            if len(parts) == 1:
                self._axes[axis] = self.components[parts[0]], self.column(parts[0])
            else:
                self._axes[axis] = self._product(axis, parts)
        return self._axes[axis]

    @cached_property
    def _axes(self) -> dict[str, tuple[tuple[str, ...], NDArray[np.int32]]]:
        """Cache of values and codes by axis."""
        return {}

    def _product(self, axis: str, parts: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        inverse, first = self.distinct(parts)
        codes = self.codes[first][:, [self.names.index(name) for name in parts]]
        columns = zip(parts, codes.T.tolist(), strict=True)
        texts = ([self.components[name][code] for code in column] for name, column in columns)
        values = tuple(join_values(combination) for combination in zip(*texts, strict=True))
        if len(set(values)) < len(values):
            twice = next(value for value, count in Counter(values).items() if count > 1)
            raise ValueError(
                f"Two values of the axis {axis!r} are both written {twice!r}, because values of its components contain "
                "commas. Split by one component, or rename the values without commas."
            )
        return values, inverse.astype(np.int32)

    def distinct(self, names: Sequence[str]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the number of each plane's combination of values of some components, and its first plane.

        Combinations are numbered in natural order.
        """
        codes = self.codes[:, [self.names.index(name) for name in names]]
        keys = plane_keys(codes, [len(self.components[name]) for name in names])
        _, first, inverse = np.unique(
            codes if keys is None else keys,
            axis=0 if keys is None else None,
            return_index=True,
            return_inverse=True,
        )
        return inverse.reshape(-1), first

    def groups(self, names: Sequence[str]) -> Iterator[NDArray[np.intp]]:
        """Yield the rows of each group of planes with the same values of the components `names`, in natural order."""
        columns = [self.names.index(name) for name in names]
        if not columns or not len(self):
            yield np.arange(len(self))
            return
        order = np.lexsort(self.codes[:, columns[::-1]].T)
        ordered = self.codes[order][:, columns]
        starts = np.flatnonzero(np.any(ordered[1:] != ordered[:-1], axis=1)) + 1
        for start, stop in pairwise((0, *starts.tolist(), len(order))):
            yield order[start:stop]


def plane_keys(codes: NDArray[np.int32], lengths: Sequence[int]) -> NDArray[np.int64] | None:
    """Return an integer per plane that sorts like its codes; None if the integers would overflow.

    Parameters
    ----------
    codes : ndarray of int32, shape (planes, components)
        Indices of component values.
    lengths : sequence of int
        Number of values of each component.
    """
    if math.prod(lengths) > np.iinfo(np.int64).max:
        return None
    keys = np.zeros(len(codes), np.int64)
    for column, length in zip(codes.T, lengths, strict=True):
        keys *= length
        keys += column
    return keys


def _factors(lengths: Sequence[int]) -> list[int]:
    """Return the factor of each code in a key."""
    return [math.prod(lengths[place + 1 :]) for place in range(len(lengths))]
