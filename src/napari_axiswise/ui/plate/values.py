"""What is shown of each field of a plate: thumbnails of a step, or a number from a table."""

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
"""Stands for a column that every table has: how many rows there are of a well."""

AT_ONCE = 1_000
"""Thumbnails that are made to fit together, as that is quicker; more would take memory."""

Values = tuple[NDArray[np.int64], NDArray[Any]]
"""Well and field of some fields, shape (fields, 2), and the pixels of each, shape (fields, Y, X)."""


class PlateValues(Protocol):
    """What is shown of each field."""

    @property
    def names(self) -> tuple[str, ...] | None:
        """The components that tell apart what is shown; None as long as that is not known."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a table that could be shown as well."""

    @property
    def colouring(self) -> ColourScale:
        """How values become colours."""

    @property
    def is_exact(self) -> bool:
        """Whether pixels are not to be averaged."""

    @property
    def is_of_wells(self) -> bool:
        """Whether there is one value for a well, not one for each of its fields."""

    def take(self, outputs: Sequence[TaskOutput]) -> None:
        """Take note of what tasks wrote."""

    def every(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield what there is at a place of the sliders."""

    def latest(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield, of what there is, at least what came with the last call of `take`."""


class ThumbnailValues:
    """Thumbnails of a step's images or labels.

    Parameters
    ----------
    store : ResultStore
        Where they are.
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
        self._every = ThumbnailIndex(store.root)
        self._latest = ThumbnailIndex(store.root)

    @property
    def colouring(self) -> ColourScale:
        """The contrast limits of the step so far; for labels, colours that differ."""
        if self.is_exact:
            return ColourScale(label_table(), (0.0, 255.0))
        step = self._store.steps.get(self._step)
        limits = (0.0, 1.0) if step is None or not np.isfinite(step.limits).all() else step.limits
        return ColourScale(grey_table(), limits)

    def take(self, outputs: Sequence[TaskOutput]) -> None:
        """Take note of what tasks wrote."""
        written = [some for output in outputs for some in output.thumbnails if some.step == self._step]
        self._latest = ThumbnailIndex(self._store.root)
        for index in (self._every, self._latest):
            index.add(written)
        if written:
            self.names = written[0].names

    def every(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield the thumbnails at a place of the sliders."""
        return self._fetch(self._every, geometry, fixed)

    def latest(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield those that came last."""
        return self._fetch(self._latest, geometry, fixed)

    def _fetch(
        self, index: ThumbnailIndex, geometry: PlateGeometry, fixed: Mapping[str, int]
    ) -> Iterator[Values]:
        waiting: list[Values] = []
        for names, codes, pixels in index.fetch(self._step, fixed):
            same = not waiting or waiting[0][1].shape[1:] == pixels.shape[1:]
            if not same or sum(len(places) for places, _ in waiting) >= AT_ONCE:
                yield _together(waiting)
                waiting = []
            waiting.append((fields_of(geometry, names, codes), pixels))
        if waiting:
            yield _together(waiting)


def _together(values: Sequence[Values]) -> Values:
    return np.concatenate([places for places, _ in values]), np.concatenate([pixels for _, pixels in values])


class HeatValues:
    """A number for each well from a column of a table.

    Parameters
    ----------
    store : ResultStore
        Where the table is.
    table : str
        The step that made it.
    column : str
        The column; `COUNT` for how many rows there are.
    statistic : str
        Of the rows of a well. See `well_values`.
    colours : ndarray of uint8, shape (256, 3)
        From the lowest number to the highest.
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
    def colouring(self) -> ColourScale:
        """From the lowest number to the highest, over all places of the sliders."""
        numbers = [number for wells in self._maps.values() for number in wells.values()]
        limits = (float(min(numbers)), float(max(numbers))) if numbers else (0.0, 1.0)
        return ColourScale(self._colours, limits)

    def take(self, outputs: Sequence[TaskOutput]) -> None:
        """Read the rows that tasks wrote.

        Raises
        ------
        ValueError
            The table does not have the column.
        OSError
            They cannot be read.
        """
        for output in outputs:
            tables = [table for table in output.tables if table.step == self._table]
            frame = read_table(self._store.root, tables, self._store.components)
            if len(frame):
                # All rows of the task, instead of those that were known of it.
                self._frames[output.axis_value] = frame
        if self._frames:
            self._join()

    def _join(self) -> None:
        """Compute the numbers of all wells from all rows there are."""
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
            self._maps[place] = {str(well): number for well, number in wells.items() if np.isfinite(number)}

    def every(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield the numbers at a place of the sliders."""
        place = tuple(fixed.get(name, 0) for name in sliders_of(self.names or ()))
        numbers = self._maps.get(place, {})
        wells = {well: code for code, well in enumerate(geometry.wells)}
        if numbers:
            places = np.array([[wells[well], 0] for well in numbers], np.int64)
            yield places, np.array(list(numbers.values()))[:, None, None]

    def latest(self, geometry: PlateGeometry, fixed: Mapping[str, int]) -> Iterator[Values]:
        """Yield the numbers at a place of the sliders: new rows may change them all."""
        return self.every(geometry, fixed)
