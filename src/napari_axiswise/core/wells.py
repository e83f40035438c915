"""Wells: their names, rows and columns, and the standard sizes of plates."""

from __future__ import annotations

import re
from collections.abc import Iterable

PLATE_SIZES = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of plates with 6, 12, 24, 48, 96, 384 and 1536 wells."""


def row_name(row: int) -> str:
    """Return the letters of a row, counted from 0: A to Z, then AA, AB and so on."""
    letters = ""
    row += 1
    while row:
        row, rest = divmod(row - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def well_name(row: str, column: str) -> str:
    """Return the name of a well: ``"A01"`` for row ``"a"`` or ``"1"`` and column ``"1"``."""
    return f"{row_name(int(row) - 1) if row.isdigit() else row.upper()}{int(column):02d}"


def split_well(well: str) -> tuple[str, str] | None:
    """Split the name of a well into row and column: ``("B", "02")``. Return None for anything else."""
    match = re.fullmatch(r"([A-Z]{1,2})([0-9]{2,3})", well)
    return match and (match[1], match[2])


def parse_well(well: str) -> tuple[int, int] | None:
    """Return row and column of a well, counted from 0, or None if no standard plate has it."""
    match = re.fullmatch(r"([A-Z]{1,2})([0-9]{2})", well)
    if match is None:
        return None
    row = 0
    for letter in match[1]:
        row = row * 26 + ord(letter) - ord("A") + 1
    column = int(match[2])
    rows, columns = PLATE_SIZES[-1]
    return (row - 1, column - 1) if row <= rows and 1 <= column <= columns else None


def plate_size(wells: Iterable[str]) -> tuple[int, int]:
    """Return rows and columns of the smallest standard plate that has these wells; (0, 0) if there are none."""
    positions = [position for position in map(parse_well, wells) if position is not None]
    if not positions:
        return 0, 0
    last_row, last_column = (max(indices) for indices in zip(*positions, strict=True))
    return next((rows, columns) for rows, columns in PLATE_SIZES if last_row < rows and last_column < columns)


def numbered_wells(numbers: Iterable[str]) -> dict[str, str]:
    """Return the names of wells that are numbered row by row, from 1.

    The plate is the smallest of 96, 384 and 1536 wells that has all numbers: no microscope that we know numbers the
    wells of smaller ones. If none has them all, the result is empty.
    """
    values = [int(number) for number in numbers]
    sizes = [(rows, columns) for rows, columns in PLATE_SIZES if rows * columns >= 96]
    columns = next((columns for rows, columns in sizes if max(values) <= rows * columns), 0)
    if not columns or min(values) < 1:
        return {}
    return {
        str(value): well_name(str((value - 1) // columns + 1), str((value - 1) % columns + 1))
        for value in values
    }
