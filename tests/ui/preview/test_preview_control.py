"""What is tried on the plane under the sliders: layers that follow, and the newest first."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Labels, Points
from napari.viewer import Viewer
from qtpy.QtWidgets import QWidget

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.functions import gaussian, otsu_threshold, split_touching
from napari_axiswise.ui.data.controller import layer_choices
from napari_axiswise.ui.data.reader import dataset_layers
from napari_axiswise.ui.preview import workers
from napari_axiswise.ui.preview.controller import PreviewController
from napari_axiswise.ui.preview.layers import PREVIEW
from napari_axiswise.ui.viewer.axes import LayerAxes, go_to
from processes import child_processes

pytestmark = pytest.mark.timeout(120)

WAIT = 40_000


def brightest(image: np.ndarray) -> np.ndarray:
    return np.argwhere(image >= np.sort(image.ravel())[-3])


def mean_over_first(stack: np.ndarray) -> np.ndarray:
    return stack.mean(axis=0)


def sizes(labels: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"label": np.unique(labels)[1:], "area": np.bincount(labels.ravel())[1:]})


def pipeline(sigma: float = 1.0, **last: Any) -> aw.Pipeline:
    return aw.Pipeline(
        [
            aw.Step(gaussian, {"sigma": sigma}, name="smooth"),
            aw.Step(otsu_threshold, name="mask"),
            aw.Step(split_touching, {"min_size": 1, **last}, name="nuclei", output="labels"),
        ]
    )


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> aw.Dataset:
    plan = PlatePlan(wells=("B02", "B03"), sites=1, timepoints=3, channels=2, size=48)
    return aw.open_dataset(write_plate(tmp_path_factory.mktemp("tried"), plan))


class Bench:
    """A viewer with a plate, and a control that is on."""

    def __init__(self, qtbot: Any, viewer: Any, dataset: aw.Dataset, is_shown: bool = True) -> None:
        self.qtbot, self.viewer, self.dataset = qtbot, viewer, dataset
        if is_shown:
            for data, options, _ in dataset_layers(dataset):
                viewer.add_image(data, **options)
            viewer.layers.selection.active = viewer.layers[0]
            self.go_to({name: values[0] for name, values in dataset.components.items()})
        self.parent = QWidget()
        if isinstance(viewer, Viewer):
            self.dock = viewer.window.add_dock_widget(self.parent, name="Try")
        else:
            qtbot.addWidget(self.parent)
        self.control = PreviewController(viewer, self.parent)
        self.control.active = True

    def go_to(self, values: dict[str, str]) -> None:
        go_to(self.viewer, LayerAxes.of(self.dataset), values)

    def follow(self, tried: aw.Pipeline | None, variable: tuple[str, ...] = ()) -> None:
        self.control.follow(self.dataset, tried, variable, None)

    def wait(self, until: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(until()), timeout=WAIT)

    @property
    def layers(self) -> dict[str, Any]:
        return {layer.metadata[PREVIEW]: layer for layer in self.viewer.layers if PREVIEW in layer.metadata}

    def shows(self, step: str, expected: np.ndarray) -> bool:
        """Whether the layer of a step has this plane, as far as its type goes."""
        layer = self.layers.get(step)
        if layer is None:
            return False
        plane = np.asarray(layer.data[(0,) * (layer.ndim - 2)])
        return plane.shape == expected.shape and np.allclose(plane, expected, rtol=1e-6)


@pytest.fixture
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start one worker process instead of two, for tests in which no function hangs."""
    monkeypatch.setattr(workers, "LANES", 1)


