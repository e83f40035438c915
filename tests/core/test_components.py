"""Component configurations, to the letter of the contract."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_axiswise import (
    ComponentConfiguration,
    ComponentConfigurationFactory,
    StandardComponents,
    TimeSeriesComponents,
)
from napari_axiswise.core.components import component_name, natural_key

create = ComponentConfigurationFactory.create_configuration

SITE, CHANNEL, Z_INDEX, TIMEPOINT, WELL = StandardComponents

FOUR = (WELL, TIMEPOINT, CHANNEL, SITE)


class Experiment(Enum):
    BATCH = "batch"
    CONDITION = "condition"
    REPLICATE = "replicate"


class Numbered(Enum):
    WELL = 1
    Site = 2


@pytest.mark.parametrize(
    ("components", "names"),
    [
        (StandardComponents, ["site", "channel", "z_index", "timepoint", "well"]),
        (TimeSeriesComponents, ["well", "site", "channel", "timepoint"]),
    ],
)
def test_the_standard_components_have_these_names_in_this_order(
    components: type[Enum], names: list[str]
) -> None:
    assert [member.value for member in components] == names
    assert [member.name for member in components] == [name.upper() for name in names]


@dataclass(frozen=True)
class Default:
    kind: type[Enum]
    axis: Enum
    variable: list[Enum] | None
    group_by: Enum | None
    expected_variable: tuple[Enum, ...]
    expected_group_by: Enum | None

    def __str__(self) -> str:
        given = "left-out" if self.variable is None else [component_name(c) for c in self.variable]
        return f"{component_name(self.axis)}-{given}-{self.group_by and component_name(self.group_by)}"


DEFAULTS = (
    Default(StandardComponents, WELL, None, None, (SITE,), CHANNEL),
    Default(StandardComponents, SITE, None, None, (CHANNEL,), Z_INDEX),
    Default(StandardComponents, CHANNEL, None, None, (SITE,), Z_INDEX),
    Default(StandardComponents, TIMEPOINT, None, None, (SITE,), CHANNEL),
    Default(
        TimeSeriesComponents,
        TimeSeriesComponents.WELL,
        None,
        None,
        (TimeSeriesComponents.SITE,),
        TimeSeriesComponents.CHANNEL,
    ),
    Default(Experiment, Experiment.BATCH, None, None, (Experiment.CONDITION,), Experiment.REPLICATE),
    Default(Experiment, Experiment.REPLICATE, None, None, (Experiment.BATCH,), Experiment.CONDITION),
    # Plane by plane.
    Default(StandardComponents, WELL, [], None, (), CHANNEL),
    Default(StandardComponents, WELL, [], TIMEPOINT, (), TIMEPOINT),
    # What is given is taken as it is, in the order given.
    Default(StandardComponents, WELL, [SITE], CHANNEL, (SITE,), CHANNEL),
    Default(StandardComponents, WELL, [TIMEPOINT, SITE], Z_INDEX, (TIMEPOINT, SITE), Z_INDEX),
    # A default never takes what was given for the other role.
    Default(StandardComponents, WELL, None, SITE, (CHANNEL,), SITE),
    Default(StandardComponents, WELL, [CHANNEL], None, (CHANNEL,), Z_INDEX),
    Default(StandardComponents, Z_INDEX, [*FOUR], None, FOUR, None),
    # Two components: nothing is left to group by.
    Default(Numbered, Numbered.WELL, None, None, (Numbered.Site,), None),
)  # fmt: skip


@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_what_is_left_out_is_taken_in_definition_order(case: Default) -> None:
    config = create(case.kind, case.axis, default_variable=case.variable, default_group_by=case.group_by)
    assert config.multiprocessing_axis is case.axis
    assert config.default_variable == case.expected_variable
    assert config.default_group_by is case.expected_group_by
    assert config.all_components == tuple(case.kind)


def test_the_call_of_the_contract() -> None:
    config = ComponentConfigurationFactory.create_configuration(
        StandardComponents,
        multiprocessing_axis=StandardComponents.WELL,
        default_variable=[StandardComponents.SITE],
        default_group_by=StandardComponents.CHANNEL,
    )
    assert isinstance(config, ComponentConfiguration)
    assert config == ComponentConfiguration(tuple(StandardComponents), WELL, (SITE,), CHANNEL)
    assert hash(config) == hash(ComponentConfiguration(tuple(StandardComponents), WELL, (SITE,), CHANNEL))


def test_a_configuration_itself_may_have_no_grouping_and_no_variable() -> None:
    config = ComponentConfiguration(tuple(StandardComponents), WELL)
    assert (config.default_variable, config.default_group_by) == ((), None)


def test_components_are_kept_as_a_tuple_in_definition_order_whatever_they_come_in() -> None:
    components: Any = {WELL, TIMEPOINT, SITE, CHANNEL}
    config = ComponentConfiguration(components, WELL, [CHANNEL])
    assert config.all_components == (SITE, CHANNEL, TIMEPOINT, WELL)
    assert config.default_variable == (CHANNEL,)


@dataclass(frozen=True)
class Refusal:
    why: str
    arguments: dict[str, Any]
    names: str

    def __str__(self) -> str:
        return self.why.replace(" ", "-")


REFUSALS = (
    Refusal("the axis is no member", {"multiprocessing_axis": Experiment.BATCH}, "'batch'"),
    Refusal("the axis is a text", {"multiprocessing_axis": "well"}, "'well'"),
    Refusal("a variable is no member", {"default_variable": [Experiment.BATCH]}, "'batch'"),
    Refusal("the group is no member", {"default_group_by": Experiment.CONDITION}, "'condition'"),
    Refusal("the axis is a variable", {"default_variable": [WELL]}, "'well'"),
    Refusal("the axis is among the variables", {"default_variable": [SITE, WELL]}, "'well'"),
    Refusal("the axis is grouped by", {"default_group_by": WELL}, "'well'"),
    Refusal("a variable is grouped by", {"default_variable": [SITE], "default_group_by": SITE}, "'site'"),
    Refusal("a variable is given twice", {"default_variable": [SITE, SITE]}, "'site'"),
)


@pytest.mark.parametrize("case", REFUSALS, ids=str)
def test_a_contradiction_is_an_error_that_names_the_component(case: Refusal) -> None:
    arguments = {"multiprocessing_axis": WELL} | case.arguments
    with pytest.raises(ValueError, match=case.names):
        create(StandardComponents, **arguments)
    direct = {"default_variable": ()} | arguments
    with pytest.raises(ValueError, match=case.names):
        ComponentConfiguration(tuple(StandardComponents), **direct)


def test_a_component_outside_the_given_ones_is_an_error_that_lists_them() -> None:
    with pytest.raises(ValueError, match=r"'z_index'.*'site', 'well'"):
        ComponentConfiguration((SITE, WELL), WELL, (Z_INDEX,))


@pytest.mark.parametrize(
    "attribute", ["all_components", "multiprocessing_axis", "default_variable", "default_group_by"]
)
def test_a_configuration_is_frozen(attribute: str) -> None:
    config = create(StandardComponents, WELL)
    with pytest.raises(FrozenInstanceError):
        setattr(config, attribute, getattr(config, attribute))


@pytest.mark.parametrize(
    ("component", "name"),
    [(WELL, "well"), (Experiment.BATCH, "batch"), (Numbered.WELL, "well"), (Numbered.Site, "site")],
)
def test_a_component_is_called_by_its_value_or_by_its_name_where_that_is_no_text(
    component: Enum, name: str
) -> None:
    assert component_name(component) == name


def outputs_under_hash_seeds(script: str) -> set[str]:
    """Return what a script prints, under several hash seeds."""
    seeds = ("0", "1", "2", "3")
    return {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
            timeout=60,
        ).stdout
        for seed in seeds
    }


def test_defaults_are_the_same_under_every_hash_seed() -> None:
    outputs = outputs_under_hash_seeds(
        "from napari_axiswise.core.components import *\n"
        "create = ComponentConfigurationFactory.create_configuration\n"
        "for kind in (StandardComponents, TimeSeriesComponents):\n"
        "    for axis in kind: print(create(kind, axis))\n"
        "print(ComponentConfiguration(set(StandardComponents), StandardComponents.WELL))\n"
    )
    assert len(outputs) == 1
    assert outputs.pop().count("ComponentConfiguration(") == 10


def test_values_are_in_the_same_order_under_every_hash_seed() -> None:
    outputs = outputs_under_hash_seeds(
        "from napari_axiswise.layouts.values import in_natural_order\n"
        "print(in_natural_order(['B2', 'B02', 'B002', '1', '01', '001', 'b2', 'AA1', 'AA01']))\n"
    )
    assert len(outputs) == 1


ORDERS = (
    ("1", "2", "10", "100"),
    ("0", "1", "2", "projection"),
    ("A01", "A02", "A10", "B01", "H12"),
    ("P24", "Z01", "AA01", "AF48"),
    ("B02", "B10", "B100"),
    ("t1", "t2", "t10"),
    ("10 nM", "100 nM", "DMSO", "drug"),
    ("day 2 plate 9", "day 2 plate 10", "day 10 plate 1"),
    ("", "1", "a"),
)


@pytest.mark.parametrize("order", ORDERS, ids=",".join)
def test_values_are_in_natural_order(order: tuple[str, ...]) -> None:
    backwards = order[::-1]
    assert tuple(sorted(backwards, key=natural_key)) == order


texts = st.text(st.sampled_from("AaBZ019-_ é²"), max_size=5) | st.from_regex(
    r"[AZ]{1,2}0{0,2}[12]", fullmatch=True
)


@given(st.lists(texts, unique=True, max_size=6))
def test_any_texts_have_one_natural_order_however_they_come(values: list[str]) -> None:
    backwards = values[::-1]
    assert sorted(values, key=natural_key) == sorted(backwards, key=natural_key)


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_whole_numbers_are_in_the_order_of_their_size(numbers: list[int]) -> None:
    assert sorted(map(str, numbers), key=natural_key) == [str(number) for number in sorted(numbers)]


members = st.sampled_from(StandardComponents)


@given(members, st.none() | st.lists(members, max_size=3), st.none() | members)
def test_every_configuration_is_either_valid_or_refused(
    axis: StandardComponents, variable: list[StandardComponents] | None, group_by: StandardComponents | None
) -> None:
    contradiction = (
        axis in (variable or [])
        or group_by is axis
        or (group_by is not None and group_by in (variable or []))
        or len(set(variable or [])) < len(variable or [])
    )
    try:
        config = create(StandardComponents, axis, variable, group_by)
    except ValueError:
        assert contradiction
    else:
        assert not contradiction
        assert axis not in config.default_variable
        assert config.default_group_by not in (axis, *config.default_variable)
        assert variable is None or config.default_variable == tuple(variable)
        assert group_by is None or config.default_group_by is group_by
