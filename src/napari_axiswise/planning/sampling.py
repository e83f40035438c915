"""Choose a sample of a dataset, and make it a dataset of its own."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..core.events import TaskEvent
from ..datasets.dataset import Dataset
from .blocks import Blocks

ReturnT = TypeVar("ReturnT")

CANDIDATES = 500
"""Number of random blocks that the best spread is chosen from."""


def sample(dataset: Dataset, rows: NDArray[np.intp]) -> Dataset:
    """Return a dataset of some of the planes, with only the component values that these have.

    Parameters
    ----------
    dataset : Dataset
        The whole dataset.
    rows : ndarray of int
        Rows of the planes, in the order of the dataset. Planes in memory are copied.
    """
    planes = dataset.index.select(rows)
    components, columns = {}, []
    for name, values in planes.components.items():
        used, codes = np.unique(planes.column(name), return_inverse=True)
        components[name] = tuple(values[code] for code in used)
        columns.append(codes.astype(np.int32))
    index = replace(planes, components=components, codes=np.stack(columns, axis=1))
    array = dataset.array
    if array is not None:
        leading = array.shape[:-2]
        array = np.stack([np.asarray(array[np.unravel_index(int(page), leading)]) for page in index.pages])
        index = replace(index, pages=np.arange(len(index), dtype=np.int32))
    # A recipe of the sample must not refer to the whole dataset.
    return replace(dataset, index=index, array=array, reopen=None, opened=None)


def copying(dataset: Dataset) -> Generator[TaskEvent, None, Dataset]:
    """Copy a dataset in memory to disk, where workers can read it, with a heartbeat after each piece.

    Returns
    -------
    Dataset
        The copy; a dataset of files is returned unchanged.
    """
    return heartbeats(dataset.copying())


def heartbeats(steps: Generator[object, None, ReturnT]) -> Generator[TaskEvent, None, ReturnT]:
    """Run a generator, yield a heartbeat for each value that it yields, and return its return value."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            returned: ReturnT = done.value
            return returned
        yield TaskEvent("", "waiting")


def spread(blocks: Blocks, count: int) -> NDArray[np.intp]:
    """Return blocks spread over the data: as many values of each component as possible, equally often.

    The choice is deterministic.

    Parameters
    ----------
    blocks : Blocks
        All blocks.
    count : int
        Maximum number of blocks.

    Returns
    -------
    ndarray of int, shape (chosen,)
        Blocks in the order of choice, so that the first few are spread as well.
    """
    random = np.random.default_rng(0)
    candidates = random.permutation(len(blocks))[: max(CANDIDATES, count)]
    if count > CANDIDATES:
        # A random choice of this many is spread well enough.
        return candidates
    codes = blocks.codes[candidates]
    used = [np.zeros(len(blocks.planes.components[name]), int) for name in blocks.names]
    free = np.ones(len(candidates), bool)
    chosen = []
    for _ in range(min(count, len(candidates))):
        # Values of a component with few values have to repeat sooner, so they weigh less.
        crowding = sum((times[column] * len(times) for times, column in zip(used, codes.T, strict=True)), 0)
        best = int(np.argmin(np.where(free, crowding, np.iinfo(int).max)))
        free[best] = False
        for times, code in zip(used, codes[best], strict=True):
            times[code] += 1
        chosen.append(candidates[best])
    return np.array(chosen, np.intp)


def neighbourhood(blocks: Blocks, count: int, most: int = 3) -> NDArray[np.intp]:
    """Return adjacent blocks: a few values of each component, in all combinations that exist.

    A function that keeps state from one unit to the next is found only if units are adjacent along several axes.

    Parameters
    ----------
    blocks : Blocks
        All blocks.
    count : int
        Maximum number of blocks. The component with most values is reduced until they fit.
    most : int
        Maximum number of values of a component.

    Returns
    -------
    ndarray of int, shape (chosen,)
        Blocks in natural order.
    """
    lengths = [min(most, len(blocks.planes.components[name])) for name in blocks.names]
    while int(np.prod(lengths)) > count and max(lengths, default=1) > 1:
        widest = len(lengths) - 1 - lengths[::-1].index(max(lengths))
        lengths[widest] -= 1
    # Around the middle block: the first wells of a plate may be empty.
    middle = blocks.codes[len(blocks) // 2]
    chosen = np.ones(len(blocks), bool)
    for name, length, code in zip(blocks.names, lengths, middle, strict=True):
        present = np.unique(blocks.column(name))
        place = int(np.searchsorted(present, code))
        start = max(0, min(place - length // 2, len(present) - length))
        chosen &= np.isin(blocks.column(name), present[start : start + length])
    return np.flatnonzero(chosen)
