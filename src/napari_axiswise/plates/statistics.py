"""Plate maps beside tables, values per well, and how well the controls of a screen are told apart."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..core.components import natural_key, normalize_value
from ..core.text import quote_names
from .map_file import WELL, read_plate_map

__all__ = [
    "STATISTICS",
    "control_roles",
    "join_plate_map",
    "read_plate_map",
    "well_values",
    "z_prime",
]

if TYPE_CHECKING:
    from pandas.core.groupby import SeriesGroupBy

logger = logging.getLogger(__name__)

STATISTICS = ("mean", "median", "std", "min", "max", "sum", "count")
"""What the rows of a well are summed up by."""

COUNT = "count"
"""Stands for a column that every table has: how many rows there are of a well."""

_ROLES = {
    role: re.compile(rf"{number}(?:\.0*)?|{word}(?:[ ._-]*(?:control|ctrl))?", re.IGNORECASE)
    for role, number, word in (
        ("positive", r"\+?1", r"pos(?:itive)?\.?"),
        ("negative", r"-1", r"neg(?:ative)?\.?"),
    )
}


def join_plate_map(table: pd.DataFrame, plate_map: pd.DataFrame) -> pd.DataFrame:
    """Put what a plate map says of a well beside each row of a table.

    Parameters
    ----------
    table : DataFrame
        With a column ``well``, such as `RunResult.table`.
    plate_map : DataFrame
        Indexed by well, as `read_plate_map` returns it.

    Returns
    -------
    DataFrame
        The rows of `table`, and the columns of both. Wells that the plate map lacks have missing values there, and a
        logged warning names them.

    Raises
    ------
    ValueError
        The table has no column ``well``, a well is in the plate map twice, or both have a column of the same name.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"well": ["B02", "B02", "B03"], "area": [90, 110, 120]})
    >>> plate_map = pd.DataFrame({"dose": [0.0, 2.5]}, index=pd.Index(["B02", "B03"], name="well"))
    >>> aw.join_plate_map(cells, plate_map)["dose"].tolist()
    [0.0, 0.0, 2.5]
    """
    wells = _wells(table)
    _check_index(plate_map)
    clashes = [str(name) for name in plate_map.columns if name in table.columns]
    if clashes:
        raise ValueError(
            f"Both the table and the plate map have {quote_names(clashes)}. Rename it in one of them: "
            f"plate_map.rename(columns={{{clashes[0]!r}: {'map_' + clashes[0]!r}}})."
        )
    lacking = sorted(set(wells) - set(plate_map.index), key=natural_key)
    if lacking:
        logger.warning(
            "The plate map says nothing of %s (%d of %d wells): what it would say is missing there.",
            ", ".join(lacking), len(lacking), wells.nunique(),
        )  # fmt: skip
    beside = plate_map.reindex(pd.Index(wells))
    return pd.concat([table, beside.set_axis(table.index)], axis=1)


def well_values(
    table: pd.DataFrame, column: str | None = None, statistic: str = "mean"
) -> pd.Series[int] | pd.Series[float]:
    """Sum up a column of a table for each well: what a heat map shows.

    Parameters
    ----------
    table : DataFrame
        With a column ``well``, such as `RunResult.table`: a row per object.
    column : str, optional
        What is summed up. ``"count"``, where the table has no such column, is the number of rows; so is a column
        left out, for the statistic ``"count"``.
    statistic : {"mean", "median", "std", "min", "max", "sum", "count"}
        Of the rows of a well. Missing values are left out; the standard deviation is that of a sample (n - 1).

    Returns
    -------
    Series of float, or of int for counts
        By well, in natural order; wells without a row are not there. Named after the column.

    Raises
    ------
    ValueError
        No such column or statistic, or the column is not numeric.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"well": ["B02", "B02", "B03"], "area": [90, 110, 120]})
    >>> aw.well_values(cells, "area", "mean").to_dict()
    {'B02': 100.0, 'B03': 120.0}
    """
    if statistic not in STATISTICS:
        raise ValueError(f"statistic={statistic!r}: use one of {', '.join(STATISTICS)}.")
    if column is None and statistic != COUNT:
        raise ValueError(f"statistic={statistic!r} needs a column: {quote_names(table.columns)}.")
    wells = _wells(table)
    if column is None or (column == COUNT and COUNT not in table):
        counts = wells.groupby(wells, observed=True).size().rename(COUNT)
        return counts.loc[_natural(counts.index)]
    numbers = _column(table, column)
    if not pd.api.types.is_numeric_dtype(numbers):
        raise ValueError(
            f"Column {column!r} has no numbers but {numbers.dtype}, for instance {next(iter(numbers), None)!r}. "
            f"Use one of {quote_names(table.select_dtypes('number').columns)}."
        )
    groups = numbers.astype(float).groupby(wells, observed=True)
    values = aggregate(groups, statistic)
    return values.loc[_natural(values.index)]


def aggregate(groups: SeriesGroupBy[Any, Any], statistic: str) -> pd.Series[float]:
    """Sum up groups of numbers by one of `STATISTICS`; a group of missing values alone has no sum, not even 0."""
    summed = groups.sum(min_count=1) if statistic == "sum" else groups.agg(statistic)
    return cast("pd.Series[float]", summed)


def control_roles(plate_map: pd.DataFrame, column: str | None = None) -> pd.Series[str]:
    """Tell which wells are controls.

    Parameters
    ----------
    plate_map : DataFrame
        Indexed by well, as `read_plate_map` returns it.
    column : str, optional
        The column that says so: 1, ``positive``, ``pos`` and the like for positive controls, -1, ``negative``,
        ``neg`` for negative ones, anything else for other wells. Left out, the first column whose name contains
        "control".

    Returns
    -------
    Series of str
        ``"positive"``, ``"negative"`` or ``""`` for each well of the plate map.

    Raises
    ------
    ValueError
        There is no such column.

    Examples
    --------
    >>> import pandas as pd
    >>> plate_map = pd.DataFrame({"control": ["positive", "negative", ""]}, index=["B02", "B03", "B04"])
    >>> aw.control_roles(plate_map).to_dict()
    {'B02': 'positive', 'B03': 'negative', 'B04': ''}
    """
    if column is None:
        named = [name for name in plate_map.columns if "control" in str(name).lower()]
        if not named:
            raise ValueError(
                f"No column of the plate map is about controls: it has {quote_names(plate_map.columns)}. "
                "Give column=…, the one with 1 for positive and -1 for negative controls."
            )
        column = named[0]
    return _column(plate_map, column, "The plate map").map(_role).astype(str).rename("control")


def z_prime(positive: ArrayLike, negative: ArrayLike) -> float:
    r"""Return the Z′ factor: how well an assay tells its controls apart.

    1 - 3 (s_p + s_n) / \|m_p - m_n\|, with means and standard deviations over wells. It is 1 for controls that do
    not vary; above 0.5, an assay is called excellent; below 0, the controls overlap.

    Parameters
    ----------
    positive, negative : array_like of float, shape (wells,)
        A value for each well with the positive, and with the negative control; not for each object. NaN, of wells
        in which nothing was found, is left out.

    Returns
    -------
    float
        At most 1; minus infinity where the means are equal.

    Raises
    ------
    ValueError
        A group has fewer than two wells with a value, or a value is infinite.

    Notes
    -----
    Standard deviations are those of a sample (n - 1).

    References
    ----------
    J.-H. Zhang, T. D. Y. Chung and K. R. Oldenburg, A simple statistical parameter for use in evaluation and
    validation of high throughput screening assays, J. Biomol. Screen. 4, 67-73, 1999.

    Examples
    --------
    >>> round(aw.z_prime([9.0, 10.0, 11.0], [0.5, 1.0, 1.5]), 2)
    0.5
    """
    high, low = _control_values(positive, "positive"), _control_values(negative, "negative")
    separation = abs(high.mean() - low.mean())
    if separation == 0:
        return -np.inf
    return float(1 - 3 * (high.std(ddof=1) + low.std(ddof=1)) / separation)


def _wells(table: pd.DataFrame) -> pd.Series[str]:
    """Return the well of each row of a table, as plate maps have it."""
    wells = cast("pd.Series[str]", _column(table, WELL))
    spelled = {well: normalize_value(WELL, str(well)) for well in wells.unique()}
    # Those of results are spelled so already, and there may be millions of rows.
    return wells if all(well == usual for well, usual in spelled.items()) else wells.map(spelled)


def _natural(wells: Iterable[object]) -> list[str]:
    return sorted(map(str, wells), key=natural_key)


def _control_values(values: ArrayLike, role: str) -> NDArray[np.float64]:
    given: NDArray[np.float64] = np.asarray(values, dtype=np.float64).ravel()
    wells: NDArray[np.float64] = given[~np.isnan(given)]
    if len(wells) < 2:
        raise ValueError(
            f"Z′ needs two or more {role} controls with a value, and there are {len(wells)}: a standard deviation is "
            "that of several wells."
        )
    if np.isinf(wells).any():
        raise ValueError(f"A {role} control is infinite. Leave it out, or make it NaN.")
    return wells


def _role(value: object) -> str:
    text = str(value).strip()
    return next((role for role, pattern in _ROLES.items() if pattern.fullmatch(text)), "")


def _check_index(plate_map: pd.DataFrame) -> None:
    twice = plate_map.index[plate_map.index.duplicated()]
    if len(twice):
        raise ValueError(
            f"The plate map has {twice[0]} twice. Its index has to be the wells, each of them once."
        )


def _column(table: pd.DataFrame, name: str, what: str = "The table") -> pd.Series[float]:
    if name not in table:
        raise ValueError(f"{what} has no column {name!r}, only {quote_names(table.columns)}.")
    return table[name]
