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
from ...plates.wells import PLATE
from .model import WELL, PlotModel

NO_COLOUR = "(none)"
"""The colour group of wells without a value in the plate map."""


@dataclass(frozen=True, eq=False)
class PlotData:
    """Numbers of a plot.

    Parameters
    ----------
    points : DataFrame
        One row per point: ``x`` (position), ``value`` (x as text), ``y``, ``plate``, ``well``, ``colour``.
    means : DataFrame
        One row per value of x and colour: ``x``, ``colour``, ``mean``, ``std`` (with n - 1; NaN for a single point)
        and ``n``.
    colours : tuple of str
        The colour groups, in natural order; one empty string if there is one colour.
    ticks : tuple of (float, str)
        Positions and labels of the ticks of x; empty for pyqtgraph's own.
    ordinal : bool
        Whether the values of x are text, without a scale.
    left_out : int
        Number of points without x or y.
    x_label, y_label, colour_label : str
        Names of x, y and the colours.
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
        """Return the points as they are saved: one row each, with the chosen names as columns."""
        columns = {
            "plate": "plate",
            "well": "well",
            "value": self.x_label,
            "colour": self.colour_label,
            "y": self.y_label,
        }
        for name in ("plate", "well"):
            if self.x_label == name or not self.points[name].any():
                del columns[name]
        if self.colour_label in ("", self.x_label):
            del columns["colour"]
        return self.points[list(columns)].set_axis(list(columns.values()), axis="columns")


def plot_data(model: PlotModel) -> PlotData | None:
    """Compute the numbers of a plot; None if there is nothing to plot.

    On a logarithmic scale x is a base-10 logarithm, and 0 is drawn one decade below the smallest positive number,
    with the label 0: an untreated control belongs beside the lowest dose. With negative numbers the scale stays
    linear (`PlotModel.can_log`).

    Parameters
    ----------
    model : PlotModel
        The chosen columns and statistic.
    """
    if not model.can_draw:
        return None
    combined = model.aggregated([model.x, model.colour])
    numbers = model.numbers(model.x)
    log = model.log and model.can_log
    places = _log_places(numbers) if log else numbers or _ranks(model.values(model.x))
    colours = combined[model.colour] if model.colour else pd.Series("", combined.index)
    points = pd.DataFrame(
        {
            "x": combined[model.x].map(places).astype(float),
            "value": combined[model.x],
            "y": combined["y"],
            "plate": combined[PLATE],
            "well": combined[WELL],
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
        x_label=model.x,
        y_label=model.y_label,
        colour_label=model.colour or "",
    )


def z_primes(model: PlotModel) -> dict[str, float]:
    """Return Z′ of the chosen column and statistic, from the controls of the plate map.

    The value of a control is the statistic of all rows of its well, at any x. Plates are rated one by one.

    Parameters
    ----------
    model : PlotModel
        The chosen columns and statistic.

    Returns
    -------
    dict
        From each colour group with at least two positive and two negative controls to its Z′; of several plates, from
        each plate and colour group, ``"P1, drug"``. If no group has them (colour is the condition, or there is one
        colour), from each plate, or from an empty string, to Z′ of all its wells. Empty if the plate map does not name
        controls of both kinds.

    Raises
    ------
    ValueError
        Too few of the controls in the plate map have a value.

    References
    ----------
    .. [1] J.-H. Zhang, T. D. Y. Chung, K. R. Oldenburg, "A Simple Statistical Parameter for Use in Evaluation and
       Validation of High Throughput Screening Assays", Journal of Biomolecular Screening 4(2), 67-73, 1999.
    """
    plate_map = model.plate_map
    if plate_map is None or not model.properties or not model.can_draw:
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

    plates = [PLATE] if model.has_plates else []
    colours = [model.colour] if model.colour not in (None, PLATE) else []
    for names in filter(None, ([*plates, *colours] if colours else [], plates)):
        groups = model.aggregated(names).groupby(names)
        pairs = {", ".join(map(str, values)): controls(rows) for values, rows in groups}
        rated = [name for name, pair in pairs.items() if min(map(len, pair)) > 1]
        if rated:
            return {name: float(z_prime(*pairs[name])) for name in sorted(rated, key=natural_key)}
    if plates:
        raise ValueError("Z′ needs at least two control wells of each kind on one plate.")
    return {"": float(z_prime(*controls(model.aggregated([]))))}


def tick_levels(ticks: Sequence[tuple[float, str]]) -> list[list[tuple[float, str]]]:
    """Group ticks into levels: a few major ones, then those halfway between, and so on.

    Each level doubles the number of ticks; pyqtgraph labels as many levels as fit.
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
    """Return a tick per decade, or per number if they span fewer than two decades, and one for 0 if present."""
    above = sorted(places[value] for value, number in numbers.items() if number > 0)
    decades = range(math.ceil(above[0] - 1e-9), math.floor(above[-1] + 1e-9) + 1)
    shown = [float(decade) for decade in decades] if len(decades) > 1 else sorted(set(above))
    zero = [(places[value], "0") for value, number in numbers.items() if number == 0][:1]
    return (*zero, *((place, f"{10**place:.3g}") for place in shown))
