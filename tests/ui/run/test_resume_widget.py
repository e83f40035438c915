"""Resume and Run failed again in the dock."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.runs import workers as worker_limit
from napari_axiswise.ui.run.widget import AxiswiseWidget
from napari_axiswise.ui.viewer.layers import RESULT

pytestmark = pytest.mark.timeout(180)

WAIT = 60_000


def negative_unless(plane: np.ndarray, stop: str, log: str, seconds: float) -> np.ndarray:
    time.sleep(seconds)
    if Path(stop).exists() and plane.sum() % 2:
        raise RuntimeError("this plane is odd")
    with Path(log).open("a") as file:
        file.write(f"{plane.sum()}\n")
    return plane.max() - plane


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> aw.Dataset:
    plan = PlatePlan(wells=("B02", "B03", "B04"), sites=1, timepoints=4, channels=2, size=32)
    return aw.open_dataset(write_plate(tmp_path_factory.mktemp("plate"), plan))


@pytest.fixture
def pipeline(tmp_path: Path) -> aw.Pipeline:
    return make_pipeline(tmp_path)


def make_pipeline(folder: Path, seconds: float = 0.0) -> aw.Pipeline:
    params = {"stop": str(folder / "stop"), "log": str(folder / "log"), "seconds": seconds}
    return aw.Pipeline([aw.Step(negative_unless, params, name="negative")])


@pytest.fixture
def widget(widget: AxiswiseWidget, plate: aw.Dataset) -> AxiswiseWidget:
    """Return the dock with the plate, split by well."""
    widget.open(plate)
    widget.axis.value = "well"
    return widget


def calls(folder: Path) -> list[str]:
    return (folder / "log").read_text().split()


def statuses(result: aw.RunResult) -> list[str]:
    return [event.status for event in result.outcomes.values()]


def test_failed_tasks_are_run_again_as_far_as_they_are_selected(
    viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, pipeline: aw.Pipeline, tmp_path: Path, run: Any
) -> None:
    widget.pipeline = pipeline
    (tmp_path / "stop").touch()
    first = run(widget, widget.run_button)
    assert statuses(first) == ["failed"] * 3
    layers = [layer for layer in viewer.layers if RESULT in layer.metadata]
    (tmp_path / "stop").unlink()
    widget.table.selectRow(1)
    second = run(widget, widget.again_button)
    assert statuses(second) == ["failed", "done", "failed"]
    assert [widget.table.model().event_at(row).status for row in range(3)] == statuses(second)
    widget.table.clearSelection()
    third = run(widget, widget.again_button)
    assert statuses(third) == ["done"] * 3
    assert not widget.again_button.enabled
    assert len(calls(tmp_path)) == len(set(calls(tmp_path))) == len(plate), "no unit was done twice"
    assert [layer for layer in viewer.layers if RESULT in layer.metadata] == layers, "the same layers fill"
    for layer in layers:
        well = layer.metadata[RESULT]["axis_value"]
        planes = np.asarray(layer.data)
        assert planes.any(axis=(-2, -1)).all()
        expected = third.read("negative", well=well, timepoint="4", channel="2")
        assert any(np.array_equal(plane, expected) for plane in planes.reshape(-1, *planes.shape[-2:]))


def test_a_cancelled_run_is_resumed_along_another_axis(
    qtbot: Any, widget: AxiswiseWidget, plate: aw.Dataset, tmp_path: Path, run: Any
) -> None:
    widget.pipeline = make_pipeline(tmp_path, seconds=0.1)
    assert not widget.resume_button.enabled
    results: list[aw.RunResult] = []
    widget.finished.connect(results.append)
    widget.run_button.native.click()
    qtbot.waitUntil(lambda: (tmp_path / "log").exists() and len(calls(tmp_path)) > 5, timeout=WAIT)
    widget.cancel_button.native.click()
    qtbot.waitUntil(lambda: bool(results), timeout=WAIT)
    assert "cancelled" in statuses(results[0])
    widget.axis.value = "timepoint"
    result = run(widget, widget.resume_button)
    assert statuses(result) == ["done"] * 4
    # What was under way when it was cancelled may have been done without being noted.
    assert len(set(calls(tmp_path))) == len(plate)
    assert len(calls(tmp_path)) <= len(plate) + 2
    assert not widget.resume_button.enabled


def test_a_run_in_a_folder_is_resumed_by_another_window(
    widget: AxiswiseWidget, plate: aw.Dataset, pipeline: aw.Pipeline, tmp_path: Path, run: Any
) -> None:
    output = tmp_path / "output"
    output.mkdir()
    (tmp_path / "stop").touch()
    aw.run(plate, pipeline, axis="well", output=output, executor="serial")
    (tmp_path / "stop").unlink()
    widget.pipeline = pipeline
    widget.output.value = output
    assert widget.resume_button.enabled
    result = run(widget, widget.resume_button)
    assert statuses(result) == ["done"] * 3
    assert Path(result.output) == output
    widget.run_button.native.click()
    assert not widget.running
    assert "It holds a run: resume it, or choose another folder" in widget.message.value


def test_an_output_folder_at_an_address_is_refused(
    widget: AxiswiseWidget, pipeline: aw.Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    widget.pipeline = pipeline
    widget.output.value = "s3://bucket/out"
    widget.run_button.native.click()
    assert not widget.running
    assert "cannot be at the address s3://bucket/out" in widget.message.value
    assert list(Path().iterdir()) == []


def test_a_resumed_run_that_is_another_is_refused(
    widget: AxiswiseWidget, plate: aw.Dataset, pipeline: aw.Pipeline, tmp_path: Path, run: Any
) -> None:
    output = tmp_path / "output"
    (tmp_path / "stop").touch()
    aw.run(plate, pipeline, axis="well", output=output, executor="serial")
    widget.pipeline = make_pipeline(tmp_path, seconds=0.01)
    widget.output.value = output
    run(widget, widget.resume_button)
    assert "step 'negative' had seconds=0.0 and has seconds=0.01" in widget.message.value


@pytest.mark.slow
def test_the_widget_says_when_memory_limits_the_workers(
    qtbot: Any, widget: AxiswiseWidget, pipeline: aw.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_limit, "free_memory", lambda: 200_000_000)
    widget.executor.value = "processes"
    widget.pipeline = pipeline
    widget.workers.value = 2
    widget.run_button.native.click()
    assert "1 worker instead of 2" in widget.message.value
    qtbot.waitUntil(lambda: not widget.running, timeout=WAIT)


def test_a_scheduler_is_asked_for_where_dask_is_chosen(widget: AxiswiseWidget) -> None:
    assert not widget.scheduler.native.isVisibleTo(widget.native)
    widget.executor.value = "dask"
    assert widget.scheduler.native.isVisibleTo(widget.native)


@pytest.mark.slow
def test_the_axis_is_changed_while_a_run_goes_on(
    qtbot: Any, viewer: Any, widget: AxiswiseWidget, plate: aw.Dataset, tmp_path: Path
) -> None:
    widget.workers.value = 1
    widget.executor.value = "processes"
    widget.pipeline = make_pipeline(tmp_path, seconds=0.15)
    results: list[aw.RunResult] = []
    widget.finished.connect(results.append)
    widget.run()
    assert not widget.run_button.enabled
    qtbot.waitUntil(lambda: any("negative" in layer.name for layer in viewer.layers), timeout=WAIT)
    widget.axis.value = "timepoint"
    assert widget.run_button.enabled
    assert widget.run_button.text == "Go on by timepoint"
    widget.run_button.native.click()
    assert not widget.run_button.enabled
    qtbot.waitUntil(lambda: bool(results), timeout=WAIT)
    (result,) = results
    assert result.axis == "timepoint"
    assert statuses(result) == ["done"] * 4
    assert len(calls(tmp_path)) == len(set(calls(tmp_path))) == len(plate)
    shown = [layer.metadata[RESULT]["axis"] for layer in viewer.layers if RESULT in layer.metadata]
    assert shown == ["timepoint"] * 4


def test_what_failed_after_a_change_of_axis_is_run_again_along_the_new_one(
    qtbot: Any, widget: AxiswiseWidget, tmp_path: Path, run: Any
) -> None:
    widget.pipeline = make_pipeline(tmp_path, seconds=0.15)
    results: list[aw.RunResult] = []
    widget.finished.connect(results.append)
    widget.run()
    qtbot.waitUntil((tmp_path / "log").exists, timeout=WAIT)
    (tmp_path / "stop").touch()
    widget.axis.value = "timepoint"
    widget.run()
    widget.axis.value = "channel"
    qtbot.waitUntil(lambda: bool(results), timeout=WAIT)
    assert results[0].axis == "timepoint", "the axis is the one at the press"
    assert results[0].failures
    (tmp_path / "stop").unlink()
    again = run(widget, widget.again_button)
    assert again.axis == "timepoint"
    assert statuses(again) == ["done"] * 4


def test_cancelling_a_change_of_axis_is_cancelling(
    qtbot: Any, widget: AxiswiseWidget, tmp_path: Path
) -> None:
    widget.pipeline = make_pipeline(tmp_path, seconds=0.3)
    widget.run()
    qtbot.waitUntil((tmp_path / "log").exists, timeout=WAIT)
    widget.axis.value = "timepoint"
    widget.run()
    widget.cancel()
    qtbot.waitUntil(lambda: not widget.running, timeout=WAIT)
    qtbot.wait(200)
    assert not widget.running
    assert widget.result is not None
    assert widget.result.axis == "well"
