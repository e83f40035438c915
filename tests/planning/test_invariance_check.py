"""The check of axes finds steps that keep state between units, and clears those that do not."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import napari_axiswise as aw
from napari_axiswise import functions
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.planning.check.api import AxisChecking
from napari_axiswise.planning.check.comparison import compare_tables, is_renumbered

Image = np.ndarray
AXES = ["well", "timepoint"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> aw.Dataset:
    plan = PlatePlan(wells=("B02", "B03", "B04"), sites=2, timepoints=3, channels=1, size=32)
    return aw.open_dataset(write_plate(tmp_path_factory.mktemp("check") / "plate", plan))


def double(image: Image) -> Image:
    return image * 2.0


def check(dataset: aw.Dataset, function: Callable[..., Any], units: int = 4, **options: Any) -> aw.AxisCheck:
    """Check a function between two steps that do not depend on the axis."""
    steps = [
        aw.Step(double),
        aw.Step(function, name="offender", **options),
        aw.Step(double, name="after", inputs="raw"),
    ]
    return aw.check_axis(dataset, steps, AXES, executor="serial", units=units)


# z-score, with the statistics of what the task has seen


def z_score_of_seen() -> Callable[[Image], Image]:
    seen: dict[str, list[Image]] = {"images": []}

    def z_score(image: Image) -> Image:
        seen["images"].append(image)
        return (image - np.mean(seen["images"])) / np.std(seen["images"])

    return z_score


class ZScoreOfFirst:
    """Scale by the mean and the standard deviation of the first image."""

    def __init__(self) -> None:
        self.first: Image | None = None

    def __call__(self, image: Image) -> Image:
        if self.first is None:
            self.first = image
        return (image - self.first.mean()) / self.first.std()


# illumination correction, by what was seen of the sites


def flat_by_default_argument() -> Callable[[Image], Image]:
    def flat(image: Image, so_far: list[Image] = []) -> Image:  # noqa: B006
        so_far.append(image * 1.0)
        return image / np.mean(so_far, axis=0)

    return flat


class RunningIllumination:
    def __init__(self) -> None:
        self.total: Any = 0.0
        self.count = 0

    def __call__(self, image: Image) -> Image:
        self.total = self.total + image
        self.count += 1
        return image / (self.total / self.count)


# difference from frame to frame


def minus_previous() -> Callable[[Image], Image]:
    previous: Any = 0

    def difference(image: Image) -> Image:
        nonlocal previous
        before, previous = previous, image.astype(float)
        return image - before

    return difference


class MinusPrevious:
    previous: Image | None = None

    def __call__(self, image: Image) -> Image:
        before, self.previous = self.previous, image.astype(float)
        return image - (0 if before is None else before)


# a seed for each task


def seeded_at_first_call() -> Callable[[Image], Image]:
    made: dict[str, np.random.Generator] = {}

    def dither(image: Image) -> Image:
        generator = made.setdefault("generator", np.random.default_rng(1))
        return image + generator.random(image.shape)

    return dither


def seeded_beforehand() -> Callable[[Image], Image]:
    generator = np.random.default_rng(1)
    return lambda image: image + generator.random(image.shape)


# state in a closure


def counter() -> Callable[[Image], Image]:
    counts = {"calls": 0}

    def count(image: Image) -> Image:
        counts["calls"] += 1
        return np.full(image.shape, counts["calls"])

    return count


def threshold_of_first() -> Callable[[Image], Image]:
    known: dict[str, float] = {}
    return lambda image: image > known.setdefault("threshold", float(np.median(image)))


def numbered_rows() -> Callable[[Image], dict[str, float]]:
    rows: list[float] = []

    def measure(image: Image) -> dict[str, float]:
        rows.append(float(image.mean()))
        return {"mean": rows[-1], "rank": float(len(rows))}

    return measure


def drifting_points() -> Callable[[Image], Image]:
    seen: list[int] = []

    def find(image: Image) -> Image:
        seen.append(1)
        return np.array([[1.0 * len(seen), 2.0]])

    return find


OFFENDERS: dict[str, tuple[Callable[[], Callable[..., Any]], str]] = {
    "z-score, closure": (z_score_of_seen, "image"),
    "z-score, object": (ZScoreOfFirst, "image"),
    "illumination, default argument": (flat_by_default_argument, "image"),
    "illumination, object": (RunningIllumination, "image"),
    "frame to frame, nonlocal": (minus_previous, "image"),
    "frame to frame, object": (MinusPrevious, "image"),
    "seed, at the first call": (seeded_at_first_call, "image"),
    "seed, beforehand": (seeded_beforehand, "image"),
    "counter": (counter, "image"),
    "cached threshold": (threshold_of_first, "labels"),
    "table": (numbered_rows, "table"),
    "points": (drifting_points, "points"),
}


REPEATED = {
    "z-score, closure",
    "illumination, object",
    "frame to frame, object",
    "seed, at the first call",
    "seed, beforehand",
    "counter",
}
"""Offenders that keep their state where another one does."""


@pytest.mark.parametrize(
    "offender",
    [pytest.param(name, marks=pytest.mark.slow if name in REPEATED else ()) for name in OFFENDERS],
)
def test_a_function_that_keeps_state_is_found(dataset: aw.Dataset, offender: str) -> None:
    make, kind = OFFENDERS[offender]
    found = check(dataset, make(), output=kind)
    assert not found.same
    assert found.step == "offender"
    pair = found.pair("offender")
    assert (pair.axis, pair.other_axis) == ("well", "timepoint")
    assert 0 < pair.differing <= pair.compared == 4
    assert pair.pixels > 0
    if kind != "labels":
        assert "by up to" in str(found)
        assert pair.largest > 0
    assert f"'offender' ({kind}) depends on the axis" in str(found)
    blamed = found.differences.query("differing > 0")
    assert set(blamed["step"]) == {"offender"}


MODULE = """
import os
import random

