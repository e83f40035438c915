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


def by_label(image: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"label": [3, 5], "area": [30, 50]}).set_index("label")


def grouped(image: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"label": [5, 3, 5], "area": [20, 30, 30]}).groupby("label").sum()


def by_label_that_is_a_column_too(image: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"label": [3, 5], "area": [30, 50]}).set_index("label", drop=False)


def grouped_by_two(image: np.ndarray) -> pd.DataFrame:
    rows = {"label": [3, 5], "side": ["in", "out"], "area": [30, 50]}
    return pd.DataFrame(rows).groupby(["label", "side"]).sum()


@pytest.mark.parametrize("measure", [by_label, grouped, by_label_that_is_a_column_too, grouped_by_two])
def test_an_index_with_a_name_is_a_column(tmp_path: Path, measure: Callable[..., Any]) -> None:
    """From cschlaffner/PROTzilla#472: labels in the index were lost."""
    done = process(
        open_planes(tmp_path / "in"), [Step(measure, name="rows", output="table")], tmp_path / "out"
    )
    table = done.store.table("rows")
    assert table[["label", "area"]].to_numpy().tolist() == [[3, 30], [5, 50]] * 12


def test_an_index_without_a_name_is_kept_unless_it_counts_rows(tmp_path: Path) -> None:
    def means(image: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"mean": [2.0, 4.0]}).groupby(np.array([7, 9])).mean()

    def counted(image: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"mean": [2.0, 4.0]})

    steps = [Step(means, output="table"), Step(counted, inputs="raw", output="table")]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out")
    assert done.store.table("means")["index"].tolist() == [7, 9] * 12
    assert list(done.store.table("counted").columns) == ["well", "site", "timepoint", "mean"]


def test_names_of_columns_are_texts_and_cells_may_be_lists(tmp_path: Path) -> None:
    def measure(image: np.ndarray) -> dict[Any, Any]:
        return {3: [[4], [5, 6]], None: [1, 2]}

    done = process(open_planes(tmp_path / "in"), [Step(measure, output="table")], tmp_path / "out")
    table = done.store.table("measure")
    assert all(isinstance(name, str) for name in table.columns)
    cells = table.columns[3]
    assert float(cells) == 3  # pandas makes a float of it beside None
    assert list(map(list, table[cells]))[:2] == [[4], [5, 6]]


