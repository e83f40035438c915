"""The state of the plot panel: the columns on offer, and the chosen ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from ...core.components import natural_key
from ...plates.statistics import STATISTICS, aggregate
from ...plates.wells import PLATE
from ..common.choices import Choice

WELL = "well"

_LAST_Y = ("label", "y", "x")
_FIRST_X = ("dose", "timepoint", "condition", WELL)


@dataclass(frozen=True, eq=False)
class PlotModel:
    """Valid choice of columns and statistic for the plot of a table.

    Parameters
    ----------
    table : DataFrame, optional
        One row per measured object: a column per component, then the measurements.
    components : mapping
        From component name to its values.
    plate_map : DataFrame, optional
        One row per well, indexed by well name; a column per property (condition, dose, control).
    y : str
        The measured column; empty if there is none.
    statistic : str
        One of `STATISTICS`, which combines the rows of a point.
    x : str
        A component, or a property of the plate map; empty if there is none.
    colour : str, optional
        A component, or a property of the plate map; None for one colour.
    log : bool
        Whether x has a logarithmic scale.
    """

    table: pd.DataFrame | None = None
    components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plate_map: pd.DataFrame | None = None
    y: str = ""
    statistic: str = "mean"
    x: str = ""
    colour: str | None = None
    log: bool = False

    @classmethod
    def of(
        cls,
        table: pd.DataFrame | None,
        components: Mapping[str, tuple[str, ...]],
        plate_map: pd.DataFrame | None,
        previous: PlotModel,
    ) -> PlotModel:
        """Return the model of a table, with the previous choices that are still valid.

        Raises
        ------
        ValueError
            The plate map lists a well twice.
        """
        if plate_map is not None and not plate_map.index.is_unique:
            twice = plate_map.index[plate_map.index.duplicated()][0]
            raise ValueError(f"The plate map lists well {twice!r} twice. Keep one of its rows.")
        return replace(previous, table=table, components=components, plate_map=plate_map).choose()

    def choose(
        self,
        y: str | None = None,
        statistic: str | None = None,
        x: str | None = None,
        colour: str | None = None,
        log: bool | None = None,
    ) -> PlotModel:
        """Return the model with other choices; invalid ones fall back to a default, and None keeps one.

        An empty `colour` gives all points one colour.
        """
        chosen = replace(
            self,
            y=self.y if y is None else y,
            statistic=statistic if statistic in STATISTICS else self.statistic,
            x=self.x if x is None else x,
            colour=self.colour if colour is None else colour,
            log=self.log if log is None else log,
        )
        measured, against = self.y_choices, [name for _, name in self.x_choices]
        if chosen.y not in measured:
            default = [name for name in measured if name not in _LAST_Y]
            chosen = replace(chosen, y=next(iter(default or measured), ""))
        if chosen.x not in against:
            default = [name for name in _FIRST_X if name in against and len(self.values(name)) > 1]
            chosen = replace(chosen, x=next(iter(default or against), ""))
        if chosen.x != self.x and log is None:
            # Doses suit a logarithmic scale, timepoints do not.
            chosen = replace(chosen, log=False)
        return chosen if chosen.colour in against else replace(chosen, colour=None)

    @property
    def y_choices(self) -> list[str]:
        """The numeric columns, without components."""
        if self.table is None:
            return []
        columns = self.table.select_dtypes(["number", "bool"]).columns
        return [str(name) for name in columns if name not in self.components]

    @property
    def x_choices(self) -> list[Choice]:
        """The components in the table, then the properties of the plate map, each with its number of values."""
        names = [*self._own, *self.properties]
        return [(f"{name} ({len(self.values(name))})", name) for name in names]

    @property
    def _own(self) -> list[str]:
        """The components in the table."""
        return [] if self.table is None else [name for name in self.components if name in self.table]

    @cached_property
    def properties(self) -> dict[str, pd.Series]:
        """The properties of the plate map, with their values by well as text; empty if the table has no wells.

        A property with the same name as a column of the table is renamed.
        """
        if self.table is None or self.plate_map is None or WELL not in self._own:
            return {}
        return {
            f"{name} (plate map)" if name in self.table else str(name): _texts(column)
            for name, column in self.plate_map.items()
        }

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of a component or a property, in natural order."""
        if name in self.properties:
            return tuple(sorted(set(self.properties[name].dropna()), key=natural_key))
        return tuple(self.components.get(name, ()))

    def numbers(self, name: str) -> dict[str, float]:
        """Return the values of a component or a property as numbers; empty unless all are numeric."""
        numbers = {value: _number(value) for value in self.values(name)}
        return numbers if all(math.isfinite(number) for number in numbers.values()) else {}

    @property
    def can_log(self) -> bool:
        """Whether x can have a logarithmic scale: numbers, none negative, at least one positive."""
        numbers = self.numbers(self.x).values()
        return min(numbers, default=-1) >= 0 and max(numbers, default=0) > 0

    @property
    def y_label(self) -> str:
        """The label of the y axis."""
        return "count" if self.statistic == "count" else f"{self.statistic} of {self.y}"

    @property
    def can_draw(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.table is not None and len(self.table) and self.x and (self.y or self._counts))

    @property
    def _counts(self) -> bool:
        return self.statistic == "count"

    def aggregated(self, names: Iterable[str | None]) -> pd.DataFrame:
        """Return the statistic of the rows of each well of each plate, at each value of other components.

        Without wells, rows are grouped by all components that have more than one value.

        Parameters
        ----------
        names : iterable of str
            Components to group by as well. Properties belong to the well, and None is ignored.

        Returns
        -------
        DataFrame
            One row per group: a column per name, as text, ``plate`` and ``well`` (empty if there are none), and ``y``.
            A well without rows is left out rather than counted as 0: a failed task has no rows either.
        """
        if self.table is None:
            return pd.DataFrame(columns=[PLATE, WELL, "y"])
        wanted = [name for name in dict.fromkeys(names) if name is not None]
        own = self._own
        units = (
            [name for name in (PLATE, WELL) if name in own]
            if WELL in own
            else [name for name in own if len(self.components[name]) > 1]
        )
        by = list(dict.fromkeys([*units, *(name for name in wanted if name in own)])) or own[:1]
        # The prefix avoids a clash: a column of the table may be called `y`.
        keys = {f"key {name}": self.table[name].astype(str).astype("category") for name in by}
        measured = np.zeros(len(self.table)) if self._counts else self.table[self.y].astype(float)
        frame = pd.DataFrame({**keys, "y": measured})
        groups = frame.groupby(list(keys), observed=True, sort=False)["y"]
        combined = aggregate(groups, self.statistic).astype(float).reset_index()
        wells = combined[f"key {WELL}"].astype(str) if WELL in by else pd.Series("", combined.index)
        columns = {
            name: wells.map(self.properties[name])
            if name in self.properties
            else combined[f"key {name}"].astype(str)
            for name in wanted
        }
        plates = combined[f"key {PLATE}"].astype(str) if PLATE in by else pd.Series("", combined.index)
        return pd.DataFrame({**columns, PLATE: plates, WELL: wells, "y": combined["y"]})

    @property
    def has_plates(self) -> bool:
        """Whether the table has wells of several plates."""
        return PLATE in self._own and WELL in self._own and len(self.components[PLATE]) > 1


def _texts(column: pd.Series) -> pd.Series:
    """Return values as text, whole numbers without a decimal point, and empty cells as missing."""
    values = [
        f"{value:.12g}" if isinstance(value, float) and not math.isnan(value) else value
        for value in column.tolist()
    ]
    texts = [None if pd.isna(value) or not str(value).strip() else str(value).strip() for value in values]
    return pd.Series(texts, column.index.astype(str), dtype=object)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
