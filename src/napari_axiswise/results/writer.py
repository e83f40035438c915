"""Writing planes in workers, as chunks of Zarr arrays whose metadata the parent writes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.files import make_folder, path_below, read_regular, write_atomically
from ..core.grid import ImageGrid
from ..core.kinds import IMAGE, PlaneKind
from ..planes.blosc import expand_blosc
from ..planes.zarr.arrays import read_zarr_plane
from .ngff.levels import make_levels
from .records import WrittenPlanes

CNAME: Final = "lz4"
CLEVEL: Final = 5
SHUFFLE: Final = "shuffle"
"""Parameters of Zarr's blosc codec."""


LOOSE: Final = "loose"
"""The folder of an array's chunks until they are packed into shards."""


@dataclass(frozen=True)
class Target:
    """The destination of a step's planes.

    Parameters
    ----------
    step : str
        Name of the step.
    names : tuple of str
        Components of the step's output.
    kind : PlaneKind
        Kind of the output.
    folder : str
        Folder of the plate, relative to the output folder.
    routed_by : str, optional
        The component by whose value the step chooses its function.
    """

    step: str
    names: tuple[str, ...]
    kind: PlaneKind = IMAGE
    folder: str = ""
    routed_by: str | None = None


class PlaneWriter:
    """Writes planes, with their levels, as chunks of Zarr version 3 arrays.

    A chunk holds the little-endian bytes of a plane, compressed by Blosc: the ``bytes`` and ``blosc`` codecs of the
    specification. It is written under another name and renamed, so that incomplete chunks are never read.

    Parameters
    ----------
    root : str
        The output folder.
    components : mapping
        From component name to all its values in the dataset.
    plane_shape : tuple of int
        (Y, X) of the dataset's planes.
    sharded : bool
        Whether chunks will be packed into shards. Until then, they are where `loose_chunk` says.
    """

    def __init__(
        self,
        root: str,
        components: Mapping[str, tuple[str, ...]],
        plane_shape: tuple[int, int],
        sharded: bool = False,
    ) -> None:
        self._root = root
        self._components = components
        self._plane_shape = plane_shape
        self._sharded = sharded
        self._grids: dict[Target, ImageGrid] = {}
        self._folders: set[Path] = set()
        self._written: dict[tuple[Any, ...], _Written] = {}

    def write(self, target: Target, codes: Sequence[int], plane: NDArray[Any]) -> NDArray[Any]:
        """Write one plane of a step's output, and its levels.

        Parameters
        ----------
        target : Target
            Where to write it.
        codes : sequence of int
            For each of ``target.names``, the index of the plane's value.
        plane : ndarray, shape (Y, X)
            The pixels.

        Returns
        -------
        ndarray, shape (Y, X)
            The smallest level of the plane.
        """
        if target not in self._grids:
            self._grids[target] = self._grid(target)
        grid = self._grids[target]
        levels = make_levels(plane, target.kind)
        for level, pixels in enumerate(levels):
            path = self._path(grid, codes, plane.shape, level)
            if path.parent not in self._folders:
                make_folder(self._root, path.parent)
                self._folders.add(path.parent)
            write_atomically(path, encode(pixels))
        key = (target, plane.shape, str(plane.dtype.newbyteorder("=")))
        written = self._written.setdefault(key, _Written())
        written.codes.append(tuple(codes))
        if target.kind.has_intensities:
            written.add_limits(plane)
        return levels[-1]

    def take_written(self) -> list[WrittenPlanes]:
        """Return the planes written since the last call."""
        taken, self._written = self._written, {}
        return [
            WrittenPlanes(
                step=target.step,
                names=target.names,
                routed_by=target.routed_by,
                codes=np.array(written.codes, np.int32).reshape(len(written.codes), -1),
                shape=shape,
                dtype=dtype,
                limits=(written.low, written.high),
                kind=target.kind.name,
                folder=target.folder,
            )
            for (target, shape, dtype), written in taken.items()
        ]

    def read(self, planes: WrittenPlanes, codes: Sequence[int]) -> NDArray[Any]:
        """Read a written plane, shape (Y, X).

        Raises
        ------
        OSError
            It no longer exists.
        """
        grid = planes.grid(self._components, self._plane_shape)
        return read_plane(self._root, grid, codes, planes.shape, planes.dtype, self._sharded)

    def _grid(self, target: Target) -> ImageGrid:
        labels = target.kind.labels_name(target.step)
        return ImageGrid(
            self._components, target.names, target.routed_by, self._plane_shape, target.folder, labels
        )

    def _path(self, grid: ImageGrid, codes: Sequence[int], shape: tuple[int, int], level: int) -> Path:
        array = Path(self._root, grid.array(codes, shape), str(level))
        position = grid.position(codes)
        return loose_chunk(array, position) if self._sharded else chunk(array, position)


