"""Shards: many planes of an image in one file, for outputs that would have too many files.

A worker cannot write a shard, as it may hold planes of other tasks. Workers write loose chunks, and the parent packs
them into shards, so that each shard has one writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from ...core.files import PARTIAL, read_regular
from ...planes.reader import LARGEST_PLANE
from ..writer import LOOSE, decode
from .levels import level_shapes

MOST_FILES = 100_000
"""Maximum number of files of planes in an output without shards."""


_LARGEST_LOOSE = 2 * LARGEST_PLANE
"""Maximum size of a loose chunk, in bytes."""


def wants_shards(planes: int, steps: int, shape: tuple[int, int]) -> bool:
    """Return whether an output would have too many files without shards.

    Parameters
    ----------
    planes : int
        Number of planes of the dataset.
    steps : int
        Number of steps that keep planes.
    shape : tuple of int
        (Y, X) of a plane.
    """
    return planes * steps * len(level_shapes(shape)) > MOST_FILES


def pack(image: Path, levels: int) -> None:
    """Pack the loose chunks of an image into shards.

    This can be interrupted and repeated, as a chunk is deleted only after its shard was written.

    Parameters
    ----------
    image : Path
        The group of the levels.
    levels : int
        Number of levels.

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
                block[within] = decode(read_regular(file, _LARGEST_LOOSE), (height, width), str(array.dtype))
                files.append(file)
            array[region] = block
            for file in files:
                file.unlink()
        folder.rmdir()
