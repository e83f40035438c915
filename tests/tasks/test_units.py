"""Units of a task: the arrays that functions get, inputs, and routes."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from process_here import SHAPE, SITES, TIMEPOINTS, WELLS, open_planes, pixels, process, shape_of

from napari_axiswise import Calibration, Orchestrator, Step, UnitInfo, open_result, run
from napari_axiswise.functions import select

if TYPE_CHECKING:
    import napari


@dataclass(frozen=True)
class Shaped:
    variable: tuple[str, ...]
    shape: tuple[int, ...]
    units: int
    axis: str = "well"

    def __str__(self) -> str:
        return "-".join((*self.variable, "by", self.axis))


SHAPES = (
    Shaped((), (), 12),
    Shaped(("timepoint",), (3,), 4),
    Shaped(("site",), (2,), 6),
    Shaped(("site", "timepoint"), (2, 3), 2),
    Shaped(("timepoint", "site"), (3, 2), 2),
    Shaped(("well",), (2,), 6, "timepoint"),
    Shaped(("well", "site"), (2, 2), 3, "timepoint"),
    Shaped((), (), 12, "timepoint"),
)


@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_a_function_sees_a_leading_axis_per_variable_component_in_that_order(
    tmp_path: Path, case: Shaped
) -> None:
    seen: list[np.ndarray] = []

    def look(stack: np.ndarray) -> np.ndarray:
        seen.append(stack.copy())
        return stack

    done = process(
        open_planes(tmp_path / "in"), [Step(look)], tmp_path / "out", case.variable, axis=case.axis
    )
    assert [stack.shape for stack in seen] == [(*case.shape, *SHAPE)] * case.units
    assert sum(output.unit_count for output in done.outputs.values()) == case.units
    assert sum(output.plane_count for output in done.outputs.values()) == 12
    values = {"well": WELLS, "site": SITES, "timepoint": TIMEPOINTS}
    first = {name: options[0] for name, options in values.items()}
    for leading in np.ndindex(*case.shape):
        here = first | {name: values[name][i] for name, i in zip(case.variable, leading, strict=True)}
        np.testing.assert_array_equal(seen[0][leading], pixels(**here))


@pytest.mark.parametrize(
    "variable", [(), ("timepoint",), ("site", "timepoint"), ("timepoint", "site")], ids=",".join
)
def test_planes_of_the_same_leading_axes_keep_their_components(
    tmp_path: Path, variable: tuple[str, ...]
) -> None:
    done = process(
        open_planes(tmp_path / "in"), [Step(lambda stack: stack + 1, name="more")], tmp_path / "out", variable
    )
    assert done.names("more") == ("well", "site", "timepoint")
    for well, site, timepoint in product(WELLS, SITES, TIMEPOINTS):
        plane = done.read("more", well=well, site=site, timepoint=timepoint)
        np.testing.assert_array_equal(plane, pixels(well, site, timepoint) + 1)


@dataclass(frozen=True)
class Projected:
    variable: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        return ",".join(self.variable)


@pytest.mark.parametrize(
    "case",
    [
        Projected(("timepoint",), ("well", "site")),
        Projected(("site",), ("well", "timepoint")),
        Projected(("site", "timepoint"), ("well",)),
    ],
    ids=str,
)
def test_one_plane_of_a_stack_has_lost_the_variable_components(tmp_path: Path, case: Projected) -> None:
    def brightest(stack: np.ndarray) -> np.ndarray:
        return stack.max(axis=tuple(range(stack.ndim - 2)))

    done = process(open_planes(tmp_path / "in"), [Step(brightest)], tmp_path / "out", case.variable)
    values = {"well": WELLS, "site": SITES, "timepoint": TIMEPOINTS}
    assert done.names("brightest") == case.left
    for chosen in product(*(values[name] for name in case.left)):
        fixed = dict(zip(case.left, chosen, strict=True))
        merged = product(*([fixed[name]] if name in fixed else options for name, options in values.items()))
        expected = np.max([pixels(*plane) for plane in merged], axis=0)
        np.testing.assert_array_equal(done.read("brightest", **fixed), expected)


def test_a_plane_may_change_its_shape_and_type(tmp_path: Path) -> None:
    steps = [Step(lambda image: image[::2, 1:] / 2, name="half")]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out")
    plane = done.read("half", well="B02", site="1", timepoint="1")
    np.testing.assert_array_equal(plane, pixels("B02", "1", "1")[::2, 1:] / 2)
    assert plane.dtype == np.float64


def test_missing_planes_shorten_a_single_variable_axis(tmp_path: Path) -> None:
    shapes: list[tuple[int, ...]] = []

    def note(stack: np.ndarray) -> np.ndarray:
        shapes.append(stack.shape)
        return stack

    dataset = open_planes(tmp_path / "in", missing=[("B02", "1", "2")])
    done = process(dataset, [Step(note)], tmp_path / "out", ("timepoint",))
    assert done.errors == {}
    assert shapes == [(2, *SHAPE), (3, *SHAPE), (3, *SHAPE), (3, *SHAPE)]
    for timepoint in ("1", "3"):
        plane = done.read("note", well="B02", site="1", timepoint=timepoint)
        np.testing.assert_array_equal(plane, pixels("B02", "1", timepoint))
    assert not done.has("note", well="B02", site="1", timepoint="2")


def test_an_incomplete_grid_is_the_error_of_its_unit_and_names_what_is_missing(tmp_path: Path) -> None:
    dataset = open_planes(tmp_path / "in", missing=[("B02", "2", "3")])
    done = process(
        dataset, [Step(np.negative, name="less")], tmp_path / "out", ("site", "timepoint"), axis="well"
    )
    assert set(done.errors) == {"B02"}
    message = str(done.errors["B02"])
    assert all(
        text in message for text in ("'less'", "well B02", "site 2, timepoint 3", "site and timepoint")
    )
    assert "site 1" not in message
    for site, timepoint in product(SITES, TIMEPOINTS):
        assert not done.has("less", well="B02", site=site, timepoint=timepoint)
        plane = done.read("less", well="B03", site=site, timepoint=timepoint)
        np.testing.assert_array_equal(plane, -pixels("B03", site, timepoint))


def test_other_units_of_the_task_of_an_incomplete_grid_are_written(tmp_path: Path) -> None:
    dataset = open_planes(tmp_path / "in", missing=[("B02", "2", "1")])
    done = process(
        dataset, [Step(np.negative, name="less")], tmp_path / "out", ("well", "site"), axis="timepoint"
    )
    assert set(done.errors) == {"1"}
    assert "well B02, site 2" in str(done.errors["1"])
    assert done.read("less", well="B02", site="2", timepoint="2").shape == SHAPE
    assert not done.has("less", well="B03", site="1", timepoint="1")


def test_a_site_that_is_missing_altogether_only_shortens_the_grid(tmp_path: Path) -> None:
    missing = [("B02", "2", timepoint) for timepoint in TIMEPOINTS]
    dataset = open_planes(tmp_path / "in", missing=missing)
    done = process(dataset, [Step(shape_of, output="table")], tmp_path / "out", ("site", "timepoint"))
    assert done.errors == {}
    table = done.store.table("shape_of")
    assert list(table["shape"]) == ["1x3x5x6", "2x3x5x6"]


def test_inputs_are_the_steps_that_are_named(tmp_path: Path) -> None:
    steps = [
        Step(lambda image: image * 2, name="double"),
        Step(lambda image: image + 1, name="more", inputs="raw"),
        Step(
            lambda first, second, raw: first * 10_000 + second - raw,
            name="all",
            inputs=("double", "more", "raw"),
        ),
    ]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out")
    assert set(done.store.steps) == {"all"}, "only the last is kept"
    raw = pixels("B03", "2", "3")
    plane = done.read("all", well="B03", site="2", timepoint="3")
    np.testing.assert_array_equal(plane, raw * 2 * 10_000 + 1)


def test_a_projected_input_goes_beside_every_raw_plane(tmp_path: Path) -> None:
    steps = [
        Step(lambda stack: stack.min(axis=0), name="floor", variable="timepoint"),
        Step(lambda floor, raw: raw - floor, name="above", inputs=("floor", "raw"), variable=()),
    ]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out")
    for well, site in product(WELLS, SITES):
        floor = np.min([pixels(well, site, timepoint) for timepoint in TIMEPOINTS], axis=0)
        for timepoint in TIMEPOINTS:
            plane = done.read("above", well=well, site=site, timepoint=timepoint)
            np.testing.assert_array_equal(plane, pixels(well, site, timepoint) - floor)


def test_a_projected_input_is_one_plane_beside_a_stack(tmp_path: Path) -> None:
    shapes = set()

    def above(floor: np.ndarray, stack: np.ndarray) -> np.ndarray:
        shapes.add((floor.shape, stack.shape))
        return stack - floor

    steps = [
        Step(lambda stack: stack.min(axis=0), name="floor"),
        Step(above, inputs=("floor", "raw")),
    ]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out", ("timepoint",))
    assert shapes == {(SHAPE, (3, *SHAPE))}
    floor = np.min([pixels("B03", "1", timepoint) for timepoint in TIMEPOINTS], axis=0)
    plane = done.read("above", well="B03", site="1", timepoint="3")
    np.testing.assert_array_equal(plane, pixels("B03", "1", "3") - floor)


def plane_projection_plane() -> list[Step]:
    return [
        Step(lambda image: image * 3, name="tripled", variable=()),
        Step(lambda stack: stack.sum(axis=0), name="total", variable="timepoint", keep=True),
        Step(lambda total: total + 1, name="more", variable=()),
        Step(
            lambda tripled, total: total - tripled,
            name="rest",
            inputs=("tripled", "total"),
            variable=(),
            keep=True,
        ),
        Step(lambda stack: np.cumsum(stack, axis=0), name="summed", inputs="rest", variable=("site",)),
    ]


@pytest.mark.parametrize("axis", ["well", "site"])
def test_a_change_of_variable_regroups_and_equals_a_plain_loop(tmp_path: Path, axis: str) -> None:
    steps = plane_projection_plane()[: 5 if axis == "well" else 4]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out", axis=axis)
    assert done.errors == {}
    for well in WELLS:
        summed = {timepoint: np.zeros(SHAPE, np.int64) for timepoint in TIMEPOINTS}
        for site in SITES:
            tripled = {timepoint: pixels(well, site, timepoint) * 3 for timepoint in TIMEPOINTS}
            total = np.stack(list(tripled.values())).sum(axis=0)
            np.testing.assert_array_equal(done.read("total", well=well, site=site), total)
            for timepoint in TIMEPOINTS:
                values = {"well": well, "site": site, "timepoint": timepoint}
                rest = total - tripled[timepoint]
                summed[timepoint] += rest
                np.testing.assert_array_equal(done.read("rest", **values), rest)
                if axis == "well":
                    np.testing.assert_array_equal(done.read("summed", **values), summed[timepoint])


def test_a_function_is_picked_by_the_value_of_the_unit(tmp_path: Path) -> None:
    routes = {"1": lambda image, by: image + by, "*": (lambda image, by: image * by, {"by": 7})}
    steps = [Step(routes, {"by": 5}, name="routed")]  # type: ignore[arg-type]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out", group_by="site")
    for well, timepoint in product(WELLS, TIMEPOINTS):
        first = done.read("routed", well=well, site="1", timepoint=timepoint)
        second = done.read("routed", well=well, site="2", timepoint=timepoint)
        np.testing.assert_array_equal(first, pixels(well, "1", timepoint) + 5)
        np.testing.assert_array_equal(second, pixels(well, "2", timepoint) * 7)


def frames(labels: np.ndarray, movie: np.ndarray) -> dict[str, int]:
    return {"frames": len(labels), "others": len(movie)}


@pytest.mark.parametrize("inputs", [("first", "second"), ("second", "first")])
@pytest.mark.parametrize("timepoint", TIMEPOINTS)
def test_inputs_of_other_values_are_an_error_that_names_them(
    tmp_path: Path, inputs: tuple[str, str], timepoint: str
) -> None:
    """From mobie/mobie-viewer-fiji#1017: labels after a gap were beside the image of another frame."""
    dataset = open_planes(tmp_path / "in", missing=[("B02", "2", timepoint)])
    steps = [
        Step(select, {"index": 0}, name="first", variable="site", inputs="raw"),
        Step(lambda raw: raw, name="second", inputs="raw"),
        Step(frames, inputs=inputs, variable="timepoint", output="table"),
    ]
    done = process(dataset, steps, tmp_path / "out")
    assert set(done.errors) == {"B02"}
    message = str(done.errors["B02"])
    expected = f"input 'second' lacks timepoint {timepoint}, which input 'first' has"
    assert expected in message
    assert "well B02, site 2" in message
    assert len(done.store.table("frames")) == 3, "the other site of B02 is complete"


