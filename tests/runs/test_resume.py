"""An interrupted run can be resumed along any axis, provided that it is the same run."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from shutil import rmtree
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.functions import gaussian
from napari_axiswise.results.run_log.contents import RunLogContents
from napari_axiswise.results.run_log.lines import RUN_LOG
from napari_axiswise.runs.provenance import describe_pipeline, describe_run, differences
from pairs import single_values

PLAN = PlatePlan(wells=("B02", "B03"), sites=2, timepoints=2, channels=2, size=32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plate that the test may change."""
    return write_plate(tmp_path / "plate", PLAN)


def note_call(log: str, what: str) -> None:
    with Path(log).open("a") as file:
        file.write(f"{what}\n")


def calls(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


def negative(plane: NDArray[Any], log: str = "") -> NDArray[Any]:
    if log:
        note_call(log, f"{plane.sum()}")
    return plane.max() - plane


def negative_unless(plane: NDArray[Any], stop: str, log: str = "") -> NDArray[Any]:
    if Path(stop).exists() and int(plane.sum()) % 3 == 0:
        raise RuntimeError("this plane is odd")
    return negative(plane, log)


def threshold(plane: NDArray[Any]) -> NDArray[np.int32]:
    return (plane > plane.mean()).astype(np.int32)


def mean_projection(stack: NDArray[Any], log: str = "") -> NDArray[Any]:
    if log:
        note_call(log, f"projection{stack.sum()}")
    return stack.mean(axis=0)


def sizes(labels: NDArray[np.int32]) -> dict[str, Any]:
    return {"label": [1], "area": [int(labels.sum())]}


def simple(log: str = "") -> aw.Pipeline:
    return aw.Pipeline(
        [
            aw.Step(negative, {"log": log}, name="negative", keep=True),
            aw.Step(threshold, name="mask", output="labels"),
            aw.Step(sizes, name="sizes", output="table"),
        ]
    )


def in_two_segments(log: str = "") -> aw.Pipeline:
    return aw.Pipeline(
        [
            aw.Step(negative, {"log": log}, name="negative", keep=True),
            aw.Step(mean_projection, {"log": log}, name="mean", variable="site"),
            aw.Step(threshold, name="mask", output="labels", variable=()),
        ]
    )


def written(output: Path) -> dict[str, bytes]:
    """Return all files of an output but the run log, which holds times."""
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and RUN_LOG not in path.relative_to(output).parts and path.name != "recipe.toml"
    }


def run_some(folder: Path, pipeline: aw.Pipeline, output: Path, axis: str, tasks: int) -> None:
    """Run until some tasks have an outcome, then cancel."""
    # Shut down last, as a running thread finishes its unit.
    with (
        ThreadPoolExecutor(1) as thread,
        closing(aw.iter_run(folder, pipeline, axis=axis, output=output, executor=thread)) as events,
    ):
        for event in events:
            tasks -= event.is_outcome
            if not tasks:
                return


@pytest.mark.parametrize(
    ("make", "axes"),
    single_values(
        [simple, in_two_segments],
        [("well", "well"), ("well", "timepoint"), ("timepoint", "channel"), ("well", "timepoint,well")],
    ),
)
def test_a_run_is_finished_along_any_axis_and_nothing_is_done_twice(
    folder: Path, tmp_path: Path, make: Callable[[str], aw.Pipeline], axes: tuple[str, str]
) -> None:
    first, second = axes
    undisturbed = aw.run(folder, make(""), axis="channel", output=tmp_path / "whole", executor="serial")
    log = tmp_path / "log"
    run_some(folder, make(str(log)), tmp_path / "parts", first, tasks=1)
    assert len(calls(log)) > 0
    resumed = aw.run(
        folder, make(str(log)), axis=second, output=tmp_path / "parts", executor="serial", resume=True
    )
    assert [event.status for event in resumed.outcomes.values()] == ["done"] * len(resumed.outcomes)
    again = [call for call, count in Counter(calls(log)).items() if count > 1]
    # A projection that was not kept is repeated if its block was incomplete.
    assert len(again) <= 1
    assert all(call.startswith("projection") for call in again), "no unit whose result is kept was done twice"
    assert written(tmp_path / "parts") == written(tmp_path / "whole")
    assert resumed.table.equals(undisturbed.table)
    assert sum(output.plane_count for output in resumed.results.values()) == len(resumed.dataset)
    assert {value: output.unit_count for value, output in resumed.results.items()} == {
        value: output.unit_count
        for value, output in aw.run(folder, make(""), axis=second, executor="serial").results.items()
    }


