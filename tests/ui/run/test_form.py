"""The form never offers what would make no valid configuration."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_axiswise.core.components import ComponentConfiguration
from napari_axiswise.ui.run.form import AxisForm

COMPONENTS = {"well": ("B02", "B03"), "site": ("1",), "timepoint": ("1", "2", "3"), "channel": ("1", "2")}
NAMES = tuple(COMPONENTS)

COMBINATIONS = ("B02,1", "B02,2", "B03,3")


def test_it_starts_with_wells() -> None:
    form = AxisForm.of(COMPONENTS, AxisForm())
    assert (form.axis, form.variable, form.group_by, form.values) == ("well", (), None, ())
    assert form.task_count == 2


def test_without_several_wells_it_starts_with_what_there_is() -> None:
    assert AxisForm.of({"well": ("A01",), "timepoint": ("1", "2")}, AxisForm()).axis == "timepoint"
    assert AxisForm.of({"image": ("a",)}, AxisForm()).axis == "image"


def test_the_numbers_of_values_stand_beside_the_names() -> None:
    form = AxisForm.of(COMPONENTS, AxisForm()).choose(["site"], "channel")
    assert form.axis_choices[0] == ("well (2)", "well")
    assert form.variable_choices == [
        ("site (1)", "site"),
        ("timepoint (3)", "timepoint"),
        ("channel (2)", "channel"),
    ]
    assert form.group_by_choices == [("timepoint (3)", "timepoint"), ("channel (2)", "channel")]


def test_a_new_axis_takes_back_what_it_was_used_for() -> None:
    form = AxisForm.of(COMPONENTS, AxisForm()).choose(["site", "timepoint"], "channel", ["B03"])
    assert form.split_by("timepoint").variable == ("site",)
    assert form.split_by("channel").group_by is None
    assert form.split_by("timepoint").values == ()


def test_choices_outlive_the_dataset_as_far_as_they_can() -> None:
    form = AxisForm.of(COMPONENTS, AxisForm()).split_by("timepoint").choose(["site"], "channel")
    again = AxisForm.of({"timepoint": ("1", "2"), "channel": ("1",)}, form)
    assert (again.axis, again.variable, again.group_by) == ("timepoint", (), "channel")


def test_a_product_has_the_values_that_there_are_and_its_parts_are_taken() -> None:
    form = AxisForm.of(COMPONENTS, AxisForm()).choose(["timepoint"], "channel")
    product = form.split_by("well,timepoint", COMBINATIONS).choose(
        ["timepoint", "site"], "well", ["B03,3", "B03,1"]
    )
    assert (product.variable, product.group_by, product.values) == (("site",), None, ("B03,3",))
    assert product.axis_choices == [*form.axis_choices, ("well × timepoint (3)", "well,timepoint")]
    assert [name for _, name in product.variable_choices] == ["site", "channel"]
    assert [name for _, name in product.group_by_choices] == ["channel"]
    assert [value for _, value in product.value_choices] == list(COMBINATIONS)
    assert (product.task_count, product.choose([], None).task_count) == (1, 3)
    again = AxisForm.of(COMPONENTS, product, COMBINATIONS[:1])
    assert (again.axis, again.variable, again.task_count) == ("well,timepoint", ("site",), 1)
    assert AxisForm.of({"well": ("B02",)}, product).axis == "well"
    assert product.split_by("well").axis_choices == form.axis_choices


@given(
    axis=st.sampled_from(NAMES),
    variable=st.lists(st.sampled_from(NAMES), unique=True),
    group_by=st.none() | st.sampled_from(NAMES),
    then=st.sampled_from(NAMES),
)
def test_whatever_is_chosen_is_valid(axis: str, variable: list[str], group_by: str | None, then: str) -> None:
    from enum import Enum

    members = Enum("Members", {name.upper(): name for name in NAMES})
    form = AxisForm.of(COMPONENTS, AxisForm()).split_by(axis).choose(variable, group_by).split_by(then)
    ComponentConfiguration(
        tuple(members),
        members(form.axis),
        tuple(members(name) for name in form.variable),
        members(form.group_by) if form.group_by else None,
    )
    assert form.axis not in {name for _, name in (*form.variable_choices, *form.group_by_choices)}