def test_a_unit_that_only_the_second_input_has_is_an_error(tmp_path: Path) -> None:
    dataset = open_planes(tmp_path / "in", missing=[("B02", "1", "2")])
    steps = [
        Step(lambda raw: raw[0], name="one", variable="site", inputs="raw"),
        Step(select, {"value": "1"}, name="first", variable="site", inputs="raw"),
        Step(lambda first, one: first + one, name="sum", inputs=("first", "one")),
    ]
    done = process(dataset, steps, tmp_path / "out")
    assert set(done.errors) == {"B02"}
    assert done.has("sum", well="B02", timepoint="1")
    assert not done.has("sum", well="B02", timepoint="2")


@pytest.mark.parametrize(
    ("params", "site"),
    [({}, "1"), ({"index": -1}, "2"), ({"index": 1}, "2"), ({"value": "1"}, "1"), ({"value": "02"}, "2")],
    ids=str,
)
def test_select_goes_by_value(tmp_path: Path, params: dict[str, Any], site: str) -> None:
    """From CellProfiler/CellProfiler#714: the first channel of a well that lacks it was the second."""
    dataset = open_planes(tmp_path / "in", missing=[("B02", "1", "2"), ("B03", "2", "3")])
    done = process(dataset, [Step(select, params, name="one", variable="site")], tmp_path / "out")
    lacking = {"1": ("B02", "2"), "2": ("B03", "3")}[site]
    for well, timepoint in product(WELLS, TIMEPOINTS):
        if (well, timepoint) == lacking:
            assert f"lacks site {site}" in str(done.errors[well])
            continue
        plane = done.read("one", well=well, timepoint=timepoint)
        np.testing.assert_array_equal(plane, pixels(well, site, timepoint))


