"""Planes of image files: TIFF, PNG and other formats of imageio, and ``.npy`` arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PlaneError
from .axes import Axes
from .page_map import PageMap
from .reader import PlaneReader, check_plane, plane_errors
from .tiff import check_tiff_page, map_pages, open_tiff, page_at, page_offsets, tiff_damage

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8")
"""Suffixes of TIFF files, also after ``.ome``. BigTIFF has some of its own."""

MAPS = 256
"""Number of maps of files that a process caches."""

_ENDS = {b"\x89PNG": b"IEND\xaeB`\x82", b"\xff\xd8": b"\xff\xd9"}
"""Last bytes of PNG and JPEG files, by the first ones."""

_TAIL = 1 << 16
"""Bytes in which to search for the end of a file, which other data may follow."""

IMAGE_SUFFIXES = (*TIFF_SUFFIXES, ".png", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True)
class ImageFiles(PlaneReader):
    """Reader of image files with one or more pages.

    Parameters
    ----------
    page_axes : tuple of (str, int), optional
        Axes by which the planes of each file are numbered; see `PageMap`. By default, numbers are those of pages.
    usual : frozenset of int, optional
        Planes that files are taken to have whose headers were not read; None if all were read.
    looked_at : frozenset of str
        Files whose headers were read.
    """

    page_axes: Axes | None = None
    usual: frozenset[int] | None = None
    looked_at: frozenset[str] = frozenset()

    def of_files(self, files: Iterable[str]) -> ImageFiles:
        """Return a reader that knows of these files only; see `PlaneReader.of_files`."""
        return self if self.usual is None else replace(self, looked_at=self.looked_at.intersection(files))

    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane; see `read_plane`."""
        usual = None if file in self.looked_at else self.usual
        return read_plane(self.path(root, file), page, self.page_axes, usual)


def read_plane(
    path: str, page: int, axes: Axes | None = None, usual: frozenset[int] | None = None
) -> NDArray[Any]:
    """Return one 2-D plane of an image file, shape (Y, X).

    Parameters
    ----------
    path : str
        A TIFF, an ``.npy`` array (its leading axes are flattened), or another format of imageio.
    page : int
        Number of the plane in the file, from 0.
    axes : tuple of (str, int), optional
        Axes by which planes are numbered, for a TIFF. By default, `page` is the number of a page.
    usual : frozenset of int, optional
        Planes that the file may have at most.

    Raises
    ------
    PlaneError
        The file is missing, truncated, or not an image, or has other planes.
    """
    with plane_errors(path):
        plane = _read(path, page, axes, usual)
    check_plane(path, plane.shape, plane.dtype)
    return plane


def _read(path: str, page: int, axes: Axes | None, usual: frozenset[int] | None) -> NDArray[Any]:
    suffix = PurePath(path).suffix.lower()
    if suffix == ".npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return np.array(array.reshape(-1, *array.shape[-2:])[page])
    if suffix in TIFF_SUFFIXES:
        return _read_tiff(path, page, axes, usual)
    import imageio.v3 as iio

    return np.asarray(iio.imread(path))


def _read_tiff(path: str, page: int, axes: Axes | None, usual: frozenset[int] | None) -> NDArray[Any]:
    within = 0
    status = os.stat(path)  # noqa: PTH116
    state = path, status.st_mtime_ns, status.st_size
    if axes is not None:
        pages = _page_map(*state)
        page, within = pages.find(page, axes)
        if usual is not None:
            pages.check_within(usual, axes)
    with open_tiff(path) as tiff:
        offsets = _offsets(*state)
        if page >= len(offsets):
            raise IndexError(f"it has no page {page + 1}")
        found: Any = page_at(tiff, offsets[page], page) if page else tiff.pages.first
        check_tiff_page(path, found)
        if damage := tiff_damage(found, tiff.filehandle.size):
            raise PlaneError(f"{path} cannot be read: {damage}. Copy or export it again.")
        if not within:
            return np.asarray(found.asarray())
        # Contiguous pixels of several planes with a single page directory.
        offset = found.dataoffsets[0] + within * found.nbytes
        dtype = found.dtype.newbyteorder(tiff.byteorder)
        pixels = np.fromfile(path, dtype, count=found.size, offset=offset)
        return pixels.reshape(found.shape).astype(found.dtype)


def is_cut_short(path: str) -> bool:
    """Return whether a PNG, JPEG or BMP file lacks its end. Its header may be complete."""
    with open(path, "rb") as file:  # noqa: PTH123
        head = file.read(6)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    if head.startswith(b"BM"):
        return int.from_bytes(head[2:], "little") > size
    return any(head.startswith(start) and end not in tail for start, end in _ENDS.items())


@lru_cache(MAPS)
def _page_map(path: str, changed: int, size: int) -> PageMap:
    """Return the map of a file, again if it has changed."""
    with open_tiff(path) as tiff:
        return map_pages(tiff, path)


@lru_cache(MAPS)
def _offsets(path: str, changed: int, size: int) -> NDArray[np.int64]:
    """Return where the pages of a file begin, again if it has changed."""
    with open_tiff(path) as tiff:
        return np.array(page_offsets(tiff)[0], np.int64)
