"""What the plot can draw, and the numbers that it draws."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from napari_axiswise.ui.plot import data as plot_numbers
from napari_axiswise.ui.plot.data import NO_COLOUR, plot_data, tick_levels, z_primes
from napari_axiswise.ui.plot.model import PlotModel

COMPONENTS = {"well": ("A01", "A02", "A10", "B01"), "timepoint": ("1", "2", "10"), "channel": ("1",)}
PLATE_MAP = pd.DataFrame(
    {
        "condition": ["drug", "drug", "vehicle", "drug"],
        "dose": [0.01, 10.0, 0.0, math.nan],
        "control": ["", "positive", "negative", ""],
    },
    index=pd.Index(COMPONENTS["well"], name="well"),
)


def table(**columns: list[Any]) -> pd.DataFrame:
    """Two objects in every well at every timepoint: of the nth well and the mth timepoint, 10 n + m ± 1."""
    rows = [
        {"well": well, "timepoint": time, "channel": "1", "label": label, "area": 10.0 * n + m + sign}
        for n, well in enumerate(COMPONENTS["well"])
        for m, time in enumerate(COMPONENTS["timepoint"])
        for label, sign in ((1, -1.0), (2, 1.0))
    ]
    return pd.DataFrame(rows).assign(**columns)


def form(plate_map: pd.DataFrame | None = PLATE_MAP, **choices: Any) -> PlotModel:
    return PlotModel.of(table(), COMPONENTS, plate_map, PlotModel()).choose(**choices)


CONTROLS = PLATE_MAP.assign(control=["positive", "positive", "negative", "negative"])


def controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for what reads controls: Z′ is told as the difference of the means."""
    monkeypatch.setattr(plot_numbers, "control_roles", lambda plate_map: plate_map["control"])
    monkeypatch.setattr(plot_numbers, "z_prime", lambda positive, negative: positive.mean() - negative.mean())


def test_without_a_table_there_is_nothing_to_draw() -> None:
    assert plot_data(PlotModel()) is None
    assert plot_data(PlotModel.of(pd.DataFrame(), COMPONENTS, PLATE_MAP, PlotModel())) is None
    assert not z_primes(PlotModel())


def test_what_can_be_chosen() -> None:
    choices = form()
    assert choices.y_choices == ["label", "area"]
    assert choices.x_choices == [
        ("well (4)", "well"),
        ("timepoint (3)", "timepoint"),
        ("channel (1)", "channel"),
        ("condition (2)", "condition"),
        ("dose (3)", "dose"),
        ("control (2)", "control"),
    ]


@pytest.mark.parametrize(
    ("plate_map", "expected"), [(None, ("area", "timepoint")), (PLATE_MAP, ("area", "dose"))]
)
def test_it_starts_with_what_was_measured_against_what_varies(
    plate_map: pd.DataFrame | None, expected: tuple[str, str]
) -> None:
    first = form(plate_map)
    assert (first.y, first.x, first.statistic, first.colour) == (*expected, "mean", None)


def test_choices_outlive_the_table_as_far_as_they_can() -> None:
    before = form(x="well", colour="condition", statistic="median", log=True)
    after = PlotModel.of(table(), COMPONENTS, None, before)
    assert (after.x, after.colour, after.statistic, after.log) == ("well", None, "median", True)
    assert form(x="dose").choose(x="nothing", y="nothing", statistic="nothing").statistic == "mean"


def test_a_property_with_the_name_of_a_column_is_told_apart() -> None:
    named = PLATE_MAP.rename(columns={"dose": "timepoint"})
    assert form(named).x_choices[-2] == ("timepoint (plate map) (3)", "timepoint (plate map)")
    drawn = plot_data(form(named, x="timepoint (plate map)"))
    assert drawn is not None
    assert list(drawn.points["x"]) == [0.0, 0.01, 10.0]


