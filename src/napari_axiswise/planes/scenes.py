"""Planes of microscope files that bioio reads: several scenes, each with time, channels and z."""

from __future__ import annotations

import inspect
import math
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PlaneError, missing_package
from .reader import PlaneReader, check_plane, plane_errors

EXTRA = "napari-axiswise[bioio]"
"""What to install to read these files."""

AXES = "TCZ"
"""Axes by which the planes of a scene are numbered, slowest first."""

MOST_PLANES = 1 << 24
"""Maximum number of planes of a file, to detect damaged headers."""

LOCK = threading.RLock()
"""Guards open files: each has one current scene, and the threads of a process share them."""


@dataclass(frozen=True)
class Scenes(PlaneReader):
    """Reader of files through bioio. Planes are numbered over scene, T, C and Z of their file."""

    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane; see `PlaneReader.read`."""
        path = self.path(root, file)
        with plane_errors(path), LOCK:
            return _read(path, page)


@dataclass(frozen=True, eq=False)
class SceneFile:
    """An open file.

    Parameters
    ----------
    image : bioio.BioImage
        The file, at any of its scenes.
    lengths : tuple of tuple of int
        Lengths of `AXES` of each scene.
    changed : int
        Modification time of the file, in nanoseconds.
    """

    image: Any
    lengths: tuple[tuple[int, ...], ...]
    changed: int


def open_scenes(path: str) -> SceneFile:
    """Open a file, or return it if it was the last to be opened. The caller must hold `LOCK`.

    Raises
    ------
    MissingPackage
        bioio or its plugin for the file is not installed.
    PlaneError
        The file is in colour, or claims to have more than `MOST_PLANES`.
    """
    if "::" in path or "://" in path:
        raise PlaneError(f"{path} looks like an address, not like a file. Rename it.")
    return _open(path, Path(path).stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _open(path: str, changed: int) -> SceneFile:
    image = _image_class(path)(path, use_plugin_cache=True)
    if _takes(image.reader, "chunk_dims"):
        # By default it reads a whole stack for a single plane.
        image = type(image)(path, reader=type(image.reader), chunk_dims=["Y", "X"])
    lengths = []
    for scene in range(len(image.scenes)):
        image.set_scene(scene)
        if "S" in image.dims.order:
            raise PlaneError(
                f"{path} has a colour image. Colour images are not supported: export each colour as a separate file."
            )
        lengths.append(tuple(int(getattr(image.dims, axis)) for axis in AXES))
    if sum(map(math.prod, lengths)) > MOST_PLANES:
        raise PlaneError(f"{path} says that it has {sum(map(math.prod, lengths))} planes. Export it again.")
    return SceneFile(image, tuple(lengths), changed)


def _image_class(path: str) -> Any:
    """Return ``bioio.BioImage`` after checking that it has a plugin for the file."""
    try:
        from bioio import BioImage
        from bioio.plugins import get_plugins
    except ImportError as error:
        raise missing_package(path, "bioio", EXTRA, error) from error
    if not any(path.lower().endswith(suffix) for suffix in get_plugins(use_cache=True)):
        raise missing_package(path, "a plugin of bioio", EXTRA)
    return BioImage


def _takes(reader: object, name: str) -> bool:
    """Return whether a reader of bioio accepts a keyword argument, or passes it on."""
    parameters = inspect.signature(type(reader)).parameters.values()
    return any(parameter.name == name or parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


@lru_cache(maxsize=32)
def _stack(path: str, changed: int, scene: int) -> Any:
    """Return the planes of a scene as a dask array whose graph is optimized once, not for each plane."""
    from dask import base

    optimize: Any = base.optimize  # dask has types in part
    image = _open(path, changed).image
    image.set_scene(scene)
    return optimize(image.dask_data)[0]


def _read(path: str, page: int) -> NDArray[Any]:
    file = open_scenes(path)
    starts = np.cumsum([0, *map(math.prod, file.lengths)])
    scene = int(np.searchsorted(starts, page, side="right")) - 1
    if scene == len(file.lengths):
        raise IndexError("it has fewer planes than when the folder was opened")
    stack = _stack(path, file.changed, scene)
    check_plane(path, stack.shape[len(AXES) :], stack.dtype)
    index = np.unravel_index(page - starts[scene], file.lengths[scene])
    return np.asarray(stack[index].compute(scheduler="synchronous"))
