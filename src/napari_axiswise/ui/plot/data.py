"""The numbers of a plot: its points, means and ticks, and Z′ of the controls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.components import natural_key
from ...plates.map import control_roles
from ...plates.statistics import z_prime
from .model import WELL, PlotModel

NO_COLOUR = "(none)"
"""The colour group of wells of which the plate map does not tell it."""


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


def plot_data(form: PlotModel) -> PlotData | None:
    """Return what a form draws; None where there is nothing.

    On a logarithmic scale the place of x is its logarithm to the base 10, and 0 stands one decade below the
    smallest number above it: it has no logarithm, but an untreated control belongs beside the lowest dose. It is
    marked 0 there, and the line of the means leads to it. Numbers below 0 have no place at all: then the scale
    stays linear (`PlotModel.can_log`).

    Parameters
    ----------
    form : PlotModel
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


def z_primes(form: PlotModel) -> dict[str, float]:
    """Return Z′ of the chosen column and statistic, from the controls of the plate map.

    A control's value is the statistic of all rows of its well, at whatever x.

    Parameters
    ----------
    form : PlotModel
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
