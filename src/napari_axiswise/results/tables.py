"""The tables and points of an output: reading rows that workers wrote, and exporting them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..core.calibration import Calibration
from ..core.components import normalize_value
from ..core.files import make_folder, path_below, write_atomically
from ..core.text import join_names
from .csv_text import csv_text
from .records import TaskOutput, WrittenTable
from .run_log.arrow import read_rows

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

logger = logging.getLogger(__name__)

TABLES = "tables"
"""The folder of Parquet and CSV files in the output."""


class OutputTables:
    """The tables and points of an output.

    Parameters
    ----------
    root : Path
        The output folder.
    components : mapping
        From component name to all its values in the dataset.
    calibration : Calibration
        Calibration of the dataset.
    """

    def __init__(
        self, root: Path, components: Mapping[str, tuple[str, ...]], calibration: Calibration
    ) -> None:
        self._root = root
        self._components = components
        self._calibration = calibration
        self._tables: dict[str, Sequence[WrittenTable]] = {}
        self._last: dict[str, tuple[Sequence[WrittenTable], pd.DataFrame]] = {}

    @property
    def _written(self) -> list[WrittenTable]:
        return [table for tables in self._tables.values() for table in tables]

    @property
    def steps(self) -> list[str]:
        """Names of the steps that have written rows."""
        return list(dict.fromkeys(table.step for table in self._written))

    def add(self, output: TaskOutput) -> None:
        """Set the tables of a task."""
        self._tables[output.axis_value] = output.tables

    def read(self, step: str, tables: Sequence[WrittenTable] | None = None) -> pd.DataFrame:
        """Return the rows of a step, in the natural order of their components; see `ResultStore.table`."""
        chosen = [table for table in (self._written if tables is None else tables) if table.step == step]
        if step not in self._last or self._last[step][0] != chosen:
            frame = read_table(self._root, chosen, self._components)
            self._last[step] = chosen, with_positions(frame, self._calibration)
        return self._last[step][1].copy(deep=False)

    def write_parquet(self) -> None:
        """Write every table as a Parquet file, except those whose units returned values of different types.

        Raises
        ------
        OSError
            A file cannot be written.
        """
        for step in self.steps:
            path = self._path(step, "parquet")
            try:
                data = self.read(step).to_parquet(index=False)
            except (TypeError, ValueError) as error:
                logger.warning(
                    "The table of step %r is not written as Parquet, as units returned values of different types: "
                    "%s. Its rows can be read from the run's result.", step, error,
                )  # fmt: skip
                continue
            write_atomically(path, data)

    def write_csv(self, raw: bool = False) -> list[Path]:
        """Write every table as a CSV file, and return their paths. See `csv_text` for `raw`.

        Raises
        ------
        OSError
            A file cannot be written.
        """
        paths = [self._path(step, "csv") for step in self.steps]
        for step, path in zip(self.steps, paths, strict=True):
            write_atomically(path, csv_text(self.read(step), raw).encode())
        return paths

    def _path(self, step: str, suffix: str) -> Path:
        make_folder(str(self._root), self._root / TABLES)
        return self._root / TABLES / f"{step}.{suffix}"


def read_table(
    root: Path, tables: Sequence[WrittenTable], components: Mapping[str, tuple[str, ...]]
) -> pd.DataFrame:
    """Return rows in the natural order of their components.

    Parameters
    ----------
    root : Path
        The output folder.
    tables : sequence of WrittenTable
        Where the rows are.
    components : mapping
        From component name to all its values in the dataset.
    """
    import pandas as pd
    import pyarrow as pa

    # A worker writes the rows of all its tasks into one file.
    path_of = cache(partial(path_below, root))
    every = [unit for table in tables for unit in _read_units(path_of, table)]
    # Units without rows do not count for the dtypes of columns: a plane without objects would turn integers into
    # floats.
    units = [unit for unit in every if unit.num_rows] or every[:1]
    if not units:
        return pd.DataFrame()
    if all(unit.schema.equals(units[0].schema) for unit in units):
        frame = _to_pandas(pa.concat_tables(units))
    else:
        # Sorted, so that the order of columns does not depend on which unit was finished first.
        frames = sorted(map(_to_pandas, units), key=lambda frame: _first(frame, components))
        frame = _join(frames)
    frame = _with_types(frame, [unit.schema for unit in units])
    by = [name for name in components if name in frame.columns]
    if not by:
        return frame
    is_known = np.logical_and.reduce([frame[name].isin(components[name]).to_numpy(bool) for name in by])
    if not is_known.all():
        logger.warning(
            "%d rows in %s have values that the run does not have, and are left out.",
            int((~is_known).sum()),
            root,
        )
        frame = frame[is_known]
    ranks = {name: {value: rank for rank, value in enumerate(components[name])} for name in by}
    order = frame[by].apply(lambda column: column.map(ranks[str(column.name)]))
    ordered: pd.DataFrame = frame.loc[order.sort_values(by, kind="stable").index]
    return ordered.reset_index(drop=True)


def _read_units(path_of: Callable[[str], Path], table: WrittenTable) -> list[pa.Table]:
    """Return the rows of each unit, or none with a warning if they are damaged."""
    try:
        return read_rows(path_of(table.path), table)
    except (OSError, ValueError) as error:
        logger.warning("Rows of step %r cannot be read and are left out: %s.", table.step, error)
        return []


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return rows as pandas wrote them, or with the types of Arrow if what pandas noted is damaged."""
    import pyarrow as pa

    try:
        frame: pd.DataFrame = table.to_pandas()
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        NotImplementedError,
        pa.ArrowException,
    ) as error:
        logger.warning("The types of the columns of a table cannot be read (%s).", error)
        frame = table.to_pandas(ignore_metadata=True)
    return frame


