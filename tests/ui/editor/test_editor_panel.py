"""The editor in the dock: by mouse and keyboard, and what it says of what cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QLineEdit, QMessageBox

import napari_axiswise as aw
from napari_axiswise.functions import gaussian, measure_regions, otsu_threshold, split_touching
from napari_axiswise.ui.editor.model import EditorModel
from napari_axiswise.ui.editor.panel import EditorPanel
from napari_axiswise.ui.editor.step_panel import make_field
from napari_axiswise.ui.run.widget import AxiswiseWidget

LEFT = Qt.MouseButton.LeftButton


def nuclei() -> aw.Pipeline:
    return aw.Pipeline(
        [
            aw.Step(gaussian, {"sigma": 1.0}, name="smooth"),
            aw.Step(otsu_threshold, name="mask"),
            aw.Step(split_touching, name="nuclei", output="labels"),
            aw.Step(measure_regions, name="sizes", inputs=("nuclei", "raw")),
        ]
    )


@pytest.fixture
def panel(qtbot: Any) -> EditorPanel:
    """A panel as wide as a narrow dock leaves it."""
    panel = EditorPanel(nuclei())
    qtbot.addWidget(panel)
    panel.resize(260, 700)
    # Qt sends shortcuts to the active window only.
    with qtbot.waitActive(panel):
        panel.show()
        panel.activateWindow()
    return panel


def lines(panel: EditorPanel) -> list[str]:
    return [panel.steps.item(row).text() for row in range(panel.steps.count())]


def field(panel: EditorPanel, name: str) -> Any:
    return next(
        part.findChild(QLineEdit) or part
        for row in range(panel.step_panel.rows.rowCount())
        if (part := panel.step_panel.rows.itemAt(row, panel.step_panel.rows.ItemRole.FieldRole).widget())
        and part.accessibleName() == name
    )


def test_the_list_has_the_steps_and_the_form_the_parameters(panel: EditorPanel) -> None:
    assert lines(panel) == ["smooth", "mask", "nuclei", "sizes"]
    assert panel.step_panel.summary.text()
    panel.steps.setCurrentRow(2)
    rows = panel.step_panel.rows
    assert [rows.itemAt(row, rows.ItemRole.LabelRole).widget().text() for row in range(rows.rowCount())] == [
        "mask", "min distance", "min size",
    ]  # fmt: skip


def test_steps_are_moved_switched_removed_and_had_back_by_keyboard(panel: EditorPanel, qtbot: Any) -> None:
    panel.steps.setFocus()
    panel.steps.setCurrentRow(1)
    qtbot.keyClick(panel.steps, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert lines(panel) == ["mask", "smooth", "nuclei", "sizes"]
    qtbot.keyClick(panel.steps, Qt.Key.Key_Space)
    assert not panel.form.pipeline["mask"].enabled
    qtbot.keyClick(panel.steps, Qt.Key.Key_Delete)
    assert lines(panel) == ["smooth", "nuclei", "sizes"]
    for _ in range(3):
        qtbot.keyClick(panel, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert lines(panel) == ["smooth", "mask", "nuclei", "sizes"]
    assert not panel.undo_button.isEnabled()
    shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(panel, Qt.Key.Key_Z, shift)
    assert lines(panel) == ["mask", "smooth", "nuclei", "sizes"]


def test_a_step_that_is_renamed_is_renamed_for_all(panel: EditorPanel, qtbot: Any) -> None:
    panel.steps.setFocus()
    panel.steps.setCurrentRow(2)
    qtbot.keyClick(panel.steps, Qt.Key.Key_F2)
    editor = panel.steps.findChild(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, "cells")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: panel.form.pipeline.steps[3].inputs == ("cells", "raw"))
    assert panel.message.text() == "Inputs of sizes renamed to 'cells'."


@pytest.mark.parametrize("name", ["mask", "../cells", "", "raw"])
def test_a_name_that_cannot_be_is_said_and_the_old_one_stays(panel: EditorPanel, name: str) -> None:
    before = panel.form.pipeline
    panel.steps.item(2).setText(name)
    assert panel.form.pipeline is before
    assert lines(panel) == ["smooth", "mask", "nuclei", "sizes"]
    assert panel.message.text()
    assert panel.message.isVisible()


def test_a_step_that_others_take_stays_and_the_reason_is_said(panel: EditorPanel, qtbot: Any) -> None:
    panel.steps.setCurrentRow(2)
    qtbot.mouseClick(panel.remove_button, LEFT)
    assert "'sizes' has 'nuclei' as an input" in panel.message.text()
    assert lines(panel) == ["smooth", "mask", "nuclei", "sizes"]


def test_typing_into_a_field_changes_the_pipeline_and_one_undo_takes_it_back(
    panel: EditorPanel, qtbot: Any
) -> None:
    edited: list[None] = []
    panel.edited.connect(lambda: edited.append(None))
    sigma = field(panel, "sigma")
    sigma.setFocus()
    sigma.selectAll()
    qtbot.keyClicks(sigma, "2.5")
    qtbot.keyClick(sigma, Qt.Key.Key_Return)
    assert panel.form.pipeline["smooth"].params == {"sigma": 2.5}
    assert edited
    panel.undo_button.click()
    assert panel.form.pipeline["smooth"].params == {"sigma": 1.0}
    assert field(panel, "sigma").text().startswith("1")


def odd(
    image: np.ndarray,
    sigma: float | tuple[float, ...] | None = None,
    small: float = 1e-6,
    below: int = -5,
    size: tuple[int, int] = (3, 3),
    mode: str = "nearest",
    on: bool = True,
) -> np.ndarray:
    """Have parameters of many kinds.

    Parameters
    ----------
    mode : {"nearest", "wrap"}
        How.
    """
    return image


def test_a_field_for_every_kind_of_parameter_shows_its_value() -> None:
    form = EditorModel.of(aw.Pipeline([odd]))
    for parameter, value in form.parameters:
        made = make_field(parameter, value)
        assert made.value == value, parameter
        made.native.deleteLater()


def test_what_is_typed_for_a_tuple_counts_when_it_is_one(panel: EditorPanel, qtbot: Any) -> None:
    panel.show_pipeline(aw.Pipeline([aw.Step(sized, name="sized")]))
    edit = field(panel, "size")
    for typed, size, said in (
        ("(3, 4)", (3, 4), ""),
        ("(5,", (3, 4), "not a Python value"),
        ("name", (3, 4), "not a Python value"),
    ):
        edit.clear()
        qtbot.keyClicks(edit, typed)
        qtbot.keyClick(edit, Qt.Key.Key_Return)
        assert panel.form.step.params == {"size": size}
        assert edit.text() == repr(size)
        assert said in panel.message.text()


def sized(image: np.ndarray, size=(1, 2)) -> np.ndarray:
    return image


def test_routes_are_a_table_whose_lines_have_parameters(panel: EditorPanel, qtbot: Any) -> None:
    panel.show_data({"channel": ("1", "2")}, ())
    panel.steps.setCurrentRow(1)
    step = panel.step_panel
    qtbot.mouseClick(step.more_button, LEFT)
    assert not step.routes.isVisible()
    step.group_by.setCurrentIndex(step.group_by.findData("channel"))
    step.group_by.activated.emit(step.group_by.currentIndex())
    assert step.routes.isVisible()
    wanted: list[str] = []
    panel.function_wanted.connect(wanted.append)
    qtbot.mouseClick(step.add_route, LEFT)
    assert wanted == ["1"]
    panel.take_function(gaussian, "1")
    assert [step.routes.item(row, 0).text() for row in range(2)] == ["others", "1"]
    assert [parameter.name for parameter, _ in panel.form.parameters] == ["sigma"]
    step.routes.setCurrentCell(0, 0)
    assert panel.form.route == "*"


# ---------------------------------------------------------------------- in the widget


@pytest.fixture
def widget(widget: AxiswiseWidget, plate: Path) -> AxiswiseWidget:
    """Return the dock with the plate and the editor open."""
    widget.open(aw.open_dataset(plate))
    widget.editor_section.expand(animate=False)
    return widget


def test_what_is_edited_is_what_runs_and_has_a_name_of_its_own(widget: AxiswiseWidget) -> None:
    named = widget.pipeline_choice.value
    widget.editor_panel.take_function(np.sqrt)
    assert widget.pipeline_choice.value not in (named, None)
    assert "sqrt" in [step.name for step in widget.pipeline]
    widget.editor_panel.undo_button.click()
    assert widget.pipeline_choice.value == named


@pytest.mark.slow
def test_the_script_that_is_copied_runs_without_a_window(widget: AxiswiseWidget, tmp_path: Path) -> None:
    widget.pipeline = nuclei()
    widget.split_by(("well", "timepoint"))
    widget.editor_panel.copy_button.click()
    script = tmp_path / "script.py"
    script.write_text(QGuiApplication.clipboard().text())
    subprocess.run([sys.executable, str(script)], check=True, timeout=100, cwd=tmp_path)


class Answers:
    """Answers the boxes that a test opens."""

    def __init__(self) -> None:
        self.yes = True
        self.texts: list[str] = []

    def exec(self, box: QMessageBox) -> int:
        assert box.textFormat() == Qt.TextFormat.PlainText
        self.texts.append(f"{box.text()}\n{box.informativeText()}")
        buttons = QMessageBox.StandardButton
        assert box.defaultButton() is box.button(buttons.No)
        return buttons.Yes if self.yes else buttons.No


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    answers = Answers()
    monkeypatch.setattr(QMessageBox, "exec", lambda box: answers.exec(box))
    return answers


@pytest.mark.parametrize("yes", [True, False])
def test_the_code_of_a_recipe_is_not_run_before_somebody_agrees(
    widget: AxiswiseWidget, tmp_path: Path, answers: Answers, yes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "opened_steps", raising=False)
    (tmp_path / "opened_steps.py").write_text("def shift(plane):\n    return plane + 5\n")
    path = tmp_path / "<b>recipe.toml"
    path.write_text(
        '[dataset]\npath = "."\n[run]\naxis = "well"\n[[steps]]\nfunction = "opened_steps:shift"\n'
    )
    before, answers.yes = widget.pipeline, yes
    widget._recipes.open(path)
    assert ("opened_steps" in sys.modules, widget.pipeline is before) == (yes, not yes)
    (text,) = answers.texts
    assert "Opening <b>recipe.toml runs the code of a module." in text
    assert f"opened_steps\nin {tmp_path / 'opened_steps.py'}" in text
    monkeypatch.delitem(sys.modules, "opened_steps", raising=False)


def test_a_box_lists_some_modules_literally(widget: AxiswiseWidget, tmp_path: Path, answers: Answers) -> None:
    answers.yes = False
    steps = "".join(f'[[steps]]\nfunction = "many_{number}:f"\n' for number in range(12))
    for number in range(12):
        (tmp_path / f"many_{number}.py").touch()
    (tmp_path / "recipe.toml").write_text(steps)
    widget._recipes.open(tmp_path / "recipe.toml")
    (text,) = answers.texts
    assert "12 modules" in text
    assert "many_7" in text
    assert "many_8" not in text
    assert "and 4 more" in text


def test_a_recipe_is_saved_and_opened(widget: AxiswiseWidget, tmp_path: Path) -> None:
    widget.pipeline = nuclei()
    widget.split_by("timepoint")
    path = tmp_path / "nuclei.toml"
    widget._recipes.save(path)
    assert "napari-axiswise run nuclei.toml" in widget.editor_panel.message.text()
    widget.editor_panel.apply(lambda form: form.remove() if len(form.pipeline) > 1 else form)
    widget.split_by("well")
    widget._recipes.open(path)
    assert [step.name for step in widget.pipeline] == ["smooth", "mask", "nuclei", "sizes"]
    assert widget.axis.value == "timepoint"


BAD = {
    "a newer version": ("format = 7\n", "format = 7"),
    "an unknown function": ('[dataset]\npath = "."\n[run]\naxis = "well"\n[[steps]]\nfunction = "no:no"', "no module"),
    "a cycle": (
        '[dataset]\npath = "."\n[run]\naxis = "well"\n[[steps]]\nname = "a"\ninputs = "b"\nfunction = "numpy:abs"\n'
        '[[steps]]\nname = "b"\ninputs = "a"\nfunction = "numpy:abs"',
        "not a step before it",
    ),
    "no recipe": ("nothing", "is not TOML"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_recipe_that_cannot_be_is_said_and_the_editor_keeps_what_was_there(
    widget: AxiswiseWidget, tmp_path: Path, answers: Answers, text: str, message: str
) -> None:
    before = widget.pipeline
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    widget._recipes.open(path)
    assert message in widget.editor_panel.message.text()
    assert widget.pipeline is before
