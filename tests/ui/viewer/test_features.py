"""The features of an object are those of the plane that is looked at, whatever the sliders do and whoever shows it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QCoreApplication

import napari_axiswise as aw
from napari_axiswise.functions import measure_regions
from napari_axiswise.ui.viewer import features
from pairs import single_values

AREAS = np.arange(1, 13).reshape(2, 3, 2)
"""The area of object 1 by well, timepoint and z-slice."""

CELLS = aw.Step(
    measure_regions, {"properties": ("label", "area")}, name="cells", inputs=("nuclei", "raw"), output="table"
)


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    """Count sliders as at rest at once, in an application that has timers."""
    monkeypatch.setattr(features, "SLIDER_REST", 0)


@pytest.fixture
def dataset() -> aw.Dataset:
    """Return planes with one object each, which has another area in each."""
    planes = (np.arange(64).reshape(8, 8) < AREAS[..., np.newaxis, np.newaxis]).astype(np.uint8)
    return aw.open_dataset(planes, axes=("well", "timepoint", "z_index"))


def nuclei(image: np.ndarray) -> np.ndarray:
    return (image > 0).astype(np.int32)


def measured(dataset: aw.Dataset, axis: str = "well") -> aw.RunResult:
    return aw.run(dataset, [aw.Step(nuclei, output="labels"), CELLS], axis, variable=(), executor="serial")


def shown(viewer: ViewerModel, layers: list[Any], value: str = "area") -> list[float]:
    """The values that napari finds for object 1 at the sliders, in all layers."""
    QCoreApplication.processEvents()
    tables = [layer.features for layer in layers if isinstance(layer, Labels)]
    return [found for table in tables for found in table.loc[table["index"] == 1, value]]


def move(viewer: ViewerModel, **world: float) -> None:
    for name, place in world.items():
        viewer.dims.set_point(viewer.dims.axis_labels.index(name), place)


@pytest.mark.parametrize(
    ("axis", "show_as"),
    single_values(["well", "timepoint", "z_index,well"], ["layer per task", "stacked"]),
)
def test_they_follow_the_sliders_after_show(dataset: aw.Dataset, axis: str, show_as: Any) -> None:
    """Object 1 is another one in every plane (napari/napari#4342)."""
    viewer = ViewerModel()
    layers = aw.show(measured(dataset, axis), viewer, show_as)
    for well, time, z in product(range(2), range(3), range(2)):
        move(viewer, well=well, timepoint=time, z_index=z)
        assert shown(viewer, layers) == [AREAS[well, time, z]]


def finer_layer(viewer: ViewerModel, _: list[Any]) -> float:
    """Add a layer that has four steps between two timepoints."""
    viewer.add_image(np.zeros((2, 9, 2, 8, 8)), scale=(1, 0.25, 1, 1, 1))
    return 1.0


def other_scale(_: ViewerModel, layers: list[Any]) -> float:
    """Stretch the layers along time, as one does by hand where the scale is unknown."""
    for layer in layers:
        layer.scale = (1, 5, 1, 1, 1)
    return 5.0


def further_axis(viewer: ViewerModel, _: list[Any]) -> float:
    """Add a layer with an axis in front of those of the result."""
    viewer.add_image(np.zeros((4, 2, 3, 2, 8, 8)))
    return 1.0


@pytest.mark.parametrize(
    ("show_as", "change"),
    single_values(["layer per task", "stacked"], [finer_layer, other_scale, further_axis]),
)
def test_they_follow_sliders_that_count_differently(
    dataset: aw.Dataset, show_as: Any, change: Callable[[ViewerModel, list[Any]], float]
) -> None:
    viewer = ViewerModel()
    layers = aw.show(measured(dataset), viewer, show_as)
    scale = change(viewer, layers)
    names = viewer.dims.axis_labels
    viewer.dims.axis_labels = (*names[:-5], "well", "timepoint", "z_index", "y", "x")
    for well, time in product(range(2), range(3)):
        move(viewer, well=well, timepoint=time * scale, z_index=1)
        assert shown(viewer, layers) == [AREAS[well, time, 1]]


def test_objects_of_a_projection_are_those_of_the_rows_at_the_sliders(dataset: aw.Dataset) -> None:
    """Labels without z, measured in each z-slice: which of the rows is shown depends on the slider of z."""

    def project(stack: np.ndarray) -> np.ndarray:
        return (stack.max(axis=0) > 0).astype(np.int32)

    def count(labels: np.ndarray, image: np.ndarray) -> dict[str, Any]:
        return {"label": [1], "inside": [int(image[labels == 1].sum())]}

    steps = [
        aw.Step(project, name="nuclei", inputs="raw", output="labels", variable="z_index"),
        aw.Step(count, inputs=("nuclei", "raw"), output="table", variable=()),
    ]
    viewer = ViewerModel()
    viewer.add_image(np.zeros((2, 3, 2, 8, 8)))
    layers = aw.show(aw.run(dataset, steps, "well", executor="serial"), viewer)
    viewer.dims.axis_labels = ("well", "timepoint", "z_index", "y", "x")
    for time, z in product(range(3), range(2)):
        move(viewer, well=1, timepoint=time, z_index=z)
        assert shown(viewer, layers, "inside") == [AREAS[1, time, z]]


def test_in_3d_no_features_are_shown_for_a_label_of_several_slices(dataset: aw.Dataset) -> None:
    viewer = ViewerModel()
    layers = aw.show(measured(dataset), viewer, "stacked")
    viewer.dims.ndisplay = 3
    assert shown(viewer, layers) == []
    viewer.dims.ndisplay = 2
    move(viewer, timepoint=0, z_index=1)
    assert shown(viewer, layers) == [AREAS[0, 0, 1]]


def test_features_that_others_set_are_left_alone(dataset: aw.Dataset) -> None:
    viewer = ViewerModel()
    (layer,) = aw.show(measured(dataset), viewer, "stacked")
    layer.features["colour"] = "red"
    move(viewer, well=1, timepoint=2, z_index=1)
    assert shown(viewer, [layer]) == [AREAS[1, 2, 1]]
    assert set(layer.features["colour"]) == {"red"}
    layer.features = {"index": [1], "area": [-7]}
    move(viewer, timepoint=0)
    assert shown(viewer, [layer]) == [-7]


def test_a_result_that_is_shown_again_replaces_the_features(dataset: aw.Dataset) -> None:
    viewer = ViewerModel()
    result = measured(dataset)
    layers = aw.show(result, viewer, "stacked")
    aw.show(result, viewer, "stacked")
    listening = len(viewer.dims.events.current_step.callbacks)
    move(viewer, timepoint=2)
    assert shown(viewer, layers) == [AREAS[0, 2, 0]]
    viewer.layers.clear()
    assert len(viewer.dims.events.current_step.callbacks) == listening - 1
