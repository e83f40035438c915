"""The panel that asks whether the axis changes the answer, and the layers of a difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.ui.check.controller import CheckController, CheckRequest
from napari_axiswise.ui.check.model import INTRODUCTION
from napari_axiswise.ui.check.panel import CheckPanel

pytestmark = pytest.mark.timeout(120)

WAIT = 60_000
AXES = ("well", "timepoint")


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> aw.Dataset:
    plan = PlatePlan(sites=1, timepoints=3, channels=1, size=32)
    return aw.open_dataset(write_plate(tmp_path_factory.mktemp("check") / "plate", plan))


def minus_first(output: str = "image") -> aw.Step:
    known: dict[str, Any] = {}

    def compare(image: np.ndarray) -> Any:
        first = known.setdefault("first", image.astype(float))
        if output == "table":
            return {"difference": float(image.mean() - first.mean())}
        return image > np.median(first) if output == "labels" else image - first

    return aw.Step(compare, name="change", output=output)


class Asked:
    """What the panel is to check."""

    def __init__(self, request: CheckRequest | None) -> None:
        self.request = request

    def __call__(self) -> CheckRequest | None:
        return self.request


def test_a_difference_is_found_told_and_shown(qtbot: Any, viewer: Any, plate: aw.Dataset) -> None:
    panel = CheckPanel()
    panel.setFixedWidth(300)
    qtbot.addWidget(panel)
    panel.show()
    asked = Asked(None)
    control = CheckController(viewer, panel, asked)
    panel.check_button.click()
    assert panel.message.text() == "Open a plate and choose a pipeline first."

    asked.request = CheckRequest(
        aw.RunPlan(plate, [aw.Step(np.sqrt), minus_first()], executor="serial"), axes=AXES, units=4
    )
    panel.check_button.click()
    assert control.running
    assert not panel.check_button.isEnabled()
    assert not panel.cancel_button.isHidden()
    qtbot.waitUntil(lambda: not control.running, timeout=WAIT)
    assert "'change' (image) depends on the axis" in panel.message.text()
    assert panel.minimumSizeHint().width() <= 300
    assert panel.cancel_button.isHidden()

    panel.show_button.click()
    by_well, by_timepoint, difference = viewer.layers
    assert [layer.name for layer in viewer.layers] == [
        "change by well",
        "change by timepoint",
        "change: difference",
    ]
    assert by_well.contrast_limits == by_timepoint.contrast_limits
    low, high = difference.contrast_limits
    assert low == -high
    assert control.check is not None
    pair = control.check.pair("change")
    # The sliders show the values of the whole plate, and the plane that differs most.
    for name in AXES:
        place = viewer.dims.axis_labels.index(name)
        assert viewer.dims.point[place] == plate.components[name].index(pair.where[name])
    shown = [tuple(map(int, layer.world_to_data(viewer.dims.point)[:-2])) for layer in viewer.layers]
    images = [layer.data[place] for layer, place in zip(viewer.layers, shown, strict=True)]
    np.testing.assert_allclose(images[0] - images[1], images[2], rtol=1e-6)
    assert np.abs(images[2]).max() > 0

    panel.check_button.click()
    panel.cancel_button.click()
    qtbot.waitUntil(lambda: not control.running, timeout=WAIT)
    assert panel.message.text() == "Cancelled."
    control.close()


@pytest.mark.slow
def test_what_can_and_what_cannot_be_shown(viewer: Any, plate: aw.Dataset) -> None:
    def check(*steps: aw.Step, axes: tuple[str, ...] = AXES) -> aw.AxisCheck:
        return aw.check_axis(plate, steps, axes, executor="serial", units=4)

    labels = check(minus_first("labels"))
    mask = aw.show_check(labels, viewer)[-1]
    place = tuple(map(int, mask.world_to_data(viewer.dims.point)[:-2]))
    assert set(np.unique(mask.data[place])) == {0, 1}
    assert (
        np.count_nonzero(mask.data[place])
        == labels.difference("change", *AXES, **labels.pair("change").where).sum()
    )
    flat = aw.Step(lambda stack: stack - stack.mean(axis=0), name="flat", variable="timepoint")
    for found, told in (
        (check(minus_first("table")), "makes a table"),
        (check(aw.Step(np.sqrt)), "The answer is the same"),
        (check(flat), "stacks an axis"),
    ):
        with pytest.raises(ValueError, match=told):
            aw.show_check(found, viewer)


def test_what_goes_wrong_is_told(qtbot: Any, viewer: Any, plate: aw.Dataset) -> None:
    panel = CheckPanel()
    qtbot.addWidget(panel)
    control = CheckController(
        viewer, panel, Asked(CheckRequest(aw.RunPlan(plate, [np.sqrt]), axes=("well",)))
    )
    panel.check_button.click()
    qtbot.waitUntil(lambda: not control.running, timeout=WAIT)
    assert "at least two different axes" in panel.message.text()
    assert panel.check_button.isEnabled()
    control.close()


def test_what_was_found_is_forgotten_with_what_it_was_found_of(
    qtbot: Any, viewer: Any, plate: aw.Dataset
) -> None:
    panel = CheckPanel()
    qtbot.addWidget(panel)
    control = CheckController(
        viewer,
        panel,
        Asked(CheckRequest(aw.RunPlan(plate, [minus_first()], executor="serial"), axes=AXES, units=4)),
    )
    control.follow(plate, "this pipeline")
    panel.check_button.click()
    qtbot.waitUntil(lambda: not control.running, timeout=WAIT)
    control.follow(plate, "this pipeline")
    assert control.check is not None
    control.follow(plate, "another pipeline")
    assert control.check is None
    assert panel.message.text() == INTRODUCTION
    assert panel.show_button.isHidden()
    control.close()
