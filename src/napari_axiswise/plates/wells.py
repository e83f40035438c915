"""Columns of tables with a row per object, and the well of each row."""

from __future__ import annotations

from typing import cast

import pandas as pd

from ..core.components import normalize_value
from ..core.text import quote_names
from .map_file import WELL


def column_of(table: pd.DataFrame, name: str, owner: str = "The table") -> pd.Series[float]:
    """Return a column of a table.

    Parameters
    ----------
    table : DataFrame
        Any table.
    name : str
        Name of the column.
    owner : str
        What the error message calls the table.

    Raises
    ------
    ValueError
        There is no such column.
    """
    if name not in table:
        raise ValueError(f"{owner} has no column {name!r}, only {quote_names(table.columns)}.")
    return table[name]


PLATE = "plate"
"""Name of the component that tells the plates of a screen apart."""


def well_keys(table: pd.DataFrame) -> list[pd.Series[str]]:
    """Return what tells the wells of a table apart, row by row: its plate, if the table has one, and its well.

    Raises
    ------
    ValueError
        The table has no column ``well``.
    """
    plates = [table[PLATE].astype(str)] if PLATE in table else []
    return [*plates, wells_of(table)]


def wells_of(table: pd.DataFrame) -> pd.Series[str]:
    """Return the well of each row of a table, spelled A01 … AF48.

    Raises
    ------
    ValueError
        The table has no column ``well``.
    """
    wells = cast("pd.Series[str]", column_of(table, WELL))
    spelled = {well: normalize_value(WELL, str(well)) for well in wells.unique()}
    # Results have this spelling already, and may have millions of rows.
    return wells if all(well == usual for well, usual in spelled.items()) else wells.map(spelled)