def test_a_well_that_the_plate_map_has_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="A01"):
        form(pd.concat([PLATE_MAP, PLATE_MAP.iloc[:1]]))


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("mean", 10.0),
        ("median", 10.0),
        ("min", 9.0),
        ("max", 11.0),
        ("sum", 20.0),
        ("std", math.sqrt(2)),
        ("count", 2.0),
    ],
)
def test_a_point_is_the_statistic_of_the_rows_of_a_well_at_a_value(statistic: str, expected: float) -> None:
    drawn = plot_data(form(x="timepoint", statistic=statistic))
    assert drawn is not None
    assert len(drawn.points) == 4 * 3
    point = drawn.points[(drawn.points["well"] == "A02") & (drawn.points["value"] == "1")]
    assert point["y"].item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("x", "log", "places", "ticks"),
    [
        ("timepoint", False, [1, 2, 10], ()),
        ("well", False, [0, 1, 2, 3], ((0, "A01"), (1, "A02"), (2, "A10"), (3, "B01"))),
        ("condition", False, [0, 1], ((0, "drug"), (1, "vehicle"))),
        ("dose", False, [0, 0.01, 10], ()),
        ("dose", True, [-3, -2, 1], ((-3, "0"), (-2, "0.01"), (-1, "0.1"), (0, "1"), (1, "10"))),
        ("timepoint", True, [0, math.log10(2), 1], ((0, "1"), (1, "10"))),
        ("condition", True, [0, 1], ((0, "drug"), (1, "vehicle"))),
    ],
)
def test_numbers_have_their_place_and_texts_stand_in_natural_order(
    x: str, log: bool, places: list[float], ticks: tuple[tuple[float, str], ...]
) -> None:
    drawn = plot_data(form(x=x, log=log))
    assert drawn is not None
    assert sorted(set(drawn.points["x"])) == pytest.approx(places)
    assert drawn.ticks == ticks
    assert drawn.ordinal == (x in ("well", "condition"))


@pytest.mark.parametrize(
    ("doses", "expected"),
    [([0, 1, 2, 3], True), ([0, 0, 0, 0], False), ([-1, 1, 2, 3], False), (["a", 1, 2, 3], False)],
)
def test_a_logarithmic_scale_needs_numbers_from_0_on(doses: list[Any], expected: bool) -> None:
    assert form(PLATE_MAP.assign(dose=doses), x="dose").can_log == expected


def test_a_narrow_logarithmic_scale_has_the_numbers_themselves() -> None:
    drawn = plot_data(form(PLATE_MAP.assign(dose=[2, 3, 4, 0]), x="dose", log=True))
    assert drawn is not None
    assert [text for _, text in drawn.ticks] == ["0", "2", "3", "4"]


def test_wells_without_a_value_are_left_out_and_counted() -> None:
    drawn = plot_data(form(x="dose"))
    assert drawn is not None
    assert (len(drawn.points), drawn.left_out) == (3, 1)


def test_means_and_deviations_of_a_value_and_a_colour() -> None:
    drawn = plot_data(form(x="condition"))
    assert drawn is not None
    assert drawn.means["n"].tolist() == [3, 1]
    assert drawn.means["mean"].tolist() == pytest.approx([(1 + 11 + 31) / 3, 21])
    assert drawn.means["std"].iloc[0] == pytest.approx(pd.Series([1, 11, 31]).std())
    assert math.isnan(drawn.means["std"].iloc[1])


def test_a_colour_keeps_rows_apart_where_it_is_a_component_and_names_wells_where_it_is_a_property() -> None:
    by_time = plot_data(form(x="well", colour="timepoint"))
    assert by_time is not None
    assert (by_time.colours, len(by_time.points)) == (("1", "2", "10"), 12)
    by_control = plot_data(form(x="well", colour="control"))
    assert by_control is not None
    assert by_control.colours == ("negative", "positive", NO_COLOUR)
    assert len(by_control.points) == 4