@pytest.fixture
def unready_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start processes without the libraries that previews may need, for tests that end some of them."""
    monkeypatch.setattr(workers, "get_ready", os.getpid)


@pytest.fixture
def bench(qtbot: Any, viewer: Any, plate: aw.Dataset) -> Iterator[Bench]:
    bench = Bench(qtbot, viewer, plate)
    yield bench
    bench.control.close()


@pytest.mark.usefixtures("one_worker")
def test_layers_follow_the_form_and_the_sliders(bench: Bench, plate: aw.Dataset) -> None:
    raw = plate.index.read(0)
    bench.follow(pipeline())
    bench.wait(lambda: bench.shows("nuclei", split_touching(otsu_threshold(gaussian(raw)), min_size=1)))
    bench.wait(lambda: set(bench.layers) == {"smooth", "mask", "nuclei"})
    layers = bench.layers
    assert [type(layer) for layer in layers.values()] == [Image, Image, Labels]
    assert [layer.name for layer in layers.values()] == [
        "preview · smooth",
        "preview · mask",
        "preview · nuclei",
    ]
    assert [layer.visible for layer in layers.values()] == [False, False, True]
    assert "objects ·" in bench.control.messages["nuclei"]
    assert not set(layers.values()) & set(layer_choices(bench.viewer))

    # Other params: the same layers, in place.
    bench.follow(pipeline(sigma=3.0))
    bench.wait(lambda: bench.shows("smooth", gaussian(raw, 3.0)))
    assert bench.layers == layers

    # Another plane: they are where it is, and what the user shows stays shown.
    layers["mask"].visible = True
    places = {"well": "B03", "timepoint": "2", "channel": "2"}
    bench.go_to(places)
    # All layers cover all channels, whose slider so has one place: the selected one says which is tried.
    bench.viewer.layers.selection.active = bench.viewer.layers[1]
    there = plate.read(site="1", **places)
    bench.wait(lambda: bench.shows("smooth", gaussian(there, 3.0)))
    for layer in layers.values():
        steps = dict(zip(layer.axis_labels, layer.translate / layer.scale, strict=True))
        for name in ("well", "timepoint"):
            assert plate.components[name][round(steps[name])] == places[name]
        assert layer.scale[layer.axis_labels.index("channel")] == 2
    assert layers["mask"].visible

    # Another kind, another name, a step fewer.
    spots = aw.Pipeline([aw.Step(brightest, name="mask", output="points")])
    bench.follow(spots)
    bench.wait(lambda: isinstance(bench.layers.get("mask"), Points))
    assert set(bench.layers) == {"mask"}
    assert bench.control.messages["mask"].startswith("3 points")

    bench.control.active = False
    assert not bench.layers
    assert not child_processes()


@pytest.mark.usefixtures("one_worker")
@pytest.mark.slow
def test_a_projection_is_seen_at_all_places_and_objects_have_their_measurements(
    bench: Bench, plate: aw.Dataset
) -> None:
    tried = aw.Pipeline(
        [
            aw.Step(mean_over_first, name="mean"),
            aw.Step(otsu_threshold, name="mask", output="labels", variable=()),
            aw.Step(sizes, name="sizes", output="table", variable=()),
        ]
    )
    bench.follow(tried, ("timepoint",))
    planes = [
        plate.read(well="B02", site="1", timepoint=t, channel="1") for t in plate.components["timepoint"]
    ]
    bench.wait(lambda: bench.shows("mean", np.mean(planes, axis=0)))
    bench.wait(lambda: "mask" in bench.layers and len(bench.layers["mask"].features))
    mask = bench.layers["mask"]
    assert mask.scale[mask.axis_labels.index("timepoint")] == len(planes)
    area = int(otsu_threshold(np.mean(planes, axis=0)).sum())
    assert mask.features["area"].tolist() == [area]
    assert bench.control.messages["sizes"].startswith("1 row ·")


@pytest.mark.usefixtures("one_worker")
@pytest.mark.slow
def test_a_plate_without_layers_is_shown_too(qtbot: Any, viewer: Any, plate: aw.Dataset) -> None:
    bench = Bench(qtbot, viewer, plate, is_shown=False)
    bench.follow(pipeline())
    bench.wait(lambda: bench.shows("raw", plate.index.read(0)))
    assert bench.layers["raw"].visible
    assert "raw" not in bench.control.messages
    bench.control.close()


def hang(image: np.ndarray) -> np.ndarray:
    while True:
        time.sleep(0.01)


def die(image: np.ndarray) -> np.ndarray:
    os.kill(os.getpid(), signal.SIGKILL)
    return image


def fail(image: np.ndarray) -> np.ndarray:
    raise ValueError("it is too dark")


def hostile(function: Callable[..., Any]) -> aw.Pipeline:
    return aw.Pipeline(
        [aw.Step(gaussian, name="smooth"), aw.Step(function, name="hostile"), aw.Step(gaussian, name="after")]
    )


@pytest.mark.usefixtures("unready_workers")
@pytest.mark.parametrize(
    ("function", "told"),
    [
        (fail, "too dark"),
        pytest.param(die, "killed by SIGKILL", marks=pytest.mark.slow),
        pytest.param(hang, "Still running", marks=pytest.mark.slow),
    ],
)
def test_what_goes_wrong_is_told_at_its_step_and_the_next_change_goes_on(
    bench: Bench, plate: aw.Dataset, function: Callable[..., Any], told: str
) -> None:
    raw = plate.index.read(0)
    bench.follow(hostile(function))
    bench.wait(lambda: told in bench.control.messages.get("hostile", ""))
    assert bench.control.messages["after"] == "Its input 'hostile' failed."
    bench.wait(lambda: bench.shows("smooth", gaussian(raw)))
    bench.follow(hostile(gaussian))
    bench.wait(lambda: bench.shows("after", gaussian(gaussian(gaussian(raw)))))
    assert bench.layers["after"].visible


@pytest.mark.usefixtures("unready_workers")
def test_the_newest_change_is_shown_last_and_what_hangs_is_ended(bench: Bench, plate: aw.Dataset) -> None:
    raw = plate.index.read(0)
    bench.follow(hostile(hang))
    bench.wait(lambda: "hostile" in bench.control.messages)
    hanging = set(child_processes())
    for sigma in np.linspace(1.0, 4.0, 8):
        bench.follow(pipeline(sigma=float(sigma)))
    bench.wait(lambda: bench.shows("smooth", gaussian(raw, 4.0)))
    bench.wait(lambda: hanging - set(child_processes()))
    # Nothing that was asked for before comes after it.
    bench.qtbot.wait(500)
    assert bench.shows("smooth", gaussian(raw, 4.0))
    assert set(bench.layers) == {"smooth", "mask", "nuclei"}


@pytest.mark.usefixtures("one_worker")
@pytest.mark.slow
def test_what_cannot_be_tried_is_said(bench: Bench, plate: aw.Dataset) -> None:
    said: list[str] = []
    bench.control.summary.connect(said.append)
    bench.follow(pipeline())
    bench.wait(lambda: "nuclei" in bench.layers)
    bench.follow(None)
    assert not bench.layers["nuclei"].visible
    bench.control.follow(None, pipeline(), (), None)
    assert said[-1] == "Open a plate or choose a layer first."
    off = aw.Pipeline([aw.Step(gaussian, enabled=False)])
    bench.follow(off)
    assert said[-1].startswith("All steps of the pipeline are turned off")
    bench.follow(pipeline(min_size=2))
    bench.wait(lambda: bench.layers["nuclei"].visible)
    assert said[-1] == "Preview of channel 1. Select the layer of another channel to change it."


@pytest.mark.usefixtures("one_worker")
@pytest.mark.slow
def test_a_layer_that_the_user_removed_stays_away(bench: Bench, plate: aw.Dataset) -> None:
    bench.follow(pipeline())
    bench.wait(lambda: len(bench.layers) == 3)
    bench.viewer.layers.remove(bench.layers["mask"])
    bench.follow(pipeline(sigma=2.0))
    bench.wait(lambda: bench.shows("smooth", gaussian(plate.index.read(0), 2.0)))
    bench.qtbot.wait(200)
    assert set(bench.layers) == {"smooth", "nuclei"}


@pytest.mark.usefixtures("unready_workers")
@pytest.mark.slow
@pytest.mark.parametrize("how", ["dock", "window"])
def test_closing_ends_the_processes_though_a_function_runs(
    qtbot: Any, make_napari_viewer: Callable[..., Any], plate: aw.Dataset, how: str
) -> None:
    bench = Bench(qtbot, make_napari_viewer(), plate)
    bench.follow(hostile(hang))
    bench.wait(lambda: "hostile" in bench.control.messages)
    assert child_processes()
    if how == "dock":
        bench.viewer.window.remove_dock_widget(bench.dock)
    else:
        bench.viewer.close()
    bench.wait(lambda: not child_processes())


@pytest.mark.usefixtures("one_worker")
def test_a_layer_is_tried_too(qtbot: Any, viewer: Any, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 999, (3, 4, 20, 24)).astype(np.uint16)
    layer = viewer.add_image(pixels, name="mine")
    dataset = aw.open_dataset([layer], axes=("timepoint", "z_index"))
    bench = Bench(qtbot, viewer, dataset, is_shown=False)
    viewer.dims.current_step = (2, 1, 0, 0)
    bench.follow(aw.Pipeline([aw.Step(gaussian, name="smooth")]))
    bench.wait(lambda: bench.shows("smooth", gaussian(pixels[2, 1])))
    assert tuple(bench.layers["smooth"].translate) == (2, 1, 0, 0)
    assert set(bench.layers) == {"smooth"}
    bench.control.close()
