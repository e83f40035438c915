"""`RunPlan`: one object that says what to run, checks itself, and has a text form."""

from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_axiswise as aw
from napari_axiswise.cli.parser import make_parser, option_flag
from napari_axiswise.functions import gaussian, intensity_statistics
from napari_axiswise.recipes.options import RunOptions, text_options
from napari_axiswise.runs.plan import takes_plan


@pytest.fixture
def plan(plate: Path) -> aw.RunPlan:
    return aw.RunPlan(plate, [aw.Step(gaussian)], axis="well", executor="serial")


def unpicklable() -> Any:
    file = Path(__file__).open("rb")  # noqa: SIM115 (closed with the function that holds it)
    return lambda image: (file, image)[1]


@dataclass(frozen=True)
class Wrong:
    options: dict[str, Any]
    message: str


WRONG = {
    "an axis that is no component": Wrong({"axis": "batch"}, "batch"),
    "an axis that a step stacks": Wrong({"axis": "site", "variable": "site"}, "site"),
    "an axis that groups": Wrong({"axis": "channel", "group_by": "channel"}, "channel"),
    "no such executor": Wrong({"executor": "cloud"}, "executor='cloud'"),
    "no workers": Wrong({"workers": 0}, "workers=0"),
    "a scheduler for another executor": Wrong({"scheduler": "tcp://a:1"}, "scheduler="),
    "no memory": Wrong({"memory_share": 0.0}, "memory_share=0.0"),
    "no time": Wrong({"time_limit": 0}, "time_limit=0"),
    "nothing to resume": Wrong({"resume": True}, "resume=True needs output"),
    "an output at an address": Wrong(
        {"output": "s3://bucket/out"},
        "The output folder cannot be at the address s3://bucket/out: .* a disk of this computer",
    ),
    "an output at an address as a path": Wrong(
        {"output": Path("s3://bucket/out")}, "address s3://bucket/out:"
    ),
    "an output at an address with a protocol in front": Wrong(
        {"output": Path("simplecache::s3://bucket/out")}, "address simplecache::s3://bucket/out:"
    ),
    "an output in memory": Wrong({"output": "memory://out"}, "address memory://out:"),
    "an output at an address of a file": Wrong({"output": "file:///tmp/out"}, "address file:///tmp/out:"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_a_plan_checks_itself_when_it_is_made(plan: aw.RunPlan, case: Wrong) -> None:
    with pytest.raises(ValueError, match=case.message):
        replace(plan, **case.options)


def test_a_plan_for_processes_has_picklable_functions(plan: aw.RunPlan) -> None:
    step = aw.Step(unpicklable(), name="odd")
    replace(plan, pipeline=[step])
    with pytest.raises(ValueError, match="'odd'"):
        replace(plan, pipeline=[step], executor="processes")


def test_a_plan_is_frozen_and_keeps_its_parts_in_one_form(plan: aw.RunPlan, tmp_path: Path) -> None:
    with pytest.raises(FrozenInstanceError):
        plan.axis = "site"  # type: ignore[misc]
    other = replace(plan, axis=("well", "timepoint"), variable="site", axis_filter="B02,1", output=tmp_path)
    assert (other.axis, other.variable, other.axis_filter) == ("well,timepoint", ("site",), ("B02,1",))
    assert other.output == str(tmp_path)
    assert other.dataset is plan.dataset, "an open dataset is not opened again"
    assert isinstance(other.pipeline, aw.Pipeline)


def test_a_plan_without_an_axis_cannot_run(plan: aw.RunPlan) -> None:
    open_plan = replace(plan, axis="")
    with pytest.raises(ValueError, match=r"axis=….*well, site, timepoint, channel"):
        aw.run(open_plan)
    assert len(aw.plan(open_plan)) == 4


def test_a_run_takes_a_plan_or_its_parts(plan: aw.RunPlan) -> None:
    steps = [aw.Step(intensity_statistics, name="values")]
    whole = replace(plan, pipeline=steps)
    by_plan = aw.run(whole)
    by_parts = aw.run(plan.dataset, steps, "well", executor="serial")
    assert by_plan.table.equals(by_parts.table)
    changed = aw.run(whole, axis="timepoint", axis_filter=["2"])
    assert list(changed.results) == ["2"]


def test_arguments_are_checked_by_name_and_number(plan: aw.RunPlan) -> None:
    with pytest.raises(TypeError, match="colour"):
        aw.run(plan, colour="red")
    with pytest.raises(TypeError, match="too many positional"):
        aw.run(plan.dataset, plan.pipeline, "well", (), None, None, "serial", 1, None, True)
    with pytest.raises(TypeError, match="a dataset and a pipeline, or a RunPlan"):
        aw.run(plan.dataset)


PUBLIC = (aw.run, aw.iter_run, aw.Run, aw.plan, aw.planning, aw.compare, aw.comparing, aw.check_axis,
          aw.checking_axis)  # fmt: skip


@pytest.mark.parametrize("function", PUBLIC, ids=lambda function: function.__name__)
def test_signatures_list_every_option(function: Any) -> None:
    assert {each.name for each in fields(aw.RunPlan)} <= set(inspect.signature(function).parameters)


def test_a_function_of_a_plan_keeps_parameters_of_its_own(plan: aw.RunPlan) -> None:
    @takes_plan("extra", "axis")
    def describe(plan: aw.RunPlan, *, extra: int = 1) -> tuple[int, str]:
        return extra, plan.axis

    assert describe(plan) == (1, "well")
    assert describe(plan.dataset, plan.pipeline, 2, "site", executor="serial") == (2, "site")


# ---------------------------------------------------------------------- the text form

CHOSEN: dict[str, Any] = {
    "axis": "well",
    "variable": ("site",),
    "group_by": "channel",
    "axis_filter": ("B02",),
    "executor": "dask",
    "workers": 3,
    "output": "results",
    "time_limit": 2.5,
    "scheduler": "tcp://cluster:8786",
}


def test_every_option_with_a_text_form_is_in_recipes(plan: aw.RunPlan, tmp_path: Path) -> None:
    assert set(CHOSEN) == {each.name for each in fields(RunOptions)}, "one of each"
    whole = replace(plan, **CHOSEN | {"output": tmp_path / "results"})
    read = aw.Recipe.read(whole.recipe.write(tmp_path / "recipe.toml"))
    assert read.options == whole.options
    assert aw.RunPlan(**read.run_arguments()).options == whole.options


def test_options_with_a_flag_are_on_the_command_line() -> None:
    flagged = {each.name: option_flag(each.name, text) for each, text in text_options() if text.help}
    told = {
        "axis": "well", "only": "B02", "executor": "dask", "workers": "3", "output": "results",
        "time-limit": "2.5", "scheduler": "tcp://cluster:8786",
    }  # fmt: skip
    assert set(flagged.values()) == {f"--{name}" for name in told}
    line = [part for name, value in told.items() for part in (f"--{name}", value)]
    arguments = vars(make_parser().parse_args(["run", "recipe.toml", *line]))
    expected = {name: CHOSEN[name] for name in flagged} | {"axis_filter": ["B02"]}
    assert {name: arguments[name] for name in flagged} == expected


def test_an_executor_object_is_written_as_processes(plan: aw.RunPlan) -> None:
    with aw.LaneExecutor(1) as lanes:
        assert replace(plan, executor=lanes).recipe.executor == "processes"


def test_a_plan_of_data_in_memory_has_no_recipe() -> None:
    dataset = aw.open_dataset(np.zeros((2, 4, 4)), axes=("timepoint",))
    plan = aw.RunPlan(dataset, [aw.Step(gaussian)], axis="timepoint", executor="serial")
    with pytest.raises(ValueError, match="in memory"):
        _ = plan.recipe