def test_without_wells_a_point_is_a_combination_of_the_other_values() -> None:
    components = {"site": ("1", "2"), "timepoint": ("1", "2"), "channel": ("1",)}
    rows = pd.DataFrame(
        [
            {"site": site, "timepoint": time, "channel": "1", "area": float(site) * 10 + float(time)}
            for site in "12"
            for time in "12"
        ]
    )
    drawn = plot_data(PlotModel.of(rows, components, PLATE_MAP, PlotModel()).choose(x="timepoint"))
    assert drawn is not None
    assert drawn.points["y"].tolist() == [11, 21, 12, 22]
    assert set(drawn.points["well"]) == {""}
    assert drawn.means["mean"].tolist() == [16, 17]


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({}, {"": -20.0}),
        ({"colour": "condition"}, {"": -20.0}),
        ({"colour": "timepoint"}, {"1": -20.0, "2": -20.0, "10": -20.0}),
        ({"statistic": "count"}, {"": 0.0}),
    ],
)
def test_controls_give_z_prime_by_colour_where_a_colour_has_both(
    monkeypatch: pytest.MonkeyPatch, choices: dict[str, str], expected: dict[str, float]
) -> None:
    controls(monkeypatch)
    assert z_primes(form(CONTROLS, **choices)) == pytest.approx(expected)


def screen(**choices: Any) -> PlotModel:
    """Two plates: areas on P2 are twice those on P1."""
    plates = [table().assign(plate="P1"), table().assign(plate="P2")]
    plates[1]["area"] *= 2
    components = {"plate": ("P1", "P2"), **COMPONENTS}
    return PlotModel.of(pd.concat(plates, ignore_index=True), components, CONTROLS, PlotModel()).choose(
        **choices
    )


@pytest.mark.parametrize("x", ["timepoint", "well", "dose", "plate"])
def test_wells_of_two_plates_are_points_of_their_own(x: str) -> None:
    one, both = plot_data(form(CONTROLS, x="well" if x == "plate" else x)), plot_data(screen(x=x))
    assert one is not None
    assert both is not None
    first, second = (both.points[both.points["plate"] == plate]["y"].tolist() for plate in ("P1", "P2"))
    assert sorted(first) == sorted(one.points["y"])
    assert sorted(second) == sorted(2 * one.points["y"])
    assert "plate" in both.export().columns


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({}, {"P1": -20.0, "P2": -40.0}),
        ({"colour": "plate"}, {"P1": -20.0, "P2": -40.0}),
        ({"colour": "condition"}, {"P1": -20.0, "P2": -40.0}),
        ({"colour": "timepoint", "statistic": "count"}, dict.fromkeys(
            [f"{plate}, {time}" for plate in ("P1", "P2") for time in COMPONENTS["timepoint"]], 0.0)),
    ],
)  # fmt: skip
def test_z_prime_is_that_of_one_plate(
    monkeypatch: pytest.MonkeyPatch, choices: dict[str, str], expected: dict[str, float]
) -> None:
    controls(monkeypatch)
    assert z_primes(screen(**choices)) == pytest.approx(expected)


def test_without_controls_of_both_kinds_there_is_no_z_prime(monkeypatch: pytest.MonkeyPatch) -> None:
    controls(monkeypatch)
    assert z_primes(form(None)) == {}
    assert z_primes(form(PLATE_MAP.assign(control="positive"))) == {}
    assert z_primes(form(PLATE_MAP.drop(columns="control"))) == {}


@pytest.mark.parametrize("count", [1, 4, 5, 96, 384])
def test_every_tick_is_in_one_level_and_few_are_in_the_first(count: int) -> None:
    ticks = [(float(place), str(place)) for place in range(count)]
    levels = tick_levels(ticks)
    assert sorted(tick for level in levels for tick in level) == sorted(ticks)
    assert 1 <= len(levels[0]) <= 4
