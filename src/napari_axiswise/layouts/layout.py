"""Base protocol of layouts, and the table of planes made from what they find."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.components import normalize_value
from ..core.wells import numbered_wells, split_well
from ..planes.images import ImageFiles
from ..planes.reader import PlaneReader
from ..planes.table import MOST_PLANES, Planes, plane_keys
from .column import Column
from .folder import Folder
from .header import Header
from .naming.heads import head_columns
from .problem import Problem
from .values import MISSING_VALUE, in_canonical_order, in_natural_order

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FoundPlanes:
    """Planes that a layout found in a folder: one row per plane, or one per file with all its pages.

    Parameters
    ----------
    files : sequence of str
        Paths relative to the folder, with ``/`` as separator.
    columns : mapping
        Value of each component in each row, as text; empty where it is unknown.
    problems : sequence of Problem
        Files that were skipped, and why.
    calibration : Calibration
        Calibration from the layout's own metadata.
    file_codes : ndarray of int32, optional
        Index of each row's file. By default there is one row per file.
    pages : ndarray of int32, optional
        Number of each row's page, from 0. By default a row is a file with all its pages, which are counted in its
        header.
    header : Header, optional
        Header of the planes. By default it is read from the files.
    reader : PlaneReader, optional
        Reader of the planes. By default they are pages of image files.
    head : callable, optional
        Returns the folders and the prefix of a file, before the values in its name. If files have the same values,
        it distinguishes them: as plates, or as timepoints. Needs one row per file.
    pattern : str, optional
        Pattern that was inferred from the names of the files.
    """

    files: Sequence[str]
    columns: Mapping[str, Column | Sequence[str]]
    problems: Sequence[Problem] = ()
    calibration: Calibration = field(default_factory=Calibration)
    file_codes: NDArray[np.int32] | None = None
    pages: NDArray[np.int32] | None = None
    header: Header | None = None
    reader: PlaneReader | None = None
    head: Callable[[str], str] | None = None
    pattern: str | None = None

    def __post_init__(self) -> None:
        encoded = {
            name: column if isinstance(column, Column) else Column.of(column)
            for name, column in self.columns.items()
        }
        object.__setattr__(self, "columns", encoded)

    @property
    def filled_columns(self) -> dict[str, Column]:
        """Columns with a text in at least one row."""
        columns = cast("Mapping[str, Column]", self.columns)
        return {name: column for name, column in columns.items() if any(column.texts)}


@dataclass(frozen=True, eq=False)
class FilePlanes:
    """Which planes each file has, as numbers along the axes of the planes in files.

    Parameters
    ----------
    usual : ndarray of int32
        Planes of most files.
    others : mapping
        Planes of the other files, by index of the file.
    """

    usual: NDArray[np.int32]
    others: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)

    def expand(self, files: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Return a row per plane for a row per file: the row of its file, and its number."""
        if not self.others:
            return np.repeat(np.arange(len(files)), len(self.usual)), np.tile(self.usual, len(files))
        own = [self.others.get(file, self.usual) for file in files.tolist()]
        return np.repeat(np.arange(len(files)), list(map(len, own))), np.concatenate(own)


