"""The rows of tables and points: read from where workers wrote them, and put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.calibration import Calibration
from .records import WrittenTable
from .run_log.arrow import read_rows

if TYPE_CHECKING:
    import pandas as pd

TABLES = "tables"
"""The folder of the Parquet files in the output."""


def read_table(
    root: Path, tables: Sequence[WrittenTable], components: Mapping[str, tuple[str, ...]]
) -> pd.DataFrame:
    """Return rows in the natural order of their components.

    Parameters
    ----------
    root : Path
        The folder of the output.
    tables : sequence of WrittenTable
        Where the rows are.
    components : mapping
        From component name to all its values in the dataset.
    """
    import pandas as pd
    import pyarrow as pa

    every = [unit for table in tables for unit in read_rows(root, table)]
    # Units without rows do not take part in choosing the types of columns: a plane without objects would
    # turn whole numbers into fractions.
    units = [unit for unit in every if unit.num_rows] or every[:1]
    if not units:
        return pd.DataFrame()
    if all(unit.schema.equals(units[0].schema) for unit in units):
        frame: pd.DataFrame = pa.concat_tables(units).to_pandas()
    else:
        # The order of the columns is that of their first appearance, which is not to depend on what came first.
        frames = sorted((unit.to_pandas() for unit in units), key=lambda frame: _first(frame, components))
        frame = pd.concat(frames, ignore_index=True)
    by = [name for name in components if name in frame.columns]
    if not by:
        return frame
    ranks = {name: {value: rank for rank, value in enumerate(components[name])} for name in by}
    order = frame[by].apply(lambda column: column.map(ranks[str(column.name)]))
    ordered: pd.DataFrame = frame.loc[order.sort_values(by, kind="stable").index]
    return ordered.reset_index(drop=True)


def with_positions(frame: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    """Return rows with the places of objects in physical units beside those in pixels.

    Parameters
    ----------
    frame : DataFrame
        With columns ``y`` and ``x`` in pixels; without them it is returned as it is.
    calibration : Calibration
        Its unit names the columns: ``y_micrometer``, ``x_micrometer``. They are measured from the corner of the image,
        to whose place on the stage ``calibration.positions`` is to be added.
    """
    size, unit = calibration.pixel_size, calibration.unit
    if size is None or not {"y", "x"} <= set(frame.columns):
        return frame
    places = {f"{axis}_{unit}": length for axis, length in zip("yx", size, strict=True)}
    if set(places) & set(frame.columns) or not all(frame[axis].dtype.kind in "iuf" for axis in "yx"):
        return frame
    own = frame.assign(**{name: frame[name[0]] * length for name, length in places.items()})
    names = [name for name in own.columns if name not in places]
    last = max(map(names.index, "yx")) + 1
    return own[[*names[:last], *places, *names[last:]]]


def _first(frame: pd.DataFrame, components: Mapping[str, tuple[str, ...]]) -> tuple[int, ...]:
    """Return the place of a frame's first row in the natural order of its components."""
    return tuple(
        values.index(frame[name].iloc[0])
        for name, values in components.items()
        if name in frame and len(frame)
    )
