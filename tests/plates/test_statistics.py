"""Values per well, and the Z′ factor."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import napari_axiswise as aw


@dataclass(frozen=True)
class Reduced:
    """Values of the wells A01 (2), B02 (1, 4, missing) and B10 (missing)."""

    values: dict[str, float]
    column: str | None = "area"
    statistic: str = "mean"
    name: str = field(default="area")

    def __str__(self) -> str:
        return f"{self.column}-{self.statistic}"


REDUCED = (
    Reduced({"A01": 2.0, "B02": 2.5, "B10": math.nan}),
    Reduced({"A01": 2.0, "B02": 2.5, "B10": math.nan}, statistic="median"),
    Reduced({"A01": math.nan, "B02": math.sqrt(4.5), "B10": math.nan}, statistic="std"),
    Reduced({"A01": 2.0, "B02": 1.0, "B10": math.nan}, statistic="min"),
    Reduced({"A01": 2.0, "B02": 4.0, "B10": math.nan}, statistic="max"),
    Reduced({"A01": 2.0, "B02": 5.0, "B10": math.nan}, statistic="sum"),
    Reduced({"A01": 1, "B02": 2, "B10": 0}, statistic="count"),
    Reduced({"A01": 1, "B02": 3, "B10": 1}, None, "count", "count"),
    Reduced({"A01": 1, "B02": 3, "B10": 1}, "count", "count", "count"),
    Reduced({"A01": 1, "B02": 3, "B10": 1}, "count", "mean", "count"),
    Reduced({"A01": 1.0, "B02": 1 / 3, "B10": 0.0}, "bright", "mean", "bright"),
)

OBJECTS = pd.DataFrame(
    {
        "well": ["B10", "B02", "B02", "A01", "B02"],
        "area": [math.nan, 1.0, 4.0, 2.0, math.nan],
        "bright": [False, True, False, True, False],
        "class": ["round", "long", "long", "round", "round"],
    }
)


@pytest.mark.parametrize(("column", "statistic"), [("area", "mean"), ("area", "count"), (None, "count")])
def test_wells_of_two_plates_are_not_pooled(column: str | None, statistic: str) -> None:
    screen = pd.concat([OBJECTS.assign(plate=name) for name in ("P10", "P2")])
    values = aw.well_values(screen, column, statistic)
    wells = ["A01", "B02", "B10"]
    assert list(values.index) == [(plate, well) for plate in ("P2", "P10") for well in wells]
    assert list(values.index.names) == ["plate", "well"]
    one = aw.well_values(OBJECTS, column, statistic)
    for plate in ("P2", "P10"):
        pd.testing.assert_series_equal(values[plate], one)


@pytest.mark.parametrize("case", REDUCED, ids=str)
def test_a_column_is_reduced_by_well_in_natural_order(case: Reduced) -> None:
    values = aw.well_values(OBJECTS, case.column, case.statistic)
    assert list(values.index) == ["A01", "B02", "B10"]
    assert (values.name, values.index.name) == (case.name, "well")
    assert values.to_dict() == pytest.approx(case.values, nan_ok=True)


def test_a_column_named_count_takes_precedence() -> None:
    table = pd.DataFrame({"well": ["A01", "A01"], "count": [5, 7]})
    assert aw.well_values(table, "count").to_dict() == {"A01": 6.0}
    assert aw.well_values(table, statistic="count").to_dict() == {"A01": 2}


def test_a_table_without_rows_has_no_values() -> None:
    assert aw.well_values(OBJECTS.iloc[:0], "area").empty
    assert aw.well_values(OBJECTS.iloc[:0], "count").empty


NOT_REDUCED: dict[str, tuple[pd.DataFrame, str | None, str, str]] = {
    "column": (OBJECTS, "volume", "mean", r"no column 'volume', only 'well', 'area'"),
    "statistic": (OBJECTS, "area", "mode", r"statistic='mode': use one of mean, median, std"),
    "text": (OBJECTS, "class", "mean", r"'class' is not numeric but \w+, for instance 'round'\. Use one of 'area'"),
    "no-column": (OBJECTS, None, "mean", r"statistic='mean' needs a column: 'well', 'area'"),
    "no-well": (OBJECTS.drop(columns="well"), "area", "mean", r"no column 'well'"),
    "no-well-to-count": (OBJECTS.drop(columns="well"), None, "count", r"no column 'well'"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_REDUCED.values(), ids=NOT_REDUCED.keys())
def test_a_column_that_cannot_be_reduced_is_an_error(case: tuple[pd.DataFrame, str | None, str, str]) -> None:
    table, column, statistic, message = case
    with pytest.raises(ValueError, match=message):
        aw.well_values(table, column, statistic)


Z_PRIMES = {
    "by-hand": ([10.0, 12.0], [0.0, 2.0], 1 - 3 * 2 * math.sqrt(2) / 10),
    "swapped": ([0.0, 2.0], [10.0, 12.0], 1 - 3 * 2 * math.sqrt(2) / 10),
    "no-spread": ([5, 5], [1, 1, 1], 1.0),
    "missing-values": ([10.0, math.nan, 12.0], [0.0, 2.0, math.nan], 1 - 3 * 2 * math.sqrt(2) / 10),
    "equal-means": ([1.0, 3.0], [0.0, 4.0], -math.inf),
    "equal-values": ([1.0, 1.0], [1.0, 1.0], -math.inf),
}


@pytest.mark.parametrize("case", Z_PRIMES.values(), ids=Z_PRIMES.keys())
def test_z_prime(case: tuple[list[float], list[float], float]) -> None:
    positive, negative, expected = case
    assert aw.z_prime(positive, negative) == pytest.approx(expected)
    assert aw.z_prime(pd.Series(positive), np.asarray(negative)) == pytest.approx(expected)


NO_Z_PRIMES = {
    "none": ([], [1.0, 2.0], r"at least two positive control wells with a value, but there are 0"),
    "one": ([1.0, 2.0], [1.0], r"at least two negative control wells with a value, but there are 1"),
    "one-but-missing": ([1.0, math.nan], [1.0, 2.0], r"at least two positive.* there are 1"),
    "infinite": ([1.0, math.inf], [1.0, 2.0], r"positive control well is infinite"),
}


@pytest.mark.parametrize("case", NO_Z_PRIMES.values(), ids=NO_Z_PRIMES.keys())
def test_z_prime_needs_two_finite_wells_per_role(case: tuple[list[float], list[float], str]) -> None:
    positive, negative, message = case
    with pytest.raises(ValueError, match=message):
        aw.z_prime(positive, negative)


values = st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=8)


@given(values, values, st.integers(1, 100), st.integers(-100, 100))
def test_z_prime_is_at_most_1_and_independent_of_unit_offset_and_direction(
    positive: list[float], negative: list[float], unit: int, offset: int
) -> None:
    assume(np.mean(positive) != np.mean(negative))
    expected = aw.z_prime(positive, negative)
    assert expected <= 1
    assert aw.z_prime(negative, positive) == expected
    scaled = (np.asarray(group) * unit + offset for group in (positive, negative))
    assert aw.z_prime(*scaled) == pytest.approx(expected)
