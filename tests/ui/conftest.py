"""What tests of the dock share: a viewer without a window, the dock in it, and a run by its buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from magicgui.widgets import PushButton
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QCoreApplication, QEvent

import napari_axiswise as aw
from napari_axiswise.ui.common import settings
from napari_axiswise.ui.run import last_time
from napari_axiswise.ui.run.widget import AxiswiseWidget

WAIT = 60_000
"""Milliseconds that a run may take."""


@pytest.fixture(scope="module", autouse=True)
def functions_by_value(request: pytest.FixtureRequest) -> Iterator[None]:
    """Send functions of a test module by value, so that workers need not import napari with the module."""
    cloudpickle.register_pickle_by_value(request.module)
    yield
    cloudpickle.unregister_pickle_by_value(request.module)


@pytest.fixture
def state_folder(tmp_path: Path) -> Path:
    """Return the folder in which a test's window keeps its choices for the next time."""
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def first_window(state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every window as if it were the first one on this machine, with default settings."""
    monkeypatch.setattr(last_time, "state_folder", lambda: state_folder)
    monkeypatch.setattr(settings, "_stored", lambda: None)


@pytest.fixture
def viewer() -> ViewerModel:
    """Return a viewer without a window. Tests that need one take `make_napari_viewer`."""
    return ViewerModel()


@pytest.fixture
def open_dock(qtbot: QtBot) -> Iterator[Callable[[ViewerModel], AxiswiseWidget]]:
    """Open docks without a window, which run in threads."""
    opened: list[AxiswiseWidget] = []

    def open_in(viewer: ViewerModel) -> AxiswiseWidget:
        widget = AxiswiseWidget(viewer)
        opened.append(widget)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            # As napari does for docked widgets.
            event.connect(widget.reset_choices)
        widget.executor.value = "threads"
        return widget

    yield open_in
    for widget in opened:
        widget.native.deleteLater()
        # Deferred deletions wait for an event loop, which a test does not have.
        QCoreApplication.sendPostedEvents(widget.native, QEvent.Type.DeferredDelete)


@pytest.fixture
def widget(viewer: ViewerModel, open_dock: Callable[[ViewerModel], AxiswiseWidget]) -> AxiswiseWidget:
    """Return a dock without a window."""
    return open_dock(viewer)


@pytest.fixture
def docked(make_napari_viewer: Callable[..., Any]) -> tuple[Any, AxiswiseWidget]:
    """Return a viewer in a real window, and the dock that its plugin menu opens."""
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-axiswise", "Axiswise")
    assert isinstance(widget, AxiswiseWidget)
    return viewer, widget


@pytest.fixture
def run(qtbot: QtBot) -> Callable[[AxiswiseWidget], aw.RunResult]:
    """Press Run, or another button, and wait for the result."""

    def press(widget: AxiswiseWidget, button: PushButton | None = None) -> aw.RunResult:
        button = button or widget.run_button
        assert button.enabled
        with qtbot.waitSignal(widget.finished, timeout=WAIT) as finished:
            button.native.click()
        assert not widget.running
        return finished.args[0]

    return press
