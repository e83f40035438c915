"""`open_dataset`: the one way in, whatever it is that is opened."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path, PurePath
from typing import cast

from ..core.errors import PlaneError
from ..layouts.filenames import AnyImages, KnownPattern, OneImage, UserPattern
from ..layouts.folder import Folder, Walk
from ..layouts.header import Header, read_header
from ..layouts.layout import FoundPlanes, Layout, make_planes
from ..layouts.ome.tiff import OmeTiff
from ..layouts.ome.zarr import OmeZarr, find_planes
from ..layouts.problem import Problem
from ..layouts.single_files import SingleFiles
from ..layouts.vendors.imagexpress import ImageXpress
from ..layouts.vendors.operetta import Operetta
from ..layouts.vendors.yokogawa import Yokogawa
from ..planes.images import IMAGE_SUFFIXES, ImageFiles
from ..planes.zarr_arrays import is_address
from .arrays import is_array, open_array
from .dataset import ArrayLike, Dataset, PageAxes
from .layers import ImageLayer, open_layers

logger = logging.getLogger(__name__)

LAYOUTS: tuple[Layout, ...] = (
    OmeZarr(),
    Operetta(),
    Yokogawa(),
    ImageXpress(),
    OmeTiff(),
    SingleFiles(),
    KnownPattern(),
    AnyImages(),
)
"""Asked in this order, after those of other packages; the first that recognises a folder has it."""

FILE_LAYOUTS: tuple[Layout, ...] = (OmeTiff(), SingleFiles(), OneImage())
"""The same for a single file."""

INDEX_SUFFIXES = (".htd", ".xml", ".mlf", ".mrf")
"""Files that tell of the images beside them: to open one is to open its folder."""

ENTRY_POINTS = "napari_axiswise.layouts"
"""The group of entry points by which other packages add layouts."""

_HEADERS_TRIED = 5


def open_dataset(
    source: str | os.PathLike[str] | Dataset | ArrayLike | ImageLayer | Sequence[ImageLayer],
    pattern: str | None = None,
    axes: PageAxes | None = None,
) -> Dataset:
    """Open a folder, a file, an address, an array or a napari layer as a table of planes.

    Names of files and metadata are read, and the header of one image; no pixels.

    Parameters
    ----------
    source : path, address, array, or a sequence of one napari layer
        A folder in any layout that is known, or any other with a `pattern`; an image file; the address of an
        OME-Zarr (``https://…``, ``s3://…``); an array of shape (…, Y, X) of numpy, dask or xarray; an image
        layer with at least three axes. A `Dataset` is returned as it is.
    pattern : str, optional
        How the files of a folder are named, ``"{batch}/{well}_{condition}_t{timepoint}.tif"``: folders
        included, components in braces, ``{_}`` or ``*`` for what does not matter.
    axes : sequence of str, or mapping from str to int, optional
        Components of the axes before Y and X, slowest first, for an array, a layer, or files whose axes nobody
        labelled. A mapping also gives their lengths, so that one axis of pages can be several:
        ``{"timepoint": 10, "z_index": 6}``.

    Returns
    -------
    Dataset
        What was skipped is in its `problems`.

    Raises
    ------
    FileNotFoundError
        There is nothing at the path.
    ValueError
        There is no image, the pattern matches none, or the axes are others. The message says what there is.
    TypeError
        The source is none of these.
    PlaneError
        No image can be read.

    Examples
    --------
    >>> dataset = aw.open_dataset("sample-plate")
    >>> dataset.layout, len(dataset)
    ('imagexpress', 8)
    >>> dataset.components["well"]
    ('B02', 'B03')

    An array has no names, so its axes are named:

    >>> import numpy as np
    >>> aw.open_dataset(np.zeros((3, 8, 64, 64)), axes=("well", "timepoint")).components["timepoint"]
    ('1', '2', '3', '4', '5', '6', '7', '8')
    """
    if isinstance(source, Dataset):
        return source
    if not isinstance(source, (str, os.PathLike)):
        if is_array(source):
            return open_array(source, None if axes is None else tuple(axes))
        layers = list(source) if isinstance(source, (list, tuple)) else [cast("ImageLayer", source)]
        return open_layers(layers, None if axes is None else tuple(axes))
    if is_address(str(source)):
        address = str(source).rstrip("/")
        return replace(
            _make(OmeZarr.name, address, find_planes(address), axes),
            reopen=partial(open_dataset, source, pattern, axes),
            opened=address,
            axes=axes,
        )
    path = Path(source).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"There is nothing at {path}. Check the path; it has to be a folder or an image."
        )
    layouts: Sequence[Layout]
    if pattern is not None:
        layouts = (UserPattern(pattern),)
    else:
        alone = path.is_file() and path.suffix.lower() not in INDEX_SUFFIXES
        layouts = (*foreign_layouts(), *(FILE_LAYOUTS if alone else LAYOUTS))
    return replace(
        open_folder(path, layouts, axes),
        reopen=partial(open_dataset, path, pattern, axes),
        opened=str(path.absolute()),
        pattern=pattern,
        axes=axes,
    )


def open_folder(path: Path, layouts: Sequence[Layout], axes: PageAxes | None = None) -> Dataset:
    """Return the planes of a folder or a file in the first of some layouts that recognises it.

    Raises
    ------
    ValueError, PlaneError
        See `open_dataset`.
    """
    folder = Folder(path) if path.is_dir() else _folder_of(path)
    passed_over: list[Problem] = []
    for layout in layouts:
        found = _ask(layout, folder)
        if found is not None and len(found.files):
            try:
                dataset = _make(layout.name, str(folder.root), found, axes)
            except PlaneError:
                # What a layout that recognised it said of it tells more than that nobody can read it.
                if passed_over:
                    break
                raise
            # What an earlier layout knows of a file is more than that it is no image.
            known = {problem.path for problem in passed_over}
            others = (problem for problem in dataset.problems if problem.path not in known)
            return replace(dataset, problems=(*folder.problems, *passed_over, *others))
        passed_over += found.problems if found is not None else ()
    what = f"{len(folder.others)} files but no image" if folder.others else "no files"
    why = "".join(f" {problem}." for problem in passed_over[:3])
    raise ValueError(
        f"There are {what} in {folder.root}.{why} Choose the folder of a plate: "
        f"images end in {', '.join(IMAGE_SUFFIXES)}."
    )


@cache
def foreign_layouts() -> tuple[Layout, ...]:
    """Return the layouts that other packages add. One that cannot be loaded is told and left out."""
    layouts = []
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            made = entry.load()
            layout = made() if isinstance(made, type) else made
            if not callable(layout.find) or not isinstance(layout.name, str):
                raise TypeError(f"{layout!r} is no layout: it needs a name, and a method find")
            layouts.append(cast("Layout", layout))
        except Exception:
            logger.exception("The layout %s of %s cannot be loaded.", entry.name, entry.value)
    return tuple(layouts)


def _ask(layout: Layout, folder: Folder) -> FoundPlanes | None:
    """Return what a layout finds. Of what other packages do wrong, nobody but they shall suffer."""
    if layout not in foreign_layouts():
        return layout.find(folder)
    try:
        found = layout.find(folder)
        outside = [file for file in found.files if _is_outside(file)] if found is not None else []
    except Exception:
        logger.exception("The layout %s failed at %s; it is passed over.", layout.name, folder.root)
        return None
    if outside:
        logger.error("The layout %s names files outside of %s; it is passed over.", layout.name, folder.root)
        return None
    return found


def _is_outside(file: str) -> bool:
    return PurePath(file).is_absolute() or ".." in PurePath(file).parts


def _folder_of(file: Path) -> Folder:
    """Return the folder of a file with nothing in it but that, or all of it if the file is about the others."""
    if not file.is_file():
        raise ValueError(f"{file} is neither a file nor a folder.")
    file = file.resolve()
    if file.suffix.lower() in INDEX_SUFFIXES:
        return Folder(file.parent)
    is_image = file.name.lower().endswith(IMAGE_SUFFIXES)
    return Folder(file.parent, Walk(images=[file.name]) if is_image else Walk(others=[file.name]))


def _make(layout: str, root: str, found: FoundPlanes, axes: PageAxes | None) -> Dataset:
    header = found.header
    unreadable: list[Problem] = []
    if header is None:
        header, unreadable = _first_header(Path(root), found.files)
    if found.pages is None:
        within = _named_axes(header, axes, found)
        if found.reader is None:
            found = replace(found, reader=ImageFiles(header.page_axes))
    else:
        within = {}
    known = header.calibration
    if "channel" in found.told:
        # The channels within a file are not those that the names tell.
        known = replace(known, channel_names={})
    planes, problems = make_planes(root, found, within)
    return Dataset(
        layout=layout,
        index=planes,
        shape=header.shape,
        dtype=header.dtype,
        calibration=found.calibration.over(known),
        problems=(*found.problems, *problems, *unreadable),
    )


def _named_axes(header: Header, axes: PageAxes | None, found: FoundPlanes) -> dict[str, int]:
    """Return the components of the pages of a file, and their lengths."""
    if axes is not None:
        return _given_axes(header, axes)
    named: dict[str, int] = {}
    for name, length in header.axes.items():
        # A component that the names tell already is not the one within the files.
        taken = name in found.told
        if taken and length == 1:
            continue
        named[_free_name("page", named) if taken or name in named else name] = length
    return named


def _given_axes(header: Header, axes: PageAxes) -> dict[str, int]:
    """Return the axes of the pages of a file as the user calls them.

    Raises
    ------
    ValueError
        There are not so many.
    """
    lengths = [length for length in header.axes.values() if length > 1]
    names = list(axes)
    if isinstance(axes, Mapping) and math.prod(axes.values()) == math.prod(lengths):
        return dict(axes)
    if isinstance(axes, Mapping) or len(names) != len(lengths) or len(set(names)) != len(names):
        given = axes if not isinstance(axes, Mapping) else [f"{name} {axes[name]}" for name in axes]
        raise ValueError(
            f"The files have {math.prod(lengths)} pages each, over axes of {', '.join(map(str, lengths)) or '1'}; "
            f"{', '.join(given) or 'no axis'} was given. Give a name to each of the axes, or names with "
            "lengths whose product is the number of pages, as in {'timepoint': 10, 'z_index': 6}."
        )
    return dict(zip(names, lengths, strict=True))


def _free_name(name: str, taken: Collection[str]) -> str:
    return next(
        free for free in (name, *(f"{name}{n}" for n in range(2, len(taken) + 3))) if free not in taken
    )


def _first_header(root: Path, files: Sequence[str]) -> tuple[Header, list[Problem]]:
    """Return the header of the first file that is whole, or else that has one, and what is wrong before it.

    The first few files are tried, then some that are spread over all.
    """
    problems: list[Problem] = []
    damaged: Header | None = None
    error: PlaneError | None = None
    spread = files[_HEADERS_TRIED :: max(1, len(files) // _HEADERS_TRIED)]
    for file in (*files[:_HEADERS_TRIED], *spread):
        try:
            header = read_header(root / file)
        except PlaneError as failure:
            problems.append(Problem(file, str(failure)))
            error = failure
            continue
        if not header.damage:
            return header, problems
        problems.append(Problem(file, header.damage))
        damaged = damaged or header
    if damaged is None:
        raise error or PlaneError(f"There is no file in {root}.")
    return damaged, problems


def read_axes(text: str) -> PageAxes:
    """Return what a user says that the axes before Y and X are.

    Raises
    ------
    ValueError
        It is neither names nor names with lengths.
    """
    parts = [part.split() for part in text.split(",") if part.strip()]
    if all(len(part) == 1 for part in parts):
        return [name for (name,) in parts]
    if all(len(part) == 2 and part[1].isdecimal() for part in parts):
        return {name: int(length) for name, length in parts}
    raise ValueError(
        f"{text!r} says no axes. Give a name for each, 'timepoint, z_index', or a name and a length, "
        "'timepoint 10, z_index 6'."
    )
