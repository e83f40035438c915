"""`open_dataset`: open a folder, a file, an address, an array or a napari layer."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from ..core.errors import PlaneError
from ..core.files import Address, as_address, full_address, is_address, local_path
from ..layouts.filenames import UserPattern
from ..layouts.folder import Folder, Walk
from ..layouts.header import axis_components
from ..layouts.layout import FoundPlanes, Layout, make_planes
from ..layouts.ome.zarr import OmeZarr, find_planes
from ..layouts.problem import Problem
from ..layouts.registry import find_with, is_index, layouts_for
from ..planes.axes import Axes
from ..planes.images import IMAGE_SUFFIXES
from .arrays import is_array, open_array
from .dataset import ArrayLike, Dataset, PageAxes
from .headers import first_header, read_headers, unclaimed_pages
from .layers import ImageLayer, open_layers

logger = logging.getLogger(__name__)


def open_dataset(
    source: str | os.PathLike[str] | Dataset | ArrayLike | ImageLayer | Sequence[ImageLayer],
    pattern: str | None = None,
    axes: PageAxes | None = None,
) -> Dataset:
    """Open a folder, a file, an address, an array or a napari layer as a table of planes.

    Reads file names, metadata and headers of images, but no pixels, except for a few images of an ImageXpress
    export whose ``ZStep_0`` may be a projection.

    Parameters
    ----------
    source : path, address, array, or a sequence of one napari layer
        A folder in a supported layout, or any folder of images with a `pattern`; an image file; the address of an
        OME-Zarr (``https://…``, ``s3://…``); a numpy, dask or xarray array of shape (…, Y, X); an image layer with
        at least three axes. A `Dataset` is returned unchanged.
    pattern : str, optional
        Pattern of the file names, including subfolders: ``"{batch}/{well}_{condition}_t{timepoint}.tif"``.
        Components are in braces; ``{_}`` or ``*`` matches text that is ignored.
    axes : sequence of str, or mapping from str to int, optional
        Components of the axes before Y and X, slowest first, for an array, a layer, or files with unlabelled
        axes. A mapping also gives lengths, to split one axis of pages into several:
        ``{"timepoint": 10, "z_index": 6}``.

    Returns
    -------
    Dataset
        Skipped files are listed in its `problems`.

    Raises
    ------
    FileNotFoundError
        The path does not exist.
    ValueError
        No image is found or matches the pattern, or `axes` do not fit the data. The message says what was found.
    TypeError
        The source has an unsupported type.
    PlaneError
        No image can be read.

    Examples
    --------
    >>> dataset = aw.open_dataset("sample-plate")
    >>> dataset.layout, len(dataset)
    ('imagexpress', 8)
    >>> dataset.components["well"]
    ('B02', 'B03')

    The axes of an array have no names, so they are given:

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
    written = as_address(os.fspath(source))
    path = local_path(str(written)) if is_address(str(written)) else Path(source).expanduser()
    if path is None:
        address = Address(full_address(str(written) if isinstance(written, Path) else written).rstrip("/"))
        return replace(
            _make_dataset(OmeZarr.name, address, find_planes(address), axes),
            reopen=partial(open_dataset, address, pattern, axes),
            opened=address,
            axes=axes,
        )
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist. Check the path; it has to be a folder or an image file."
        )
    layouts = layouts_for(path) if pattern is None else (UserPattern(pattern),)
    dataset = open_folder(path, layouts, axes)
    return replace(
        dataset,
        reopen=partial(open_dataset, path, pattern, axes),
        opened=str(path.absolute()),
        pattern=pattern or dataset.pattern,
        axes=axes,
    )


def open_folder(path: Path, layouts: Sequence[Layout], axes: PageAxes | None = None) -> Dataset:
    """Open a folder or a file with the first of the layouts that recognises it.

    Raises
    ------
    ValueError, PlaneError
        See `open_dataset`.
    """
    folder = Folder(path) if path.is_dir() else _folder_of(path)
    skipped: list[Problem] = []
    for layout in layouts:
        found = find_with(layout, folder)
        if found is not None and len(found.files):
            try:
                dataset = _make_dataset(layout.name, str(folder.root), found, axes)
            except PlaneError:
                # The problems found so far explain more than the error of an unreadable image.
                if skipped:
                    break
                raise
            # An earlier layout's problem with a file says more than "not an image".
            listed = {problem.path for problem in skipped}
            others = (problem for problem in dataset.problems if problem.path not in listed)
            return replace(dataset, problems=(*folder.problems, *skipped, *others))
        skipped += found.problems if found is not None else ()
    content = f"{len(folder.others)} files but no image" if folder.others else "no files"
    reasons = "".join(f" {problem}." for problem in (*folder.problems, *skipped)[:3])
    raise ValueError(
        f"There are {content} in {folder.root}.{reasons} Choose the folder of a plate. "
        f"Images end in {', '.join(IMAGE_SUFFIXES)}."
    )


