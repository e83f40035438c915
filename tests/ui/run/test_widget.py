"""The dock: open, choose, run, wait, look at the layers' pixels."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels, Points
from npe2 import PluginManager

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.ui.run.widget import AxiswiseWidget
from napari_axiswise.ui.viewer.layers import RESULT, show
from pairs import single_values
from processes import child_processes

pytestmark = pytest.mark.timeout(180)

WAIT = 60_000


def threshold(image: np.ndarray) -> np.ndarray:
    return (image > image.mean()).astype(np.int32)


def measure(labels: np.ndarray, image: np.ndarray) -> dict[str, Any]:
    return {"label": [1], "area": [int(labels.sum())], "mean": [float(image[labels == 1].mean())]}


def pipeline() -> aw.Pipeline:
    return aw.Pipeline(
        [
            aw.Step(np.sqrt, name="root", keep=True),
            aw.Step(threshold, name="mask", inputs="raw", output="labels"),
            aw.Step(measure, name="cells", inputs=("mask", "raw"), output="table"),
        ]
    )


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> aw.Dataset:
    plan = PlatePlan(wells=("B02", "B03"), sites=2, timepoints=3, channels=2, size=48)
    return aw.open_dataset(write_plate(tmp_path_factory.mktemp("plate"), plan))


def pixels(layer: Any, dataset: aw.Dataset, **where: str) -> np.ndarray:
    """The plane of a layer that napari would show at the place of these component values."""
    world = [dataset.components[name].index(where[name]) for name in layer.axis_labels[:-2]]
    position = [round((w - t) / s) for w, t, s in zip(world, layer.translate, layer.scale, strict=False)]
    return np.asarray(layer.data[tuple(position)])


@pytest.mark.parametrize(
    ("axis", "show_as"),
    single_values(["well", "timepoint", "timepoint,well"], ["layer per task", "stacked"]),
)
def test_a_run_lands_in_layers(
    viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, axis: str, show_as: str, run: Any
) -> None:
    widget.open(plate)
    widget.pipeline = pipeline()
    widget.split_by(axis)
    assert widget.axis.value == axis
    widget.show_as.value = show_as
    result = run(widget)
    assert not result.failures
    parts = axis.split(",")
    tasks = plate.index.axis_values(axis)
    for step, kind in (("root", Image), ("mask", Labels)):
        layers = [layer for layer in viewer.layers if layer.metadata.get(RESULT, {}).get("step") == step]
        assert all(isinstance(layer, kind) for layer in layers)
        if show_as == "stacked":
            assert [layer.axis_labels[: len(parts)] for layer in layers] == [tuple(parts)]
        else:
            assert [layer.name for layer in layers] == [f"{step} · {axis} {value}" for value in tasks]
        for value in tasks:
            own = dict(zip(parts, value.split(","), strict=True))
            where = {"well": "B03", "site": "2", "timepoint": "2", "channel": "1"} | own
            layer = (
                layers[0] if show_as == "stacked" else next(v for v in layers if v.name.endswith(f" {value}"))
            )
            np.testing.assert_array_equal(pixels(layer, plate, **where), result.read(step, **where))
            for name in parts:
                place = 0 if show_as == "stacked" else plate.components[name].index(own[name])
                assert layer.translate[layer.axis_labels.index(name)] == place
            assert tuple(layer.scale[-2:]) == plate.pixel_size
            assert str(layer.units[-1]) == "micrometer"
    limits = {tuple(layer.contrast_limits) for layer in viewer.layers if layer.name.startswith("root")}
    assert len(limits) == 1


def test_stacks_that_are_shorter_than_others_are_told_with_the_outcome(
    widget: AxiswiseWidget, tmp_path: Path, run: Any
) -> None:
    folder = write_plate(tmp_path / "plate", PlatePlan(wells=("B02", "B03"), sites=1, timepoints=3, size=16))
    (folder / "TimePoint_2" / "Synthetic_B03_s1_w1.TIF").unlink()
    widget.open(aw.open_dataset(folder))
    widget.pipeline = aw.Pipeline([aw.Step(np.cumsum, {"axis": 0}, name="sum", variable="timepoint")])
    widget.split_by("well")
    assert run(widget).missing == ()
    outcome, warning = widget.message.value.splitlines()
    assert outcome == "2 done."
    assert "'sum' stacks timepoint" in warning
    assert "well B03, site 1, channel 1 lacks timepoint 2" in warning


def test_the_dropdowns_offer_only_what_is_valid(widget: AxiswiseWidget, plate: aw.Dataset) -> None:
    widget.open(plate)
    assert widget.axis.choices == ("well", "site", "timepoint", "channel")
    assert widget.axis.current_choice == "well (2)"
    assert widget.variable.choices == ("site", "timepoint", "channel")
    widget.variable.value = ["timepoint"]
    assert set(widget.group_by.choices) == {None, "site", "channel"}
    widget.group_by.value = "channel"
    widget.axis.value = "timepoint"
    assert widget.variable.value == []
    config = widget.configuration
    assert config.multiprocessing_axis.value == "timepoint"
    assert config.default_variable == ()
    assert config.default_group_by.value == "channel"
    assert widget.values.choices == ("1", "2", "3")
    assert widget.run_button.text == "Run 3 tasks"
    widget.values.value = ["2"]
    assert widget.run_button.text == "Run 1 task"


def test_a_product_is_chosen_and_given_up(widget: AxiswiseWidget, plate: aw.Dataset) -> None:
    widget.open(plate)
    widget.split_by(("well", "timepoint"))
    assert (widget.axis.value, widget.axis.current_choice) == ("well,timepoint", "well × timepoint (6)")
    assert widget.variable.choices == ("site", "channel")
    assert widget.values.choices == plate.index.axis_values("well,timepoint")
    assert widget.run_button.text == "Run 6 tasks"
    assert widget.configuration.multiprocessing_axis.value == "well,timepoint"
    widget.open(plate)
    assert widget.axis.value == "well,timepoint"
    widget.axis.value = "site"
    assert widget.axis.choices == ("well", "site", "timepoint", "channel")
    with pytest.raises(ValueError, match="'plate' is not a component"):
        widget.split_by("well,plate")


def test_choices_outlive_a_new_layer(viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset) -> None:
    widget.open(plate)
    widget.axis.value = "timepoint"
    widget.variable.value = ["site"]
    widget.values.value = ["3"]
    widget.pipeline = pipeline()
    viewer.add_image(np.zeros((4, 4)))
    assert [step.name for step in widget.pipeline] == ["root", "mask", "cells"]
    assert widget.axis.value == "timepoint"
    assert widget.variable.value == ["site"]
    assert widget.values.value == ["3"]


@pytest.mark.slow
def test_measurements_are_features_of_the_labels(
    qtbot: Any, viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, run: Any
) -> None:
    widget.open(plate)
    widget.pipeline = pipeline()
    widget.executor.value = "threads"
    result = run(widget)
    layer = viewer.layers["mask · well B03"]
    rows = result.table[result.table["well"] == "B03"].reset_index(drop=True)
    assert layer.features["area"].tolist() == rows["area"].tolist()
    names = list(layer.axis_labels[:-2])
    viewer.dims.current_step = (1, 1, 2, 0, *viewer.dims.current_step[4:])
    qtbot.wait(400)
    here = layer.features[layer.features["index"] == 1]
    assert [here[name].item() for name in names] == ["B03", "2", "3", "1"]
    widget.pipeline = pipeline()
    run(widget)
    widget.open(aw.open_dataset(np.zeros((2, 8, 8), np.uint8), axes=("dose",)))
    viewer.dims.current_step = (1, 0, 1, 0, *viewer.dims.current_step[4:])
    qtbot.wait(400)
    here = layer.features[layer.features["index"] == 1]
    assert [here[name].item() for name in names] == ["B03", "1", "2", "1"]


def test_cancelling_ends_what_runs(qtbot: Any, widget: AxiswiseWidget, plate: aw.Dataset) -> None:
    def dawdle(image: np.ndarray) -> np.ndarray:
        time.sleep(60)
        return image

    widget.executor.value = "processes"
    widget.open(plate)
    widget.pipeline = aw.Pipeline([aw.Step(dawdle)])
    widget.run()
    tasks = widget.table.model()
    qtbot.waitUntil(lambda: all(tasks.event_at(row).status == "started" for row in (0, 1)), timeout=20_000)
    results: list[aw.RunResult] = []
    widget.finished.connect(results.append)
    widget.cancel_button.native.click()
    qtbot.waitUntil(lambda: bool(results) and not child_processes(), timeout=20_000)
    assert set(results[0].results.values()) == {None}
    assert widget.run_button.enabled


def test_closing_the_viewer_during_a_run_leaves_no_worker(
    docked: tuple[Any, AxiswiseWidget], qtbot: Any, plate: aw.Dataset
) -> None:
    viewer, widget = docked
    widget.open(plate)
    widget.pipeline = aw.Pipeline([aw.Step(lambda image: (time.sleep(60), image)[1])])
    widget.run()
    qtbot.waitUntil(lambda: bool(child_processes()), timeout=20_000)
    viewer.close()
    qtbot.waitUntil(lambda: not child_processes(), timeout=20_000)


def test_failures_are_told_with_task_file_and_way_out(
    widget: AxiswiseWidget, tmp_path: Path, run: Any
) -> None:
    folder = write_plate(
        tmp_path, PlatePlan(wells=("B02", "B03"), sites=1, timepoints=1, channels=1, size=40)
    )
    broken = next(folder.rglob("*B03*"))
    broken.write_bytes(b"II*\0")
    widget.open(folder)
    widget.pipeline = pipeline()
    result = run(widget)
    assert list(result.failures) == ["B03"]
    for words in ("1 done, 1 failed", "well B03", str(broken), "export it again"):
        assert words in widget.message.value


@pytest.mark.parametrize("source", ["missing", "empty"])
def test_a_wrong_source_is_an_error_on_screen(
    qtbot: Any, widget: AxiswiseWidget, tmp_path: Path, source: str
) -> None:
    folder = tmp_path / source
    if source == "empty":
        folder.mkdir()
    with pytest.raises((ValueError, OSError), match=source):
        widget.open(folder)
    widget.source.value = folder
    qtbot.waitUntil(lambda: source in widget.message.value, timeout=WAIT)
    assert not widget.run_button.enabled


def test_a_layer_can_be_the_dataset(viewer: Any, widget: AxiswiseWidget, run: Any) -> None:
    data = np.random.default_rng(0).integers(0, 99, (3, 2, 16, 16), np.uint16)
    layer = viewer.add_image(data, axis_labels=("t", "z", "y", "x"), name="movie")
    widget.layer.value = layer
    assert widget.dataset is not None
    assert widget.axes.value == "timepoint, z_index"
    assert widget.axis.choices == ("timepoint", "z_index")
    widget.pipeline = aw.Pipeline([aw.Step(np.sqrt, name="root")])
    widget.axis.value = "z_index"
    result = run(widget)
    np.testing.assert_array_equal(result.read("root", timepoint="3", z_index="1"), np.sqrt(data[2, 0]))
    widget.axes.value = "timepoint, site"
    assert widget.axis.choices == ("timepoint", "site")


def test_points_are_shown_where_they_are(plate: aw.Dataset, viewer: Any) -> None:
    steps = [aw.Step(lambda image: np.argwhere(image == image.max())[:1], name="peaks", output="points")]
    result = aw.run(plate, steps, axis="well", executor="serial")
    layers = show(result, viewer, show_as="stacked")
    assert [type(layer) for layer in layers] == [Points]
    raw = plate.read(well="B03", site="1", timepoint="2", channel="1")
    y, x = np.unravel_index(raw.argmax(), raw.shape)
    assert [1, 0, 1, 0, y, x] in layers[0].data.tolist()


def test_show_makes_the_layers_of_the_widget(plate: aw.Dataset, viewer: Any) -> None:
    result = aw.run(plate, pipeline(), axis="timepoint", executor="threads")
    names = [layer.name for layer in aw.show(result, viewer)]
    assert sorted(names) == [f"{step} · timepoint {t}" for step in ("mask", "root") for t in "123"]


def test_the_manifest_is_valid_and_everything_in_it_imports() -> None:
    manifest = PluginManager.instance().get_manifest("napari-axiswise")
    manifest.validate_imports()
    assert Path("napari.yaml").resolve() == Path("src/napari_axiswise/napari.yaml").resolve()


def test_the_sample_plate_is_opened_and_taken_up_by_the_dock(
    viewer: Any, open_dock: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from napari_axiswise.ui.data import sample_data

    monkeypatch.setattr(sample_data, "user_cache_path", lambda name: tmp_path / name)
    layers = viewer.open_sample("napari-axiswise", "plate")
    assert [layer.name.rpartition(" ")[2] for layer in layers] == ["DAPI", "GFP"]
    assert layers[0].data.shape == (6, 2, 8, 1, 256, 256)
    widget = open_dock(viewer)
    assert {name: len(values) for name, values in widget.dataset.components.items()} == {
        "well": 6, "site": 2, "timepoint": 8, "channel": 2,
    }  # fmt: skip
    where = {"well": "C04", "site": "2", "timepoint": "5"}
    raw = widget.dataset.read(channel="2", **where)
    np.testing.assert_array_equal(pixels(layers[1], widget.dataset, channel="2", **where), raw)


def test_a_plate_folder_opens_by_the_reader(viewer: Any, plate: aw.Dataset) -> None:
    layers = viewer.open(plate.source, plugin="napari-axiswise")
    assert len(layers) == 2
    assert layers[0].axis_labels == ("well", "site", "timepoint", "channel", "y", "x")


@pytest.mark.slow
def test_all_layers_of_a_dataset_share_their_sliders(
    viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, run: Any
) -> None:
    image = viewer.open(plate.source, plugin="napari-axiswise")[0]
    widget.pipeline = aw.Pipeline([aw.Step(np.sqrt, name="root")])
    widget.axis.value = "timepoint"
    widget.show_as.value = "stacked"
    run(widget)
    widget.axis.value = "site"
    first = widget.result
    viewer.dims.current_step = (2, 1, 0, 1, *viewer.dims.current_step[4:])
    run(widget)
    labels = ("site", "well", "timepoint", "channel", "y", "x")
    assert {layer.axis_labels for layer in viewer.layers} == {labels}
    assert viewer.dims.current_step[:4] == (0, 1, 2, 1)
    where = {"well": "B03", "site": "2", "timepoint": "3", "channel": "1"}
    np.testing.assert_array_equal(pixels(image, plate, **where), plate.read(**where))
    for name in ("root · by timepoint", "root · by site"):
        np.testing.assert_array_equal(
            pixels(viewer.layers[name], plate, **where), first.read("root", **where)
        )


@pytest.mark.parametrize("show_as", ["layer per task", "stacked"])
def test_steps_of_time_are_the_scale_of_layers_and_sliders_still_count(
    viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, show_as: str, run: Any
) -> None:
    known = replace(plate.calibration, time_step=30.029)
    timed = replace(plate, calibration=known)
    widget.open(timed)
    widget.pipeline = pipeline()
    widget.axis.value = "timepoint"
    widget.show_as.value = show_as
    result = run(widget)
    for layer in viewer.layers:
        place = layer.axis_labels.index("timepoint")
        assert layer.scale[place] == pytest.approx(known.time_step)
        assert str(layer.units[place]) == "second"
    for number, value in enumerate(timed.components["timepoint"]):
        where = {"well": "B03", "site": "1", "timepoint": value, "channel": "2"}
        labels = viewer.dims.axis_labels
        for name, chosen in where.items():
            viewer.dims.set_current_step(labels.index(name), timed.components[name].index(chosen))
        assert viewer.dims.current_step[labels.index("timepoint")] == number
        plane = result.read("mask", **where)
        y, x = np.argwhere(plane)[0]
        at = (*viewer.dims.point[:-2], y * timed.pixel_size[0], x * timed.pixel_size[1])
        values = [layer.get_value(at, world=True) for layer in viewer.layers if isinstance(layer, Labels)]
        assert [value for value in values if value is not None] == [plane[y, x]]