def test_the_axis_can_be_changed_while_a_run_goes_on(folder: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    first = aw.Run(folder, simple(str(log)), axis="well", executor="serial")
    with closing(first.events()) as events:
        next(event for event in events if event.is_outcome)
    done = len(calls(log))
    assert first.can_go_along("timepoint")
    assert not first.can_go_along("well")
    second = first.along("timepoint")
    for _ in second.events():
        pass
    assert second.store.root == first.store.root
    assert second.found, "what was done along the first axis is there"
    assert 0 < done < len(calls(log)) == len(set(calls(log)))
    undisturbed = aw.run(folder, simple(), axis="channel", output=tmp_path / "whole", executor="serial")
    assert written(second.store.root) == written(tmp_path / "whole")
    assert second.result.table.equals(undisturbed.table)


def test_a_run_of_some_tasks_keeps_its_axis(folder: Path) -> None:
    run = aw.Run(folder, simple(), axis="well", axis_filter=["B02"], executor="serial")
    assert not run.can_go_along("timepoint")
    with pytest.raises(ValueError, match="only 1 value of well"):
        run.along("timepoint")


def test_a_complete_run_is_not_done_again(folder: Path, tmp_path: Path, lanes: aw.LaneExecutor) -> None:
    log = tmp_path / "log"
    first = aw.run(
        folder, simple(str(log)), axis="well", output=tmp_path / "output", resume=True, executor=lanes
    )
    count = len(calls(log))
    again = aw.run(
        folder, simple(str(log)), axis="site", output=tmp_path / "output", resume=True, executor=lanes
    )
    assert len(calls(log)) == count
    assert [event.status for event in again.outcomes.values()] == ["done", "done"]
    assert again.table.equals(first.table)
    here = {"well": "B02", "site": "1", "channel": "1", "timepoint": "1"}
    assert np.array_equal(again.read("mask", **here), first.read("mask", **here))


def test_failed_units_are_done_again_and_others_not(
    folder: Path, tmp_path: Path, lanes: aw.LaneExecutor
) -> None:
    stop, log = tmp_path / "stop", tmp_path / "log"
    stop.touch()
    pipeline = aw.Pipeline(
        [
            aw.Step(negative_unless, {"stop": str(stop), "log": str(log)}, name="negative", keep=True),
            aw.Step(sizes, name="sizes", output="table"),
        ]
    )
    first = aw.run(folder, pipeline, axis="well", output=tmp_path / "output", executor=lanes)
    assert first.failures
    stop.unlink()
    again = aw.run(folder, pipeline, axis="well", output=tmp_path / "output", resume=True, executor=lanes)
    assert not again.failures
    assert len(calls(log)) == len(set(calls(log))) == len(again.dataset)
    assert len(again.table) == len(again.dataset)


def mean_unless(stack: NDArray[Any], stop: str) -> NDArray[Any]:
    if Path(stop).exists():
        raise RuntimeError("not yet")
    return mean_projection(stack)


def test_rows_of_what_is_made_again_are_not_there_twice(folder: Path, tmp_path: Path) -> None:
    """The input of the failed step was not kept, so its unit is repeated, including a table."""
    stop = tmp_path / "stop"
    pipeline = aw.Pipeline(
        [
            aw.Step(negative, name="negative"),
            aw.Step(sizes, name="sizes", output="table"),
            aw.Step(mean_unless, {"stop": str(stop)}, name="mean", inputs="negative", variable="site"),
        ]
    )
    undisturbed = aw.run(folder, pipeline, axis="well", executor="serial")
    stop.touch()
    first = aw.run(folder, pipeline, axis="well", output=tmp_path / "output", executor="serial")
    assert first.failures
    stop.unlink()
    resumed = aw.run(
        folder, pipeline, axis="channel", output=tmp_path / "output", executor="serial", resume=True
    )
    assert not resumed.missing
    assert resumed.table.equals(undisturbed.table)
    assert aw.open_result(tmp_path / "output").table.equals(undisturbed.table)


@pytest.mark.parametrize("garbage", [b'{"unit": {"steps": ["neg', b"\0" * 100, b"\n\n[1, 2]\n"])
def test_whatever_a_crash_leaves_of_the_last_line_is_passed_over(
    folder: Path, tmp_path: Path, garbage: bytes, lanes: aw.LaneExecutor
) -> None:
    run_some(folder, simple(), tmp_path / "output", "timepoint", tasks=1)
    before = RunLogContents.read(tmp_path / "output")
    for path in (tmp_path / "output" / RUN_LOG).rglob("*.jsonl"):
        with path.open("ab") as file:
            file.write(garbage)
    assert RunLogContents.read(tmp_path / "output").units.keys() == before.units.keys()
    resumed = aw.run(folder, simple(), axis="well", output=tmp_path / "output", resume=True, executor=lanes)
    assert not resumed.failures
    again = RunLogContents.read(tmp_path / "output")
    assert len(again.units) == len(resumed.dataset), "what was written behind it is read"


def touch_a_file(folder: Path) -> None:
    path = min(folder.rglob("*.TIF"))
    os.utime(path, (path.stat().st_mtime + 1000,) * 2)


def remove_a_timepoint(folder: Path) -> None:
    rmtree(folder / "TimePoint_2")


NEGATIVE, MASK, SIZES = simple().steps


class Kernel(Enum):
    DISC = 1
    SQUARE = 2


@dataclass(frozen=True)
class Change:
    name: str
    message: str
    pipeline: aw.Pipeline = field(default_factory=simple)
    change: Callable[[Path], None] = lambda folder: None


CHANGES = (
    Change("param", "step 'negative' had log='' and has log='elsewhere'", simple("elsewhere")),
    Change(
        "function",
        "step 'mask' called .*:threshold and calls .*:negative",
        aw.Pipeline([NEGATIVE, replace(MASK, function=negative), SIZES]),
    ),
    Change(
        "keep",
        "step 'negative' had keep=True and has keep=False",
        aw.Pipeline([replace(NEGATIVE, keep=False), MASK, SIZES]),
    ),
    Change(
        "steps",
        "steps were negative, mask and sizes and are negative and mask",
        aw.Pipeline([NEGATIVE, MASK]),
    ),
    Change("file", "files of the dataset were written since: TimePoint_1", change=touch_a_file),
    Change("timepoint", "the dataset no longer has timepoint 2", change=remove_a_timepoint),
)


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: case.name)
def test_a_run_that_has_changed_is_refused_and_says_what_did(
    folder: Path, tmp_path: Path, case: Change, lanes: aw.LaneExecutor
) -> None:
    run_some(folder, simple(), tmp_path / "output", "well", tasks=1)
    case.change(folder)
    with pytest.raises(ValueError, match=f"cannot be resumed: .*{case.message}"):
        aw.run(folder, case.pipeline, axis="well", output=tmp_path / "output", resume=True, executor=lanes)


