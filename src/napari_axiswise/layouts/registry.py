"""All layouts: the built-in ones, and those of other packages."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path, PurePath
from typing import cast

from .filenames import AnyImages, InferredNames, KnownPattern, OneImage
from .folder import Folder
from .layout import FoundPlanes, Layout
from .ome.tiff import OmeTiff
from .ome.zarr import OmeZarr
from .single_files import SingleFiles
from .vendors.imagexpress import ImageXpress
from .vendors.operetta import Operetta
from .vendors.yokogawa import Yokogawa

logger = logging.getLogger(__name__)

LAYOUTS: tuple[Layout, ...] = (
    OmeZarr(),
    Operetta(),
    Yokogawa(),
    ImageXpress(),
    OmeTiff(),
    SingleFiles(),
    KnownPattern(),
    InferredNames(),
    AnyImages(),
)
"""Layouts of folders, tried in this order after those of other packages; the first match is used."""

FILE_LAYOUTS: tuple[Layout, ...] = (OmeTiff(), SingleFiles(), OneImage())
"""Layouts of single files."""

INDEX_SUFFIXES = (".htd", ".xml", ".mlf", ".mrf")
"""Suffixes of index files. Opening one opens the folder that it is in."""

ENTRY_POINTS = "napari_axiswise.layouts"
"""Group of entry points by which other packages add layouts."""


def is_index(file: Path) -> bool:
    """Return whether a file is an index file, which describes the images in its folder."""
    return file.suffix.lower() in INDEX_SUFFIXES


def layouts_for(path: Path) -> Sequence[Layout]:
    """Return the layouts to try for a folder or a file, in order."""
    is_single_file = path.is_file() and not is_index(path)
    return (*foreign_layouts(), *(FILE_LAYOUTS if is_single_file else LAYOUTS))


@cache
def foreign_layouts() -> tuple[Layout, ...]:
    """Return the layouts of other packages. One that cannot be loaded is logged and skipped."""
    layouts = []
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            loaded = entry.load()
            layout = loaded() if isinstance(loaded, type) else loaded
            if not callable(layout.find) or not isinstance(layout.name, str):
                raise TypeError(f"{layout!r} is not a layout: it needs a name and a method find")
            layouts.append(cast("Layout", layout))
        except Exception:
            logger.exception("The layout %s of %s cannot be loaded and is skipped.", entry.name, entry.value)
    return tuple(layouts)


def find_with(layout: Layout, folder: Folder) -> FoundPlanes | None:
    """Return the planes that a layout finds. A third-party layout that raises is logged and skipped."""
    if layout not in foreign_layouts():
        return layout.find(folder)
    try:
        found = layout.find(folder)
        outside = [file for file in found.files if _is_outside(file)] if found is not None else []
    except Exception:
        logger.exception("The layout %s failed at %s and is skipped.", layout.name, folder.root)
        return None
    if outside:
        logger.error("The layout %s lists files outside %s and is skipped.", layout.name, folder.root)
        return None
    return found


def _is_outside(file: str) -> bool:
    return PurePath(file).is_absolute() or ".." in PurePath(file).parts
