"""Shards: the planes of an image in few files, for outputs that would otherwise have too many.

A worker cannot write a shard, as planes of other tasks may be in it. So workers write loose chunks, and the parent puts
them into shards: one writer for each, whatever the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from ...core.files import PARTIAL
from ..writer import LOOSE, decode
from .levels import level_shapes

MOST_FILES = 100_000
"""Files of planes that an output may have before they are put into shards."""


def wants_shards(planes: int, steps: int, shape: tuple[int, int]) -> bool:
    """Return whether an output would have too many files.

    Parameters
    ----------
    planes : int
        Of the dataset.
    steps : int
        That keep planes.
    shape : tuple of int
        (Y, X) of a plane.
    """
    return planes * steps * len(level_shapes(shape)) > MOST_FILES


def pack(image: Path, levels: int) -> None:
    """Put the loose chunks of an image into shards; those that are in shards already stay.

    It can be stopped at any moment and done again: a chunk goes only once its shard is there.

    Parameters
    ----------
    image : Path
        The group that the levels are in.
    levels : int
        How many there are.

    Raises
    ------
    OSError
        A shard cannot be written.
    """
    import zarr

    for level in range(levels):
        folder = image / str(level) / LOOSE
        if not folder.is_dir():
            continue
        array = zarr.open_array(image / str(level), mode="r+")
        shards = array.shards or array.chunks
        height, width = array.shape[-2:]
        chunks = sorted(
            tuple(map(int, path.name.split(".")))[:-2]
            for path in folder.iterdir()
            if not path.name.endswith(PARTIAL)
        )

        def shard_of(position: Sequence[int], shards: Sequence[int] = shards) -> tuple[int, ...]:
            return tuple(index // length for index, length in zip(position, shards, strict=False))

        for place, positions in groupby(sorted(chunks, key=shard_of), shard_of):
            region = tuple(
                slice(index * length, (index + 1) * length)
                for index, length in zip(place, shards, strict=False)
            )
            block = np.asarray(array[region])
            files = []
            for position in positions:
                file = folder / ".".join(map(str, (*position, 0, 0)))
                within = tuple(i - cut.start for i, cut in zip(position, region, strict=True))
                block[within] = decode(file.read_bytes(), (height, width), str(array.dtype))
                files.append(file)
            array[region] = block
            for file in files:
                file.unlink()
        folder.rmdir()
