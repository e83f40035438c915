"""A number for each well from the rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

STATISTICS = ("mean", "median", "std", "min", "max", "sum", "count")


def well_values(table: pd.DataFrame, column: str, statistic: str = "mean") -> pd.Series:
    """Return a statistic of a column for each well.

    Parameters
    ----------
    table : DataFrame
        With a column ``well``.
    column : str
        A column of numbers.
    statistic : {"mean", "median", "std", "min", "max", "sum", "count"}
        Of the rows of a well.

    Returns
    -------
    Series
        Indexed by well.
    """
    return table.groupby("well", observed=True)[column].agg(statistic)