@pytest.mark.parametrize("params", [{"index": 2}, {"index": -3}, {"value": "7"}], ids=str)
def test_select_refuses_what_the_dataset_does_not_have(tmp_path: Path, params: dict[str, Any]) -> None:
    steps = [Step(select, params, name="one", variable="site")]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out")
    assert set(done.errors) == set(WELLS)
    assert "the dataset has" in str(done.errors["B02"])


def test_a_function_gets_the_values_of_its_unit(tmp_path: Path) -> None:
    seen: list[UnitInfo] = []

    def look(stack: np.ndarray, *, unit: UnitInfo) -> dict[str, Any]:
        seen.append(unit)
        return {"timepoint": list(unit.values["timepoint"])}

    dataset = open_planes(tmp_path / "in", missing=[("B02", "1", "2")])
    known = Calibration(
        (500.0, 250.0),
        "nanometer",
        time_step=30.0,
        channel_names={"1": "DAPI"},
        positions={(well, site): (1.0, 2.0) for well in (*WELLS, "H12") for site in SITES},
    )
    steps = [Step(look, variable="timepoint")]
    done = process(replace(dataset, calibration=known), steps, tmp_path / "out")
    first = seen[0]
    assert first.values == {"well": "B02", "site": "1", "timepoint": ("1", "3")}
    assert (first.axes, first.spacing) == (("timepoint", "y", "x"), (None, 0.5, 0.25))
    assert (first.time_step, first.channel_names) == (30.0, {"1": "DAPI"})
    assert first.positions == {("B02", "1"): (1.0, 2.0)}
    assert done.store.table("look")["timepoint"].tolist()[:3] == ["1", "3", "1"]


