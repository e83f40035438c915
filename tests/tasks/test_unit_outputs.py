"""What functions may return: tables, points, labels; anything else is an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from process_here import SITES, TIMEPOINTS, WELLS, open_planes, pixels, process, shape_of

from napari_axiswise import Step


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
