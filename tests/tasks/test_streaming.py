"""A task holds few arrays, and stops when it is cancelled."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from process_here import SITES, TIMEPOINTS, WELLS, Values, open_planes, pixels, process

from napari_axiswise import Dataset, Orchestrator, Pipeline, Step, open_dataset, process_task


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
    """Counts the arrays that are still alive."""

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
@pytest.mark.slow
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