def _folder_of(file: Path) -> Folder:
    """Return a folder that holds only this file, or the whole folder of an index file."""
    if not file.is_file():
        raise ValueError(f"{file} is neither a file nor a folder.")
    file = file.resolve()
    if is_index(file):
        return Folder(file.parent)
    is_image = file.name.lower().endswith(IMAGE_SUFFIXES)
    return Folder(file.parent, Walk(images=[file.name]) if is_image else Walk(others=[file.name]))


def _make_dataset(layout: str, root: str, found: FoundPlanes, axes: PageAxes | None) -> Dataset:
    if found.pages is None and found.header is None:
        headers = read_headers(Path(root), found.files)
        problems = headers.problems
    else:
        headers = first_header(Path(root), found.files, found.header)
        problems = [*headers.unreadable, *(unclaimed_pages(root, found) if found.reader is None else ())]
    within: dict[str, int] = {}
    if found.pages is None:
        within = _named_axes(headers.axes, axes, found)
        found = replace(found, reader=found.reader or headers.reader)
    # The channels within a file are not the channels of the file names.
    calibration, differences = headers.calibration(with_channels="channel" not in found.filled_columns)
    planes, repeated = make_planes(root, found, within, headers.planes)
    calibration = found.calibration.merged_with(calibration)
    if not planes.components.keys() <= {*found.filled_columns, *within}:
        # Several plates or times: the positions are those of one of them.
        calibration = replace(calibration, positions={})
    if headers.unread:
        logger.warning(
            "%s: the headers of %s of %s files were not read. The others are expected to be like most; a run and the "
            "report check them.",
            root,
            f"{headers.unread:,}",
            f"{headers.files:,}",
        )
    return Dataset(
        layout=layout,
        index=planes,
        shape=headers.usual.shape,
        dtype=headers.usual.dtype,
        calibration=calibration,
        problems=(*found.problems, *repeated, *problems, *differences),
        pattern=found.pattern,
    )


def _named_axes(file_axes: Axes, axes: PageAxes | None, found: FoundPlanes) -> dict[str, int]:
    """Return the components of the planes within a file, with their lengths."""
    if axes is not None:
        return _user_axes(file_axes, axes)
    named: dict[str, int] = {}
    for name, length in axis_components(file_axes).items():
        # A component of the file names differs from an axis of that name within the files.
        taken = name in found.filled_columns
        if taken and length == 1:
            continue
        named[_free_name("page", named) if taken or name in named else name] = length
    return named


def _user_axes(file_axes: Axes, axes: PageAxes) -> dict[str, int]:
    """Return the components of the pages within a file, as given by the user.

    Raises
    ------
    ValueError
        Their number or lengths do not fit the file.
    """
    lengths = [length for _, length in file_axes if length > 1]
    names = list(axes)
    if isinstance(axes, Mapping) and math.prod(axes.values()) == math.prod(lengths):
        return dict(axes)
    if isinstance(axes, Mapping) or len(names) != len(lengths) or len(set(names)) != len(names):
        given = axes if not isinstance(axes, Mapping) else [f"{name} {axes[name]}" for name in axes]
        raise ValueError(
            f"The files have {math.prod(lengths)} pages each, in axes of length {', '.join(map(str, lengths)) or '1'}. "
            f"These do not fit axes={', '.join(given) or '()'}. Give one name for each axis, or names with "
            "lengths whose product is the number of pages: {'timepoint': 10, 'z_index': 6}."
        )
    return dict(zip(names, lengths, strict=True))


def _free_name(name: str, taken: Collection[str]) -> str:
    return next(
        free for free in (name, *(f"{name}{n}" for n in range(2, len(taken) + 3))) if free not in taken
    )


def read_axes(text: str) -> PageAxes:
    """Parse the axes before Y and X as a user types them: ``"timepoint 10, z_index 6"``.

    Raises
    ------
    ValueError
        The text is neither names nor names with lengths.
    """
    parts = [part.split() for part in text.split(",") if part.strip()]
    if all(len(part) == 1 for part in parts):
        return [name for (name,) in parts]
    if all(len(part) == 2 and part[1].isdecimal() for part in parts):
        return {name: int(length) for name, length in parts}
    raise ValueError(
        f"{text!r} does not name axes. Give a name for each, as in 'timepoint, z_index', or names with lengths, "
        "as in 'timepoint 10, z_index 6'."
    )
