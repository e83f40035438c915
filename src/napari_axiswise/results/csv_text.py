"""Tables as CSV text that spreadsheets show as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""First characters of texts that spreadsheets run as formulas, or that hide one from a check."""


def csv_text(table: pd.DataFrame, raw: bool = False) -> str:
    """Return a table as CSV text.

    Names of files, components and columns come from elsewhere, and a spreadsheet would run one such as
    ``=HYPERLINK(…)``. An apostrophe before it makes it a text. Numbers are left alone, also as texts.

    Parameters
    ----------
    table : DataFrame
        The table; its index is left out.
    raw : bool
        Whether to write texts as they are.
    """
    if not raw:
        named = table.set_axis([_without_formula(name) for name in table.columns], axis=1)
        table = named.apply(_column_without_formulas) if len(named) else named
    return table.to_csv(index=False)


def _column_without_formulas(column: pd.Series) -> pd.Series:
    return column if column.dtype.kind in "biufcmM" else column.astype(object).map(_without_formula)


def _without_formula(value: object) -> object:
    """Return a value, as a text that is no formula if it would be one."""
    if not isinstance(value, str) or not (value.startswith(FORMULA) or value.lstrip().startswith(FORMULA)):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