def with_options(plane: NDArray[Any], options: Any = None) -> NDArray[Any]:
    return plane


def changes(folder: Path, old: Any, new: Any, **forgotten: Any) -> str:
    """What is said of a param that had a value and has another one."""
    dataset = aw.open_dataset(folder)
    pipelines = [
        aw.Pipeline([aw.Step(with_options, {"options": value}, name="open")]).configured((), None)
        for value in (old, new)
    ]
    before, now = (describe_run(dataset, pipeline, "well") for pipeline in pipelines)
    return "; ".join(differences({**before, **forgotten}, now, dataset, pipelines[1]))


LONG = tuple(f"property_{number}" for number in range(90))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (("area",), ("area", "bulk"), "had options=('area',) and has options=('area', 'bulk')"),
        (
            {"a": {"b": [1]}},
            {"a": {"b": [2]}},
            "had options={'a': {'b': [1]}} and has options={'a': {'b': [2]}}",
        ),
        (None, {"edge"}, "had options=None and has options={'edge'}"),
        ([1], 2.5, "had options=[1] and has options=2.5"),
        (np.array([1, 2]), np.array([1, 3]), "had options=array([1, 2]) and has options=array([1, 3])"),
        (
            np.zeros((9, 9)),
            np.eye(9),
            "had options=array(shape=(9, 9), dtype=float64, from 0.0 to 0.0) "
            "and has options=array(shape=(9, 9), dtype=float64, from 0.0 to 1.0)",
        ),
        (
            np.eye(9),
            np.eye(9)[::-1],
            "has options=array(shape=(9, 9), dtype=float64, from 0.0 to 1.0), which has changed in a part that is not "
            "shown",
        ),
        (
            LONG,
            (*LONG, "bulk"),
            "had options=…, 'property_88', 'property_89') and has options=…, 'property_88', 'property_89', 'bulk')",
        ),
        (Kernel.DISC, Kernel.SQUARE, "had options=<Kernel.DISC: 1> and has options=<Kernel.SQUARE: 2>"),
    ],
    ids=str,
)
def test_a_param_that_has_changed_is_told_by_its_value(
    folder: Path, old: Any, new: Any, message: str
) -> None:
    """A hash says nothing to anybody (nextflow-io/nextflow#4894)."""
    assert changes(folder, old, new) == f"step 'open' {message}"
    assert changes(folder, new, new) == ""


