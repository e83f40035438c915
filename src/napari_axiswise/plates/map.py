"""Plate maps: join them to tables, and find the controls of a plate."""

from __future__ import annotations

import logging
import os
import re

import pandas as pd

from ..core.components import natural_key
from ..core.text import quote_names
from .wells import column_of, wells_of

logger = logging.getLogger(__name__)

_ROLES = {
    role: re.compile(rf"{number}(?:\.0*)?|{word}(?:[ ._-]*(?:control|ctrl))?", re.IGNORECASE)
    for role, number, word in (
        ("positive", r"\+?1", r"pos(?:itive)?\.?"),
        ("negative", r"-1", r"neg(?:ative)?\.?"),
    )
}


def join_plate_map(table: pd.DataFrame, plate_map: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of a plate map to a table, by well.

    Parameters
    ----------
    table : DataFrame
        A table with a column ``well``, such as `RunResult.table` returns.
    plate_map : DataFrame
        Indexed by well, as `read_plate_map` returns it.

    Returns
    -------
    DataFrame
        The rows of `table` with the columns of both. Wells that are not in the plate map have missing values, and a
        logged warning names them.

    Raises
    ------
    ValueError
        The table has no column ``well``, the plate map has a well twice, or both have a column of the same name.
    TypeError
        The plate map is a path.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"well": ["B02", "B02", "B03"], "area": [90, 110, 120]})
    >>> plate_map = pd.DataFrame({"dose": [0.0, 2.5]}, index=pd.Index(["B02", "B03"], name="well"))
    >>> aw.join_plate_map(cells, plate_map)["dose"].tolist()
    [0.0, 0.0, 2.5]
    """
    _check_is_read(plate_map)
    wells = wells_of(table)
    _check_index(plate_map)
    clashes = [str(name) for name in plate_map.columns if name in table.columns]
    if clashes:
        raise ValueError(
            f"Both the table and the plate map have {quote_names(clashes)}. Rename it in one of them, for instance "
            f"plate_map.rename(columns={{{clashes[0]!r}: {'map_' + clashes[0]!r}}})."
        )
    lacking = sorted(set(wells) - set(plate_map.index), key=natural_key)
    if lacking:
        logger.warning(
            "The plate map lacks %s (%d of %d wells). Their rows have missing values.",
            ", ".join(lacking), len(lacking), wells.nunique(),
        )  # fmt: skip
    columns = plate_map.reindex(pd.Index(wells))
    return pd.concat([table, columns.set_axis(table.index)], axis=1)


def control_roles(plate_map: pd.DataFrame, column: str | None = None) -> pd.Series[str]:
    """Return which wells are positive or negative controls.

    Parameters
    ----------
    plate_map : DataFrame
        Indexed by well, as `read_plate_map` returns it.
    column : str, optional
        Column with the roles: 1, ``positive``, ``pos`` and similar for positive controls; -1, ``negative``, ``neg``
        and similar for negative controls; anything else for other wells. By default, the first column whose name
        contains "control".

    Returns
    -------
    Series of str
        ``"positive"``, ``"negative"`` or ``""`` for each well of the plate map.

    Raises
    ------
    ValueError
        The plate map has no such column.
    TypeError
        The plate map is a path.

    Examples
    --------
    >>> import pandas as pd
    >>> plate_map = pd.DataFrame({"control": ["positive", "negative", ""]}, index=["B02", "B03", "B04"])
    >>> aw.control_roles(plate_map).to_dict()
    {'B02': 'positive', 'B03': 'negative', 'B04': ''}
    """
    _check_is_read(plate_map)
    if column is None:
        named = [name for name in plate_map.columns if "control" in str(name).lower()]
        if not named:
            raise ValueError(
                "No column of the plate map has 'control' in its name; its columns are "
                f"{quote_names(plate_map.columns)}. Give column=…, with 1 for positive and -1 for negative controls."
            )
        column = named[0]
    return column_of(plate_map, column, "The plate map").map(_role).astype(str).rename("control")


def _role(value: object) -> str:
    text = str(value).strip()
    return next((role for role, pattern in _ROLES.items() if pattern.fullmatch(text)), "")


def _check_is_read(plate_map: object) -> None:
    if isinstance(plate_map, (str, os.PathLike)):
        raise TypeError(
            f"{os.fspath(plate_map)!r} is a path, not a plate map. Read it with read_plate_map first."
        )


def _check_index(plate_map: pd.DataFrame) -> None:
    twice = plate_map.index[plate_map.index.duplicated()]
    if len(twice):
        raise ValueError(f"The plate map has {twice[0]} twice. Its index must have each well once.")
