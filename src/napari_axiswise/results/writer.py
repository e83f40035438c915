"""The worker's side of the store: chunks of Zarr arrays whose metadata the parent writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..core.files import make_folder, write_atomically
from ..core.grid import ImageGrid
from ..core.kinds import IMAGE, PlaneKind
from .ngff.levels import make_levels
from .records import WrittenPlanes

CNAME: Final = "lz4"
CLEVEL: Final = 5
SHUFFLE: Final = "shuffle"
"""How chunks are compressed, in the words of Zarr's blosc codec."""


LOOSE: Final = "loose"
"""The folder of an array that chunks are in until they are in a shard."""


@dataclass(frozen=True)
class Target:
    """Where planes of a step go.

    Parameters
    ----------
    step : str
        The step.
    names : tuple of str
        The components that its output has.
    kind : PlaneKind
        What the planes are.
    folder : str
        Of their plate, relative to the output.
    routed_by : str, optional
        The component by which the step chooses its function.
    """

    step: str
    names: tuple[str, ...]
    kind: PlaneKind = IMAGE
    folder: str = ""
    routed_by: str | None = None


class PlaneWriter:
    """Writes planes, with their levels, as chunks of Zarr version 3 arrays.

    A chunk is the plane's bytes, little-endian, through Blosc: the ``bytes`` and ``blosc`` codecs of the
    specification. It is written under another name and moved into place, so that no half of one is ever read.

    Parameters
    ----------
    root : str
        The folder of the run's output.
    components : mapping
        From component name to all its values in the dataset.
    plane_shape : tuple of int
        (Y, X) of the dataset's planes.
    sharded : bool
        Chunks are to become shards: until they do, they lie where `loose_chunk` says.
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
            Where it goes.
        codes : sequence of int
            For each component of the target, the index of the plane's value.
        plane : ndarray, shape (Y, X)
            The pixels.

        Returns
        -------
        ndarray, shape (Y, X)
            Its smallest level.
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
        """Return what was written since this was asked last."""
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
        """Return one plane that was written, shape (Y, X).

        Raises
        ------
        OSError
            It is not there any more.
        """
        grid = planes.grid(self._components, self._plane_shape)
        array = Path(self._root, grid.array(codes, planes.shape), "0")
        position = grid.position(codes)
        if not self._sharded:
            return decode(chunk(array, position).read_bytes(), planes.shape, planes.dtype)
        loose = read_loose(array, position, planes.shape, planes.dtype)
        return read_sharded(array, position) if loose is None else loose

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
    """Return the file of the chunk that is the plane at a position along an array's leading axes."""
    return array.joinpath("c", *map(str, (*position, 0, 0)))


def loose_chunk(array: Path, position: Sequence[int]) -> Path:
    """Return where that chunk is until it is in a shard."""
    return array / LOOSE / ".".join(map(str, (*position, 0, 0)))


def read_loose(
    array: Path, position: Sequence[int], shape: tuple[int, int], dtype: str
) -> NDArray[Any] | None:
    """Return the plane at a position along an array's leading axes; None where it is in a shard by now."""
    try:
        return decode(loose_chunk(array, position).read_bytes(), shape, dtype)
    except FileNotFoundError:
        return None


def read_sharded(array: Path, position: Sequence[int]) -> NDArray[Any]:
    """Return the plane at a position along an array's leading axes, from its shard, shape (Y, X).

    Raises
    ------
    OSError
        There is no such array.
    """
    import zarr

    return np.asarray(zarr.open_array(array, mode="r")[tuple(position)])


@dataclass
class _Written:
    """The planes of one target and shape that were written so far."""

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
    """Return the bytes of a chunk that holds `plane`."""
    # Not numcodecs: that makes a semaphore on import, which a worker that is ended leaves behind.
    from imagecodecs import blosc_encode

    pixels = plane.astype(plane.dtype.newbyteorder("<"), copy=False)
    # One thread: more would take processors from the other workers.
    encoded = blosc_encode(
        pixels.tobytes(), level=CLEVEL, compressor=CNAME, shuffle=1, typesize=pixels.itemsize, numthreads=1
    )
    return bytes(encoded)


def decode(data: bytes, shape: tuple[int, int], dtype: str) -> NDArray[Any]:
    """Return the plane that a chunk holds."""
    from imagecodecs import blosc_decode

    pixels = np.frombuffer(blosc_decode(data, numthreads=1), np.dtype(dtype).newbyteorder("<"))
    return pixels.reshape(shape).astype(dtype)
