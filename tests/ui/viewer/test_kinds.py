"""Every kind of output, made-up ones too, goes through a run, its result, a resumed run, a preview and the viewer."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Vectors
from numpy.typing import NDArray

import napari_axiswise as aw
from napari_axiswise.core.kinds import KINDS, OutputKind, PlaneKind, RowKind, kind_of_layer, plane_kind
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.pipeline.annotations import returned_kind
from napari_axiswise.pipeline.docstrings import DocumentedResult
from napari_axiswise.preview.request import PreviewRequest
from napari_axiswise.preview.trial import preview
from napari_axiswise.ui.preview.layers import PREVIEW, PreviewLayers
from napari_axiswise.ui.viewer import kinds as layer_kinds
from napari_axiswise.ui.viewer.kinds import KindLayer, RowsLayer
from napari_axiswise.ui.viewer.layers import RESULT


class ArrowsKind(RowKind):
    """A made-up kind of rows: where an arrow starts, and how far it goes."""

    name = "arrows"
    phrase = "arrows"
    counted = "arrow"
    layer = "Vectors"
    types = ("VectorsData",)

    def read(
        self, returned: Any, stacked: Mapping[str, Sequence[str]], shape: tuple[int, ...]
    ) -> tuple[NDArray[Any], pd.DataFrame]:
        arrows = np.asarray(returned, float).reshape(-1, 4)
        return arrows, pd.DataFrame(arrows, columns=["y", "x", "dy", "dx"])


class ArrowsLayer(RowsLayer):
    def data(self, rows: pd.DataFrame, leading: NDArray[np.float64]) -> NDArray[Any]:
        values = rows[["y", "x", "dy", "dx"]].to_numpy() if len(rows) else np.zeros((0, 4))
        starts = np.concatenate([leading, values[:, :2]], axis=1)
        steps = np.concatenate([0 * leading, values[:, 2:]], axis=1)
        return np.stack([starts, steps], axis=1)

    def make(self, data: Any, limits: tuple[float, float], **options: Any) -> Layer:
        return Vectors(data, **options)


class ProbabilityKind(PlaneKind):
    """A made-up kind of planes."""

    name = "probability"
    phrase = "a probability map"
    has_intensities = True
    dtypes = "f"
    numbers = "fractions"
    documented_text = "probability"


class ProbabilityLayer(KindLayer):
    def make(self, data: Any, limits: tuple[float, float], **options: Any) -> Layer:
        return Image(data, contrast_limits=limits, colormap="magma", **options)


class RegionsKind(PlaneKind):
    """A made-up kind of planes that are not intensities, and have no layer."""

    name = "regions"
    phrase = "regions"
    counted = "region"
    dtypes = "u"
    numbers = "whole numbers from 0"


MADE_UP: dict[OutputKind, KindLayer | None] = {
    ArrowsKind(): ArrowsLayer(),
    ProbabilityKind(): ProbabilityLayer(),
    RegionsKind(): None,
}


def brighten(plane: NDArray[Any]) -> NDArray[Any]:
    return plane * np.float32(2)


def find_bright(plane: NDArray[Any]) -> NDArray[Any]:
    return (plane > plane.mean()).astype(np.int64) * 3


def find_brightest(plane: NDArray[Any]) -> NDArray[Any]:
    return np.argwhere(plane == plane.max())


def measure(plane: NDArray[Any]) -> dict[str, float]:
    return {"mean": plane.mean(), "total": plane.sum()}


def point_down(plane: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([find_brightest(plane), find_brightest(plane) * 0 + [5, 0]], axis=1)


def probability(plane: NDArray[Any]) -> NDArray[Any]:
    return plane / float(plane.max())


def find_regions(plane: NDArray[Any]) -> NDArray[Any]:
    return (plane > plane.mean()).astype(np.uint8)


def note_type(made: Any) -> dict[str, str]:
    return {"type": type(made).__name__}


@dataclass(frozen=True)
class Case:
    function: Callable[[NDArray[Any]], Any]
    layer: type[Layer] | None


CASES = {
    "image": Case(brighten, Image),
    "labels": Case(find_bright, Labels),
    "points": Case(find_brightest, Points),
    "table": Case(measure, None),
    "arrows": Case(point_down, Vectors),
    "probability": Case(probability, Image),
    "regions": Case(find_regions, None),
}


@pytest.fixture(scope="module", autouse=True)
def made_up_kinds() -> Iterator[None]:
    """Register the made-up kinds, as a new kind is."""
    with pytest.MonkeyPatch.context() as patched:
        for kind, layer in MADE_UP.items():
            patched.setitem(KINDS, kind.name, kind)
            if layer is not None:
                patched.setitem(layer_kinds.LAYERS, kind.name, layer)
        yield


def make_pipeline(name: str) -> aw.Pipeline:
    made = aw.Step(CASES[name].function, name="made", output=name, keep=True)
    return aw.Pipeline([made, aw.Step(note_type, name="types", inputs="made", output="table")])


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = PlatePlan(wells=("B02", "B03"), sites=1, timepoints=2, channels=1, size=48)
    return write_plate(tmp_path_factory.mktemp("kinds") / "plate", plan)


@pytest.fixture(scope="module")
def by_well(plate: Path) -> Callable[[str], aw.RunResult]:
    """Return the result of a run by well for a kind. It runs once for all tests: read it only."""
    return cache(lambda name: aw.run(plate, make_pipeline(name), "well", executor="serial"))


def contents(result: aw.RunResult) -> list[Any]:
    """Return all that the step wrote, planes or rows."""
    if not result.pipeline["made"].output_kind.has_planes:
        return result.store.table("made").values.tolist()
    components = result.dataset.components
    return [
        result.read("made", **dict(zip(components, values, strict=True))).tolist()
        for values in product(*components.values())
    ]


def layers_of(viewer: ViewerModel) -> list[Layer]:
    return [layer for layer in viewer.layers if layer.metadata.get(RESULT, {}).get("step") == "made"]


every_kind = pytest.mark.parametrize("name", CASES)


def test_every_kind_has_a_case() -> None:
    assert list(CASES) == list(KINDS)


@every_kind
def test_a_kind_is_one_object_in_a_process(name: str) -> None:
    kind = KINDS[name]
    assert pickle.loads(pickle.dumps(kind)) is kind
    assert pickle.loads(pickle.dumps(make_pipeline(name)))["made"].output_kind is kind
    assert repr(kind) == f"<{type(kind).__name__} {name!r}>"
    assert kind.has_planes == isinstance(kind, PlaneKind)
    assert not (kind.in_table and kind.has_planes)


def test_a_kind_that_a_process_does_not_have_comes_with_the_pipeline() -> None:
    sent = pickle.dumps(make_pipeline("arrows"))
    kind = KINDS.pop("arrows")
    try:
        received = pickle.loads(sent)["made"].output_kind
        assert KINDS["arrows"] is received is not kind
    finally:
        KINDS["arrows"] = kind


@every_kind
def test_a_kind_is_read_from_annotations(name: str) -> None:
    kind = KINDS[name]
    for text in (*kind.types, *kind.containers):

        def function(plane: object) -> object: ...

        function.__annotations__["return"] = text
        assert returned_kind(function) is kind
        assert aw.Step(function).kind == name
    if kind.layer:
        assert kind_of_layer(kind.layer) is kind
        assert kind.accepts_layer(kind.layer.casefold())
    assert not kind.accepts_layer("")


def test_a_kind_is_read_from_docstrings() -> None:
    results = {
        "probability": DocumentedResult("p", "(M, N) ndarray", "Its probability."),
        "labels": DocumentedResult("labels", "ndarray of int", ""),
        "image": DocumentedResult("", "array-like", "Anything."),
        "table": DocumentedResult("", "dict", ""),
    }
    assert {name: result.kind for name, result in results.items()} == {name: KINDS[name] for name in results}
    assert DocumentedResult("", "float", "").kind is None


@every_kind
def test_an_output_is_the_same_by_every_axis_and_when_opened_again(
    name: str, plate: Path, tmp_path: Path, by_well: Callable[[str], aw.RunResult]
) -> None:
    result = by_well(name)
    by_timepoint = aw.run(plate, make_pipeline(name), "timepoint", executor="serial", output=tmp_path)
    assert not result.failures
    assert contents(result) == contents(by_timepoint) != []
    assert contents(aw.open_result(by_timepoint.output)) == contents(result)
    kind = KINDS[name]
    if isinstance(kind, PlaneKind):
        assert result.store.steps["made"].kind is kind is plane_kind(name)
        with pytest.raises(ValueError, match="not points"):
            result.points("made")
        return
    with pytest.raises(ValueError, match=f"is {kind.phrase}, not planes"):
        result.read("made")
    rows = result.table.query("step == 'made'") if kind.in_table else result.points("made")
    assert len(rows) == len(contents(result))


@every_kind
def test_a_run_that_was_cut_short_goes_on(
    name: str, plate: Path, tmp_path: Path, by_well: Callable[[str], aw.RunResult]
) -> None:
    pipeline = make_pipeline(name)
    run = aw.Run(plate, pipeline, "well", executor="serial", output=tmp_path / "cut")
    with closing(run.events()) as events:
        assert any(event.status == "done" for event in events)
    assert run.result.missing
    resumed = aw.run(plate, pipeline, "well", executor="serial", output=tmp_path / "cut", resume=True)
    assert not resumed.missing
    assert contents(resumed) == contents(by_well(name))


def test_made_up_kinds_go_through_worker_processes(plate: Path) -> None:
    steps = [
        aw.Step(CASES[kind.name].function, name=kind.name, inputs="raw", output=kind.name) for kind in MADE_UP
    ]
    with aw.LaneExecutor(1) as executor:
        result = aw.run(plate, steps, "well", executor=executor)
    assert not result.failures
    assert len(result.points("arrows")) > 0
    assert result.read("probability", well="B02", site="1", timepoint="1", channel="1").max() == 1


@every_kind
@pytest.mark.parametrize("show_as", ["stacked", "layer per task"])
def test_an_output_is_shown_in_its_layer(
    name: str, show_as: Any, by_well: Callable[[str], aw.RunResult]
) -> None:
    result = by_well(name)
    viewer = ViewerModel()
    aw.show(result, viewer, show_as)
    layers, expected = layers_of(viewer), CASES[name].layer
    if expected is None:
        assert layers == []
        return
    assert len(layers) == (1 if show_as == "stacked" else 2)
    assert all(type(layer) is expected for layer in layers)
    if KINDS[name].has_planes:
        shown = [plane for layer in layers for plane in np.asarray(layer.data).reshape(-1, 48, 48).tolist()]
        assert sorted(shown) == sorted(contents(result))
    else:
        assert sum(len(layer.data) for layer in layers) == len(contents(result))


@every_kind
def test_a_preview_is_shown_in_its_layer(name: str, plate: Path) -> None:
    dataset = aw.open_dataset(plate)
    pipeline = make_pipeline(name).configured((), None)
    request = PreviewRequest.of(
        aw.RunPlan(dataset, pipeline, executor="serial"), dict.fromkeys(dataset.components, 0)
    )
    previews = preview(request)
    assert not previews[0].error
    assert previews[0].kind is KINDS[name]
    assert (KINDS[name].counted in str(previews[0])) or not KINDS[name].counted
    viewer = ViewerModel()
    layers = PreviewLayers(viewer)
    for _ in range(2):
        layers.show(dataset, pipeline, previews)
        while layers.step():
            pass
    shown = [type(layer) for layer in viewer.layers if layer.metadata.get(PREVIEW) == "made"]
    expected = CASES[name].layer
    assert shown == ([] if expected is None else [expected])


@every_kind
@pytest.mark.slow
def test_a_check_says_what_differs(name: str, plate: Path) -> None:
    check = aw.check_axis(plate, make_pipeline(name), ["well", "timepoint"], executor="serial", units=2)
    assert check.same
    assert [row.kind for row in check.rows if row.step == "made"] == [name] * 2


def test_what_is_no_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"output='shapes'; use one of image, labels, points, table"):
        aw.Step(brighten, output="shapes")
    for name in ("shapes", "table"):
        with pytest.raises(ValueError, match="not a kind of planes"):
            plane_kind(name)
