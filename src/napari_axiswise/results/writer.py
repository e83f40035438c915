"""The worker's side of the store: chunks of Zarr arrays whose metadata the parent writes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .grid import ImageGrid
from .records import WrittenPlanes

CNAME: Final = "lz4"
CLEVEL: Final = 5
SHUFFLE: Final = "shuffle"
"""How chunks are compressed, in the words of Zarr's blosc codec."""

PARTIAL: Final = ".partial"
"""The ending of a file that is not whole yet."""


class PlaneWriter:
    """Writes planes as chunks of Zarr version 3 arrays.

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
    """

    def __init__(
        self, root: str, components: Mapping[str, tuple[str, ...]], plane_shape: tuple[int, int]
    ) -> None:
        self._root = root
        self._components = components
        self._plane_shape = plane_shape
        self._grids: dict[tuple[tuple[str, ...], str | None], ImageGrid] = {}
        self._folders: set[Path] = set()
        self._written: dict[tuple[Any, ...], _Written] = {}

    def write(
        self,
        step: str,
        names: tuple[str, ...],
        codes: Sequence[int],
        plane: NDArray[Any],
        routed_by: str | None = None,
    ) -> None:
        """Write one plane of a step's output.

        Parameters
        ----------
        step : str
            The step.
        names : tuple of str
            The components that its output has.
        codes : sequence of int
            For each of them, the index of the plane's value.
        plane : ndarray, shape (Y, X)
            The pixels.
        routed_by : str, optional
            The component by which the step chooses its function.
        """
        path = self._path(step, names, codes, plane.shape, routed_by)
        if path.parent not in self._folders:
            make_folder(self._root, path.parent)
            self._folders.add(path.parent)
        write_atomically(path, encode(plane))
        key = (step, names, routed_by, plane.shape, str(plane.dtype.newbyteorder("=")))
        self._written.setdefault(key, _Written()).add(codes, plane)

    def take_written(self) -> list[WrittenPlanes]:
        """Return what was written since this was asked last."""
        taken, self._written = self._written, {}
        return [
            WrittenPlanes(
                step=step,
                names=names,
                routed_by=routed_by,
                codes=np.array(written.codes, np.int32).reshape(len(written.codes), -1),
                shape=shape,
                dtype=dtype,
                limits=(written.low, written.high),
            )
            for (step, names, routed_by, shape, dtype), written in taken.items()
        ]

    def read(self, planes: WrittenPlanes, codes: Sequence[int]) -> NDArray[Any]:
        """Return one plane that was written, shape (Y, X).

        Raises
        ------
        OSError
            It is not there any more.
        """
        path = self._path(planes.step, planes.names, codes, planes.shape, planes.routed_by)
        return decode(path.read_bytes(), planes.shape, planes.dtype)

    def _path(
        self,
        step: str,
        names: tuple[str, ...],
        codes: Sequence[int],
        shape: tuple[int, int],
        routed_by: str | None,
    ) -> Path:
        grid = self._grids.setdefault(
            (names, routed_by), ImageGrid(self._components, names, routed_by, self._plane_shape)
        )
        chunk = "/".join(str(index) for index in (*grid.position(codes), 0, 0))
        return Path(self._root, step, grid.image(codes, shape), "0", "c", chunk)


@dataclass
class _Written:
    """The planes of one step and shape that were written so far."""

    codes: list[tuple[int, ...]] = field(default_factory=list)
    low: float = float("inf")
    high: float = float("-inf")

    def add(self, codes: Sequence[int], plane: NDArray[Any]) -> None:
        self.codes.append(tuple(codes))
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


def make_folder(root: str, folder: Path) -> None:
    """Make a folder below the output, but never the output itself: once that is gone, nothing is to come back.

    Raises
    ------
    FileNotFoundError
        The output is gone.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"The output folder {root} is not there any more; run again.")
    folder.mkdir(parents=True, exist_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
