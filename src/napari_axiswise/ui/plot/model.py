"""The state of the plot: what can be drawn against what, what is chosen, and the numbers that are drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from ...core.components import natural_key
from ...plates.statistics import STATISTICS, aggregate, control_roles, z_prime
from ..common.choices import Choice

WELL = "well"

NO_COLOUR = "(none)"
"""The colour group of wells of which the plate map does not tell it."""

_LAST_Y = ("label", "y", "x")
_FIRST_X = ("dose", "timepoint", "condition", WELL)


@dataclass(frozen=True, eq=False)
class PlotForm:
    """Choices of columns and statistic that always can be drawn, as far as there is anything to draw.

    Parameters
    ----------
    table : DataFrame, optional
        A row per measured object: a column per component, then what was measured.
    components : mapping
        From component name to its values.
    plate_map : DataFrame, optional
        A row per well, whose name is the index; a column per property (condition, dose, control).
    y : str
        The measured column; empty where there is none.
    statistic : str
        One of `STATISTICS`: what the rows of a point are summed up by.
    x : str
        A component, or a property of the plate map; empty where there is none.
    colour : str, optional
        The same for the colour; None for one colour.
    log : bool
        x is on a logarithmic scale.
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
        previous: PlotForm,
    ) -> PlotForm:
        """Return the form for a table, with what was chosen before as far as it still can be.

        Raises
        ------
        ValueError
            The plate map has a well twice.
        """
        if plate_map is not None and not plate_map.index.is_unique:
            twice = plate_map.index[plate_map.index.duplicated()][0]
            raise ValueError(f"The plate map has well {twice!r} twice; keep one of its rows.")
        return replace(previous, table=table, components=components, plate_map=plate_map).choose()

    def choose(
        self,
        y: str | None = None,
        statistic: str | None = None,
        x: str | None = None,
        colour: str | None = None,
        log: bool | None = None,
    ) -> PlotForm:
        """Return the form with other choices, as far as they are valid; None leaves one as it is.

        An empty `colour` is one colour for all.
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
            # Doses are looked at on another scale than timepoints.
            chosen = replace(chosen, log=False)
        return chosen if chosen.colour in against else replace(chosen, colour=None)

    @property
    def y_choices(self) -> list[str]:
        """Every column of numbers that is no component."""
        if self.table is None:
            return []
        columns = self.table.select_dtypes(["number", "bool"]).columns
        return [str(name) for name in columns if name not in self.components]

    @property
    def x_choices(self) -> list[Choice]:
        """Every component that the table has, then every property of the plate map; with the number of values."""
        names = [*self._own, *self.properties]
        return [(f"{name} ({len(self.values(name))})", name) for name in names]

    @property
    def _own(self) -> list[str]:
        """The components that the table has."""
        return [] if self.table is None else [name for name in self.components if name in self.table]

    @cached_property
    def properties(self) -> dict[str, pd.Series]:
        """From the properties of the plate map to their values by well, as texts; none where there are no wells.

        A property that has the name of a column of the table is told apart from it.
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
        """Return the numbers that the values of a component or a property are; empty where one is none."""
        numbers = {value: _number(value) for value in self.values(name)}
        return numbers if all(math.isfinite(number) for number in numbers.values()) else {}

    @property
    def can_log(self) -> bool:
        """Whether x has a logarithmic scale: numbers, none below 0, one above."""
        numbers = self.numbers(self.x).values()
        return min(numbers, default=-1) >= 0 and max(numbers, default=0) > 0

    @property
    def y_label(self) -> str:
        """What the y axis says."""
        return "count" if self.statistic == "count" else f"{self.statistic} of {self.y}"

    @property
    def can_draw(self) -> bool:
        """Whether there is anything to draw."""
        return bool(self.table is not None and len(self.table) and self.x and (self.y or self._counts))

    @property
    def _counts(self) -> bool:
        return self.statistic == "count"

    def sum_up(self, names: Iterable[str | None]) -> pd.DataFrame:
        """Return the statistic of the rows of each well, at each value of other components.

        Where there are no wells, of each combination of the values of all components that have several.

        Parameters
        ----------
        names : iterable of str
            Components to keep apart besides; properties are those of the well, and None is nothing.

        Returns
        -------
        DataFrame
            A row each: a column per name, as texts, ``well`` (empty where there are none), and ``y``. A well
            without rows has none: it does not count as 0, since a task that failed has no rows either.
        """
        if self.table is None:
            return pd.DataFrame(columns=[WELL, "y"])
        wanted = [name for name in dict.fromkeys(names) if name is not None]
        own = self._own
        units = [WELL] if WELL in own else [name for name in own if len(self.components[name]) > 1]
        by = list(dict.fromkeys([*units, *(name for name in wanted if name in own)])) or own[:1]
        # Columns of the table may have any name, and `y` is one of them.
        keys = {f"key {name}": self.table[name].astype(str).astype("category") for name in by}
        measured = np.zeros(len(self.table)) if self._counts else self.table[self.y].astype(float)
        frame = pd.DataFrame({**keys, "y": measured})
        groups = frame.groupby(list(keys), observed=True, sort=False)["y"]
        summed = aggregate(groups, self.statistic).astype(float).reset_index()
        wells = summed[f"key {WELL}"].astype(str) if WELL in by else pd.Series("", summed.index)
        columns = {
            name: wells.map(self.properties[name])
            if name in self.properties
            else summed[f"key {name}"].astype(str)
            for name in wanted
        }
        return pd.DataFrame({**columns, WELL: wells, "y": summed["y"]})