generator = random.Random(3)
first = []

def seeded_module(image):
    return image + generator.random()

def minus_first_of_process(image):
    first.append(float(image.mean()))
    return image - first[0]

def with_default_argument(image, seen=[]):
    seen.append(1)
    return image + len(seen)

def numbered_by_process(image):
    return image * 0 + os.getpid()
"""


@pytest.mark.slow
def test_state_in_a_module_or_a_process_is_found(
    dataset: aw.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a file, so that workers import the functions by name, and have what is in the module once a process.
    (tmp_path / "forgetful_steps.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    steps = importlib.import_module("forgetful_steps")
    kept = ("seeded_module", "minus_first_of_process", "with_default_argument")
    names = (*kept, "numbered_by_process")
    pipeline = [aw.Step(getattr(steps, name), inputs="raw") for name in names]
    found = aw.check_axis(
        dataset, [aw.Step(lambda image: image * 2, name="double"), *pipeline], AXES, units=4
    )
    by_axis = {step.name: found.pair(step.name) for step in found.pipeline}
    assert by_axis["double"].differing == 0
    assert all(by_axis[name].differing and not by_axis[name].is_repetition for name in kept)
    assert by_axis["numbered_by_process"].is_repetition


@pytest.mark.parametrize(
    "draw",
    [
        lambda: np.random.default_rng(),
        pytest.param(lambda: np.random.default_rng(os.urandom(4)[0]), marks=pytest.mark.slow),
    ],
)
def test_unseeded_random_numbers_are_not_blamed_on_the_axis(
    dataset: aw.Dataset, draw: Callable[[], np.random.Generator]
) -> None:
    found = check(dataset, lambda image: image + draw().random(image.shape))
    assert found.step == "offender"
    assert found.pair("offender").is_repetition
    assert "not reproducible" in str(found)
    assert "two runs by well" in str(found)


ALL_FUNCTIONS = aw.Pipeline(
    [
        aw.Step(functions.subtract_background, {"radius": 5.0}, name="flat", inputs="raw"),
        aw.Step(functions.gaussian),
        aw.Step(functions.otsu_threshold, name="mask"),
        aw.Step(functions.local_threshold, {"block_size": 9}, inputs="gaussian", output="labels"),
        aw.Step(functions.label_objects, {"min_size": 2}, inputs="mask", output="labels"),
        aw.Step(functions.split_touching, {"min_size": 2}, inputs="mask", output="labels"),
        aw.Step(functions.surround, {"width": 2.0}, output="labels"),
        aw.Step(functions.measure_regions, inputs=("split_touching", "raw")),
        aw.Step(functions.measure_translocation, inputs=("split_touching", "surround", "raw")),
        aw.Step(functions.intensity_statistics, inputs="raw"),
        aw.Step(functions.project, inputs="gaussian", variable="site"),
        aw.Step(functions.select, {"index": 0}, inputs="raw", variable="site"),
    ]
)


def test_every_built_in_step_is_cleared(dataset: aw.Dataset) -> None:
    used = {function for step in ALL_FUNCTIONS for function, _ in step.routes.values()}
    assert used == {getattr(functions, name) for name in functions.__all__ if name != "PIPELINES"}
    found = aw.check_axis(dataset, ALL_FUNCTIONS, executor="serial", units=4)
    assert found.same, str(found)
    assert found.axes == ("well", "timepoint")
    assert found.differences["compared"].min() > 0
    assert str(found).startswith("The answer is the same by well and timepoint: 4 of 9 units, 12 steps.")
    assert "site (step 'project' processes it together)" in str(found)


@pytest.mark.parametrize(
    ("name", "function", "variable", "stacked"),
    [
        pytest.param(
            "flat", lambda stack: stack / stack.mean(axis=0), "site", ["site"], marks=pytest.mark.slow
        ),
        (
            "z-score",
            lambda stack: (stack - stack.mean()) / stack.std(),
            ("site", "timepoint"),
            ["site", "timepoint"],
        ),
        pytest.param(
            "change",
            lambda stack: np.diff(stack.astype(float), axis=0, prepend=0),
            "timepoint",
            ["timepoint"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_an_impossible_axis_is_reported_and_the_others_are_compared(
    dataset: aw.Dataset, name: str, function: Callable[..., Any], variable: Any, stacked: list[str]
) -> None:
    steps = [aw.Step(double), aw.Step(function, name=name, variable=variable)]
    others = [axis for axis in ("well", "site", "timepoint") if axis not in stacked]
    found = aw.check_axis(dataset, steps, ["well", "site", "timepoint"], executor="serial", units=8)
    assert not found.same
    assert found.step == name
    for axis in stacked:
        assert f"Step '{name}' processes {axis} together, so {axis} cannot be the axis." in str(found)
    assert list(found.results) == others
    refused = found.differences.query("other_axis == ''")
    assert list(refused["axis"]) == stacked
    assert not found.differences["differing"].any()
    # The variable of the run rules out axes as well.
    assert aw.check_axis(
        dataset, [double, function], others + stacked, variable, executor="serial", units=4
    ).stacked


@pytest.mark.parametrize("axis", [("timepoint", "site"), "channel"])
def test_an_axis_without_a_run_is_never_cleared(tmp_path: Path, axis: Any) -> None:
    plan = PlatePlan(("B02", "B03"), sites=2, timepoints=2, channels=1, size=32)
    stacked = "channel" if axis == "channel" else "site"
    steps = [aw.Step(functions.project, name="project", variable=stacked)]
    found = aw.check_axis(write_plate(tmp_path, plan), steps, ["well", axis], executor="serial")
    assert list(found.results) == ["well"]
    assert not found.same
    assert found.step == "project"
    assert f"'project' processes {stacked} together, so" in str(found)


def test_the_first_differing_step_is_reported_first(dataset: aw.Dataset) -> None:
    steps = [aw.Step(counter(), name="count"), aw.Step(functions.project, name="project", variable="site")]
    found = aw.check_axis(dataset, steps, ["well", "timepoint", "site"], executor="serial", units=4)
    assert found.step == "count"
    assert str(found).index("'count'") < str(found).index("'project' processes site together")


def test_equal_failures_are_reported_but_are_no_difference(dataset: aw.Dataset) -> None:
    def picky(image: Image) -> Image:
        if image.mean() > limit:
            raise ValueError("too bright")
        return image

    limit = float(np.median([dataset.index.read(row).mean() for row in range(len(dataset))]))
    found = check(dataset, picky)
    assert found.same, str(found)
    assert "too bright" in str(found)


def test_failures_in_one_run_only_are_a_difference(dataset: aw.Dataset) -> None:
    calls: list[int] = []

    def tired(image: Image) -> dict[str, list[float]]:
        calls.append(1)
        if len(calls) > 1:
            raise ValueError("enough")
        return {"nothing": []}

    found = check(dataset, tired, output="table")
    assert found.step == "offender"
    assert "failed" in found.pair("offender").note
    assert "enough" in str(found)


def test_if_everything_fails_there_is_no_answer(dataset: aw.Dataset) -> None:
    def broken(image: Image) -> Image:
        raise ValueError("no good")

    found = aw.check_axis(dataset, [broken], AXES, executor="serial", units=4)
    assert not found.same
    assert found.step == ""
    assert str(found).startswith("There is no answer to compare.")
    assert "no good" in str(found)


def test_a_check_does_not_change_its_inputs(dataset: aw.Dataset) -> None:
    function = z_score_of_seen()
    check(dataset, function)
    assert function.__closure__[0].cell_contents == {"images": []}  # type: ignore[attr-defined]


def test_nan_equals_nan_and_the_difference_can_be_read(dataset: aw.Dataset) -> None:
    def gaps(image: Image) -> Image:
        return np.where(image > np.median(image), np.nan, image)

    assert check(dataset, gaps).same
    counts = counter()
    found = check(dataset, lambda image: np.where(image > np.median(image), np.nan, counts(image)))
    pair = found.pair("offender")
    image = found.difference("offender", "well", "timepoint", **pair.where)
    assert 0 < np.abs(image).max() <= pair.largest
    assert not found.difference("offender", "well", "well", **pair.where).any()
    with pytest.raises(KeyError, match="There was no run by 'site'"):
        found.difference("offender", "well", "site", **pair.where)


def test_planes_of_other_shape_or_dtype_differ(dataset: aw.Dataset) -> None:
    def of_other_type() -> Callable[[Image], Image]:
        calls: list[int] = []
        return lambda image: calls.append(1) or image.astype(np.uint16 if len(calls) < 3 else np.int32)  # type: ignore[func-returns-value]

    found = check(dataset, of_other_type(), units=8)
    assert found.step == "offender"
    assert "int32 and uint16" in found.pair("offender").note


@pytest.mark.parametrize(
    ("one", "other", "differing", "note"),
    [
        ({"a": [1.0, np.nan]}, {"a": [1.0, np.nan]}, 0, ""),
        ({"a": [1, 2]}, {"a": [1.0, 2.5]}, 1, "in a"),
        ({"a": [1, 2], "b": ["x", None]}, {"a": [1, 2], "b": ["y", None]}, 1, "in b"),
        ({"a": [1, 2]}, {"a": [1, 2], "b": [1, 2]}, 2, "only one has the column b"),
        ({"a": [1, 2, 3]}, {"a": [1, 2]}, 1, ""),
        ({}, {"a": [1, 2]}, 2, ""),
        ({}, {}, 0, ""),
    ],
)
def test_rows_are_compared_within_their_unit(
    one: dict[str, list[Any]], other: dict[str, list[Any]], differing: int, note: str
) -> None:
    frames = [pd.DataFrame(columns) for columns in (one, other)]
    for frame in frames:
        if len(frame):
            frame.insert(0, "well", ["B02", "B03", "B03"][: len(frame)])
    tally = compare_tables(frames[0], frames[1], ("well",))
    assert tally.differing == differing
    assert "; ".join(tally.notes) == note


def test_labels_with_other_numbers_are_recognised() -> None:
    labels = np.array([[0, 1, 2], [0, 1, 2]])
    assert is_renumbered(labels, np.array([[0, 2, 1], [0, 2, 1]]))
    assert not is_renumbered(labels, np.array([[0, 1, 1], [0, 1, 1]]))
    assert not is_renumbered(labels, np.array([[1, 0, 2], [1, 0, 2]]))


@pytest.mark.parametrize(
    ("axes", "variable", "told"),
    [
        (["well"], (), "at least two different axes"),
        (["well", "well"], (), "at least two different axes"),
        (["well", "batch"], (), "'batch' is not a component"),
        (["well", "site"], ("well", "site"), "None of these axes is possible"),
        (None, ("well", "site", "timepoint"), "nothing to compare"),
    ],
)
def test_axes_that_cannot_be_compared_are_an_error(
    dataset: aw.Dataset, axes: list[str] | None, variable: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        aw.checking_axis(dataset, [functions.project], axes, variable)


def test_arrays_a_sample_and_one_value_on_an_axis() -> None:
    pixels = np.random.default_rng(0).random((1, 40, 32, 32))
    whole = aw.open_dataset(pixels, axes=("well", "timepoint"))
    checking = AxisChecking(whole, [counter()], executor="serial")
    assert checking.axes == ("timepoint", "well")
    found: list[aw.AxisCheck] = []

    def events() -> Iterator[aw.TaskEvent]:
        found.append((yield from checking.events()))

    statuses = [event.status for event in events()]
    assert statuses.count("done") == checking.total == 7
    assert (found[0].units, found[0].all_units) == (3, 40)
    assert not found[0].same


def test_a_sample_has_several_values_of_requested_axes(dataset: aw.Dataset) -> None:
    for axes in (["timepoint", "site"], ["well", "site"], AXES):
        found = aw.check_axis(dataset, [double], axes, executor="serial", units=4)
        assert all(len(found.results[axis].outcomes) == 2 for axis in axes)


def test_a_check_can_be_stopped(dataset: aw.Dataset, tmp_path: Path) -> None:
    events = aw.checking_axis(dataset, [double], AXES, workers=1)
    for event in events:
        if event.status == "started":
            break
    events.close()
