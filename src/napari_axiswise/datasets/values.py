"""Component values as everyone writes them: one spelling for the same well, site or timepoint."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..components import natural_key

CANONICAL_ORDER = ("well", "site", "timepoint", "channel", "z_index")
"""Components with a customary place, slowest first; all others come before them."""

PROJECTION = "projection"
"""The z_index of a projection that lies beside its z planes."""

_PLATE_COLUMNS = ((96, 12), (384, 24), (1536, 48))


def row_name(row: int) -> str:
    """Return the letters of a plate's row, from 0: A … Z, then AA, AB and so on."""
    letters = ""
    row += 1
    while row:
        row, rest = divmod(row - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def well_name(row: str, column: str) -> str:
    """Return ``"A01"`` for row ``"a"`` or ``"1"`` and column ``"1"``."""
    return f"{row_name(int(row) - 1) if row.isdigit() else row.upper()}{int(column):02d}"


def normalize_value(component: str, text: str) -> str:
    """Return the customary spelling of a component's value.

    Wells become ``A01``; whole numbers lose their leading zeros; all else stays as it is.
    """
    text = text.strip()
    if component == "well":
        well = re.fullmatch(r"([A-Za-z]{1,2})[-_ ]?([0-9]{1,3})", text)
        if well:
            return well_name(well[1], well[2])
    return str(int(text)) if re.fullmatch(r"[0-9]+", text) else text


def numbered_wells(numbers: Iterable[str]) -> dict[str, str]:
    """Return the well names for wells that a microscope counted row by row, from 1.

    The plate is the smallest of 96, 384 and 1536 wells that has them all. Numbers that are on none of
    these are left out.
    """
    values = [int(number) for number in numbers]
    columns = next((columns for wells, columns in _PLATE_COLUMNS if max(values) <= wells), 0)
    if not columns or min(values) < 1:
        return {}
    return {
        str(value): well_name(str((value - 1) // columns + 1), str((value - 1) % columns + 1))
        for value in values
    }


def in_natural_order(values: Iterable[str]) -> tuple[str, ...]:
    """Return distinct values in natural order."""
    return tuple(sorted(set(values), key=natural_key))


def in_canonical_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return component names, those without a customary place first, as they came."""
    names = list(dict.fromkeys(names))
    return (
        *(name for name in names if name not in CANONICAL_ORDER),
        *(name for name in CANONICAL_ORDER if name in names),
    )
