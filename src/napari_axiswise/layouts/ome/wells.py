"""Names of the wells of an OME-Zarr plate, from its rows, columns and indices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...core.wells import well_name

_LETTERS = re.compile(r"([A-Za-z]{1,2})/([0-9]{1,3})")
_NUMBERS = re.compile(r"([0-9]{1,3})/([0-9]{1,3})")


def name_wells(plate: Mapping[str, Any], wells: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return a name of its own for each well: the best of its name, its place on the plate, and its path.

    Parameters
    ----------
    plate : mapping
        Attributes of the plate, with the names of its ``rows`` and ``columns``.
    wells : mapping
        Entry of each well by its path: its ``rowIndex`` and ``columnIndex`` in these lists.
    """
    paths = {path: path for path in wells}
    names = _by_letters(wells)
    for candidates in (
        _by_numbers(plate, wells),
        paths | names if names else None,
        _by_index(plate, wells),
    ):
        if candidates is not None and len(set(candidates.values())) == len(wells):
            return candidates
    return paths


def _by_letters(wells: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the names of wells in a row of letters, as they are written: ``A/1``, but also ``A/0``."""
    return {path: well_name(*found.groups()) for path in wells if (found := _LETTERS.fullmatch(path))}


def _by_numbers(plate: Mapping[str, Any], wells: Mapping[str, Mapping[str, Any]]) -> dict[str, str] | None:
    """Return the names of wells whose rows and columns are numbers, which count from 0 or from 1."""
    matches = [_NUMBERS.fullmatch(path) for path in wells]
    parts = [match.groups() for match in matches if match]
    if len(parts) < len(wells):
        return None
    places = [_place(plate, path, entry) for path, entry in wells.items()]
    columns = []
    for axis, listed in enumerate(("rows", "columns")):
        numbers = [int(part[axis]) for part in parts]
        all_names = {*numbers, *(int(name) for name in _names(plate, listed) if name.isdecimal())}
        from_0 = 0 in all_names or all(
            place is not None and place[axis] == number for place, number in zip(places, numbers, strict=True)
        )
        columns.append([str(number + from_0) for number in numbers])
    return {path: well_name(row, column) for path, row, column in zip(wells, *columns, strict=True)}


def _by_index(plate: Mapping[str, Any], wells: Mapping[str, Mapping[str, Any]]) -> dict[str, str] | None:
    """Return the names of wells by their places, or None if a well has none."""
    places = {path: _place(plate, path, entry) for path, entry in wells.items()}
    known = {path: place for path, place in places.items() if place is not None}
    if len(known) < len(wells):
        return None
    return {path: well_name(str(row + 1), str(column + 1)) for path, (row, column) in known.items()}


def _place(plate: Mapping[str, Any], path: str, entry: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return row and column of a well, from 0: its indices, or else where the lists have its names."""
    indices = [
        entry.get("rowIndex", entry.get("row_index")),
        entry.get("columnIndex", entry.get("column_index")),
    ]
    if None in indices and path.count("/") == 1:
        lists = _names(plate, "rows"), _names(plate, "columns")
        indices = [
            names.index(name) if name in names else None
            for name, names in zip(path.split("/"), lists, strict=True)
        ]
    row, column = indices
    if type(row) is int and type(column) is int and 0 <= row < 1000 and 0 <= column < 1000:
        return row, column
    return None


def _names(plate: Mapping[str, Any], axis: str) -> Sequence[str]:
    entries = plate.get(axis)
    return [
        str(entry.get("name")) if isinstance(entry, dict) else ""
        for entry in (entries if isinstance(entries, list) else ())
    ]
