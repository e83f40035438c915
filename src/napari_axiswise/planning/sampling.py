"""Samples of a dataset that are datasets themselves."""

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
"""Blocks among which those are chosen that spread best."""


def sample(dataset: Dataset, rows: NDArray[np.intp]) -> Dataset:
    """Return a dataset of some planes of another, with only the component values that they have.

    Parameters
    ----------
    dataset : Dataset
        The whole.
    rows : ndarray of int
        Which planes, in the order of the dataset. Of a dataset in memory they are copied.
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
    # Not what was opened, so that no recipe claims to be of the whole.
    return replace(dataset, index=index, array=array, reopen=None, opened=None)


def copying(dataset: Dataset) -> Generator[TaskEvent, None, Dataset]:
    """Bring a dataset to where workers can read it, if it is in memory, with a heartbeat after each piece.

    Returns
    -------
    Dataset
        The same where it is on disk already.
    """
    return heartbeats(dataset.copying())


def heartbeats(steps: Generator[object, None, ReturnT]) -> Generator[TaskEvent, None, ReturnT]:
    """Go through a generator, yield a heartbeat for all that it yields, and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            returned: ReturnT = done.value
            return returned
        yield TaskEvent("", "waiting")


def spread(blocks: Blocks, count: int) -> NDArray[np.intp]:
    """Return blocks that lie far apart: of each component, as many values as can be, each as often as the others.

    The same blocks give the same choice.

    Parameters
    ----------
    blocks : Blocks
        All there are.
    count : int
        How many to choose, at most.

    Returns
    -------
    ndarray of int, shape (chosen,)
        In the order in which they were chosen, so that a beginning of them is spread as well.
    """
    random = np.random.default_rng(0)
    candidates = random.permutation(len(blocks))[: max(CANDIDATES, count)]
    if count > CANDIDATES:
        # So many are spread by chance alone.
        return candidates
    codes = blocks.codes[candidates]
    used = [np.zeros(len(blocks.planes.components[name]), int) for name in blocks.names]
    free = np.ones(len(candidates), bool)
    chosen = []
    for _ in range(min(count, len(candidates))):
        # A value of a component with few of them comes up again sooner than one of a component with many.
        crowding = sum((times[column] * len(times) for times, column in zip(used, codes.T, strict=True)), 0)
        best = int(np.argmin(np.where(free, crowding, np.iinfo(int).max)))
        free[best] = False
        for times, code in zip(used, codes[best], strict=True):
            times[code] += 1
        chosen.append(candidates[best])
    return np.array(chosen, np.intp)


def neighbourhood(blocks: Blocks, count: int, most: int = 3) -> NDArray[np.intp]:
    """Return blocks that lie next to each other: of each component the same few values, all combinations that exist.

    What a function keeps from one unit to the next shows only where units follow each other along several axes.

    Parameters
    ----------
    blocks : Blocks
        All there are.
    count : int
        How many to choose, at most: of the component with the most values, fewer are taken until that is so.
    most : int
        Values of a component, at most.

    Returns
    -------
    ndarray of int, shape (chosen,)
        In natural order.
    """
    lengths = [min(most, len(blocks.planes.components[name])) for name in blocks.names]
    while int(np.prod(lengths)) > count and max(lengths, default=1) > 1:
        widest = len(lengths) - 1 - lengths[::-1].index(max(lengths))
        lengths[widest] -= 1
    # Around the block in the middle, which is there even where a plate's first wells are empty.
    middle = blocks.codes[len(blocks) // 2]
    chosen = np.ones(len(blocks), bool)
    for name, length, code in zip(blocks.names, lengths, middle, strict=True):
        present = np.unique(blocks.column(name))
        place = int(np.searchsorted(present, code))
        start = max(0, min(place - length // 2, len(present) - length))
        chosen &= np.isin(blocks.column(name), present[start : start + length])
    return np.flatnonzero(chosen)
