"""Axes as text: the components of a product and its values are read as they were joined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_axiswise.core.axes import axis_name, axis_parts, normalize_axis_value, value_codes
from napari_axiswise.core.components import StandardComponents
from napari_axiswise.planes.table import Planes

COMPONENTS = {"well": ("B02", "B03"), "site": ("1",), "timepoint": ("1", "2", "3")}


def planes(components: dict[str, tuple[str, ...]], *codes: tuple[int, ...]) -> Planes:
    nothing = np.zeros(len(codes), np.int32)
    return Planes(components, np.array(codes, np.int32), ("file",), nothing, nothing, "")


@pytest.mark.parametrize(
    ("axis", "parts"),
    [
        ("well", ("well",)),
        (StandardComponents.WELL, ("well",)),
        (["timepoint"], ("timepoint",)),
        (("timepoint", "well"), ("timepoint", "well")),
        ([StandardComponents.WELL, "site"], ("well", "site")),
        ("well, timepoint", ("well", "timepoint")),
    ],
)
def test_an_axis_may_be_said_in_several_ways(axis: object, parts: tuple[str, ...]) -> None:
    assert axis_parts(axis_name(axis), COMPONENTS) == parts  # type: ignore[arg-type]


def test_a_product_has_the_combinations_that_there_are_in_its_own_order() -> None:
    few = planes(COMPONENTS, (0, 0, 1), (0, 0, 2), (1, 0, 0), (1, 0, 1))
    assert few.axis_values("timepoint,well") == ("1,B03", "2,B02", "2,B03", "3,B02")
    assert few.axis_codes("timepoint,well").tolist() == [1, 3, 0, 2]
    assert few.axis_values("timepoint") == COMPONENTS["timepoint"]


def test_values_that_are_the_same_as_text_are_refused() -> None:
    components = {"a": ("1", "1,2"), "b": ("2,3", "3")}
    same = planes(components, (0, 0), (1, 1))
    with pytest.raises(ValueError, match=r"'1,2,3'.*commas"):
        same.axis_values("a,b")
    # A component that is called so goes first.
    named = replace(
        same, components={**components, "a,b": ("x",)}, codes=np.pad(same.codes, ((0, 0), (0, 1)))
    )
    assert named.axis_values("a,b") == ("x",)


VALUES = st.lists(st.text("a1,", min_size=1, max_size=3), min_size=1, max_size=4, unique=True).map(tuple)


@given(first=VALUES, second=VALUES)
def test_a_value_is_read_as_it_was_joined(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    components = {"a": first, "b": second}
    table = planes(components, *np.ndindex(len(first), len(second)))
    try:
        values = table.axis_values("a,b")
    except ValueError:
        assume(False)
    for value, codes in zip(values, table.codes.tolist(), strict=True):
        assert list(value_codes(value, ("a", "b"), components).values()) == codes
        assert normalize_axis_value(("a", "b"), value, values) == value
    assert value_codes("b,b", ("a", "b"), components) == {}
