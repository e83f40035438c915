"""The worker's side, in this process: what functions get, what they may return, and what is held."""

from __future__ import annotations

import gc
import pickle
import re
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_axiswise import Dataset, Orchestrator, Pipeline, Step, TaskOutput, open_dataset, process_task
from napari_axiswise.core.errors import TaskError
from napari_axiswise.results.store import ResultStore

WELLS, SITES, TIMEPOINTS = ("B02", "B03"), ("1", "2"), ("1", "2", "3")
SHAPE = (5, 6)

Values = tuple[str, str, str]


def pixels(well: str, site: str, timepoint: str) -> np.ndarray:
    """The pixels of a plane: no two planes have the same."""
    random = np.random.default_rng([ord(letter) for letter in f"{well}/{site}/{timepoint}"])
    return random.integers(0, 1000, SHAPE).astype(np.int32)


def open_planes(folder: Path, missing: Iterable[Values] = ()) -> Dataset:
    """Return 2 wells, 2 sites and 3 timepoints, without the planes that are `missing`."""
    for values in set(product(WELLS, SITES, TIMEPOINTS)) - set(missing):
        folder.mkdir(exist_ok=True)
        tifffile.imwrite(folder / "{}_s{}_t{}.tif".format(*values), pixels(*values))
    return open_dataset(folder)


@dataclass
class Done:
    """What the tasks of a run gave."""

    store: ResultStore
    outputs: dict[str, TaskOutput] = field(default_factory=dict)
    errors: dict[str, TaskError] = field(default_factory=dict)
    misfits: list[str] = field(default_factory=list)

    def read(self, step: str, **values: str) -> np.ndarray:
        return self.store.read(step, self.store.codes(step, values))

    def names(self, step: str) -> tuple[str, ...]:
        return self.store.steps[step].grid.names

    def has(self, step: str, **values: str) -> bool:
        try:
            self.read(step, **values)
        except KeyError:
            return False
        return True


def process(
    dataset: Dataset,
    steps: Sequence[Step],
    output: Path,
    variable: Sequence[str] = (),
    group_by: str | None = None,
    axis: str = "well",
) -> Done:
    """Process every task in this process."""
    done = Done(ResultStore(output, dataset.components, dataset.shape))
    orchestrator = Orchestrator(dataset, dataset.configuration(axis, variable, group_by), output=output)
    for value in orchestrator.get_component_keys(axis):
        try:
            done.outputs[value] = process_task(orchestrator.create_context(value), Pipeline(steps))
        except TaskError as error:
            done.errors[value] = error
            done.outputs[value] = error.result
        done.misfits += filter(None, [done.store.add(done.outputs[value])])
    return done


def shape_of(image: np.ndarray) -> dict[str, Any]:
    return {"shape": "x".join(map(str, image.shape)), "total": int(image.sum())}


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


def fail_at(*where: Values) -> Callable[[np.ndarray], np.ndarray]:
    """A function that raises for some planes."""
    broken = [pixels(*values) for values in where]

    def check(image: np.ndarray) -> np.ndarray:
        if any(np.array_equal(image, plane) for plane in broken):
            raise ArithmeticError("too dark")
        return image

    return check


def test_a_unit_that_fails_costs_itself_and_what_depends_on_it_only(tmp_path: Path) -> None:
    steps = [
        Step(fail_at(("B02", "1", "2")), name="checked", keep=True),
        Step(lambda image: image + 1, name="more", keep=True),
        Step(lambda stack: stack.max(axis=0), name="brightest", variable="timepoint", keep=True),
        Step(lambda raw: raw * 2, name="double", inputs="raw", keep=True),
    ]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out")
    assert set(done.errors) == {"B02"}
    message = str(done.errors["B02"])
    for text in ("'checked'", "well B02", "site 1", "timepoint 2", "ArithmeticError", "too dark"):
        assert text in message
    assert "'more'" not in message, "what depends on it is no failure of its own"
    for well, site, timepoint in product(WELLS, SITES, TIMEPOINTS):
        values = {"well": well, "site": site, "timepoint": timepoint}
        there = (well, site, timepoint) != ("B02", "1", "2")
        assert done.has("checked", **values) == done.has("more", **values) == there
        assert done.has("double", **values)
    for well, site in product(WELLS, SITES):
        assert done.has("brightest", well=well, site=site) == ((well, site) != ("B02", "1"))


