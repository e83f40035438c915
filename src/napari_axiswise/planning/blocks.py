"""Blocks: groups of planes that stay together whatever the axis is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..pipeline.pipeline import Pipeline
from ..planes.table import Planes, plane_keys


@dataclass(frozen=True, eq=False)
class Blocks:
    """Planes of a dataset in blocks: groups that agree on every component that is not processed together.

    Parameters
    ----------
    planes : Planes
        All planes of the dataset.
    names : tuple of str
        Components that no step processes together.
    codes : ndarray of int32, shape (blocks, len(names))
        Component value indices of each block, in natural order.
    of_plane : ndarray of int, shape (planes,)
        Index of the block of each plane.
    """

    planes: Planes
    names: tuple[str, ...]
    codes: NDArray[np.int32]
    of_plane: NDArray[np.intp]

    @classmethod
    def of(cls, planes: Planes, pipeline: Pipeline) -> Blocks:
        """Return the blocks that a configured pipeline makes of the planes."""
        names = tuple(name for name in planes.names if name not in pipeline.stacked)
        codes = planes.codes[:, [planes.names.index(name) for name in names]]
        if not names:
            return cls(planes, (), np.zeros((1, 0), np.int32), np.zeros(len(planes), np.intp))
        keys = plane_keys(codes, [len(planes.components[name]) for name in names])
        if keys is None:
            unique, of_plane = np.unique(codes, axis=0, return_inverse=True)
        else:
            _, first, of_plane = np.unique(keys, return_index=True, return_inverse=True)
            unique = codes[first]
        return cls(planes, names, unique, of_plane)

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def plane_counts(self) -> NDArray[np.int64]:
        """Number of planes of each block, shape (blocks,)."""
        return np.bincount(self.of_plane, minlength=len(self))

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return np.argsort(self.of_plane, kind="stable")

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum(self.plane_counts)

    def column(self, name: str) -> NDArray[np.int32]:
        """Return the codes of one component, shape (blocks,)."""
        return self.codes[:, self.names.index(name)]

    def tasks(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Return the task number of each block if the axis is the product of these components, shape (blocks,).

        Tasks are numbered in the order of their values; every task has a block.
        """
        columns = self.codes[:, [self.names.index(name) for name in names]]
        keys = plane_keys(columns, [len(self.planes.components[name]) for name in names])
        if keys is None:
            return np.unique(columns, axis=0, return_inverse=True)[1].reshape(-1)
        return np.unique(keys, return_inverse=True)[1]

    def rows(self, blocks: Sequence[int] | NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows of the planes of some blocks, in the order of the dataset."""
        starts = self._ends - self.plane_counts
        pieces = [self._order[starts[block] : self._ends[block]] for block in blocks]
        return np.sort(np.concatenate(pieces)) if pieces else np.zeros(0, np.intp)
