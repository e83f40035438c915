"""Planes in Zarr arrays, in a folder or behind an address."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PlaneError
from .reader import LARGEST_PLANE, PlaneReader, check_plane, plane_errors
from .tiff import Axes

if TYPE_CHECKING:
    import zarr
    from zarr.abc.store import Store

OPEN_ARRAYS = 64
"""Arrays whose metadata a process keeps."""


@dataclass(frozen=True)
class LabelImage:
    """A label image that lies beside each image of a plate.

    Parameters
    ----------
    path : str
        Of its array, relative to the image.
    axes : tuple of (str, int)
        Its leading axes.
    """

    path: str
    axes: Axes


@dataclass(frozen=True)
class ZarrArrays(PlaneReader):
    """Reads planes of arrays whose last axes are Y and X.

    Parameters
    ----------
    page_axes : tuple of (str, int)
        Names and lengths of the other axes, slowest first, by which planes are numbered.
    label_images : mapping
        Label images that lie beside the arrays, by name.
    level : str
        The path of an array relative to its image.
    """

    page_axes: Axes = ()
    label_images: Mapping[str, LabelImage] = field(default_factory=dict)
    level: str = "0"

    @property
    def labels(self) -> Mapping[str, object]:
        """Label images that lie beside the planes, by name."""
        return self.label_images

    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane; see `PlaneReader.read`."""
        return read_zarr_plane(root, file, self._place(page))

    def read_labels(self, root: str, file: str, page: int, name: str) -> NDArray[Any]:
        """Return the labels of one plane; those of all channels are the same where labels have none."""
        if name not in self.label_images:
            return super().read_labels(root, file, page, name)
        image = self.label_images[name]
        at = {axis: index for (axis, _), index in zip(self.page_axes, self._place(page), strict=True)}
        place = tuple(at.get(axis, 0) if length > 1 else 0 for axis, length in image.axes)
        return read_zarr_plane(root, file.removesuffix(self.level) + image.path, place)

    def path(self, root: str, file: str) -> str:
        """Return the folder or the address of an array."""
        return f"{root}/{file}" if is_address(root) else str(PurePath(root, file))

    def _place(self, page: int) -> tuple[int, ...]:
        return tuple(map(int, np.unravel_index(page, [length for _, length in self.page_axes] or [1])))[
            : len(self.page_axes)
        ]


def is_address(root: str) -> bool:
    """Return whether something is a URL, and not a path."""
    return "://" in root


def read_zarr_plane(root: str, path: str, place: tuple[int, ...]) -> NDArray[Any]:
    """Return one plane of an array, shape (Y, X).

    Parameters
    ----------
    root : str
        The folder or the address of the store.
    path : str
        Of the array in the store.
    place : tuple of int
        Indices along its leading axes.

    Raises
    ------
    PlaneError
        There is no such array or plane, or it cannot be read.
    """
    told = f"{root}/{path}"
    with plane_errors(told):
        array = _open_array(root, path, _changed(root, path))
        leading = array.shape[:-2]
        if len(leading) != len(place) or any(
            index >= length for index, length in zip(place, leading, strict=True)
        ):
            raise PlaneError(
                f"{told} has shape {array.shape}, and no plane at {place}: it differs from the first image of the "
                "dataset. Open it on its own."
            )
        check_plane(told, array.shape[-2:], array.dtype)
        return np.asarray(array[place])


def _changed(root: str, path: str) -> int:
    """Return when the metadata of an array were written; 0 where nobody can know."""
    if not is_address(root):
        for name in ("zarr.json", ".zarray"):
            with suppress(OSError):
                return Path(root, path, name).stat().st_mtime_ns
    return 0


@lru_cache(OPEN_ARRAYS)
def _open_array(root: str, path: str, changed: int) -> zarr.Array[Any]:
    import zarr

    array = zarr.open_array(_open_store(root), path=path, mode="r")
    if array.dtype.kind not in "biufc" or "pickle" in str(array.metadata.to_dict()):
        raise PlaneError(f"{root}/{path} holds objects and not numbers; it is no image.")
    if math.prod(array.chunks) * array.dtype.itemsize > LARGEST_PLANE:
        raise PlaneError(
            f"{root}/{path} says that it has chunks of shape {array.chunks}, "
            f"more than the {LARGEST_PLANE >> 30} GiB that are read at once."
        )
    return array


@lru_cache(8)
def _open_store(root: str) -> Store:
    if is_address(root):
        from zarr.storage import FsspecStore

        return FsspecStore.from_url(root, read_only=True)
    from zarr.storage import LocalStore

    class FolderStore(LocalStore):
        """A folder that is never left, wherever links in it lead."""

        async def get(self, key: str, *args: Any, **kwargs: Any) -> Any:
            if not Path(self.root, key).resolve().is_relative_to(self.root):
                raise PlaneError(
                    f"{self.root}/{key} is a link that leads out of the plate; it is not followed."
                )
            return await super().get(key, *args, **kwargs)

    return FolderStore(Path(root).resolve(), read_only=True)