def test_columns_with_two_levels_have_joined_names(tmp_path: Path) -> None:
    def measure(image: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({"label": [3, 3], "area": [1, 2]}).groupby("label").agg(["min", "max"])

    done = process(open_planes(tmp_path / "in"), [Step(measure, output="table")], tmp_path / "out")
    assert list(done.store.table("measure").columns)[3:] == ["label", "area_min", "area_max"]


@pytest.mark.parametrize(
    ("value", "absent", "dtype"),
    [(7, None, "float64"), (7.5, None, "float64"), (True, None, "boolean"), ("big", None, "object"),
     (7, np.nan, "float64"), ("big", np.nan, "object"), (None, None, "float64")],
)  # fmt: skip
def test_a_value_that_a_unit_lacks_does_not_change_the_type_of_the_column(
    tmp_path: Path, value: Any, absent: Any, dtype: str
) -> None:
    """From pandas-dev/pandas#46922: one None made a column of objects."""

    def measure(image: np.ndarray) -> dict[str, Any]:
        return {"first": absent if np.array_equal(image, pixels("B02", "1", "1")) else value, "second": 1}

    done = process(open_planes(tmp_path / "in"), [Step(measure)], tmp_path / "out")
    table = done.store.table("measure")
    assert table["first"].dtype == dtype or (
        dtype == "object" and pd.api.types.is_string_dtype(table["first"])
    )
    assert list(table.columns)[3:] == ["first", "second"]
    assert table["second"].dtype == "int64"
    assert pd.isna(table["first"].iloc[0])
    assert all(pd.isna(table["first"][1:])) if value is None else (table["first"][1:] == value).all()


def test_a_column_like_a_component_has_its_values(tmp_path: Path) -> None:
    """From haesleinhuepf/napari-skimage-regionprops#17: a table that counts frames could be joined with no other."""

    def measure(stack: np.ndarray) -> dict[str, Any]:
        return {"frame": [0.0, 1.0], "timepoint": [1.0, 3.0], "well": "B03"}

    dataset = open_planes(tmp_path / "in", missing=[(well, site, "2") for well in WELLS for site in SITES])
    done = process(dataset, [Step(measure)], tmp_path / "out", ("timepoint",))
    assert set(done.errors) == {"B02"}
    table = done.store.table("measure")
    assert list(table.columns) == ["well", "site", "timepoint", "frame"]
    assert table["timepoint"].tolist() == ["1", "3"] * 2


@pytest.mark.parametrize("label", [-(2**31), 2**31 - 1])
def test_labels_up_to_32_bits_are_kept(tmp_path: Path, label: int) -> None:
    steps = [Step(lambda image: np.full(image.shape, label, np.int64), name="ids", output="labels")]
    done = process(open_planes(tmp_path / "in"), steps, tmp_path / "out")
    assert (done.read("ids", well="B02", site="1", timepoint="1") == label).all()


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


MASKED = np.ma.masked_greater(np.arange(30).reshape(5, 6), 3)

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
    Wrong("a column like a component with another value", {"well": ["x"]}, ("'well'", "component"), "table"),
    Wrong("a column of steps", {"step": ["x"]}, ("'step'", "Rename"), "table"),
    Wrong("frames counted from 0", {"timepoint": [0, 1, 2]}, ("'timepoint'", "0"), "table", ("timepoint",)),
    Wrong("a site that is not that of the unit", {"site": [1, 2]}, ("'site'",), "table", ("timepoint",)),
    Wrong("a table and an image", ({"a": 1}, np.zeros((5, 6))), ("tuple of 2", "DataFrame"), "table"),
    Wrong("a column of a table", pd.Series([1, 2]), ("Series", "DataFrame"), "table"),
    Wrong(
        "an index and a column that differ",
        pd.DataFrame({"label": [1, 2]}, index=pd.Index([2, 1], name="label")),
        ("'label'", "Rename"),
        "table",
    ),
    Wrong(
        "labels and an image for a stack of two",
        (np.zeros((5, 6), int),) * 2,
        ("tuple of 2", "numpy.stack"),
        "labels",
        ("site",),
    ),
    Wrong("two images for a stack of two", (np.zeros((5, 6)),) * 2, ("tuple of 2",), variable=("site",)),
    Wrong(
        "a list of two images for a stack of two", [np.zeros((5, 6))] * 2, ("list of 2",), variable=("site",)
    ),
    Wrong("a tuple of one", (np.zeros((5, 6)),), ("tuple of 1",)),
    Wrong("places of pixels", np.nonzero(np.eye(5, 6)), ("tuple of 2", "an image")),
    Wrong("a table as an image", pd.DataFrame({"a": [1, 2]}), ("DataFrame", "output='table'")),
    Wrong(
        "ys and xs of two points",
        (np.array([1, 2]), np.array([3, 4])),
        ("tuple of 2", "column_stack"),
        "points",
    ),
    Wrong(
        "a list of ys and xs", [np.array([1, 2]), np.array([3, 4])], ("list of 2", "column_stack"), "points"
    ),
    Wrong("no ys and no xs", np.nonzero(np.zeros((5, 6))), ("tuple of 2", "column_stack"), "points"),
    Wrong("points as a table", pd.DataFrame({"x": [1], "y": [2]}), ("DataFrame", "['y', 'x']"), "points"),
    Wrong("labels below 32 bits", np.full((5, 6), -(2**31) - 5), ("-2147483653", "Renumber"), "labels"),
    Wrong("labels above 32 bits", np.full((5, 6), 2**31, np.uint32), ("2147483648", "Renumber"), "labels"),
    Wrong("labels above 63 bits", np.full((5, 6), 2**64 - 1, np.uint64), ("Renumber",), "labels"),
    Wrong("a masked image", MASKED, ("masked", "an image", "filled")),
    Wrong("masked labels", MASKED, ("masked", "labels", "filled"), "labels"),
    Wrong("masked points", MASKED[:, :2], ("masked", "points", "filled"), "points"),
    Wrong("points as columns", {"y": [1], "x": [2]}, ("dict", "column_stack"), "points"),
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
