"""What a layout says of a folder, and how that becomes a table of planes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..components import normalize_value
from ..planes import Planes
from .dataset import Problem
from .folder import Folder
from .values import in_canonical_order, in_natural_order, numbered_wells

logger = logging.getLogger(__name__)

MISSING_VALUE = "1"
"""The value of a component that other files name and this one does not: what instruments leave out is a single."""


@dataclass(frozen=True)
class FoundFiles:
    """The image files of a folder, with the component values that their names tell.

    Parameters
    ----------
    files : sequence of str
        Paths relative to the folder.
    columns : mapping
        From component name to a value per file; empty where the name of a file does not tell.
    problems : sequence of Problem
        What was skipped and why.
    channel_names : mapping
        From values of the channel component to names.
    """

    files: Sequence[str]
    columns: Mapping[str, Sequence[str]]
    problems: Sequence[Problem] = ()
    channel_names: Mapping[str, str] = field(default_factory=dict)


class Layout(Protocol):
    """A way in which instruments lay out a plate in a folder."""

    name: str

    def find(self, folder: Folder) -> FoundFiles | None:
        """Return the planes of a folder, or None where it is not laid out this way."""


def make_planes(root: Path, found: FoundFiles, axes: Mapping[str, int]) -> tuple[Planes, list[Problem]]:
    """Return the table of planes of some files, and the problems met in making it.

    Parameters
    ----------
    root : Path
        The folder that the files are relative to.
    found : FoundFiles
        At least one file.
    axes : mapping
        From component to number of values, for the planes within each file, slowest first.

    Returns
    -------
    planes : Planes
        In natural order. Of two planes with the same component values the first is kept.
    problems : list of Problem
        Files left out because another file has the same plane.
    """
    values: dict[str, tuple[str, ...]] = {}
    codes: dict[str, NDArray[np.int32]] = {}
    problems: list[Problem] = []
    for name, column in found.columns.items():
        if not any(column):
            continue
        spelled = _spellings(name, set(column))
        values[name] = in_natural_order(spelled.values())
        code_of_value = {value: code for code, value in enumerate(values[name])}
        code_of_text = {text: code_of_value[value] for text, value in spelled.items()}
        codes[name] = np.fromiter((code_of_text[text] for text in column), np.int32, len(column))
    file_codes = np.arange(len(found.files), dtype=np.int32)
    pages = np.zeros(len(found.files), dtype=np.int32)
    if axes:
        # The pages of a file are planes of their own; ours are numbered from 1, as in the names of files.
        per_file = int(np.prod(list(axes.values())))
        file_codes = np.repeat(file_codes, per_file)
        pages = np.tile(np.arange(per_file, dtype=np.int32), len(found.files))
        codes = {name: np.repeat(column, per_file) for name, column in codes.items()}
        for (axis, length), index in zip(
            axes.items(), np.unravel_index(pages, tuple(axes.values())), strict=True
        ):
            values[axis] = tuple(str(number + 1) for number in range(length))
            codes[axis] = index.astype(np.int32)
    names = in_canonical_order(values)
    table = (
        np.stack([codes[name] for name in names], axis=1) if names else np.zeros((len(pages), 0), np.int32)
    )
    order = np.lexsort((*(column for column in table.T[::-1]),)) if names else np.arange(len(pages))
    table, file_codes, pages = table[order], file_codes[order], pages[order]
    again = np.zeros(len(table), dtype=bool)
    again[1:] = np.all(table[1:] == table[:-1], axis=1)
    for row in np.flatnonzero(again & (pages == 0)):
        first = row - 1 - int(np.argmin(again[:row][::-1]))
        plane = ", ".join(
            f"{name}={values[name][code]}" for name, code in zip(names, table[row], strict=True)
        )
        problems.append(
            Problem(
                found.files[file_codes[row]],
                f"a second file for the plane {plane or 'of this dataset'}; {found.files[file_codes[first]]} is used. "
                "Move one of them away, or give a pattern that names what tells them apart",
            )
        )
    kept = Planes({name: values[name] for name in names}, table, found.files, file_codes, pages, str(root))
    return (kept.select(~again) if again.any() else kept), problems


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
