"""Settings are napari's own, and take effect; the dock starts where one left off, and opens whatever its files say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from npe2 import PluginManifest
from pytestqt.qtbot import QtBot

import napari_axiswise as aw
from napari_axiswise.executors.lanes import available_cores
from napari_axiswise.functions import intensity_statistics
from napari_axiswise.ui.common import settings as settings_module
from napari_axiswise.ui.common.settings import Settings, _stored
from napari_axiswise.ui.data.reader import get_reader
from napari_axiswise.ui.run.last_time import CHOICES, LastTime, read_last_time, write_last_time
from napari_axiswise.ui.run.widget import AxiswiseWidget
from napari_axiswise.ui.viewer.layers import show

pytestmark = pytest.mark.timeout(180)

WAIT = 60_000


@pytest.fixture
def settings(plugin_settings: None, npe2pm: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """napari's settings of the plugin, in a folder of the test."""
    npe2pm.register(PluginManifest.from_distribution("napari-axiswise"))
    monkeypatch.setattr(settings_module, "_stored", _stored)
    return _stored()


@pytest.fixture
def open_widget(qtbot: QtBot) -> Iterator[Callable[..., AxiswiseWidget]]:
    """Opens a dock of its own, as the next session would."""
    opened: list[AxiswiseWidget] = []

    def open_one(viewer: ViewerModel | None = None) -> AxiswiseWidget:
        widget = AxiswiseWidget(viewer or ViewerModel())
        qtbot.addWidget(widget.native)
        opened.append(widget)
        return widget

    yield open_one
    for widget in opened:
        close(widget)


def close(widget: AxiswiseWidget) -> None:
    """Do what happens when the window is closed."""
    widget.close()


def until_open(qtbot: QtBot, widget: AxiswiseWidget) -> None:
    qtbot.waitUntil(lambda: widget.dataset is not None, timeout=WAIT)


def measured(plate: Path, **options: Any) -> aw.RunResult:
    steps = [aw.Step(intensity_statistics, name="values"), aw.Step(abs, inputs="raw", name="same", keep=True)]
    return aw.run(plate, steps, axis="timepoint", executor="serial", **options)


def test_the_manifest_and_the_object_have_the_same_defaults(settings: Any) -> None:
    assert Settings.current() == Settings()


def test_what_is_set_is_kept_and_validated_by_napari(settings: Any) -> None:
    settings.runs.memory_share = 0.5
    settings.runs.scratch_folder = " /scratch "
    settings.window.most_layers = 3
    assert Settings.current() == Settings(memory_share=0.5, scratch_folder="/scratch", most_layers=3)
    assert "memory_share: 0.5" in settings.config_path.read_text()
    with pytest.raises(ValueError, match="memory_share"):
        settings.runs.memory_share = 1.5


def test_where_napari_does_not_know_the_plugin_the_defaults_hold(
    plugin_settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_module, "_stored", _stored)
    assert Settings.current() == Settings()


def test_most_layers_is_where_auto_changes(settings: Any, plate: Path) -> None:
    result = measured(plate)
    settings.window.most_layers = 3
    assert len(show(result, ViewerModel())) == 3
    settings.window.most_layers = 2
    assert len(show(result, ViewerModel())) == 1


def test_workers_follow_the_setting_unless_others_were_chosen(
    settings: Any, open_widget: Callable[..., AxiswiseWidget]
) -> None:
    widget = open_widget()
    assert widget.workers.value == available_cores()
    settings.runs.workers = 3
    assert widget.workers.value == 3
    widget.workers.value = 5
    settings.runs.workers = 4
    assert widget.workers.value == 5