@dataclass(frozen=True, eq=False)
class PlotData:
    """What is drawn.

    Parameters
    ----------
    points : DataFrame
        A row per point: ``x`` (its place), ``value`` (the text of x), ``y``, ``well``, ``colour``.
    means : DataFrame
        A row per value of x and colour: ``x``, ``colour``, ``mean``, ``std`` (with n - 1; not a number for a
        single point) and ``n``.
    colours : tuple of str
        The groups that are told apart by colour, in natural order; one empty text where there is one colour.
    ticks : tuple of (float, str)
        Places on the x axis and what stands there; none where any number may.
    ordinal : bool
        The values of x are texts: there is nothing between them.
    left_out : int
        Points that have no x or no y.
    x_label, y_label, colour_label : str
        What x, y and the colours are of.
    """

    points: pd.DataFrame
    means: pd.DataFrame
    colours: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]
    ordinal: bool
    left_out: int
    x_label: str
    y_label: str
    colour_label: str

    def export(self) -> pd.DataFrame:
        """Return the points under their own names, as they are saved: a row each."""
        columns = {"well": "well", "value": self.x_label, "colour": self.colour_label, "y": self.y_label}
        if self.x_label == "well" or not self.points["well"].any():
            del columns["well"]
        if self.colour_label in ("", self.x_label):
            del columns["colour"]
        return self.points[list(columns)].set_axis(list(columns.values()), axis="columns")


def plot_data(form: PlotForm) -> PlotData | None:
    """Return what a form draws; None where there is nothing.

    On a logarithmic scale the place of x is its logarithm to the base 10, and 0 stands one decade below the
    smallest number above it: it has no logarithm, but an untreated control belongs beside the lowest dose. It is
    marked 0 there, and the line of the means leads to it. Numbers below 0 have no place at all: then the scale
    stays linear (`PlotForm.can_log`).

    Parameters
    ----------
    form : PlotForm
        What is chosen.
    """
    if not form.can_draw:
        return None
    summed = form.sum_up([form.x, form.colour])
    numbers = form.numbers(form.x)
    log = form.log and form.can_log
    places = _log_places(numbers) if log else numbers or _ranks(form.values(form.x))
    colours = summed[form.colour] if form.colour else pd.Series("", summed.index)
    points = pd.DataFrame(
        {
            "x": summed[form.x].map(places).astype(float),
            "value": summed[form.x],
            "y": summed["y"],
            "well": summed[WELL],
            "colour": colours.fillna(NO_COLOUR),
        }
    )
    drawn = points[np.isfinite(points["x"]) & np.isfinite(points["y"])].reset_index(drop=True)
    drawn = drawn.sort_values("x", kind="stable", ignore_index=True)
    groups = drawn.groupby(["colour", "x"])["y"]
    means = groups.agg(["mean", "std", "count"]).rename(columns={"count": "n"}).reset_index()
    present = sorted(set(drawn["colour"]), key=lambda name: (name == NO_COLOUR, natural_key(name)))
    if log:
        ticks = _log_ticks(numbers, places)
    else:
        ticks = () if numbers else tuple((place, value) for value, place in places.items())
    return PlotData(
        points=drawn,
        means=means[["x", "colour", "mean", "std", "n"]],
        colours=tuple(present),
        ticks=ticks,
        ordinal=not numbers,
        left_out=len(points) - len(drawn),
        x_label=form.x,
        y_label=form.y_label,
        colour_label=form.colour or "",
    )