def test_a_task_takes_along_the_positions_of_its_own_sites(tmp_path: Path) -> None:
    dataset = open_planes(tmp_path / "in")
    known = Calibration(
        (0.5, 0.5), "micrometer", positions={(w, s): (1.0, 2.0) for w in WELLS for s in SITES}
    )
    orchestrator = Orchestrator(replace(dataset, calibration=known), dataset.configuration("well"))
    context = pickle.loads(pickle.dumps(orchestrator.create_context("B03")))
    assert set(context.calibration.positions) == {("B03", "1"), ("B03", "2")}
    assert context.calibration.pixel_size == (0.5, 0.5)


@pytest.mark.parametrize(
    ("variable", "missing", "words"),
    [
        (("timepoint",), [("B03", "2", "3")], ("well B03, site 2 lacks timepoint 3", "1 of 4 stacks")),
        (("site",), [("B02", "1", "2")], ("well B02, timepoint 2 lacks site 1",)),
        (("site", "timepoint"), [("B02", "1", t) for t in TIMEPOINTS], ("well B02 lacks site 1",)),
    ],
    ids=str,
)
def test_a_stack_that_is_shorter_is_told_once_a_run(
    tmp_path: Path,
    variable: tuple[str, ...],
    missing: list[tuple[str, str, str]],
    words: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From CellProfiler/CellProfiler#714: a movie without a frame makes a speed that is twice as high."""
    dataset = open_planes(tmp_path / "in", missing=missing)
    steps = [Step(shape_of, name="length", variable=variable, output="table")]
    result = run(dataset, steps, axis="well" if "well" not in variable else "site", executor="serial")
    assert result.failures == {}
    [warning] = result.warnings
    assert all(word in warning for word in ("'length'", *words)), warning
    assert [record.getMessage() for record in caplog.records] == [warning]
    assert open_result(result.output).warnings == (warning,)


def test_a_complete_dataset_has_no_warnings(tmp_path: Path) -> None:
    dataset = open_planes(tmp_path / "in", missing=[("B03", "2", "3")])
    steps = [Step(shape_of, output="table", variable="timepoint")]
    assert run(dataset, steps, "well", axis_filter=["B02"], executor="serial").warnings == ()
    assert run(dataset, [Step(shape_of, output="table")], "well", executor="serial").warnings == ()


def test_warnings_are_those_of_the_run_with_the_most_tasks(tmp_path: Path) -> None:
    dataset = open_planes(tmp_path / "in", missing=[("B02", "1", "2"), ("B03", "2", "3")])
    steps, output = [Step(shape_of, output="table", variable="timepoint")], str(tmp_path / "out")
    every = run(dataset, steps, "well", executor="serial", output=output)
    part = run(dataset, steps, "well", axis_filter=["B02"], executor="serial", output=output, resume=True)
    assert "1 of 2 stacks" in part.warnings[0]
    assert "2 of 4 stacks" in every.warnings[0]
    assert open_result(output).warnings == part.merged_with(every).warnings == every.warnings


def spots(stack: np.ndarray) -> np.ndarray:
    return np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]])


