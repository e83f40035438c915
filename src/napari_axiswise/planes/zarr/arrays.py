"""Planes of Zarr arrays, in a folder or at an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import PlaneError
from ...core.files import is_address
from ...core.grid import LABELS
from ..axes import Axes, axes_text
from ..reader import PlaneReader, check_plane, plane_errors

if TYPE_CHECKING:
    import zarr

OPEN_ARRAYS = 64
"""Number of open arrays that a process caches."""


@dataclass(frozen=True)
class LabelImage:
    """Label image that accompanies each image of a plate.

    Parameters
    ----------
    path : str
        Path of its array, relative to the image.
    axes : tuple of (str, int)
        Its leading axes.
    """

    path: str
    axes: Axes


@dataclass(frozen=True)
class OwnArray:
    """Array whose axes or path differ from those of most images.

    Parameters
    ----------
    axes : tuple of str
        Names of its leading axes.
    level : str
        Its path, relative to its image.
    """

    axes: tuple[str, ...]
    level: str


@dataclass(frozen=True)
class ZarrArrays(PlaneReader):
    """Reader of planes of arrays whose last axes are Y and X.

    Parameters
    ----------
    page_axes : tuple of (str, int)
        Names and lengths of the other axes, by which planes are numbered, slowest first.
    label_images : mapping
        Label images that accompany the arrays, by name.
    level : str
        Path of an array, relative to its image.
    own_arrays : mapping
        The arrays that differ, by file.
    made_of : str
        See `PlaneReader.made_of`.
    usual : tuple of (str, int), optional
        Axes that arrays are taken to have whose metadata were not read; None if all were read.
    looked_at : frozenset of str
        Files of the arrays whose metadata were read.
    """

    page_axes: Axes = ()
    label_images: Mapping[str, LabelImage] = field(default_factory=dict)
    level: str = "0"
    own_arrays: Mapping[str, OwnArray] = field(default_factory=dict)
    made_of: str = ""
    usual: Axes | None = None
    looked_at: frozenset[str] = frozenset()

    def of_files(self, files: Iterable[str]) -> ZarrArrays:
        """Return a reader that knows of these files only; see `PlaneReader.of_files`."""
        if self.usual is None and not self.own_arrays:
            return self
        own = {file: self.own_arrays[file] for file in files if file in self.own_arrays}
        return replace(self, own_arrays=own, looked_at=self.looked_at.intersection(files))

    @property
    def labels(self) -> Mapping[str, object]:
        """Label images that accompany the planes, by name."""
        return self.label_images

    @property
    def has_images(self) -> bool:
        """Whether the planes are images rather than label images."""
        return not self.level.startswith(f"{LABELS}/")

    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane; see `PlaneReader.read`."""
        own = self.own_arrays.get(file)
        if self.usual is not None and file not in self.looked_at:
            level = self.level if own is None else own.level
            with plane_errors(self.path(root, file)):
                _check_axes(root, file, file.removesuffix(level), self.usual, _changed(root, file))
        if own is None:
            return read_zarr_plane(root, file, self._place(page))
        at = self._index(page)
        return read_zarr_plane(root, file, tuple(at[axis] for axis in own.axes))

    def read_labels(self, root: str, file: str, page: int, name: str) -> NDArray[Any]:
        """Return the labels of one plane. Labels without a channel axis apply to all channels."""
        if name not in self.label_images:
            return super().read_labels(root, file, page, name)
        image = self.label_images[name]
        own = self.own_arrays.get(file)
        path = file.removesuffix(self.level if own is None else own.level) + image.path
        at = self._index(page)
        return read_zarr_plane(root, path, tuple(at.get(axis, 0) for axis, _ in image.axes), broadcast=True)

    def path(self, root: str, file: str) -> str:
        """Return the folder or address of an array."""
        return f"{root}/{file}" if is_address(root) else str(PurePath(root, file))

    def _index(self, page: int) -> dict[str, int]:
        """Return the index of a page along each axis."""
        return {axis: index for (axis, _), index in zip(self.page_axes, self._place(page), strict=True)}

    def _place(self, page: int) -> tuple[int, ...]:
        return tuple(map(int, np.unravel_index(page, [length for _, length in self.page_axes] or [1])))[
            : len(self.page_axes)
        ]


def read_zarr_plane(
    root: str,
    path: str,
    place: tuple[int, ...],
    broadcast: bool = False,
    expected: tuple[tuple[int, int], str] | None = None,
) -> NDArray[Any]:
    """Return one plane of an array, shape (Y, X).

    Parameters
    ----------
    root : str
        Folder or address of the store.
    path : str
        Path of the array in the store.
    place : tuple of int
        Indices along the leading axes.
    broadcast : bool
        Whether an axis of length 1 has one plane for all indices.
    expected : tuple of ((int, int), str), optional
        Shape (Y, X) and name of the dtype that the plane must have.

    Raises
    ------
    PlaneError
        There is no such array or plane, or it cannot be read.
    """
    full_path = f"{root}/{path}"
    with plane_errors(full_path):
        array = _open_array(root, path, _changed(root, path))
        leading = array.shape[:-2]
        if broadcast and len(leading) == len(place):
            place = tuple(index if length > 1 else 0 for index, length in zip(place, leading, strict=True))
        if len(leading) != len(place) or any(
            index >= length for index, length in zip(place, leading, strict=True)
        ):
            raise PlaneError(
                f"{full_path} has shape {array.shape}, and no plane at {place}: it differs from most images of the "
                "dataset. Open it separately."
            )
        found = check_plane(full_path, array.shape[-2:], array.dtype), array.dtype.name
        if expected is not None and found != expected:
            raise PlaneError(
                f"{full_path} has planes of {found}, not of {expected}. It was changed since the run."
            )
        return np.asarray(array[place])


def _changed(root: str, path: str) -> int:
    """Return the modification time of an array's metadata, in nanoseconds; 0 if unknown."""
    if not is_address(root):
        for name in ("zarr.json", ".zarray"):
            with suppress(OSError):
                return Path(root, path, name).stat().st_mtime_ns
    return 0


@lru_cache(OPEN_ARRAYS, typed=True)
def _check_axes(root: str, path: str, image: str, usual: Axes, changed: int) -> None:
    """Check that an array that was not looked at on opening has no planes but those that it was taken to have.

    Raises
    ------
    PlaneError
        It has others, which would be lost or have the wrong values.
    """
    import zarr

    from .store import CheckedStore

    group = zarr.open_group(CheckedStore(root), path=image.rstrip("/"), mode="r")
    attributes: Any = group.attrs.asdict()
    attributes = attributes.get("ome", attributes)
    axes = attributes["multiscales"][0].get("axes", [])
    names = [axis.get("name") if isinstance(axis, dict) else axis for axis in axes][:-2]
    lengths = _open_array(root, path, changed).shape[:-2]
    is_within = len(lengths) == len(usual) and all(
        own <= length for own, (_, length) in zip(lengths, usual, strict=True)
    )
    if not is_within or names not in ([], [name for name, _ in usual]):
        own = axes_text(tuple(zip(map(str, names or "?" * len(lengths)), lengths, strict=False)))
        raise PlaneError(
            f"{root}/{path} has the axes {own}, where most images of the dataset have {axes_text(usual)}, and was not "
            "looked at on opening. Open it separately."
        )


@lru_cache(OPEN_ARRAYS, typed=True)
def _open_array(root: str, path: str, changed: int) -> zarr.Array[Any]:
    import zarr

    from .store import CheckedStore

    return zarr.open_array(CheckedStore(root), path=path, mode="r")
