"""The plate view: thumbnails, signs and heat maps of a run, and clicks on wells."""

from __future__ import annotations

from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.plates.geometry import PlateGeometry
from napari_axiswise.ui.plate.layer import PLATE
from napari_axiswise.ui.plate.model import PlateChoice, PlateModel
from napari_axiswise.ui.plate.picture import FLOOR, VERMILLION, YELLOW, sign
from napari_axiswise.ui.plate.states import FieldState
from napari_axiswise.ui.run.widget import AxiswiseWidget
from pairs import single_values

pytestmark = pytest.mark.timeout(180)

WAIT = 60_000
WELLS = ("A01", "A02", "B02", "B03")


def threshold(image: np.ndarray) -> np.ndarray:
    return (image > image.mean()).astype(np.int32)


def black(image: np.ndarray) -> np.ndarray:
    return np.zeros_like(image)


def measure(labels: np.ndarray, image: np.ndarray) -> dict[str, Any]:
    return {"label": [1, 2], "area": [int(labels.sum())] * 2, "mean": [float(image.mean())] * 2}


PIPELINE = aw.Pipeline(
    [
        aw.Step(np.sqrt, name="root", keep=True),
        aw.Step(threshold, name="mask", inputs="raw", output="labels"),
        aw.Step(measure, name="cells", inputs=("mask", "raw"), output="table"),
    ]
)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> aw.Dataset:
    """Four wells, of which A02 cannot be read at timepoint 2, and B02 has no second site."""
    plan = PlatePlan(wells=WELLS, sites=2, timepoints=2, channels=1, size=80)
    folder = write_plate(tmp_path_factory.mktemp("plate"), plan)
    for path in (folder / "TimePoint_2").glob("*_A02_*"):
        path.write_bytes(b"II*\0")
    for path in folder.rglob("*_B02_s2_*"):
        path.unlink()
    return aw.open_dataset(folder)


@pytest.fixture
def widget(widget: AxiswiseWidget, plate: aw.Dataset) -> AxiswiseWidget:
    """Return the dock with the plate and the pipeline."""
    widget.open(plate)
    widget.pipeline = PIPELINE
    widget.show_as.value = "stacked"
    return widget


def plate_layer(viewer: Any) -> Any:
    (layer,) = [layer for layer in viewer.layers if PLATE in layer.metadata]
    return layer


def geometry(dataset: aw.Dataset, of_wells: bool = False) -> PlateGeometry:
    components = {"well": dataset.components["well"]} if of_wells else dataset.components
    made = PlateGeometry.of(components, dataset.calibration, dataset.shape)
    assert made is not None
    return made


def field(viewer: Any, dataset: aw.Dataset, well: str, site: int, timepoint: int) -> np.ndarray:
    """What the plate shows of a field at a timepoint, as it is with the sliders at another well."""
    layer = plate_layer(viewer)
    code = dataset.components["well"].index(well)
    elsewhere = {"well": (code + 1) % len(WELLS), "site": 0, "timepoint": timepoint}
    rgb = np.asarray(layer.data[tuple(elsewhere[name] for name in layer.axis_labels[:-2])])
    top, left, bottom, right = geometry(dataset).boxes[code, site]
    return rgb[top:bottom, left:right]


