"""Planes of image files: TIFF, PNG and other formats of imageio, and ``.npy`` arrays."""

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

TIFF_SUFFIXES = (".tif", ".tiff", ".btf", ".tf2", ".tf8")
"""Suffixes of TIFF files, also after ``.ome``. BigTIFF has some of its own."""

IMAGE_SUFFIXES = (*TIFF_SUFFIXES, ".png", ".jpg", ".jpeg", ".bmp")

GREY = (0, 1)
"""Photometric interpretations of a TIFF page that is not in colour."""


@dataclass(frozen=True)
class ImageFiles(PlaneReader):
    """Reader of image files with one or more pages.

    Parameters
    ----------
    page_axes : tuple of (str, int)
        Axes that the pages of every file must have, so that page numbers have the same meaning; empty for any.
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
        A TIFF, an ``.npy`` array (its leading axes are flattened), or another format of imageio.
    page : int
        Number of the plane in the file, from 0.
    axes : tuple of (str, int)
        Axes that the pages of the file must have, so that `page` has the intended meaning; empty for any.

    Raises
    ------
    PlaneError
        The file is missing, truncated, or not an image.
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
            check_tiff_page(path, found)
            if damage := tiff_damage(found, os.path.getsize(path)):  # noqa: PTH202
                raise PlaneError(f"{path} cannot be read: {damage}. Copy or export it again.")
            return np.asarray(found.asarray())
        first = tiff.pages.first
        if len(tiff.pages) > 1 or page >= math.prod(tiff.series[0].shape) // first.size:
            raise IndexError(f"it has no page {page + 1}, unlike other files of the dataset")
        # ImageJ writes stacks of more than 4 GB as contiguous pixels with a single page directory.
        offset = first.dataoffsets[0] + page * first.nbytes
        assert first.dtype is not None
        dtype = first.dtype.newbyteorder(tiff.byteorder)
        pixels = np.fromfile(path, dtype, count=first.size, offset=offset)
        return pixels.reshape(first.shape).astype(first.dtype)


def check_tiff_page(path: str, page: Any) -> tuple[int, int]:
    """Return the shape of a TIFF page after checking that it is a plane.

    Raises
    ------
    PlaneError
        It has several values per pixel; see also `check_plane`.
    """
    if page.samplesperpixel > 1 and page.photometric in GREY:
        raise PlaneError(
            f"{path} has {page.samplesperpixel} values per pixel in a page of shape "
            f"{tuple(page.shape)}. Save each of them as a page or a file of its own."
        )
    return check_plane(path, page.shape, np.dtype(page.dtype))


def tiff_damage(page: Any, size: int) -> str:
    """Return why the pixels of a TIFF page are incomplete; empty if they are complete.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.
    size : int
        Size of the file in bytes.
    """
    counts = page.databytecounts
    end = max(map(sum, zip(page.dataoffsets, counts, strict=False)), default=0)
    if end > size:
        return f"it is truncated: its pixels extend to byte {end}, but the file has {size} bytes"
    # Pixels of fewer than 8, or of 10, 12 or 14 bits are packed, and each row starts with a byte of its own.
    needed = math.prod(page.shape[:-1]) * math.ceil(page.shape[-1] * page.bitspersample / 8)
    if page.compression == 1 and sum(counts) < needed:
        return f"its plane of shape {page.shape} needs {needed} bytes, but has {sum(counts)}"
    return ""