def test_of_a_value_that_was_not_recorded_the_new_one_is_told(folder: Path) -> None:
    """Earlier versions recorded a hash alone."""
    message = changes(folder, ("area",), ("area", "bulk"), values={})
    assert message == (
        "step 'open' has options=('area', 'bulk') and had another tuple, which was not recorded"
    )
    assert "had another tuple" in changes(folder, ("area",), 5, values={})
    assert changes(folder, ("area",), ("area",), values={}) == ""


def test_a_function_whose_code_changed_is_refused(
    folder: Path, tmp_path: Path, lanes: aw.LaneExecutor
) -> None:
    def pipeline(factor: int) -> aw.Pipeline:
        return aw.Pipeline([aw.Step(lambda plane: plane * factor, name="times")])

    run_some(folder, pipeline(2), tmp_path / "output", "well", tasks=1)
    with pytest.raises(ValueError, match=r"step 'times' calls .*, whose code has changed"):
        aw.run(folder, pipeline(3), axis="well", output=tmp_path / "output", resume=True, executor=lanes)
    aw.run(folder, pipeline(2), axis="well", output=tmp_path / "output", resume=True, executor=lanes)


def with_docstring(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the plane as it is."""
    return plane


def rewrite_as_format_2(output: Path, pipeline: aw.Pipeline, **hashes: str) -> None:
    """Give a run the description of a version whose hashes of functions included docstrings."""
    path = output / RUN_LOG / "run.json"
    description = json.loads(path.read_bytes())
    steps = describe_pipeline(pipeline.configured((), None), with_docstrings=True)
    for step in steps:
        for function in step["functions"].values():
            function["hash"] = hashes.get(step["name"], function["hash"])
    # Neither did it record the texts of values.
    description.pop("values", None)
    path.write_text(json.dumps({**description, "format": 2, "pipeline": steps}))


def test_a_run_of_format_2_is_resumed(folder: Path, tmp_path: Path) -> None:
    pipeline = aw.Pipeline(
        [
            aw.Step(with_docstring, name="own", keep=True),
            aw.Step(gaussian, name="smooth"),
            aw.Step(sizes, name="sizes", output="table"),
        ]
    )
    run_some(folder, pipeline, tmp_path / "output", "well", tasks=1)
    arguments = {"axis": "timepoint", "output": tmp_path / "output", "executor": "serial", "resume": True}
    rewrite_as_format_2(tmp_path / "output", pipeline, own="of other code")
    with pytest.raises(ValueError, match=r"step 'own' calls .*, whose code has changed"):
        aw.run(folder, pipeline, **arguments)
    # Docstrings of the package's own functions have changed since.
    rewrite_as_format_2(tmp_path / "output", pipeline, smooth="with another docstring")
    resumed = aw.run(folder, pipeline, **arguments)
    assert not resumed.missing
    whole = aw.run(folder, pipeline, axis="site", output=tmp_path / "whole", executor="serial")
    assert written(tmp_path / "output") == written(tmp_path / "whole")
    assert resumed.table.equals(whole.table)


def test_a_run_of_another_format_is_refused(folder: Path, tmp_path: Path, lanes: aw.LaneExecutor) -> None:
    run_some(folder, simple(), tmp_path / "output", "well", tasks=1)
    path = tmp_path / "output" / RUN_LOG / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "format": 99}))
    with pytest.raises(ValueError, match="whose format is 99 instead of 3"):
        aw.run(folder, simple(), axis="well", output=tmp_path / "output", resume=True, executor=lanes)


def test_a_run_writes_its_recipe_unless_a_function_has_no_name(
    folder: Path, tmp_path: Path, lanes: aw.LaneExecutor
) -> None:
    pipeline = aw.Pipeline([aw.Step(np.sqrt, name="root")])
    result = aw.run(
        folder, pipeline, axis="well", group_by="channel", output=tmp_path / "output", executor=lanes
    )
    recipe = aw.Recipe.read(Path(result.output, "recipe.toml"))
    assert (recipe.axis, recipe.group_by, recipe.output) == ("well", "channel", result.output)
    assert recipe.pipeline["root"].function is np.sqrt
    typed = aw.run(folder, [aw.Step(lambda plane: plane, name="typed")], axis="well", executor=lanes)
    assert not Path(typed.output, "recipe.toml").exists()


def test_what_is_no_run_is_refused(folder: Path, tmp_path: Path, lanes: aw.LaneExecutor) -> None:
    with pytest.raises(ValueError, match="needs output"):
        aw.run(folder, simple(), axis="well", resume=True, executor=lanes)
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "letter.txt").touch()
    with pytest.raises(FileExistsError, match="not empty"):
        aw.run(folder, simple(), axis="well", output=tmp_path / "output", resume=True, executor=lanes)
    aw.run(folder, simple(), axis="well", output=tmp_path / "run", executor=lanes)
    with pytest.raises(FileExistsError, match="It holds a run: resume it"):
        aw.run(folder, simple(), axis="well", output=tmp_path / "run", executor=lanes)


def test_a_result_is_opened_again(folder: Path, tmp_path: Path, lanes: aw.LaneExecutor) -> None:
    made = aw.run(folder, simple(), axis="well", output=tmp_path / "output", executor=lanes)
    opened = aw.open_result(tmp_path / "output")
    assert opened.table.equals(made.table)
    assert opened.axis == "well"
    assert {v: e.status for v, e in opened.outcomes.items()} == {"B02": "done", "B03": "done"}
    here = {"well": "B03", "site": "2", "channel": "1", "timepoint": "2"}
    assert np.array_equal(opened.read("negative", **here), made.read("negative", **here))
    assert opened.timings["planes"].tolist() == made.timings["planes"].tolist()
    with pytest.raises(FileNotFoundError, match="not the output of a run"):
        aw.open_result(tmp_path)


def test_a_result_whose_run_was_killed_before_it_told_is_opened(
    folder: Path, tmp_path: Path, lanes: aw.LaneExecutor
) -> None:
    made = aw.run(folder, simple(), axis="well", output=tmp_path / "output", executor=lanes)
    for path in (tmp_path / "output").rglob("0/zarr.json"):
        path.unlink()
    opened = aw.open_result(tmp_path / "output")
    here = {"well": "B03", "site": "2", "channel": "1", "timepoint": "2"}
    assert np.array_equal(opened.read("negative", **here), made.read("negative", **here))


def test_a_result_that_was_cut_short_is_opened_as_far_as_it_got(folder: Path, tmp_path: Path) -> None:
    run_some(folder, simple(), tmp_path / "output", "timepoint", tasks=1)
    opened = aw.open_result(tmp_path / "output")
    assert [event.status for event in opened.outcomes.values()] == ["done", "cancelled"]
    assert set(opened.table["timepoint"]) >= {"1"}


def test_a_result_of_a_product_is_opened_again_in_natural_order(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate", replace(PLAN, timepoints=3))

    def run_only(*values: str) -> aw.RunResult:
        arguments = {"output": tmp_path / "output", "executor": "serial", "resume": True}
        return aw.run(folder, simple(), ("timepoint", "well"), axis_filter=values, **arguments)

    run_only("3,B02")
    run_only("2,B02", "1,B03")
    opened = aw.open_result(tmp_path / "output")
    assert opened.axis == "timepoint,well"
    assert list(opened.results) == ["1,B03", "2,B02", "3,B02"]
    assert opened.timings["planes"].tolist() == [4, 4, 4]
    whole = run_only("2,B03").merged_with(opened)
    assert list(whole.results) == ["1,B03", "2,B02", "2,B03", "3,B02"]
    assert not whole.missing
    there = {"well": "B03", "site": "1", "channel": "1"}
    states = [whole.plane_state("mask", timepoint=timepoint, **there) for timepoint in "123"]
    assert states == ["written", "written", "pending"]


def test_a_layer_is_resumed_if_it_is_the_same(tmp_path: Path, lanes: aw.LaneExecutor) -> None:
    def layer(data: NDArray[Any]) -> Any:
        return SimpleNamespace(
            name="movie", data=data, axis_labels=("t", "y", "x"), scale=(1, 1, 1), units=("pixel",) * 3
        )

    data = np.random.default_rng(0).integers(0, 100, (3, 16, 16))
    run_some(layer(data), simple(), tmp_path / "output", "timepoint", tasks=1)  # type: ignore[arg-type]
    result = aw.run(
        layer(data), simple(), axis="timepoint", output=tmp_path / "output", resume=True, executor=lanes
    )
    assert not result.failures
    with pytest.raises(ValueError, match="files of the dataset"):
        aw.run(
            layer(data + 1),
            simple(),
            axis="timepoint",
            output=tmp_path / "output",
            resume=True,
            executor=lanes,
        )
