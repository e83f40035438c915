"""Where wells are on a plate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


PLATES = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of plates with 6, 12, 24, 48, 96, 384 and 1536 wells."""


def well_place(well: str) -> tuple[int, int] | None:
    """Return the row and the column of a well, from 0; None for what is no well of a plate."""
    parts = re.fullmatch(r"([A-Z]{1,2})([0-9]{2})", well)
    if parts is None or int(parts[2]) < 1:
        return None
    row = 0
    for letter in parts[1]:
        row = row * 26 + ord(letter) - ord("A") + 1
    return (row - 1, int(parts[2]) - 1) if row <= PLATES[-1][0] and int(parts[2]) <= PLATES[-1][1] else None


def plate_size(wells: Sequence[str]) -> tuple[int, int]:
    """Return the rows and columns of the smallest plate that has these wells."""
    places = [place for place in map(well_place, wells) if place is not None]
    if not places:
        return 0, 0
    height, width = max(row for row, _ in places) + 1, max(column for _, column in places) + 1
    return next((rows, columns) for rows, columns in PLATES if height <= rows and width <= columns)
