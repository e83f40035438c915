"""What a layout says of a folder, and how that becomes a table of planes."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.components import normalize_value
from ..core.wells import numbered_wells
from ..planes.images import ImageFiles
from ..planes.reader import PlaneReader
from ..planes.table import MOST_PLANES, Planes, plane_keys
from .column import Column
from .folder import Folder
from .header import Header
from .problem import Problem
from .values import MISSING_VALUE, in_canonical_order, in_natural_order

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FoundPlanes:
    """The planes of a folder as a layout tells them: a row for each, or for each file with all its pages.

    Parameters
    ----------
    files : sequence of str
        Paths relative to the folder, with ``/`` between the parts.
    columns : mapping
        From component name to a text per row; empty where the row does not tell.
    problems : sequence of Problem
        What was skipped and why.
    calibration : Calibration
        What the layout's own metadata tell.
    file_codes : ndarray of int32, optional
        For each row, the index of its file; left out, a row per file.
    pages : ndarray of int32, optional
        For each row, the number of its page, from 0. Left out, a row is a file with all its pages, and the
        header of a file says how many these are.
    header : Header, optional
        Of the planes; left out, the header of the first file that has one is read.
    reader : PlaneReader, optional
        Reads the planes; left out, they are pages of image files.
    """

    files: Sequence[str]
    columns: Mapping[str, Column | Sequence[str]]
    problems: Sequence[Problem] = ()
    calibration: Calibration = field(default_factory=Calibration)
    file_codes: NDArray[np.int32] | None = None
    pages: NDArray[np.int32] | None = None
    header: Header | None = None
    reader: PlaneReader | None = None

    def __post_init__(self) -> None:
        encoded = {
            name: column if isinstance(column, Column) else Column.of(column)
            for name, column in self.columns.items()
        }
        object.__setattr__(self, "columns", encoded)

    @property
    def told(self) -> dict[str, Column]:
        """The columns that say something in at least one row."""
        columns = cast("Mapping[str, Column]", self.columns)
        return {name: column for name, column in columns.items() if any(column.texts)}


class Layout(Protocol):
    """A way in which instruments lay out a plate in a folder.

    Third parties add one by an entry point in the group ``napari_axiswise.layouts``.

    Attributes
    ----------
    name : str
        What a dataset has as its `layout`.
    """

    name: str

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes of a folder, or None where it is not laid out this way.

        Without files, and with problems, where it is but cannot be used so: other layouts are asked, and the
        problems are kept.

        Parameters
        ----------
        folder : Folder
            What is below it is there when it is asked for: a layout that can tell by one file should.
        """


def make_planes(root: str, found: FoundPlanes, axes: Mapping[str, int]) -> tuple[Planes, list[Problem]]:
    """Return the table of planes of what was found, and the problems met in making it.

    Parameters
    ----------
    root : str
        The folder that the files are relative to.
    found : FoundPlanes
        At least one row.
    axes : mapping
        From component to number of values, for the planes within each file, slowest first.

    Returns
    -------
    planes : Planes
        In natural order. Of two planes with the same component values the first is kept.
    problems : list of Problem
        Files left out because another file has the same plane.

    Raises
    ------
    ValueError
        There would be more than `MOST_PLANES`.
    """
    values: dict[str, tuple[str, ...]] = {}
    codes: dict[str, NDArray[np.int32]] = {}
    for name, column in found.told.items():
        values[name], codes[name] = _natural_codes(name, column)
    rows = len(found.files) if found.file_codes is None else len(found.file_codes)
    file_codes = np.arange(rows, dtype=np.int32) if found.file_codes is None else found.file_codes
    pages = np.zeros(rows, np.int32) if found.pages is None else found.pages
    if rows * math.prod(axes.values()) > MOST_PLANES:
        raise ValueError(
            f"{root} says that it has {rows * math.prod(axes.values()):,} planes; {MOST_PLANES:,} are the most."
        )
    if axes:
        # The pages of a file are planes of their own; ours are numbered from 1, as in the names of files.
        per_file = math.prod(axes.values())
        file_codes = np.repeat(file_codes, per_file)
        pages = np.tile(np.arange(per_file, dtype=np.int32), rows)
        codes = {name: np.repeat(column, per_file) for name, column in codes.items()}
        for (axis, length), index in zip(
            axes.items(), np.unravel_index(pages, tuple(axes.values())), strict=True
        ):
            values[axis] = tuple(str(number + 1) for number in range(length))
            codes[axis] = index.astype(np.int32)
    names = in_canonical_order(values)
    table = np.empty((len(pages), len(names)), np.int32)
    for place, name in enumerate(names):
        table[:, place] = codes.pop(name)
    kept = Planes(
        {name: values[name] for name in names},
        table,
        found.files,
        file_codes,
        pages,
        root,
        found.reader or ImageFiles(),
    )
    order = _order(kept)
    if order is not None:
        kept = replace(kept, codes=table[order], file_codes=file_codes[order], pages=pages[order])
    again = _is_repeated(kept)
    if not again.any():
        return kept, []
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(kept))))
    problems = [_repetition(kept, int(row), int(first[row])) for row in np.flatnonzero(again)]
    return kept.select(~again), problems


def _natural_codes(name: str, column: Column) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the values of a component in natural order, and for each row the index of its value."""
    used = np.unique(column.codes)
    spelled = _spellings(name, {column.texts[code] for code in used})
    values = in_natural_order(spelled.values())
    code_of_value = {value: code for code, value in enumerate(values)}
    code_of_text = np.zeros(len(column.texts), np.int32)
    for code in used:
        code_of_text[code] = code_of_value[spelled[column.texts[code]]]
    return values, code_of_text[column.codes]


def _order(planes: Planes) -> NDArray[np.intp] | None:
    """Return the natural order of planes, or None where they are in it."""
    keys = plane_keys(planes.codes, [len(values) for values in planes.components.values()])
    if keys is None:
        return np.lexsort(planes.codes.T[::-1])
    return None if np.all(keys[1:] >= keys[:-1]) else np.argsort(keys, kind="stable")


def _is_repeated(planes: Planes) -> NDArray[np.bool_]:
    """Return for each plane whether the one before it has the same component values."""
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
        "Move one of them away, or give a pattern that names what tells them apart",
    )


def _spellings(name: str, texts: set[str]) -> dict[str, str]:
    """Return the customary value for every text of a column."""
    spelled = {text: normalize_value(name, text) if text else MISSING_VALUE for text in texts}
    numbers = {value for value in spelled.values() if name == "well" and value.isdigit()}
    if not numbers:
        return spelled
    wells = numbered_wells(numbers)
    for number, well in list(wells.items())[:1]:
        logger.warning(
            "Wells are numbered; counted row by row on the smallest plate, %s is %s.", number, well
        )
    return {text: wells.get(value, value) for text, value in spelled.items()}
