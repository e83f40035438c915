"""Planes in image files: TIFF, PNG and what else imageio reads, and ``.npy`` arrays."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PlaneError
from .reader import PlaneReader, check_plane, plane_errors
from .tiff import Axes, check_same_order, page_axes

TIFF_SUFFIXES = (".tif", ".tiff")
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, ".png", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True)
class ImageFiles(PlaneReader):
    """Reads files of one or more pages.

    Parameters
    ----------
    page_axes : tuple of (str, int)
        The axes that the pages of a file have to have for their numbers to mean what they say; empty for any.
    """

    page_axes: Axes = ()

    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane; see `read_plane`."""
        return read_plane(self.path(root, file), page, self.page_axes)


def read_plane(path: str, page: int, axes: Axes = ()) -> NDArray[Any]:
    """Return one 2-D plane of an image file, shape (Y, X).

    Parameters
    ----------
    path : str
        A TIFF, an ``.npy`` array (whose leading axes are taken as one), or what imageio reads.
    page : int
        Which plane of the file, from 0.
    axes : tuple of (str, int)
        The axes that the pages of the file have to have for `page` to mean what it says; empty for any.

    Raises
    ------
    PlaneError
        The file is missing, cut short, or not an image. The message names it and says what to do.
    """
    with plane_errors(path):
        plane = _read(path, page, axes)
    check_plane(path, plane.shape, plane.dtype)
    return plane


def _read(path: str, page: int, axes: Axes) -> NDArray[Any]:
    suffix = PurePath(path).suffix.lower()
    if suffix == ".npy":
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return np.array(array.reshape(-1, *array.shape[-2:])[page])
    if suffix in TIFF_SUFFIXES:
        return _read_tiff(path, page, axes)
    import imageio.v3 as iio

    return np.asarray(iio.imread(path))


def _read_tiff(path: str, page: int, axes: Axes) -> NDArray[Any]:
    from tifffile import TiffFile

    with TiffFile(path) as tiff:
        if math.prod(length for _, length in axes) > 1:
            check_same_order(page_axes(tiff), axes)
        if page == 0 or page < len(tiff.pages):
            found = tiff.pages[page]
            check_plane(path, found.shape, np.dtype(found.dtype))
            if damage := tiff_damage(found, os.path.getsize(path)):  # noqa: PTH202
                raise PlaneError(f"{path} cannot be read: {damage}. Copy or export it again.")
            return np.asarray(found.asarray())
        first = tiff.pages.first
        if len(tiff.pages) > 1 or page >= math.prod(tiff.series[0].shape) // first.size:
            raise IndexError(f"it has no page {page + 1}, as other files of the dataset have")
        # A contiguous stack with a single directory, as ImageJ writes them beyond 4 GB.
        offset = first.dataoffsets[0] + page * first.nbytes
        assert first.dtype is not None
        dtype = first.dtype.newbyteorder(tiff.byteorder)
        pixels = np.fromfile(path, dtype, count=first.size, offset=offset)
        return pixels.reshape(first.shape).astype(first.dtype)


def tiff_damage(page: Any, size: int) -> str:
    """Return why the pixels of a page of a TIFF cannot all be there; empty where they can.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.
    size : int
        Bytes of the file.
    """
    counts = page.databytecounts
    end = max(map(sum, zip(page.dataoffsets, counts, strict=False)), default=0)
    if end > size:
        return f"it is cut short: its pixels go to byte {end}, and the file ends at {size}"
    if page.compression == 1 and sum(counts) < page.nbytes:
        return f"its plane of shape {page.shape} needs {page.nbytes} bytes, and it holds {sum(counts)}"
    return ""
