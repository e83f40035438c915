"""Thumbnails: a small copy of every kept plane, made by workers, for the plate view.

::

    ledger/thumbnails/<step>/<worker>       by a worker: consecutive entries of codes and pixels

An entry is a record of fixed size, so that all entries of a task are read at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.files import open_regular, path_below
from ..core.kinds import PlaneKind
from .records import WrittenThumbnails

THUMBNAIL = 64
"""Maximum length of the longer side, in pixels."""

THUMBNAIL_DTYPES = ("uint8", "uint16", "float32")
"""Types of the pixels of thumbnails."""

THUMBNAILS = "thumbnails"
"""The folder of thumbnails in the run log."""

LABEL_COLORS = 255
"""Labels of a thumbnail are numbered from 1 to this, repeatedly. They only tell neighbours apart."""


def make_thumbnail(plane: NDArray[Any], kind: PlaneKind) -> NDArray[Any]:
    """Return a small copy of a plane.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        The plane, or a smaller level of it.
    kind : PlaneKind
        Kind of the output.

    Returns
    -------
    ndarray, shape (Y, X)
        For an image, means of pixels as uint8 and uint16 if it has that dtype, otherwise float32; magnitudes if it is
        complex. For labels, uint8: 0 for the background, otherwise 1 to 255.
    """
    factor = max(1, -(-max(plane.shape) // THUMBNAIL))
    if not kind.has_intensities:
        steps = [min(factor, length) for length in plane.shape]
        labels = plane[steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]].astype(np.int64)
        return np.where(labels > 0, (labels - 1) % LABEL_COLORS + 1, 0).astype(np.uint8)
    dtype = plane.dtype if plane.dtype in (np.uint8, np.uint16) else np.dtype(np.float32)
    pixels = np.abs(plane) if plane.dtype.kind == "c" else plane
    height, width = (max(1, length // factor) for length in plane.shape)
    factors = tuple(min(factor, length) for length in plane.shape)
    whole = pixels[: height * factors[0], : width * factors[1]]
    blocks = whole.reshape(height, factors[0], width, factors[1])
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32).astype(dtype))


def encode_thumbnails(thumbnails: Mapping[tuple[int, ...], NDArray[Any]]) -> bytes:
    """Return the entries of thumbnails of one shape and dtype, keyed by their codes."""
    codes, pixels = np.array(list(thumbnails)), np.array(list(thumbnails.values()))
    entries = np.zeros(len(pixels), entry_type(codes.shape[1], pixels.shape[1:], pixels.dtype))
    entries["codes"], entries["pixels"] = codes, pixels
    return entries.tobytes()


def entry_type(names: int, shape: tuple[int, ...], dtype: np.dtype[Any] | str) -> np.dtype[Any]:
    """Return the dtype of an entry with this number of codes, and pixels of this shape and dtype."""
    return np.dtype([("codes", "<i4", (names,)), ("pixels", np.dtype(dtype).newbyteorder("<"), shape)])


@dataclass(frozen=True, eq=False)
class _Entries:
    """The entries of one `WrittenThumbnails`: the codes in memory, the pixels on disk, and which planes exist."""

    written: WrittenThumbnails
    codes: NDArray[np.int32]
    exists: NDArray[np.bool_]


class ThumbnailIndex:
    """The index of all thumbnails, whose pixels stay on disk.

    Parameters
    ----------
    root : Path
        The output folder.
    components : mapping
        From component name to all its values in the dataset.
    """

    def __init__(self, root: Path, components: Mapping[str, Sequence[str]]) -> None:
        self._root = root
        self._lengths = {name: len(values) for name, values in components.items()}
        self._entries: dict[str, list[_Entries]] = {}

    def add(self, written: Sequence[WrittenThumbnails]) -> None:
        """Add thumbnails of a task.

        Raises
        ------
        OSError
            They cannot be read.
        """
        for thumbnails in written:
            codes = self._read(thumbnails)["codes"].copy()
            lengths = [self._lengths[name] for name in thumbnails.names]
            exists = np.all((codes >= 0) & (codes < lengths), axis=1)
            self._entries.setdefault(thumbnails.step, []).append(_Entries(thumbnails, codes, exists))

    def fetch(
        self, step: str, fixed: Mapping[str, int]
    ) -> Iterator[tuple[tuple[str, ...], NDArray[np.int32], NDArray[Any]]]:
        """Yield the thumbnails of a step with some component values.

        Parameters
        ----------
        step : str
            Name of the step.
        fixed : mapping
            From component name to the index of the value. Components that the step's output lacks are ignored.

        Yields
        ------
        names : tuple of str
            The components of the codes.
        codes : ndarray of int32, shape (thumbnails, len(names))
            For each thumbnail, the indices of its component values.
        pixels : ndarray, shape (thumbnails, Y, X)
            See `make_thumbnail`.

        Raises
        ------
        OSError
            They cannot be read.
        """
        # A copy, as another thread may add more meanwhile.
        for entries in list(self._entries.get(step, ())):
            written = entries.written
            wanted = entries.exists.copy()
            for name, code in fixed.items():
                if name in written.names:
                    wanted &= entries.codes[:, written.names.index(name)] == code
            if wanted.any():
                yield written.names, entries.codes[wanted], self._read(written)["pixels"][wanted]

    def _read(self, written: WrittenThumbnails) -> NDArray[Any]:
        kind = entry_type(len(written.names), written.shape, written.dtype)
        count = (written.stop - written.start) // kind.itemsize
        path = path_below(self._root, written.path)
        with open_regular(path) as file:
            if file.seek(0, os.SEEK_END) < written.start + count * kind.itemsize:
                raise OSError(f"{path} is shorter than the run log says.")
            return np.memmap(file, kind, "r", offset=written.start, shape=(count,))