def chunk(array: Path, position: Sequence[int]) -> Path:
    """Return the file of the plane at a position along the leading axes of an array."""
    return array.joinpath("c", *map(str, (*position, 0, 0)))


def loose_chunk(array: Path, position: Sequence[int]) -> Path:
    """Return the file of a plane until it is packed into a shard."""
    return array / LOOSE / ".".join(map(str, (*position, 0, 0)))


def read_plane(
    root: str | Path, grid: ImageGrid, codes: Sequence[int], shape: tuple[int, int], dtype: str, sharded: bool
) -> NDArray[Any]:
    """Read a plane of an output, shape (Y, X).

    Parameters
    ----------
    root : path
        The output folder.
    grid : ImageGrid
        The grid of the step's output.
    codes : sequence of int
        For each of ``grid.names``, the index of the plane's value.
    shape : tuple of int
        (Y, X).
    dtype : str
        Name of the NumPy dtype.
    sharded : bool
        Whether the planes are packed into shards when the run ends.

    Raises
    ------
    OSError
        It no longer exists.
    ValueError
        It is damaged.
    PlaneError
        Its shard cannot be read.
    """
    array = f"{grid.array(codes, shape)}/0".lstrip("/")
    position = grid.position(codes)
    path = (loose_chunk if sharded else chunk)(Path(root, array), position)
    # Blosc adds little to what it cannot compress.
    largest = 2 * math.prod(shape) * np.dtype(dtype).itemsize + 4096
    try:
        return decode(read_regular(path_below(root, path), largest), shape, dtype)
    except FileNotFoundError:
        if not sharded:
            raise
    path_below(root, array)
    return read_zarr_plane(str(root), array, position, expected=(shape, dtype))


@dataclass
class _Written:
    """The planes of one target, shape and dtype that were written so far."""

    codes: list[tuple[int, ...]] = field(default_factory=list)
    low: float = float("inf")
    high: float = float("-inf")

    def add_limits(self, plane: NDArray[Any]) -> None:
        sample = (np.abs(plane) if plane.dtype.kind == "c" else plane)[::4, ::4].astype(np.float64)
        sample = sample[np.isfinite(sample)]
        if sample.size:
            low, high = np.percentile(sample, (0.1, 99.9))
            self.low, self.high = min(self.low, float(low)), max(self.high, float(high))


def encode(plane: NDArray[Any]) -> bytes:
    """Return the bytes of the chunk of a plane."""
    # Not numcodecs, which creates a semaphore on import that a killed worker leaves behind.
    from imagecodecs import blosc_encode

    pixels = plane.astype(plane.dtype.newbyteorder("<"), copy=False)
    # One thread, as the other workers use the other processors.
    encoded = blosc_encode(
        pixels.tobytes(), level=CLEVEL, compressor=CNAME, shuffle=1, typesize=pixels.itemsize, numthreads=1
    )
    return bytes(encoded)


def decode(data: bytes, shape: tuple[int, int], dtype: str) -> NDArray[Any]:
    """Return the plane in a chunk."""
    kind = np.dtype(dtype).newbyteorder("<")
    pixels = np.frombuffer(expand_blosc(data, math.prod(shape) * kind.itemsize), kind)
    return pixels.reshape(shape).astype(dtype)
