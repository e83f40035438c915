"""Previews equal the output of a run, use as few planes as possible, and survive failing functions."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.preview.output import StepPreview
from napari_axiswise.preview.request import PreviewRequest
from napari_axiswise.preview.trial import preview

CALLS: Counter[str] = Counter()
"""Number of calls of each function; not part of their fingerprints."""

PLACE = {"well": 1, "site": 0, "timepoint": 2, "channel": 1}


def brighter(image: np.ndarray, by: float = 1.0) -> np.ndarray:
    CALLS["brighter"] += 1
    return image + by


def mean_over_first(stack: np.ndarray) -> np.ndarray:
    CALLS["mean_over_first"] += 1
    return stack.mean(axis=0)


def over_mean(image: np.ndarray) -> np.ndarray:
    CALLS["over_mean"] += 1
    return image > image.mean()


def minus(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    return image - other


def brightest(image: np.ndarray) -> np.ndarray:
    return np.argwhere(image >= np.sort(image.ravel())[-3])


def sizes(labels: np.ndarray, image: np.ndarray) -> dict[str, Any]:
    return {"label": [1], "area": [int(labels.sum())], "most": [float(image.max())]}


def labels_step(**options: Any) -> aw.Step:
    return aw.Step(over_mean, name="mask", output="labels", **options)


PIPELINES: Mapping[str, tuple[aw.Pipeline, tuple[str, ...]]] = {
    "plane by plane": (
        aw.Pipeline(
            [
                aw.Step(brighter, {"by": 2.0}, name="bright", keep=True),
                labels_step(),
                aw.Step(brightest, name="spots", inputs="bright", output="points"),
                aw.Step(sizes, name="sizes", inputs=("mask", "raw"), output="table"),
            ]
        ),
        (),
    ),
    "projected, then subtracted": (
        aw.Pipeline(
            [
                aw.Step(brighter, name="bright", keep=True, variable=()),
                aw.Step(mean_over_first, name="mean", keep=True, variable="timepoint"),
                labels_step(variable=()),
            ]
        ),
        ("timepoint",),
    ),
    "stacked, and its planes kept": (
        aw.Pipeline(
            [aw.Step(minus, name="difference", inputs=("raw", "raw"), keep=True), labels_step(inputs="raw")]
        ),
        ("timepoint", "site"),
    ),
    "routed by channel": (
        aw.Pipeline(
            [
                aw.Step({"1": brighter, "*": (brighter, {"by": 3.0})}, name="routed", group_by="channel"),
                labels_step(inputs="routed"),
            ]
        ),
        (),
    ),
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> aw.Dataset:
    plan = PlatePlan(wells=("B02", "B03"), sites=2, timepoints=3, channels=2, size=24)
    return aw.open_dataset(write_plate(tmp_path_factory.mktemp("preview"), plan))


def plan_of(dataset: aw.Dataset, pipeline: aw.Pipeline, variable: tuple[str, ...] = ()) -> aw.RunPlan:
    return aw.RunPlan(dataset, pipeline, variable=variable, executor="serial")


def try_steps(
    dataset: aw.Dataset, pipeline: aw.Pipeline, variable: tuple[str, ...] = (), **options: Any
) -> dict[str, StepPreview]:
    request = replace(PreviewRequest.of(plan_of(dataset, pipeline, variable), PLACE), **options)
    # As it is sent to a worker.
    request = pickle.loads(pickle.dumps(request))
    return {shown.step: shown for shown in preview(request)}


@pytest.mark.parametrize("in_memory", [False, True])
@pytest.mark.parametrize("what", PIPELINES)
def test_a_preview_equals_the_output_of_a_run(dataset: aw.Dataset, what: str, in_memory: bool) -> None:
    pipeline, variable = PIPELINES[what]
    if in_memory:
        planes = np.stack([dataset.index.read(row) for row in range(len(dataset))])
        shape = tuple(map(len, dataset.components.values()))
        dataset = aw.open_dataset(planes.reshape(*shape, *dataset.shape), axes=tuple(dataset.components))
    shown = try_steps(dataset, pipeline, variable)
    axis = next(name for name in dataset.components if name not in variable and name != "well")
    result = aw.run(dataset, pipeline, axis=axis, variable=variable, executor="serial")
    assert not result.failures
    for step in result.pipeline.kept:
        made = shown[step.name]
        assert not made.error
        here = {name: dataset.components[name][code] for name, code in made.places.items()}
        if step.kind in ("image", "labels"):
            expected = result.read(step.name, **here)
            np.testing.assert_array_equal(made.data, expected.astype(made.data.dtype))
        else:
            table = result.store.table(step.name)
            rows = table[np.logical_and.reduce([table[name] == value for name, value in here.items()])]
            assert made.rows.to_dict("list") == rows[made.rows.columns].to_dict("list")
            assert made.count == len(rows)


def test_functions_are_called_for_needed_planes_only_and_once(dataset: aw.Dataset) -> None:
    pipeline, variable = PIPELINES["projected, then subtracted"]
    changed = aw.Pipeline(
        [*pipeline.steps[:2], aw.Step(brighter, {"by": 7.0}, name="more", inputs="mean", variable=())]
    )
    CALLS.clear()
    try_steps(dataset, pipeline, variable, known=frozenset())
    counted = dict(CALLS)
    CALLS.clear()
    first = try_steps(dataset, pipeline, variable)
    assert not CALLS
    # The planes of one well, site and channel, unless cached by an earlier test.
    assert counted in ({}, {"brighter": 3, "mean_over_first": 1, "over_mean": 1})
    again = try_steps(dataset, changed, variable, known=frozenset(made.key for made in first.values()))
    assert CALLS == {"brighter": 1}
    assert [made.is_known for made in again.values()] == [True, True, False]
    assert again["mean"].data is None
    assert again["more"].data is not None


def test_changed_pixels_are_recomputed() -> None:
    pixels = np.zeros((3, 8, 8), np.uint8)
    dataset = aw.open_dataset(pixels, axes=("timepoint",))
    pipeline = aw.Pipeline([aw.Step(brighter, {"by": 0.5}, name="bright")])
    request = PreviewRequest.of(plan_of(dataset, pipeline), {"timepoint": 1})
    sent = pickle.dumps(request)
    assert pickle.loads(sent).planes.reader.planes.keys() == {1}
    assert preview(request)[0].data.max() == 0.5
    pixels[1] = 9
    assert preview(request)[0].data.max() == 9.5
    assert preview(pickle.loads(sent))[0].data.max() == 0.5


def fails(_: np.ndarray) -> np.ndarray:
    raise ValueError("it is too dark")


def leaves(_: np.ndarray) -> np.ndarray:
    raise SystemExit(3)


def is_of_a_wrong_shape(_: np.ndarray) -> np.ndarray:
    return np.zeros((2, 2, 2, 2))


def gives_nothing(_: np.ndarray) -> None:
    return None


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (fails, "ValueError: it is too dark"),
        (leaves, "SystemExit: 3"),
        (is_of_a_wrong_shape, r"shape \(2, 2, 2, 2\)"),
        (gives_nothing, "let the function end with a return"),
        ({"2": brighter, "1": fails}, ""),
        ({"1": brighter}, "no function for channel '2'"),
    ],
)
def test_a_failing_step_does_not_stop_the_others(
    dataset: aw.Dataset, function: Callable[..., Any] | Mapping[str, Callable[..., Any]], message: str
) -> None:
    pipeline = aw.Pipeline(
        [
            aw.Step(brighter, name="bright"),
            aw.Step(function, name="hostile", group_by="channel"),
            aw.Step(brighter, name="after"),
            aw.Step(brightest, name="beside", inputs="bright", output="points"),
        ]
    )
    shown = try_steps(dataset, pipeline)
    assert shown["bright"].data is not None
    assert shown["beside"].count == 3
    assert bool(message) == bool(shown["hostile"].error)
    if message:
        with pytest.raises(AssertionError, match=message):
            raise AssertionError(str(shown["hostile"]))
        assert str(shown["after"]) == "Its input 'hostile' failed."
        assert shown["after"].data is None


def test_a_step_that_does_not_fit_the_data_has_the_error(dataset: aw.Dataset) -> None:
    pipeline = aw.Pipeline(
        [aw.Step(brighter, name="bright"), aw.Step(brighter, name="z", variable="z_index")]
    )
    shown = try_steps(dataset, pipeline)
    assert shown["bright"].data is not None
    assert "'z_index', which the dataset does not have" in shown["z"].error


def test_a_missing_plane_or_a_large_stack_is_refused(
    dataset: aw.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = aw.Pipeline([mean_over_first])
    gap = replace(
        dataset, index=dataset.index.select(dataset.index.column("timepoint") != PLACE["timepoint"])
    )
    with pytest.raises(ValueError, match="No image was taken here"):
        PreviewRequest.of(plan_of(gap, aw.Pipeline([brighter])), PLACE)
    assert preview(PreviewRequest.of(plan_of(gap, pipeline, ("timepoint",)), PLACE))[0].data is not None
    monkeypatch.setattr("napari_axiswise.preview.request.MOST_BYTES", 24 * 24 * 2 * 2)
    with pytest.raises(ValueError, match="process timepoint together: 3 planes"):
        PreviewRequest.of(plan_of(dataset, pipeline, ("timepoint",)), PLACE)
