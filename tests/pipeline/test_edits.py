"""Edits of a pipeline: what follows from each, what is refused, and the way back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_axiswise as aw
from napari_axiswise.functions import gaussian, measure_regions, otsu_threshold, split_touching
from napari_axiswise.pipeline import edits
from napari_axiswise.pipeline.edits import History


def nuclei() -> aw.Pipeline:
    return aw.Pipeline(
        [
            aw.Step(gaussian, {"sigma": 1.0}, name="smooth"),
            aw.Step(otsu_threshold, name="mask"),
            aw.Step(split_touching, name="nuclei", output="labels"),
            aw.Step(measure_regions, name="sizes", inputs=("nuclei", "raw")),
        ]
    )


def told(pipeline: aw.Pipeline) -> list[tuple[str, ...]]:
    return [(step.name, *(step.inputs or ())) for step in pipeline]


EDITS = {
    "added at the end": (
        lambda p: edits.add(p, aw.Step(np.sqrt, inputs="smooth")),
        [("smooth", "raw"), ("mask", "smooth"), ("nuclei", "mask"), ("sizes", "nuclei", "raw"), ("sqrt", "smooth")],
    ),
    "added between two": (
        lambda p: edits.add(p, aw.Step(np.sqrt), after="smooth"),
        [("smooth", "raw"), ("sqrt", "smooth"), ("mask", "sqrt"), ("nuclei", "mask"), ("sizes", "nuclei", "raw")],
    ),
    "removed": (
        lambda p: edits.remove(p, "smooth"),
        [("mask", "raw"), ("nuclei", "mask"), ("sizes", "nuclei", "raw")],
    ),
    "moved": (
        lambda p: edits.move(p, "mask", 0),
        [("mask", "raw"), ("smooth", "mask"), ("nuclei", "smooth"), ("sizes", "nuclei", "raw")],
    ),
    "renamed": (
        lambda p: edits.rename(p, "nuclei", "cells"),
        [("smooth", "raw"), ("mask", "smooth"), ("cells", "mask"), ("sizes", "cells", "raw")],
    ),
    "given another input": (
        lambda p: edits.change(p, "mask", inputs=("raw",)),
        [("smooth", "raw"), ("mask", "raw"), ("nuclei", "mask"), ("sizes", "nuclei", "raw")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "expected"), EDITS.values(), ids=EDITS)
def test_steps_take_what_is_before_them(
    edit: Callable[[aw.Pipeline], aw.Pipeline], expected: list[tuple[str, ...]]
) -> None:
    before = nuclei()
    assert told(edit(before)) == expected
    assert told(before) == told(nuclei()), "a pipeline is frozen"


REFUSED = {
    "the last step removed": (lambda p: edits.remove(aw.Pipeline([gaussian]), "gaussian"), "the only step"),
    "an input removed": (lambda p: edits.remove(p, "nuclei"), "'sizes' has 'nuclei' as an input"),
    "an input moved behind": (lambda p: edits.move(p, "nuclei", 3), "'sizes' has input 'nuclei', .* before it"),
    "a name taken": (lambda p: edits.rename(p, "mask", "Smooth"), "Two steps are named"),
    "a name that names no folder": (lambda p: edits.rename(p, "mask", "../mask"), "cannot be the name"),
    "a param that is none": (lambda p: edits.change(p, "mask", params={"a": 1}), "cannot call otsu_threshold"),
    "an input of its own": (lambda p: edits.change(p, "mask", inputs=("mask",)), "not a step before it"),
}  # fmt: skip


@pytest.mark.parametrize(("edit", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_with_its_reason(
    edit: Callable[[aw.Pipeline], aw.Pipeline], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        edit(nuclei())


@pytest.mark.parametrize("name", ["smooth", "mask", "nuclei", "sizes"])
def test_what_is_switched_off_is_passed_over(name: str) -> None:
    whole = nuclei()
    off = edits.change(whole, name, enabled=False)
    assert [step.name for step in off] == [step.name for step in whole]
    assert [step.name for step in off.active] == [step.name for step in whole if step.name != name]
    assert told(edits.change(off, name, enabled=True).active) == told(whole)
    assert off.active.steps[-1].keep
    assert off.configured((), None).steps[0].name == off.active.steps[0].name
    taken_from = {source for step in off.active for source in step.inputs or ()}
    assert name not in taken_from


def test_a_pipeline_of_which_nothing_is_on_does_not_run() -> None:
    with pytest.raises(ValueError, match="Turn one on"):
        _ = aw.Pipeline([aw.Step(gaussian, enabled=False)]).active


def test_a_run_passes_over_what_is_switched_off(plate: str) -> None:
    dataset = aw.open_dataset(plate)
    twice, off = (
        aw.Pipeline(
            [aw.Step(np.negative, name="minus", enabled=on), aw.Step(np.abs, name="there"), aw.Step(np.square)]
        )
        for on in (True, False)
    )  # fmt: skip
    place = {"well": "B02", "site": "1", "timepoint": "1", "channel": "1"}
    results = [
        aw.run(dataset, each, axis="well", axis_filter=["B02"], executor="serial") for each in (twice, off)
    ]
    with_it, without = (result.read("square", **place) for result in results)
    pixels = dataset.read(**place)
    assert (without == np.square(np.abs(pixels))).all()
    assert (with_it == np.square(np.abs(np.negative(pixels)))).all()


@given(st.lists(st.sampled_from(["edit", "same", "undo", "redo"]), max_size=30))
def test_undo_and_redo_go_along_what_was_done(moves: list[str]) -> None:
    history = History(nuclei())
    done, position = [history.pipeline], 0
    for move in moves:
        if move in ("edit", "same"):
            pipeline = nuclei()
            replaces = move == "same" and history.subject == "sigma"
            history = history.then(pipeline, "sigma" if move == "same" else "")
            done = [*done[: position + (not replaces)], pipeline]
            position = len(done) - 1
        elif move == "undo":
            history, position = history.undo(), max(0, position - 1)
        else:
            history, position = history.redo(), min(len(done) - 1, position + 1)
        assert history.pipeline is done[position]
        assert (len(history.past), len(history.future)) == (position, len(done) - 1 - position)