@pytest.mark.parametrize("executor", ["processes", "threads"])
def test_a_run_goes_to_the_scratch_folder_and_has_the_share_of_memory(
    executor: str,
    settings: Any,
    plate: Path,
    tmp_path: Path,
    open_widget: Callable[..., AxiswiseWidget],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    widget = open_widget()
    widget.open(plate)
    widget.executor.value = executor
    widget.workers.value = 2
    # Room for two workers if they may have all of it, and for one with half.
    need = 160_000_000
    monkeypatch.setattr("napari_axiswise.runs.workers.free_memory", lambda: int(2.2 * need))
    monkeypatch.setattr("napari_axiswise.runs.workers.estimate_unit_memory", lambda *_: need)
    (tmp_path / "scratch").mkdir()
    settings.runs.scratch_folder = str(tmp_path / "scratch")
    for share, workers in ((1.0, 2), (0.5, 1)):
        settings.runs.memory_share = share
        run = widget._runs.make_run()
        assert run.workers == workers
        assert run.store.root.parent == tmp_path / "scratch"
    settings.runs.scratch_folder = str(tmp_path / "unplugged")
    with pytest.raises(FileNotFoundError, match=r"No temporary folder can be created in .*unplugged"):
        widget._runs.make_run()


def test_the_dock_starts_where_one_left_off(
    plate: Path, tmp_path: Path, open_widget: Callable[..., AxiswiseWidget], qtbot: QtBot
) -> None:
    first = open_widget()
    first.open(plate)
    first.pipeline = aw.Pipeline([aw.Step(intensity_statistics, name="values")])
    first.split_by("well,site")
    first.variable.value = ["timepoint"]
    first.group_by.value = "channel"
    first.executor.value = "threads"
    first.workers.value = 7
    first.output.value = tmp_path / "kept"
    first.show_as.value = "stacked"
    close(first)

    second = open_widget()
    until_open(qtbot, second)
    assert second.dataset.opened == first.dataset.opened
    for part in ("axis", "variable", "group_by"):
        assert getattr(second, part).value == getattr(first, part).value
    assert str(second.pipeline) == str(first.pipeline)
    assert [step.function for step in second.pipeline] == [intensity_statistics]
    for name in ("executor", "workers", "output", "show_as"):
        assert getattr(second, name).value == getattr(first, name).value
    second.output.value = "s3://bucket/out"
    close(second)
    assert read_last_time()[0].output == "s3://bucket/out", "refused by a run, and not when it is stored"


def test_a_pipeline_of_the_list_is_chosen_again(open_widget: Callable[..., AxiswiseWidget]) -> None:
    first = open_widget()
    first.pipeline_choice.value = "Intensity statistics"
    close(first)
    second = open_widget()
    assert second.pipeline_choice.value == "Intensity statistics"
    assert [step.function for step in second.pipeline] == [intensity_statistics]


def test_a_pipeline_that_no_recipe_can_tell_is_not_kept(
    open_widget: Callable[..., AxiswiseWidget], qtbot: QtBot
) -> None:
    first = open_widget()
    usual = str(first.pipeline)
    first.pipeline = aw.Pipeline([aw.Step(lambda image: image, name="typed")])
    close(first)
    second = open_widget()
    qtbot.wait(200)
    assert str(second.pipeline) == usual


def test_what_the_viewer_has_comes_before_what_was_left(
    plate: Path, tmp_path: Path, open_widget: Callable[..., AxiswiseWidget]
) -> None:
    write_last_time(
        LastTime(source=str(tmp_path / "another"), axis="timepoint", output=str(tmp_path / "of-another"))
    )
    viewer = ViewerModel()
    reader = get_reader(str(plate))
    assert reader is not None
    for data in reader(str(plate)):
        viewer.add_layer(Layer.create(*data))
    widget = open_widget(viewer)
    assert widget.dataset is not None
    assert widget.axis.value == "timepoint"
    assert "another" not in widget.summary.value + str(widget.output.value)


def test_a_folder_that_is_gone_is_told_and_not_forgotten(
    tmp_path: Path, open_widget: Callable[..., AxiswiseWidget], qtbot: QtBot
) -> None:
    left = LastTime(source=str(tmp_path / "unplugged"), axis="timepoint", variable=["z_index"])
    write_last_time(left)
    widget = open_widget()
    qtbot.waitUntil(lambda: "was open last time" in widget.summary.value, timeout=WAIT)
    assert "does not exist" in widget.message.value
    widget.workers.value = 3
    close(widget)
    kept, problem = read_last_time()
    assert not problem
    assert (kept.source, kept.axis, kept.variable) == (left.source, left.axis, left.variable)
    assert kept.workers == 3


@pytest.mark.parametrize("text", ["", "{", "[1]", "\0"])
def test_a_file_that_is_damaged_is_put_aside_and_told(
    text: str, state_folder: Path, open_widget: Callable[..., AxiswiseWidget]
) -> None:
    state_folder.mkdir()
    (state_folder / CHOICES).write_text(text)
    widget = open_widget()
    assert "cannot be read" in widget.message.value
    assert (state_folder / f"{CHOICES}.unreadable").read_text() == text


def test_fields_that_make_no_sense_are_passed_over(state_folder: Path) -> None:
    state_folder.mkdir()
    content = {"axis": 3, "variable": "well", "workers": -1, "executor": "threads", "of a later version": {}}
    (state_folder / CHOICES).write_text(json.dumps(content))
    assert read_last_time() == (LastTime(executor="threads"), "")


def test_choices_of_an_earlier_version_are_read(state_folder: Path) -> None:
    state_folder.mkdir()
    content = {"source": "/plate", "pattern": "", "page_axes": None, "pipeline": "Intensity statistics",
               "axis": "well", "variable": ["site"], "group_by": "", "executor": "threads", "workers": 0,
               "scheduler": "", "output": "", "show_as": "auto"}  # fmt: skip
    (state_folder / CHOICES).write_text(json.dumps(content))
    expected = LastTime(
        axis="well", variable=("site",), executor="threads", source="/plate",
        pipeline="Intensity statistics", show_as="auto",
    )  # fmt: skip
    assert read_last_time() == (expected, "")


def test_all_choices_are_stored(state_folder: Path) -> None:
    choices = LastTime(
        axis="well,site", variable=("timepoint",), group_by="channel", axis_filter=("B02,1",), executor="dask",
        workers=3, output="/kept", time_limit=1.5, scheduler="tcp://here:1", source="/plate", pattern="{well}",
        page_axes={"timepoint": 2}, pipeline="a", show_as="stacked",
    )  # fmt: skip
    write_last_time(choices)
    assert read_last_time() == (choices, "")
    assert [path.name for path in state_folder.iterdir()] == [CHOICES]


def test_a_pipeline_that_cannot_be_had_again_is_told(
    state_folder: Path, open_widget: Callable[..., AxiswiseWidget], qtbot: QtBot
) -> None:
    state_folder.mkdir()
    (state_folder / "last-time.toml").write_text(
        "[dataset]\npath = '.'\n[run]\naxis = 'well'\n[[steps]]\nname = 'a'\nfunction = 'gone_module:f'\n"
    )
    widget = open_widget()
    qtbot.waitUntil(lambda: "pipeline of the last session cannot" in widget.message.value, timeout=WAIT)


def test_nothing_is_read_or_kept_where_the_setting_is_off(
    settings: Any, plate: Path, state_folder: Path, open_widget: Callable[..., AxiswiseWidget]
) -> None:
    settings.window.start_where_left = False
    state_folder.mkdir()
    (state_folder / CHOICES).write_text("{")
    widget = open_widget()
    widget.open(plate)
    close(widget)
    assert [path.name for path in state_folder.iterdir()] == [CHOICES]
    assert widget.message.value == ""