def z_primes(form: PlotForm) -> dict[str, float]:
    """Return Z′ of the chosen column and statistic, from the controls of the plate map.

    A control's value is the statistic of all rows of its well, at whatever x.

    Parameters
    ----------
    form : PlotForm
        What is chosen.

    Returns
    -------
    dict
        From each colour group that has two or more positive, and negative, controls to its Z′; where no group has
        (the colour is the condition, or there is one colour), from an empty text to Z′ of all wells. Empty where
        the plate map does not name controls of both kinds.

    Raises
    ------
    ValueError
        Too few of the controls that the plate map names have a value.

    References
    ----------
    .. [1] J.-H. Zhang, T. D. Y. Chung, K. R. Oldenburg, "A Simple Statistical Parameter for Use in Evaluation and
       Validation of High Throughput Screening Assays", Journal of Biomolecular Screening 4(2), 67-73, 1999.
    """
    plate_map = form.plate_map
    if plate_map is None or not form.properties or not form.can_draw:
        return {}
    if not any("control" in str(name).lower() for name in plate_map.columns):
        return {}
    roles = control_roles(plate_map)
    if not {"positive", "negative"} <= set(roles):
        return {}

    def controls(values: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
        finite = values[np.isfinite(values["y"])]
        role = finite[WELL].map(roles)
        return finite["y"][role == "positive"], finite["y"][role == "negative"]

    if form.colour is not None:
        groups = form.sum_up([form.colour]).groupby(form.colour)
        pairs = {str(name): controls(values) for name, values in groups}
        known = [name for name, pair in pairs.items() if min(map(len, pair)) > 1]
        if known:
            return {name: float(z_prime(*pairs[name])) for name in sorted(known, key=natural_key)}
    return {"": float(z_prime(*controls(form.sum_up([]))))}


def tick_levels(ticks: Sequence[tuple[float, str]]) -> list[list[tuple[float, str]]]:
    """Return ticks by how much they matter: the first few of them, then those between, and so on.

    Each level has as many again as all before, so that as many levels have their texts as there is room for.
    """
    if not ticks:
        return []
    step = 1
    while len(ticks) / step > 4:
        step *= 2
    levels = [list(ticks[::step])]
    while step > 1:
        levels.append(list(ticks[step // 2 :: step]))
        step //= 2
    return levels


def _texts(column: pd.Series) -> pd.Series:
    """Return values as texts, whole numbers without a point; what is empty is missing."""
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


def _ranks(values: Iterable[str]) -> dict[str, float]:
    return {value: float(rank) for rank, value in enumerate(sorted(values, key=natural_key))}


def _log_places(numbers: Mapping[str, float]) -> dict[str, float]:
    zero = math.log10(min(number for number in numbers.values() if number > 0)) - 1
    return {value: math.log10(number) if number > 0 else zero for value, number in numbers.items()}


def _log_ticks(numbers: Mapping[str, float], places: Mapping[str, float]) -> tuple[tuple[float, str], ...]:
    """Return the decades between the numbers, or the numbers where there are fewer than two; and 0 if it is one."""
    above = sorted(places[value] for value, number in numbers.items() if number > 0)
    decades = range(math.ceil(above[0] - 1e-9), math.floor(above[-1] + 1e-9) + 1)
    shown = [float(decade) for decade in decades] if len(decades) > 1 else sorted(set(above))
    zero = [(places[value], "0") for value, number in numbers.items() if number == 0][:1]
    return (*zero, *((place, f"{10**place:.3g}") for place in shown))
