"""Units that fail, and the errors of their tasks."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import tifffile
from process_here import SITES, TIMEPOINTS, WELLS, Values, open_planes, pixels, process

from napari_axiswise import Step


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
