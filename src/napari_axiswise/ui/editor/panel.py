"""The pipeline editor: the list of steps, the settings of one, and buttons."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from ...pipeline.pipeline import Pipeline
from ...pipeline.step import StepFunction
from ..common.parts import line
from .model import EditorModel
from .step_list import StepList
from .step_panel import Edit, StepPanel


class EditorPanel(QWidget):
    """Panel that edits a pipeline.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline shown first.

    Attributes
    ----------
    form : EditorModel
        The pipeline, and the selected step.
    edited : Signal
        Emitted when the pipeline changes.
    function_wanted : Signal
        Emitted when the user wants to choose a function: with the value of a route, or empty for a new step.
    try_wanted : Signal
        Emitted with whether the preview is on.
    open_wanted, save_wanted, copy_wanted : Signal
        Emitted when the user opens a recipe, saves one, or copies the script.
    grown : Signal
        Emitted when the panel needs another height.
    """

    edited = Signal()
    function_wanted = Signal(str)
    try_wanted = Signal(bool)
    open_wanted = Signal()
    save_wanted = Signal()
    copy_wanted = Signal()
    grown = Signal()

    def __init__(self, pipeline: Pipeline, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form = EditorModel.of(pipeline)
        self._notes: Mapping[str, str] = {}
        self.steps = StepList()
        self.step_panel = StepPanel()
        self.message = line("Message of the editor")
        self._make_buttons()
        self._arrange()
        self._connect()
        self._render()

    def show_pipeline(self, pipeline: Pipeline) -> None:
        """Show another pipeline, as an edit that can be undone."""
        if pipeline is not self.form.pipeline:
            self._set_form(self.form.show(pipeline))

    def show_data(self, components: Mapping[str, tuple[str, ...]], labels: tuple[str, ...]) -> None:
        """Offer the components and label images of a dataset."""
        self.form = self.form.offer(components, labels)
        self._render()

    def tell(self, notes: Mapping[str, str]) -> None:
        """Show a note beside each step, from step name to text."""
        self._notes = dict(notes)
        self.steps.show_steps(self.form.pipeline, self.form.selected, self._notes)

    def say(self, text: str) -> None:
        """Show a message below the steps; empty hides it."""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def take_function(self, function: StepFunction, route: str = "") -> None:
        """Add a step with a function, or set the function for the value of a route."""
        self.apply(lambda form: form.set_route(route, function) if route else form.add(function))

    def apply(self, edit: Edit) -> None:
        """Apply an edit. If it is invalid, show the error and change nothing."""
        try:
            form = edit(self.form)
        except (ValueError, KeyError, TypeError) as error:
            self._render()
            self.say(str(error.args[0] if isinstance(error, KeyError) else error))
            return
        self._set_form(form)

    def event(self, event: QEvent) -> bool:  # noqa: D102
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self.grown.emit()
        return handled

    def _make_buttons(self) -> None:
        self.add_button = QPushButton("Add…")
        self.add_button.setToolTip("Add a step after the selected one.")
        self.remove_button = _tool("−", "Remove the step", "Delete")
        self.up_button = _tool("▲", "Move the step up", "Alt+Up")
        self.down_button = _tool("▼", "Move the step down", "Alt+Down")
        self.undo_button = _tool("↶", "Undo", "Ctrl+Z")
        self.redo_button = _tool("↷", "Redo", "Ctrl+Shift+Z")
        self.try_button = QPushButton("Try on this plane")
        self.try_button.setCheckable(True)
        self.try_button.setToolTip("Preview the output of each step on the displayed plane while you edit.")
        self.open_button, self.save_button = QPushButton("Open…"), QPushButton("Save…")
        self.open_button.setToolTip("Load the steps from a recipe file.")
        self.save_button.setToolTip(
            "Save data source, settings and steps as a recipe, which also runs without napari."
        )
        self.copy_button = QPushButton("Copy as Python")
        self.copy_button.setToolTip("Copy a Python script that does the same run, with or without napari.")
        for part in (self.open_button, self.save_button, self.copy_button):
            part.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            part.setMinimumWidth(40)

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        tools = (
            self.add_button, self.remove_button, self.up_button, self.down_button, self.undo_button, self.redo_button,
        )  # fmt: skip
        files = (self.open_button, self.save_button, self.copy_button)
        column.addWidget(self.steps)
        column.addLayout(_row(tools))
        column.addWidget(self.message)
        column.addWidget(self.step_panel)
        column.addWidget(self.try_button)
        column.addLayout(_row(files))

    def _connect(self) -> None:
        self.steps.chosen.connect(lambda name: self.apply(lambda form: form.select(name)))
        self.steps.renamed.connect(self._rename)
        self.steps.switched.connect(lambda name, on: self.apply(lambda form: form.switch(name, on)))
        self.steps.moved.connect(lambda name, to: self.apply(lambda form: form.select(name).move(to)))
        self.step_panel.edited.connect(self.apply)
        self.step_panel.route_wanted.connect(self.function_wanted)
        self.add_button.clicked.connect(lambda: self.function_wanted.emit(""))
        self.try_button.toggled.connect(self.try_wanted)
        self.open_button.clicked.connect(lambda: self.open_wanted.emit())
        self.save_button.clicked.connect(lambda: self.save_wanted.emit())
        self.copy_button.clicked.connect(lambda: self.copy_wanted.emit())
        for button, edit, keys in (
            (self.remove_button, lambda form: form.remove(), QKeySequence.StandardKey.Delete),
            (self.up_button, lambda form: form.move(form.position - 1), "Alt+Up"),
            (self.down_button, lambda form: form.move(form.position + 1), "Alt+Down"),
            (self.undo_button, lambda form: form.undo(), QKeySequence.StandardKey.Undo),
            (self.redo_button, lambda form: form.redo(), QKeySequence.StandardKey.Redo),
        ):
            button.clicked.connect(lambda _=False, edit=edit: self.apply(edit))
            # Text fields use these keys as well, so they work in the list only.
            home = self.steps if button in (self.remove_button, self.up_button, self.down_button) else self
            shortcut = QShortcut(QKeySequence(keys), home)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(button.click)

    def _rename(self, name: str, new: str) -> None:
        takers = [step.name for step in self.form.pipeline if name in (step.inputs or ())]
        before = self.form.pipeline
        self.apply(lambda form: form.rename(name, new))
        if takers and self.form.pipeline is not before:
            self.say(f"Inputs of {' and '.join(takers)} renamed to {new.strip()!r}.")

    def _set_form(self, form: EditorModel) -> None:
        is_other = form.pipeline is not self.form.pipeline
        self.form = form
        self.say("")
        self._render()
        if is_other:
            self.edited.emit()

    def _render(self) -> None:
        form = self.form
        self.steps.show_steps(form.pipeline, form.selected, self._notes)
        self.step_panel.show_form(form)
        self.remove_button.setEnabled(len(form.pipeline) > 1)
        self.up_button.setEnabled(form.position > 0)
        self.down_button.setEnabled(form.position < len(form.pipeline) - 1)
        self.undo_button.setEnabled(bool(form.history.past))
        self.redo_button.setEnabled(bool(form.history.future))


def _tool(sign: str, name: str, keys: str) -> QToolButton:
    button = QToolButton()
    button.setText(sign)
    button.setAccessibleName(name)
    button.setToolTip(f"{name} ({keys}).")
    return button


def _row(parts: tuple[QWidget, ...]) -> QHBoxLayout:
    row = QHBoxLayout()
    for part in parts:
        row.addWidget(part)
    return row