class Layout(Protocol):
    """Layout of planes in a folder.

    Other packages add layouts with entry points in the group ``napari_axiswise.layouts``.

    Attributes
    ----------
    name : str
        Name of the layout, the `layout` of its datasets.
    """

    name: str

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes of a folder, or None if it does not have this layout.

        For a folder that has this layout but cannot be used, return problems without files. Other layouts are then
        tried, and the problems are kept.

        Parameters
        ----------
        folder : Folder
            The folder. Its contents are read when first used, so a layout should test for a single file if it can.
        """


def make_planes(
    root: str, found: FoundPlanes, axes: Mapping[str, int], in_files: FilePlanes | None = None
) -> tuple[Planes, list[Problem]]:
    """Build the table of planes from the rows that a layout found.

    Parameters
    ----------
    root : str
        Folder that the files are relative to.
    found : FoundPlanes
        Rows; at least one.
    axes : mapping
        Components of the planes in each file and their numbers of values, slowest first.
    in_files : FilePlanes, optional
        The planes of each file. By default each file has all of them.

    Returns
    -------
    planes : Planes
        Planes in natural order. Of several planes with the same component values, the first is kept.
    problems : list of Problem
        Files that were skipped because another file has the same plane.

    Raises
    ------
    ValueError
        There are more than `MOST_PLANES`.
    """
    kept = _in_order(_table(root, found, axes, in_files))
    again = _is_repeated(kept)
    if not again.any():
        return kept, []
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(kept))))
    apart = _with_heads(found, kept.file_codes[again], kept.file_codes[first[again]])
    if apart is not None:
        return make_planes(root, apart, axes, in_files)
    problems = [_repetition(kept, int(row), int(first[row])) for row in np.flatnonzero(again)]
    return kept.select(~again), problems


def _table(root: str, found: FoundPlanes, axes: Mapping[str, int], in_files: FilePlanes | None) -> Planes:
    """Return the planes as the layout found them; see `make_planes`."""
    values: dict[str, tuple[str, ...]] = {}
    codes: dict[str, NDArray[np.int32]] = {}
    for name, column in found.filled_columns.items():
        values[name], codes[name] = _natural_codes(name, column)
    rows = len(found.files) if found.file_codes is None else len(found.file_codes)
    file_codes = np.arange(rows, dtype=np.int32) if found.file_codes is None else found.file_codes
    pages = np.zeros(rows, np.int32) if found.pages is None else found.pages
    if rows * math.prod(axes.values()) > MOST_PLANES:
        raise ValueError(
            f"{root} claims to have {rows * math.prod(axes.values()):,} planes, more than the limit of {MOST_PLANES:,}."
        )
    if axes:
        # Each page is a plane. Values count from 1, as in file names.
        in_files = in_files or FilePlanes(np.arange(math.prod(axes.values()), dtype=np.int32))
        row, pages = in_files.expand(file_codes)
        file_codes = file_codes[row]
        codes = {name: column[row] for name, column in codes.items()}
        for axis, index in zip(axes, np.unravel_index(pages, tuple(axes.values())), strict=True):
            used, codes[axis] = _used_numbers(index, axes[axis])
            values[axis] = tuple(str(number + 1) for number in used.tolist())
    names = in_canonical_order(values)
    table = np.empty((len(pages), len(names)), np.int32)
    for place, name in enumerate(names):
        table[:, place] = codes.pop(name)
    return Planes(
        {name: values[name] for name in names},
        table,
        found.files,
        file_codes,
        pages,
        root,
        found.reader or ImageFiles(),
    )


def _with_heads(
    found: FoundPlanes, repeated: NDArray[np.int32], first: NDArray[np.int32]
) -> FoundPlanes | None:
    """Return rows with the components by which files differ that seem to have the same planes, if there are any.

    Parameters
    ----------
    found : FoundPlanes
        Rows.
    repeated, first : ndarray of int
        Indices of the files with the planes of other files, and of these.
    """
    head = found.head
    if head is None or all(
        head(found.files[a]) == head(found.files[b]) for a, b in zip(repeated, first, strict=True)
    ):
        return None
    columns = head_columns(Column.of(map(head, found.files)), found.filled_columns)
    return replace(found, columns={**found.columns, **columns}, head=None) if columns else None


def _used_numbers(index: NDArray[np.intp], length: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the distinct numbers below a length in natural order, and the place of each number among them."""
    used = np.flatnonzero(np.bincount(index, minlength=length))
    place = np.zeros(length, np.int32)
    place[used] = np.arange(len(used))
    return used, place[index]


def _natural_codes(name: str, column: Column) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the values of a component in natural order, and the index of each row's value."""
    used = np.unique(column.codes)
    spelled = _spellings(name, {column.texts[code] for code in used})
    values = in_natural_order(spelled.values())
    code_of_value = {value: code for code, value in enumerate(values)}
    code_of_text = np.zeros(len(column.texts), np.int32)
    for code in used:
        code_of_text[code] = code_of_value[spelled[column.texts[code]]]
    return values, code_of_text[column.codes]


def _in_order(planes: Planes) -> Planes:
    """Return planes in natural order; those that are already in it unchanged."""
    keys = plane_keys(planes.codes, [len(values) for values in planes.components.values()])
    if keys is None:
        order = np.lexsort(planes.codes.T[::-1])
    elif np.all(keys[1:] >= keys[:-1]):
        return planes
    else:
        order = np.argsort(keys, kind="stable")
    codes, file_codes, pages = (array[order] for array in (planes.codes, planes.file_codes, planes.pages))
    return replace(planes, codes=codes, file_codes=file_codes, pages=pages)


def _is_repeated(planes: Planes) -> NDArray[np.bool_]:
    """Return whether each plane has the same component values as the one before it."""
    again = np.zeros(len(planes), dtype=bool)
    again[1:] = True
    for column in planes.codes.T:
        again[1:] &= column[1:] == column[:-1]
    return again


def _repetition(planes: Planes, row: int, first: int) -> Problem:
    plane = ", ".join(
        f"{name}={values[code]}"
        for (name, values), code in zip(planes.components.items(), planes.codes[row], strict=True)
    )
    return Problem(
        planes.files[planes.file_codes[row]],
        f"a second file for the plane {plane or 'of this dataset'}; {planes.files[planes.file_codes[first]]} is used. "
        "Remove one of them, or use a pattern with a component that distinguishes them",
    )


def _spellings(name: str, texts: set[str]) -> dict[str, str]:
    """Return the normalized value of every text of a column."""
    spelled = {text: normalize_value(name, text) if text else MISSING_VALUE for text in texts}
    numbers = {value for value in spelled.values() if name == "well" and value.isdigit()}
    if not numbers or any(map(split_well, spelled.values())):  # well 1 beside A01 is another one
        return spelled
    wells = numbered_wells(numbers)
    for number, well in list(wells.items())[:1]:
        logger.warning(
            "Wells are numbered, row by row on the smallest plate that has them all: %s is %s.", number, well
        )
    return {text: wells.get(value, value) for text, value in spelled.items()}