def _join(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join tables; a column without any value in a table does not determine the type of the whole column."""
    import pandas as pd

    names = list(dict.fromkeys(name for frame in frames for name in frame.columns))
    return pd.concat([frame.dropna(axis=1, how="all") for frame in frames], ignore_index=True).reindex(
        columns=names
    )


def _with_types(frame: pd.DataFrame, schemas: Sequence[pa.Schema]) -> pd.DataFrame:
    """Return a table whose columns of objects have the type of their values, if some are missing.

    Columns of truth values become pandas' ``boolean``; columns without any value become floats, all missing.
    """
    import pyarrow as pa

    kinds: dict[str, set[pa.DataType]] = {}
    for schema in schemas:
        for column in schema:
            kinds.setdefault(column.name, set()).add(column.type)
    types: dict[str, str] = {}
    for name, found in kinds.items():
        if frame[name].dtype == object and found <= {pa.null(), pa.bool_()}:
            types[name] = "boolean" if pa.bool_() in found else "float64"
    return frame.astype(types)


def with_components(
    frame: pd.DataFrame,
    components: Mapping[str, Sequence[str]],
    values: Mapping[str, str],
    stacked: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the rows of a unit with a column in front for each component that the unit has or the rows tell.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    components : mapping
        From component name to all its values in the dataset.
    values : mapping
        The value of each component that is constant in the unit.
    stacked : mapping
        From each component that is stacked in the unit to the values that are.

    Raises
    ------
    ValueError
        A column is named like a component and has another value than the unit, or is named ``step``.
    """
    import pandas as pd

    if "step" in frame.columns:
        raise ValueError(
            "its table has a column 'step', which is for the name of the step. Rename the column."
        )
    own: dict[str, Any] = {}
    for name in components:
        if name in frame.columns:
            allowed = [values[name]] if name in values else stacked.get(name, components[name])
            own[name] = _component_column(frame[name], name, allowed)
        elif name in values:
            own[name] = values[name]
    rest = frame.drop(columns=[name for name in own if name in frame.columns])
    return pd.concat([pd.DataFrame(own, index=frame.index), rest], axis=1)


def _component_column(column: pd.Series[Any], name: str, allowed: Sequence[str]) -> pd.Series[str]:
    """Return a column as values of a component.

    Raises
    ------
    ValueError
        It has another value.
    """
    spelled = {value: _component_value(name, value) for value in column.unique()}
    wrong = [value for value, text in spelled.items() if text not in allowed]
    if wrong:
        raise ValueError(
            f"its table has a column {name!r} like the component, with {join_names(wrong)}, but the unit has "
            f"{name} {join_names(allowed)}. Rename the column, or fill it with values of the component: a function "
            "gets them as `unit.values` if it has the keyword-only parameter `unit`."
        )
    return cast("pd.Series[str]", column.map(spelled).astype(object))


def _component_value(name: str, value: object) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return normalize_value(name, str(int(cast("float", value)) if whole else value))


def with_positions(frame: pd.DataFrame, calibration: Calibration) -> pd.DataFrame:
    """Return rows with positions of objects in physical units beside those in pixels.

    Parameters
    ----------
    frame : DataFrame
        With columns ``y`` and ``x`` in pixels; without them, it is returned unchanged.
    calibration : Calibration
        Its unit is part of the new column names: ``y_micrometer``, ``x_micrometer``, and ``z_micrometer`` if there is
        a column ``z`` and the z step is known. Positions are measured from the
        corner of the image; add ``calibration.positions`` for positions on the stage.
    """
    size, unit = calibration.pixel_size, calibration.unit
    if size is None or not {"y", "x"} <= set(frame.columns):
        return frame
    lengths = {"y": size[0], "x": size[1]}
    if calibration.z_step is not None and "z" in frame.columns:
        lengths = {"z": calibration.z_step, **lengths}
    places = {f"{axis}_{unit}": length for axis, length in lengths.items()}
    if set(places) & set(frame.columns) or not all(frame[axis].dtype.kind in "iuf" for axis in lengths):
        return frame
    own = frame.assign(**{name: frame[name[0]] * length for name, length in places.items()})
    names = [name for name in own.columns if name not in places]
    last = max(map(names.index, lengths)) + 1
    return own[[*names[:last], *places, *names[last:]]]


def _first(frame: pd.DataFrame, components: Mapping[str, tuple[str, ...]]) -> tuple[int, ...]:
    """Return the sort key of a frame: the indices of its first row's component values."""
    return tuple(
        values.index(first) if (first := frame[name].iloc[0]) in values else -1
        for name, values in components.items()
        if name in frame and len(frame)
    )
