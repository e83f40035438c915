"""Where planes are, and how one is read. No pixels are held here.

This is the part of a dataset that travels to workers, so it imports nothing heavy until a plane is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .failures import PlaneError
from .tiff import Axes, check_same_order, page_axes

TIFF_SUFFIXES = (".tif", ".tiff")
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, ".png", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True, eq=False)
class Planes:
    """A table of 2-D planes, in natural order: which component values each has, and in which file it is.

    Parameters
    ----------
    components : mapping
        From component name to all its values in the dataset, in natural order. A selection keeps them all,
        so that a value has the same index in every task.
    codes : ndarray of int32, shape (planes, components)
        For each plane and component, the index of its value.
    files : sequence of str
        The distinct files, relative to `root`.
    file_codes : ndarray of int32, shape (planes,)
        For each plane, the index of its file.
    pages : ndarray of int32, shape (planes,)
        For each plane, its number within the file, from 0.
    root : str
        The folder that `files` are in.
    page_axes : tuple of (str, int)
        The axes of the pages of each file, if they have any.
    """

    components: Mapping[str, tuple[str, ...]]
    codes: NDArray[np.int32]
    files: Sequence[str]
    file_codes: NDArray[np.int32]
    pages: NDArray[np.int32]
    root: str
    page_axes: Axes = ()

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def names(self) -> tuple[str, ...]:
        """The component names, in order."""
        return tuple(self.components)

    def path(self, index: int) -> str:
        """Return the absolute path of the file of a plane."""
        return str(Path(self.root, self.files[self.file_codes[index]]))

    def read(self, index: int) -> NDArray[Any]:
        """Return the pixels of a plane, shape (Y, X).

        Raises
        ------
        PlaneError
            The file cannot be read; the message names it.
        """
        return read_plane(self.path(index), int(self.pages[index]), self.page_axes)

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Planes:
        """Return the planes in `rows` (indices or a mask), with the files that they need."""
        used, file_codes = np.unique(self.file_codes[rows], return_inverse=True)
        return Planes(
            self.components,
            self.codes[rows],
            tuple(self.files[code] for code in used),
            file_codes.astype(np.int32),
            self.pages[rows],
            self.root,
            self.page_axes,
        )

    def column(self, name: str) -> NDArray[np.int32]:
        """Return the codes of one component, shape (planes,)."""
        return self.codes[:, self.names.index(name)]

    def groups(self, names: Sequence[str]) -> Iterator[NDArray[np.intp]]:
        """Yield the rows of the planes that agree on the components `names`, in natural order."""
        columns = [self.names.index(name) for name in names]
        if not columns or not len(self):
            yield np.arange(len(self))
            return
        order = np.lexsort(self.codes[:, columns[::-1]].T)
        ordered = self.codes[order][:, columns]
        starts = np.flatnonzero(np.any(ordered[1:] != ordered[:-1], axis=1)) + 1
        yield from np.split(order, starts)


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
    try:
        plane = _read(path, page, axes)
    except FileNotFoundError as error:
        raise PlaneError(f"{path} is not there any more. Put it back, or open the folder again.") from error
    except Exception as error:
        raise PlaneError(
            f"{path} cannot be read ({type(error).__name__}: {error}). It may be cut short or damaged: "
            "export it again, or move it out of the folder."
        ) from error
    if plane.ndim != 2:
        raise PlaneError(
            f"{path} holds an image of shape {plane.shape}, not a (Y, X) plane. "
            "Colour images are not supported: save each colour as a file of its own."
        )
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
            return np.asarray(tiff.pages[page].asarray())
        first = tiff.pages.first
        if len(tiff.pages) > 1 or page >= math.prod(tiff.series[0].shape) // first.size:
            raise IndexError(f"it has no page {page + 1}, as other files of the dataset have")
        # A contiguous stack with a single directory, as ImageJ writes them beyond 4 GB.
        offset = first.dataoffsets[0] + page * first.nbytes
        assert first.dtype is not None
        dtype = first.dtype.newbyteorder(tiff.byteorder)
        pixels = np.fromfile(path, dtype, count=first.size, offset=offset)
        return pixels.reshape(first.shape).astype(first.dtype)
