"""Statistics of wells: one value per well, and the Z′ factor of controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..core.components import natural_key
from ..core.text import quote_names
from .wells import column_of, well_keys

if TYPE_CHECKING:
    from pandas.core.groupby import SeriesGroupBy

STATISTICS = ("mean", "median", "std", "min", "max", "sum", "count")
"""Statistics that reduce the rows of a well to one value."""

COUNT = "count"
"""Name of a column that every table has: the number of rows of a well."""


def well_values(
    table: pd.DataFrame, column: str | None = None, statistic: str = "mean"
) -> pd.Series[int] | pd.Series[float]:
    """Reduce a column of a table to one value per well, as a heat map shows it.

    Parameters
    ----------
    table : DataFrame
        A table with a column ``well``, such as `RunResult.table` returns.
    column : str, optional
        Column to reduce. ``"count"``, if the table has no such column, is the number of rows. May be left out for the
        statistic ``"count"``.
    statistic : {"mean", "median", "std", "min", "max", "sum", "count"}
        Statistic over the rows of a well. Missing values are ignored; the standard deviation is that of a sample
        (n - 1).

    Returns
    -------
    Series of float, or of int for counts
        Indexed by well, or by plate and well if the table has a column ``plate``; in natural order, without wells that
        have no row. Named after the column.

    Raises
    ------
    ValueError
        The column or the statistic does not exist, or the column is not numeric.

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
    keys = well_keys(table)
    if column is None or (column == COUNT and COUNT not in table):
        counts = keys[0].groupby(keys, observed=True).size().rename(COUNT)
        return counts.loc[_natural(counts.index)]
    numbers = column_of(table, column)
    if not pd.api.types.is_numeric_dtype(numbers):
        raise ValueError(
            f"Column {column!r} is not numeric but {numbers.dtype}, for instance {next(iter(numbers), None)!r}. "
            f"Use one of {quote_names(table.select_dtypes('number').columns)}."
        )
    groups = numbers.astype(float).groupby(keys, observed=True)
    values = aggregate(groups, statistic)
    return values.loc[_natural(values.index)]


def aggregate(groups: SeriesGroupBy[Any, Any], statistic: str) -> pd.Series[float]:
    """Reduce groups of numbers by one of `STATISTICS`. The sum of missing values only is missing, not 0."""
    values = groups.sum(min_count=1) if statistic == "sum" else groups.agg(statistic)
    return cast("pd.Series[float]", values)


def z_prime(positive: ArrayLike, negative: ArrayLike) -> float:
    r"""Return the Z′ factor: how well an assay separates its controls.

    1 - 3 (s_p + s_n) / \|m_p - m_n\|, with means and standard deviations over wells. It is 1 for controls without
    variation. An assay above 0.5 is called excellent; below 0, the controls overlap.

    Parameters
    ----------
    positive, negative : array_like of float, shape (wells,)
        One value for each control well, not for each object. NaN, as for wells without objects, is ignored.

    Returns
    -------
    float
        At most 1; minus infinity if the means are equal.

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


def _natural(index: pd.Index[Any]) -> list[Any]:
    """Return the entries of an index of wells, or of plates and wells, in natural order."""

    def key(entry: str | tuple[str, ...]) -> tuple[object, ...]:
        return tuple(map(natural_key, (entry,) if isinstance(entry, str) else entry))

    return sorted(index, key=key)


def _control_values(values: ArrayLike, role: str) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = np.asarray(values, dtype=np.float64).ravel()
    wells: NDArray[np.float64] = numbers[~np.isnan(numbers)]
    if len(wells) < 2:
        raise ValueError(
            f"Z′ needs at least two {role} control wells with a value, but there are {len(wells)}."
        )
    if np.isinf(wells).any():
        raise ValueError(f"The value of a {role} control well is infinite. Leave it out, or set it to NaN.")
    return wells