def test_the_error_of_a_task_counts_its_failed_units_and_has_the_trace_of_the_first(tmp_path: Path) -> None:
    steps = [Step(fail_at(("B02", "1", "2"), ("B02", "2", "3")), name="checked")]
    error = process(open_planes(tmp_path / "in"), steps, tmp_path / "out").errors["B02"]
    assert str(error).startswith("2 of 6 units failed")
    assert "timepoint 2" in str(error)
    assert "in check" in error.trace
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.trace) == (str(error), error.trace)
    assert (again.result.unit_count, again.result.plane_count) == (4, 6)


def test_a_file_that_cannot_be_read_costs_its_units_only(tmp_path: Path) -> None:
    dataset = open_planes(tmp_path / "in")
    (tmp_path / "in" / "B02_s2_t3.tif").write_bytes(b"II*\0")
    steps = [
        Step(lambda stack: stack.sum(axis=0), name="total", variable="timepoint", keep=True),
        Step(lambda raw: raw, name="copy", inputs="raw", variable=()),
    ]
    done = process(dataset, steps, tmp_path / "out")
    assert set(done.errors) == {"B02"}
    assert "B02_s2_t3.tif" in str(done.errors["B02"])
    assert [done.has("total", well="B02", site=site) for site in SITES] == [True, False]
    assert [done.has("copy", well="B02", site="2", timepoint=t) for t in TIMEPOINTS] == [True, True, False]


def test_planes_of_different_shapes_cannot_be_stacked_and_the_error_names_the_file(tmp_path: Path) -> None:
    dataset = open_planes(tmp_path / "in")
    tifffile.imwrite(tmp_path / "in" / "B02_s1_t2.tif", np.zeros((9, 9), np.int32))
    done = process(dataset, [Step(np.negative, name="less")], tmp_path / "out", ("timepoint",))
    message = str(done.errors["B02"])
    assert all(
        text in message for text in ("B02_s1_t2.tif", "(9, 9)", "B02_s1_t1.tif", "(5, 6)", "variable=()")
    )
    assert done.has("less", well="B02", site="2", timepoint="2")


def measure_dict(image: np.ndarray) -> dict[str, Any]:
    return {"row": np.arange(len(image)), "total": image.sum(axis=1)}


def measure_rows(image: np.ndarray) -> list[dict[str, Any]]:
    return [{"row": number, "total": int(total)} for number, total in enumerate(image.sum(axis=1))]


