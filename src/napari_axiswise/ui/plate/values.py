"""The values of the fields of a plate: thumbnails of a step, or numbers from a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...pipeline.step import Step
from ...plates.geometry import PlateGeometry
from ...plates.statistics import well_values
from ...results.records import TaskOutput
from ...results.store import ResultStore
from ...results.tables import read_table
from ...results.thumbnails import ThumbnailIndex
from .picture import RGB, ColourScale, grey_table, label_table
from .states import fields_of, sliders_of

if TYPE_CHECKING:
    import pandas as pd

COUNT = "count"
"""A column that every table has: the number of rows per well."""

BATCH_SIZE = 1_000
"""Number of thumbnails that are resized together, which is quicker; more would need more memory."""

Values = tuple[NDArray[np.int64], NDArray[Any]]
"""Indices of well and field, shape (fields, 2), and the pixels of each field, shape (fields, Y, X)."""


class PlateValues(Protocol):
    """Values of the fields of a plate."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """The components of the values; None until the first task has finished."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The numeric columns of the table."""

    @property
    def scale(self) -> ColourScale:
        """The colours of the values."""

    @property
    def is_exact(self) -> bool:
        """Whether the values must not be averaged."""

    @property
    def is_of_wells(self) -> bool:
        """Whether there is one value per well instead of one per field."""

    def update(self, outputs: Sequence[TaskOutput]) -> None:
        """Add the outputs of tasks."""

    def all(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield all values at a slider position."""

    def latest(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield at least the values that the last call of `update` added."""


class ThumbnailValues:
    """Thumbnails of a step's images or labels.

    Parameters
    ----------
    store : ResultStore
        Store that holds the thumbnails.
    step : Step
        The step.
    """

    columns: tuple[str, ...] = ()
    is_of_wells = False

    def __init__(self, store: ResultStore, step: Step) -> None:
        self._store = store
        self._step = step.name
        self.is_exact = not step.output_kind.has_intensities
        self.names: tuple[str, ...] | None = None
        self._all = ThumbnailIndex(store.root, store.components)
        self._latest = ThumbnailIndex(store.root, store.components)

    @property
    def scale(self) -> ColourScale:
        """Grey between the contrast limits so far; for labels, distinct colours."""
        if self.is_exact:
            return ColourScale(label_table(), (0.0, 255.0))
        step = self._store.steps.get(self._step)
        limits = (0.0, 1.0) if step is None or not np.isfinite(step.limits).all() else step.limits
        return ColourScale(grey_table(), limits)

    def update(self, outputs: Sequence[TaskOutput]) -> None:
        """Add the thumbnails that tasks wrote."""
        written = [some for output in outputs for some in output.thumbnails if some.step == self._step]
        self._latest = ThumbnailIndex(self._store.root, self._store.components)
        for index in (self._all, self._latest):
            index.add(written)
        if written:
            self.names = written[0].names

    def all(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield all thumbnails at a slider position."""
        return self._fetch(self._all, geometry, fixed)

    def latest(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield the thumbnails that the last call of `update` added."""
        return self._fetch(self._latest, geometry, fixed)

    def _fetch(
        self, index: ThumbnailIndex, geometry: PlateGeometry, fixed: Mapping[str, int]
    ) -> Iterator[Values]:
        waiting: list[Values] = []
        for names, codes, pixels in index.fetch(self._step, fixed):
            same = not waiting or waiting[0][1].shape[1:] == pixels.shape[1:]
            if not same or sum(len(places) for places, _ in waiting) >= BATCH_SIZE:
                yield _concatenate(waiting)
                waiting = []
            waiting.append((fields_of(geometry, names, codes), pixels))
        if waiting:
            yield _concatenate(waiting)


def _concatenate(values: Sequence[Values]) -> Values:
    return np.concatenate([places for places, _ in values]), np.concatenate([pixels for _, pixels in values])


class HeatValues:
    """Number per well from a column of a table.

    Parameters
    ----------
    store : ResultStore
        Store that holds the table.
    table : str
        The step that makes the table.
    column : str
        The column; `COUNT` for the number of rows.
    statistic : str
        Statistic of the rows of a well. See `well_values`.
    colours : ndarray of uint8, shape (256, 3)
        Colours from the lowest number to the highest.
    """

    is_exact = True
    is_of_wells = True

    def __init__(self, store: ResultStore, table: str, column: str, statistic: str, colours: RGB) -> None:
        self._store = store
        self._table = table
        self._column, self._statistic = column, statistic
        self._colours = colours
        self._frames: dict[str, pd.DataFrame] = {}
        self._maps: dict[tuple[int, ...], dict[str, float]] = {}
        self.names: tuple[str, ...] | None = None
        self.columns: tuple[str, ...] = ()

    @property
    def scale(self) -> ColourScale:
        """Colours from the lowest number to the highest, over all slider positions."""
        numbers = [number for wells in self._maps.values() for number in wells.values()]
        limits = (float(min(numbers)), float(max(numbers))) if numbers else (0.0, 1.0)
        return ColourScale(self._colours, limits)

    def update(self, outputs: Sequence[TaskOutput]) -> None:
        """Read the rows that tasks wrote.

        Raises
        ------
        ValueError
            The table does not have the column.
        OSError
            The rows cannot be read.
        """
        for output in outputs:
            tables = [table for table in output.tables if table.step == self._table]
            frame = read_table(self._store.root, tables, self._store.components)
            if len(frame):
                # An output lists all rows of its task, so it replaces earlier ones.
                self._frames[output.axis_value] = frame
        if self._frames:
            self._join()

    def _join(self) -> None:
        """Compute the numbers of all wells from all rows."""
        import pandas as pd

        rows = pd.concat(self._frames.values(), ignore_index=True)
        components = self._store.components
        self.names = tuple(name for name in components if name in rows.columns)
        self.columns = tuple(
            str(name)
            for name in rows.select_dtypes("number").columns
            if name not in components and name != "label"
        )
        if "well" not in self.names:
            return
        sliders = list(sliders_of(self.names))
        groups = rows.groupby(sliders, observed=True) if sliders else [((), rows)]
        self._maps = {}
        for values, group in groups:
            place = tuple(
                components[name].index(str(value)) for name, value in zip(sliders, values, strict=True)
            )
            wells = well_values(group, self._column, self._statistic)
            names = wells.index.get_level_values("well")
            self._maps[place] = {
                str(well): number for well, number in zip(names, wells, strict=True) if np.isfinite(number)
            }

    def all(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield all numbers at a slider position."""
        place = tuple(fixed.get(name, 0) for name in sliders_of(self.names or ()))
        numbers = self._maps.get(place, {})
        wells = {well: code for code, well in enumerate(geometry.wells)}
        if numbers:
            places = np.array([[wells[well], 0] for well in numbers], np.int64)
            yield places, np.array(list(numbers.values()))[:, None, None]

    def latest(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield all numbers at a slider position, since new rows may change any of them."""
        return self.all(geometry, fixed)