def outline(stack: np.ndarray) -> np.ndarray:
    return (stack.max(axis=(0, 1)) > 0).astype(int)


@pytest.mark.parametrize("unit", ["micrometer", "nanometer", "inch"])
def test_layers_have_the_scale_and_units_of_the_dataset(tmp_path: Path, unit: str) -> None:
    """A function that takes napari layers gets those that the viewer would have."""
    seen: dict[str, list[tuple[float, str]]] = {}

    def look(
        image: napari.layers.Image, mask: napari.layers.Labels, peaks: napari.layers.Points
    ) -> dict[str, Any]:
        for layer in (image, mask, peaks):
            quantities = zip(layer.axis_labels, layer.scale, map(str, layer.units), strict=True)
            seen[layer.name] = [(name, float(step), unit) for name, step, unit in quantities]
        return {"n": 1}

    known = Calibration((0.5, 0.25), unit, time_step=30.0)
    steps = [
        Step(outline, name="mask", output="labels", variable=("site", "timepoint")),
        Step(spots, inputs="raw", output="points", variable="timepoint"),
        Step(look, inputs=("raw", "mask", "spots"), output="table", variable=("timepoint",)),
    ]
    dataset = replace(open_planes(tmp_path / "in"), calibration=known)
    assert not process(dataset, steps, tmp_path / "out").errors
    plane = [("y", 0.5, unit), ("x", 0.25, unit)]
    assert seen == {
        "image": [("timepoint", 30.0, "second"), *plane],
        "mask": plane,
        # Their first axis counts timepoints, which the input of points alone does not tell.
        "peaks": [("-3", 1.0, "pixel"), *plane],
    }


def test_layers_of_a_dataset_without_sizes_are_in_pixels(tmp_path: Path) -> None:
    seen: list[Any] = []

    def look(image: napari.layers.Image) -> napari.types.ImageData:
        seen.append(image)
        return image.data

    assert not process(open_planes(tmp_path / "in"), [Step(look, variable="site")], tmp_path / "out").errors
    assert seen[0].axis_labels == ("site", "y", "x")
    assert list(seen[0].scale) == [1, 1, 1]
    assert set(map(str, seen[0].units)) == {"pixel"}
