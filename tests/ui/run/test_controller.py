"""What the buttons of the dock offer, and what starting and repeating a run does, without the dock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject

import napari_axiswise as aw
from napari_axiswise.ui.common.task_board import TaskBoard
from napari_axiswise.ui.run.controller import RunActions, RunController
from napari_axiswise.ui.run.model import RunModel

WAIT = 60_000


def fail_once(plane: np.ndarray, stop: str) -> np.ndarray:
    if Path(stop).exists():
        raise RuntimeError("stopped")
    return plane


class Blocked:
    """Whether other work is going on."""

    def __init__(self) -> None:
        self.value = False

    def __call__(self) -> bool:
        return self.value


@pytest.fixture
def stop(tmp_path: Path) -> Path:
    return tmp_path / "stop"


@pytest.fixture
def model(stop: Path) -> RunModel:
    model = RunModel(aw.Pipeline([aw.Step(fail_once, {"stop": str(stop)}, name="same")]))
    model.set(executor="threads", workers=2)
    return model


@pytest.fixture
def blocked() -> Blocked:
    return Blocked()


@pytest.fixture
def controller(qtbot: QtBot, model: RunModel, blocked: Blocked) -> Iterator[RunController]:
    parent = QObject()
    controller = RunController(ViewerModel(), model, TaskBoard(), parent, blocked)
    yield controller
    controller.close()


def test_without_a_dataset_nothing_can_be_pressed(controller: RunController) -> None:
    assert controller.actions == RunActions()
    errors: list[Exception] = []
    controller.failed.connect(errors.append)
    controller.run()
    assert not controller.running
    assert "Nothing is open" in str(errors)


def test_nothing_starts_while_other_work_is_going_on(
    controller: RunController, model: RunModel, blocked: Blocked, plate: Path
) -> None:
    model.open(aw.open_dataset(plate))
    assert controller.actions == RunActions(is_ready=True, run=True, run_text="Run 2 tasks")
    blocked.value = True
    assert controller.actions == RunActions(run_text="Run 2 tasks")
    controller.run()
    assert not controller.running


def test_failed_tasks_are_repeated_along_the_axis_of_their_run(
    qtbot: QtBot, controller: RunController, model: RunModel, plate: Path, stop: Path
) -> None:
    model.open(aw.open_dataset(plate))
    stop.touch()
    errors: list[Exception] = []
    controller.failed.connect(errors.append)
    with qtbot.waitSignal(controller.finished, timeout=WAIT):
        controller.run()
        assert controller.actions == RunActions(cancel=True, run_text="Run 2 tasks")
    assert len(controller.result.failures) == 2
    assert controller.actions.run_again
    assert controller.actions.resume
    stop.unlink()
    model.split_by("timepoint")
    with qtbot.waitSignal(controller.finished, timeout=WAIT):
        controller.run_again(["B03"])
    assert controller.result.axis == "well"
    assert controller.result.missing == ("B02",)
    with qtbot.waitSignal(controller.finished, timeout=WAIT):
        controller.run_again()
    assert controller.result.missing == ()
    assert not controller.actions.run_again
    assert not errors
