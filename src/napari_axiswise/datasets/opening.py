"""`open_dataset`: the one way in, whatever it is that is opened."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from ..failures import PlaneError
from ..planes import IMAGE_SUFFIXES
from .dataset import Dataset, Problem
from .filenames import AnyImages, KnownPattern, UserPattern
from .folder import Folder, list_folder
from .header import Header, read_header
from .imagexpress import ImageXpress
from .layers import ImageLayer, open_layers
from .layout import FoundFiles, Layout, make_planes

LAYOUTS: tuple[Layout, ...] = (ImageXpress(), KnownPattern(), AnyImages())
"""Asked in this order; the first that recognises a folder has it."""

_HEADERS_TRIED = 5


def open_dataset(
    source: str | os.PathLike[str] | Dataset | ImageLayer | Sequence[ImageLayer],
    pattern: str | None = None,
    axes: Sequence[str] | None = None,
) -> Dataset:
    """Open a folder, a file or a napari layer as a table of planes.

    Names of files are read, and the header of one of them; no pixels.

    Parameters
    ----------
    source : path, or a sequence of one napari layer
        A folder in any layout that is known, or any other with a `pattern`; an image file; an image layer
        with at least three axes. A `Dataset` is returned as it is.
    pattern : str, optional
        How the files of a folder are named, ``"{batch}/{well}_{condition}_t{timepoint}.tif"``: folders
        included, components in braces, ``{_}`` or ``*`` for what does not matter.
    axes : sequence of str, optional
        For a layer: components of its axes, except Y and X.

    Returns
    -------
    Dataset
        What was skipped is in its `problems`.

    Raises
    ------
    FileNotFoundError
        There is nothing at the path.
    ValueError
        There is no image, or the pattern matches none. The message says what there is.
    PlaneError
        No image can be read.
    """
    if isinstance(source, Dataset):
        return source
    if not isinstance(source, (str, os.PathLike)):
        return open_layers(
            list(source) if isinstance(source, (list, tuple)) else [cast("ImageLayer", source)], axes
        )
    path = Path(source).expanduser()
    reopen = partial(open_dataset, path, pattern, axes)
    opened = partial(replace, opened=str(path.absolute()), pattern=pattern)
    if path.is_file():
        return opened(_open_file(path, reopen))
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is nothing at {path}. Check the path; it has to be a folder or an image."
        )
    folder = list_folder(path)
    if not folder.images:
        what = f"{len(folder.others)} files but no image" if folder.others else "no files"
        raise ValueError(
            f"There are {what} in {folder.root}. Choose the folder of a plate: "
            f"images end in {', '.join(IMAGE_SUFFIXES)}."
        )
    layouts: Sequence[Layout] = LAYOUTS if pattern is None else (UserPattern(pattern),)
    for layout in layouts:
        found = layout.find(folder)
        if found is not None:
            return opened(_make(layout.name, folder, found, reopen))
    raise ValueError(f"No layout recognises {folder.root}; give a pattern, as in '{{well}}_s{{site}}.tif'.")


def _open_file(path: Path, reopen: Any) -> Dataset:
    file = path.resolve()
    folder = Folder(file.parent, [file.name], [], ())
    return _make("tiff", folder, FoundFiles([file.name], {"image": [path.stem]}), reopen)


def _make(layout: str, folder: Folder, found: FoundFiles, reopen: Any) -> Dataset:
    header, unreadable = _first_header(folder.root, found.files)
    axes: dict[str, int] = {}
    for name, length in header.axes.items():
        # A component that the names tell already is not the one within the files.
        taken = any(found.columns.get(name, ()))
        if taken and length == 1:
            continue
        axes[_free_name("page", axes) if taken or name in axes else name] = length
    planes, problems = make_planes(folder.root, found, axes)
    planes = replace(planes, page_axes=header.page_axes)
    return Dataset(
        layout=layout,
        index=planes,
        shape=header.shape,
        dtype=header.dtype,
        pixel_size=header.pixel_size,
        unit=header.unit,
        channel_names=found.channel_names,
        problems=(*folder.problems, *found.problems, *problems, *unreadable),
        reopen=reopen,
    )


def _free_name(name: str, taken: Collection[str]) -> str:
    return next(
        free for free in (name, *(f"{name}{n}" for n in range(2, len(taken) + 3))) if free not in taken
    )


def _first_header(root: Path, files: Sequence[str]) -> tuple[Header, list[Problem]]:
    """Return the header of the first file that has one, and the files before it as problems."""
    problems: list[Problem] = []
    for file in files[:_HEADERS_TRIED]:
        try:
            return read_header(root / file), problems
        except PlaneError as error:
            problems.append(Problem(file, str(error)))
            last = error
    raise last