def is_sign(drawn: np.ndarray, state: FieldState) -> bool:
    """Whether a field has a sign: its own, or its part of one for the whole well."""
    if np.array_equal(drawn, sign(state, *drawn.shape[:2])):
        return True
    return state is FieldState.FAILED and {tuple(colour) for colour in drawn.reshape(-1, 3)} <= {
        VERMILLION,
        tuple(part // 3 for part in VERMILLION),
    }


def go_to_timepoint(viewer: Any, timepoint: int) -> None:
    viewer.dims.set_point(viewer.dims.axis_labels.index("timepoint"), timepoint)


@pytest.mark.parametrize(("step", "axis"), single_values(["root", "mask"], ["well", "timepoint", "site"]))
def test_thumbnails_of_a_run_fill_one_layer(
    qtbot: Any, viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, axis: str, step: str, run: Any
) -> None:
    widget.axis.value = axis
    widget.plate_panel.step.value = step
    run(widget)
    layer = plate_layer(viewer)
    assert layer.rgb
    assert layer.name == f"plate · {step}"
    assert set(layer.axis_labels) == {"well", "site", "timepoint", "y", "x"}

    def check_fields(timepoint: int) -> None:
        for well, site in product(WELLS, (0, 1)):
            drawn = field(viewer, plate, well, site, timepoint)
            if well == "B02" and site == 1:
                assert is_sign(drawn, FieldState.MISSING)
            elif well == "A02" and timepoint == 1:
                assert is_sign(drawn, FieldState.FAILED)
            else:
                assert not any(is_sign(drawn, state) for state in FieldState)
                assert drawn.std() > 5

    for timepoint in (0, 1):
        go_to_timepoint(viewer, timepoint)
        qtbot.waitUntil(partial(check_fields, timepoint), timeout=WAIT)


def test_the_plate_is_beside_the_images(viewer: Any, widget: AxiswiseWidget, run: Any) -> None:
    widget.plate_panel.step.value = "mask"
    run(widget)
    plate, image = plate_layer(viewer), viewer.layers["mask · by well"]
    assert plate.extent.world[1, -1] < image.extent.world[0, -1]
    assert plate.extent.world[0, -2] < image.extent.world[0, -2]
    assert plate.extent.world[1, -2] > image.extent.world[1, -2]
    assert plate.axis_labels == image.axis_labels
    assert plate.units == image.units


def test_pending_wells_are_there_at_once(
    qtbot: Any, viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset
) -> None:
    def wait_for_it(image: np.ndarray) -> np.ndarray:
        while not may_go_on:
            qtbot_free.wait(0.01)
        return image

    from threading import Event

    may_go_on: list[bool] = []
    qtbot_free = Event()
    widget.pipeline = aw.Pipeline([aw.Step(wait_for_it, name="slow")])
    widget.workers.value = 1
    widget.plate_panel.step.value = "slow"
    widget.run()
    try:
        plate_layer(viewer)
        qtbot.waitUntil(lambda: is_running(viewer, plate, "A01"), timeout=WAIT)
        assert is_sign_of_well(viewer, plate, "B03", FieldState.PENDING)
        assert is_sign(field(viewer, plate, "B02", 1, 0), FieldState.MISSING)
    finally:
        may_go_on.append(True)
    qtbot.waitUntil(lambda: not widget.running, timeout=WAIT)
    qtbot.waitUntil(lambda: field(viewer, plate, "B03", 1, 0).std() > 5, timeout=WAIT)


def is_running(viewer: Any, dataset: aw.Dataset, well: str) -> bool:
    return is_sign_of_well(viewer, dataset, well, FieldState.RUNNING)


def is_sign_of_well(viewer: Any, dataset: aw.Dataset, well: str, state: FieldState) -> bool:
    layer, made = plate_layer(viewer), geometry(dataset)
    code = dataset.components["well"].index(well)
    rgb = np.asarray(
        layer.data[tuple(0 if name != "well" else (code + 1) % 4 for name in layer.axis_labels[:-2])]
    )
    top, left = made.corners[code] + made.gap
    inner = made.cell - 2 * made.gap
    return np.array_equal(rgb[top : top + inner, left : left + inner], sign(state, inner, inner))


def test_the_first_thumbnail_comes_before_the_first_layer_of_images(
    viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, run: Any
) -> None:
    shown: list[bool] = []

    def look(event: Any) -> None:
        if PLATE not in event.value.metadata:
            timepoint = viewer.dims.current_step[viewer.dims.axis_labels.index("timepoint")]
            fields = [field(viewer, plate, well, 0, timepoint) for well in WELLS]
            shown.append(any(drawn.std() > 5 and len(np.unique(drawn)) > 8 for drawn in fields))

    viewer.layers.events.inserted.connect(look)
    widget.plate_panel.step.value = "root"
    run(widget)
    assert shown
    assert shown[0]


def test_black_is_an_image(
    qtbot: Any, viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, run: Any
) -> None:
    widget.pipeline = aw.Pipeline([aw.Step(black)])
    widget.plate_panel.step.value = "black"
    run(widget)
    go_to_timepoint(viewer, 1)

    def check_fields() -> None:
        assert (field(viewer, plate, "A01", 0, 1) == 0).all()
        assert is_sign(field(viewer, plate, "A02", 0, 1), FieldState.FAILED)
        assert is_sign(field(viewer, plate, "B02", 1, 1), FieldState.MISSING)

    qtbot.waitUntil(check_fields, timeout=WAIT)


def test_the_well_that_is_looked_at_has_a_frame(
    viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, run: Any
) -> None:
    widget.plate_panel.step.value = "root"
    run(widget)
    layer, made = plate_layer(viewer), geometry(plate)
    for well in range(len(WELLS)):
        position = tuple(well if name == "well" else 0 for name in layer.axis_labels[:-2])
        rgb = np.asarray(layer.data[position])
        framed = [tuple(rgb[tuple(corner)]) == YELLOW for corner in made.corners]
        assert framed == [other == well for other in range(len(WELLS))]


def test_a_click_on_a_well_takes_the_sliders_there(
    viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, run: Any
) -> None:
    widget.plate_panel.step.value = "root"
    run(widget)
    labels = list(viewer.dims.axis_labels)
    for (well, site), moves in product([("A02", 1), ("B03", 0)], [0, 3]):
        viewer.dims.set_point([labels.index(name) for name in ("well", "site", "timepoint")], [0.0, 0.0, 1.0])
        code = plate.components["well"].index(well)
        click(viewer, geometry(plate).boxes[code, site], moves)
        at = dict(zip(labels, viewer.dims.point, strict=True))
        found = (at["well"], at["site"], at["timepoint"])
        assert found == ((code, site, 1) if not moves else (0, 0, 1))


def click(viewer: Any, box: Any, moves: int) -> None:
    """Press and release the mouse in a field of the plate, with moves between, which make it a drag."""
    layer = plate_layer(viewer)
    top, left, bottom, right = box
    middle = (*(0,) * (layer.ndim - 2), (top + bottom) / 2, (left + right) / 2)
    event = SimpleNamespace(
        type="mouse_press",
        pos=(100, 100),
        position=layer.data_to_world(middle),
        modifiers=(),
        is_dragging=True,
    )
    mouse_press_callbacks(viewer, event)
    for step in range(moves):
        event.type, event.pos = "mouse_move", (100 + 10 * step, 100)
        mouse_move_callbacks(viewer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(viewer, event)


def test_a_heat_map_of_a_table(
    qtbot: Any, viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, run: Any
) -> None:
    result = run(widget)
    assert not [layer for layer in viewer.layers if PLATE in layer.metadata]
    panel = widget.plate_panel
    panel.step.value = "cells"
    assert panel.column.value == "count"
    qtbot.waitUntil(lambda: panel.column.choices == ("count", "area", "mean"), timeout=WAIT)
    panel.column.value = "mean"
    panel.statistic.value = "max"
    go_to_timepoint(viewer, 0)
    layer, made = plate_layer(viewer), geometry(plate, of_wells=True)
    assert layer.name == "plate · cells: mean, max"
    rows = result.table[result.table["timepoint"] == "1"]
    numbers = rows.groupby("well", observed=True)["mean"].max()

    def check_order() -> None:
        colours = {}
        for code, well in enumerate(WELLS):
            rgb = np.asarray(
                layer.data[tuple((code + 1) % 4 if name == "well" else 0 for name in layer.axis_labels[:-2])]
            )
            top, left, bottom, right = made.boxes[code, 0]
            (colours[well],) = {tuple(part) for part in rgb[top:bottom, left:right].reshape(-1, 3).tolist()}
        # Viridis gets greener from the lowest to the highest.
        assert sorted(WELLS, key=lambda well: colours[well][1]) == numbers.sort_values().index.tolist()

    qtbot.waitUntil(check_order, timeout=WAIT)
    go_to_timepoint(viewer, 1)

    def check_failed_well() -> None:
        rgb = np.asarray(layer.data[tuple(int(name == "timepoint") for name in layer.axis_labels[:-2])])
        top, left, *_ = made.boxes[1, 0]
        assert tuple(rgb[top, left]) == VERMILLION

    qtbot.waitUntil(check_failed_well, timeout=WAIT)


def test_the_layer_that_is_removed_is_not_wanted(viewer: Any, widget: AxiswiseWidget, run: Any) -> None:
    widget.plate_panel.step.value = "root"
    run(widget)
    viewer.layers.remove(plate_layer(viewer))
    assert widget.plate_panel.step.value == ""
    widget.plate_panel.step.value = "mask"
    assert plate_layer(viewer).name == "plate · mask"
    widget.plate_panel.step.value = ""
    assert not [layer for layer in viewer.layers if PLATE in layer.metadata]


def test_a_second_run_has_the_same_layer(
    qtbot: Any, viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, run: Any
) -> None:
    widget.plate_panel.step.value = "root"
    run(widget)
    layer = plate_layer(viewer)
    widget.axis.value = "timepoint"
    run(widget)
    assert plate_layer(viewer) is layer
    qtbot.waitUntil(lambda: field(viewer, plate, "A01", 0, 0).std() > 5, timeout=WAIT)


def test_a_projection_has_no_slider_of_its_own(
    qtbot: Any, viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, run: Any
) -> None:
    widget.pipeline = aw.Pipeline(
        [aw.Step(lambda stack: stack.max(axis=0), name="highest", variable=("timepoint",))]
    )
    widget.plate_panel.step.value = "highest"
    run(widget)
    layer = plate_layer(viewer)
    timepoint = layer.axis_labels.index("timepoint")
    qtbot.waitUntil(lambda: layer.data.shape[timepoint] == 1, timeout=WAIT)
    # One place that covers both.
    assert layer.scale[layer.axis_labels.index("timepoint")] == 2
    assert layer.translate[layer.axis_labels.index("timepoint")] == 0.5


PLACES = (((0, 0, 0), ""), ((1, 0, 1), "root, mask: failed — "), ((2, 1, 0), "No image was taken here."))


def test_the_canvas_tells_why_there_is_no_image(
    qtbot: Any, viewer: Any, widget: AxiswiseWidget, run: Any
) -> None:
    run(widget)
    labels = list(viewer.dims.axis_labels)
    sliders = [labels.index(name) for name in ("well", "site", "timepoint")]
    overlay = viewer.canvas.overlays.text

    def check_text(text: str) -> None:
        assert overlay.text.startswith(text)
        assert overlay.visible == bool(text)

    for place, text in PLACES:
        # First where there is a text in any case.
        viewer.dims.set_point(sliders, [2.0, 1.0, 1.0])
        qtbot.waitUntil(lambda: overlay.visible, timeout=WAIT)
        viewer.dims.set_point(sliders, list(map(float, place)))
        qtbot.waitUntil(partial(check_text, text), timeout=WAIT)


def test_the_text_of_others_is_left_alone(qtbot: Any, viewer: Any, widget: AxiswiseWidget, run: Any) -> None:
    viewer.canvas.overlays.text.text = "mine"
    run(widget)
    viewer.dims.set_point(0, 1.0)
    qtbot.wait(400)
    assert viewer.canvas.overlays.text.text == "mine"


@pytest.mark.parametrize("opened", [False, True])
def test_a_result_is_shown_from_a_script(
    viewer: Any, qtbot: Any, plate: aw.Dataset, tmp_path: Path, opened: bool
) -> None:
    result = aw.run(plate, PIPELINE, axis="well", executor="serial", output=tmp_path / "out")
    result = aw.open_result(tmp_path / "out") if opened else result
    layer = aw.show_plate(result, viewer)
    assert layer in viewer.layers
    assert layer.name == "plate · mask"
    assert field(viewer, plate, "A01", 0, 0).std() > 5
    assert is_sign(field(viewer, plate, "B02", 1, 0), FieldState.MISSING)
    other = aw.show_plate(result, viewer, column="area", statistic="median")
    assert other.name == "plate · cells: area, median"
    assert (np.asarray(other.data[0, 0, 0]) != FLOOR).any()


def test_what_cannot_be_shown_is_an_error(viewer: Any, plate: aw.Dataset) -> None:
    result = aw.run(plate, [aw.Step(np.sqrt, name="root")], axis="well", executor="serial")
    with pytest.raises(ValueError, match=r"'blur' .* Use one of root"):
        aw.show_plate(result, viewer, step="blur")
    with pytest.raises(ValueError, match="keeps a table"):
        aw.show_plate(result, viewer, column="area")
    array = aw.open_dataset(np.zeros((3, 8, 8), np.uint8), axes=("timepoint",))
    result = aw.run(array, [aw.Step(np.sqrt, name="root")], axis="timepoint", executor="serial")
    with pytest.raises(ValueError, match="no plate to show"):
        aw.show_plate(result, viewer)


# ---------------------------------------------------------------------- what can be chosen


def test_a_pipeline_offers_what_it_makes() -> None:
    form = PlateModel().of(PIPELINE)
    assert [name for _, name in form.step_choices] == ["", "root", "mask", "cells"]
    assert form.choice.step == ""


@pytest.mark.parametrize(
    ("step", "choice"),
    [
        ("", PlateChoice()),
        ("root", PlateChoice("root")),
        ("cells", PlateChoice("cells", "count")),
    ],
)
def test_what_is_chosen_is_remembered_for_a_pipeline_that_makes_it(step: str, choice: PlateChoice) -> None:
    form = PlateModel().of(PIPELINE).show(step)
    assert form.choice == choice
    other = form.of(aw.Pipeline([aw.Step(np.cbrt, name="cbrt")]))
    assert other.choice.step == ""
    assert other.of(PIPELINE).choice == choice