def measure_frame(image: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(measure_dict(image), index=range(100, 100 + len(image)))


@pytest.mark.parametrize("measure", [measure_dict, measure_rows, measure_frame], ids=lambda f: f.__name__)
def test_a_table_may_be_columns_or_rows_or_a_frame(tmp_path: Path, measure: Callable[..., Any]) -> None:
    done = process(open_planes(tmp_path / "in"), [Step(measure, name="rows")], tmp_path / "out")
    table = done.store.table("rows")
    expected = pd.DataFrame(
        [
            {"well": well, "site": site, "timepoint": timepoint, "row": row, "total": int(total)}
            for well, site, timepoint in product(WELLS, SITES, TIMEPOINTS)
            for row, total in enumerate(pixels(well, site, timepoint).sum(axis=1))
        ]
    )
    pd.testing.assert_frame_equal(table.astype(expected.dtypes), expected)


def test_a_dict_of_numbers_is_a_table_of_one_row(tmp_path: Path) -> None:
    done = process(open_planes(tmp_path / "in"), [Step(shape_of)], tmp_path / "out", ("timepoint",))
    table = done.store.table("shape_of")
    assert list(table.columns) == ["well", "site", "shape", "total"]
    assert list(table["shape"]) == ["3x5x6"] * 4
    totals = [sum(int(pixels(*k, t).sum()) for t in TIMEPOINTS) for k in product(WELLS, SITES)]
    assert list(table["total"]) == totals


@pytest.mark.parametrize("empty", [{}, [], {"label": [], "area": []}, pd.DataFrame({"label": []})], ids=repr)
def test_a_unit_without_objects_adds_no_rows(tmp_path: Path, empty: Any) -> None:
    def measure(image: np.ndarray) -> Any:
        return empty if np.array_equal(image, pixels("B02", "1", "1")) else {"label": [1], "area": [2]}

    steps = [Step(measure, output="table")]
    table = process(open_planes(tmp_path / "in"), steps, tmp_path / "out").store.table("measure")
    assert len(table) == 11
    assert ("B02", "1", "1") not in set(zip(table["well"], table["site"], table["timepoint"], strict=True))
    assert table["label"].dtype.kind == "i"


def test_a_table_may_be_an_input(tmp_path: Path) -> None:
    steps = [
        Step(measure_frame, name="rows"),
        Step(lambda rows, image: {"same": int(rows["total"].sum()) == int(image.sum())}, name="check",
             inputs=("rows", "raw"), output="table"),
    ]  # fmt: skip
    table = process(open_planes(tmp_path / "in"), steps, tmp_path / "out").store.table("check")
    assert list(table["same"]) == [True] * 12


def test_points_of_two_numbers_are_y_and_x(tmp_path: Path) -> None:
    def corners(image: np.ndarray) -> np.ndarray:
        return np.array([[0, 1], [image.shape[0] - 1, image.shape[1] - 1]])

    done = process(open_planes(tmp_path / "in"), [Step(corners, output="points")], tmp_path / "out")
    table = done.store.table("corners")
    assert list(table.columns) == ["well", "site", "timepoint", "y", "x"]
    assert table[["y", "x"]].to_numpy().tolist() == [[0, 1], [4, 5]] * 12


def test_points_of_a_stack_have_an_index_along_each_variable_component_first(tmp_path: Path) -> None:
    def spots(stack: np.ndarray) -> list[list[float]]:
        return [[s, t, 10 * s + t, 0.5] for s in range(stack.shape[0]) for t in range(stack.shape[1])]

    dataset = open_planes(tmp_path / "in", missing=[(well, site, "2") for well in WELLS for site in SITES])
    done = process(dataset, [Step(spots, output="points")], tmp_path / "out", ("site", "timepoint"))
    table = done.store.table("spots")
    assert list(table.columns) == ["well", "site", "timepoint", "y", "x"]
    rows = list(zip(table["well"], table["site"], table["timepoint"], table["y"], strict=True))
    sites, timepoints = enumerate(("1", "2")), list(enumerate(("1", "3")))
    one_well = [(site, timepoint, 10 * s + t) for (s, site), (t, timepoint) in product(sites, timepoints)]
    assert rows == [(well, *row) for well in WELLS for row in one_well]


def test_no_points_are_no_error(tmp_path: Path) -> None:
    for number, nothing in enumerate(([], np.zeros((0, 2)), np.zeros((0, 3)))):
        steps = [Step(lambda stack, nothing=nothing: nothing, name="spots", output="points")]
        done = process(open_planes(tmp_path / "in"), steps, tmp_path / f"out{number}", ("timepoint",))
        assert done.errors == {}
        assert len(done.store.table("spots")) == 0


def test_a_mask_may_be_labels(tmp_path: Path) -> None:
    steps = [Step(lambda image: image > 500, name="mask", output="labels")]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out")
    plane = done.read("mask", well="B02", site="1", timepoint="1")
    assert plane.dtype == np.int32
    np.testing.assert_array_equal(plane, pixels("B02", "1", "1") > 500)


@dataclass(frozen=True)
class Wrong:
    """Something a function may not return, and what the error has to say."""

    what: str
    returned: Any
    says: tuple[str, ...]
    output: Any = "image"
    variable: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


WRONG = (
    Wrong("a stack for a plane", np.zeros((2, 5, 6)), ("(2, 5, 6)", "(5, 6)", "(Y, X)")),
    Wrong("a row of pixels", np.zeros(6), ("(6,)", "(5, 6)")),
    Wrong("a number", 1.5, ("()", "(5, 6)", "output='table'")),
    Wrong(
        "a stack of another length",
        np.zeros((2, 5, 6)),
        ("(2, 5, 6)", "(3, 5, 6)", "(3, 'Y', 'X')"),
        variable=("timepoint",),
    ),
    Wrong(
        "a stack over one of two components",
        np.zeros((3, 5, 6)),
        ("(3, 5, 6)", "(2, 3, 5, 6)"),
        variable=("site", "timepoint"),
    ),
    Wrong(
        "a stack with axes swapped",
        np.zeros((3, 2, 5, 6)),
        ("(3, 2, 5, 6)", "(2, 3, 5, 6)"),
        variable=("site", "timepoint"),
    ),
    Wrong("nothing", None, ("returned nothing", "return")),
    Wrong("texts", np.full((5, 6), "a"), ("<U1", "image")),
    Wrong("labels that are fractions", np.zeros((5, 6)), ("float64", "labels", "whole numbers"), "labels"),
    Wrong("a table that is a number", 3, ("int", "dict of columns", "DataFrame"), "table"),
    Wrong("a table that is nothing", None, ("NoneType", "DataFrame"), "table"),
    Wrong("a table that is an array", np.zeros((2, 2)), ("ndarray", "DataFrame"), "table"),
    Wrong("a table with a column named like a component", {"well": ["x"]}, ("'well'", "component"), "table"),
    Wrong("columns of different lengths", {"a": [1], "b": [1, 2]}, ("length",), "table"),
    Wrong("points of three numbers for a plane", np.zeros((4, 3)), ("(4, 3)", "(N, 2)"), "points"),
    Wrong(
        "points of five numbers for a stack",
        np.zeros((4, 5)),
        ("(4, 5)", "(N, 2)", "(N, 3)", "timepoint"),
        "points",
        ("timepoint",),
    ),
    Wrong("points in a row", np.zeros(6), ("(6,)", "(N, 2)"), "points"),
    Wrong("points in a block", np.zeros((2, 3, 2)), ("(2, 3, 2)", "(N, 2)"), "points"),
    Wrong("points beyond the stack", np.array([[7, 0, 0]]), ("timepoint", "7"), "points", ("timepoint",)),
    Wrong("points before the stack", np.array([[-1, 0, 0]]), ("timepoint", "-1"), "points", ("timepoint",)),
)


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_what_a_function_may_not_return_is_an_error_that_gives_both_shapes(
    tmp_path: Path, case: Wrong
) -> None:
    steps = [
        Step(lambda raw: raw, name="copy", keep=True),
        Step(lambda raw: case.returned, name="wrong", inputs="raw", output=case.output),
    ]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out", case.variable)
    assert set(done.errors) == set(WELLS), "it was taken as if it were right"
    message = str(done.errors["B02"])
    assert all(text in message for text in ("'wrong'", "well B02", *case.says)), message
    assert done.has("copy", well="B02", site="1", timepoint="1")


def test_a_step_that_projects_some_units_only_is_an_error(tmp_path: Path) -> None:
    def sometimes(stack: np.ndarray) -> np.ndarray:
        return stack if np.array_equal(stack[0], pixels("B02", "1", "1")) else stack[0]

    done = process(open_planes(tmp_path / "in"), [Step(sometimes)], tmp_path / "out", ("timepoint",))
    assert re.search(r"'sometimes'.*same axes for every unit", done.misfits[0])


def test_a_task_that_was_cancelled_stops_at_the_next_unit(tmp_path: Path) -> None:
    dataset = open_planes(tmp_path / "in")
    orchestrator = Orchestrator(dataset, dataset.configuration("well"), tmp_path / "out")
    orchestrator.output.mkdir()
    seen: list[int] = []

    def work(image: np.ndarray) -> np.ndarray:
        seen.append(1)
        if len(seen) == 2:
            orchestrator.cancel()
        return image

    with pytest.raises(CancelledError):
        process_task(orchestrator.create_context("B02"), Pipeline([Step(work)]))
    assert len(seen) == 2


class Watch:
    """Counts the arrays that were seen and are still there."""

    def __init__(self) -> None:
        self.arrays: list[weakref.ref[np.ndarray]] = []
        self.most = 0

    def __call__(self, array: np.ndarray) -> np.ndarray:
        owner = array if array.base is None else array.base
        if isinstance(owner, np.ndarray):
            self.arrays.append(weakref.ref(owner))
        self.most = max(self.most, self.alive)
        return array

    @property
    def alive(self) -> int:
        return len({id(array) for reference in self.arrays if (array := reference()) is not None})


def open_movie(folder: Path, timepoints: int = 40) -> Dataset:
    folder.mkdir()
    for timepoint in range(timepoints):
        tifffile.imwrite(folder / f"B02_s1_t{timepoint}.tif", np.full((32, 32), timepoint, np.uint16))
    return open_dataset(folder)


def streaming(watch: Watch) -> list[Step]:
    return [
        Step(lambda image: watch(watch(image) + 1), name="more"),
        Step(lambda image: watch(watch(image) * 2), name="double"),
    ]


def fail(image: np.ndarray) -> np.ndarray:
    raise ArithmeticError("too dark")


def test_units_stream_through_a_pipeline_and_only_a_few_are_held(tmp_path: Path) -> None:
    watch = Watch()
    done = process(open_movie(tmp_path / "in"), streaming(watch), tmp_path / "out")
    assert done.outputs["B02"].unit_count == 80
    assert len(watch.arrays) >= 80
    assert watch.most <= 8
    del done
    gc.collect()
    assert watch.alive == 0


def test_units_that_fail_are_not_held_either(tmp_path: Path) -> None:
    watch = Watch()
    steps = [*streaming(watch), Step(fail)]
    done = process(open_movie(tmp_path / "in"), steps, tmp_path / "out")
    assert str(done.errors["B02"]).startswith("40 of 120 units failed")
    assert watch.most <= 8


def test_a_change_of_variable_holds_what_the_next_steps_need_and_no_more(tmp_path: Path) -> None:
    watch = Watch()
    steps = [*streaming(watch), Step(lambda stack: stack.max(axis=0), name="brightest", variable="timepoint")]
    done = process(open_movie(tmp_path / "in"), steps, tmp_path / "out")
    assert done.read("brightest", well="B02").max() == 80
    assert watch.most <= 40 + 8


operations: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "more": lambda array: array + 1,
    "squared": lambda array: array * array % 1009,
    "flipped": lambda array: array[..., ::-1],
}


@given(
    dropped=st.sets(st.sampled_from(list(product(WELLS, SITES, TIMEPOINTS))), max_size=8),
    chain=st.lists(
        st.tuples(st.sampled_from(sorted(operations)), st.sampled_from([(), ("site",), ("timepoint",)])),
        min_size=1,
        max_size=4,
    ),
)
def test_how_planes_are_stacked_changes_nothing_for_functions_of_each_plane(
    tmp_path_factory: pytest.TempPathFactory, dropped: set[Values], chain: list[tuple[str, tuple[str, ...]]]
) -> None:
    folder = tmp_path_factory.mktemp("units")
    there = set(product(WELLS, SITES, TIMEPOINTS)) - dropped
    steps = [
        Step(operations[name], name=f"{number} {name}", variable=variable)
        for number, (name, variable) in enumerate(chain)
    ]
    done = process(open_planes(folder / "in", dropped), steps, folder / "out")
    assert done.errors == {}
    for well, site, timepoint in there:
        expected = pixels(well, site, timepoint)
        for name, _ in chain:
            expected = operations[name](expected)
        plane = done.read(steps[-1].name, well=well, site=site, timepoint=timepoint)
        np.testing.assert_array_equal(plane, expected)
