"""The view of the dock: its parts, how they are arranged, and how they show the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from magicgui.widgets import (
    ComboBox,
    Container,
    Label,
    LineEdit,
    ProgressBar,
    PushButton,
    Select,
    SpinBox,
)
from magicgui.widgets.bases import ValueWidget
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ...executors.choice import EXECUTORS
from ...functions import PIPELINES
from ..axis.panel import AxisPanel
from ..check.panel import CheckPanel
from ..common.parts import fit, section
from ..common.plain import plain_tooltip, show_plain
from ..common.task_board import TaskBoard
from ..data.report import ReportView
from ..data.source import FolderEdit, SourceEdit
from ..editor.panel import EditorPanel
from ..plate.panel import PlatePanel
from ..plot.panel import PlotPanel
from ..timeline.panel import TimelinePanel
from ..viewer.layers import SHOW_AS
from .controller import RunActions
from .model import RunModel
from .task_table import TaskTable

DOCK_CONTENT = "Axiswise content"
"""The object name of the content that scrolls."""

LIST_HEIGHT = 72
"""Height in pixels of the lists of components and values; longer lists scroll."""


class Dock(Container):
    """All parts of the dock. They change the model, and show what it says.

    Parameters
    ----------
    model : RunModel
        What is chosen.
    layer_choices : callable
        Returns the layers that can be the dataset.
    board : TaskBoard
        The tasks that the table shows.

    Attributes
    ----------
    pipeline_names : list of str
        The names in the list of pipelines.
    """

    def __init__(
        self,
        model: RunModel,
        layer_choices: Callable[[Any], list[Image]],
        board: TaskBoard,
    ) -> None:
        self._make_dataset_parts(layer_choices)
        self.pipeline_names = list(PIPELINES)
        self.pipeline_choice = ComboBox(
            label="pipeline",
            choices=lambda _: self.pipeline_names,
            tooltip="The steps that are run. Edit them below.",
        )
        self._make_axis_parts(model)
        self._make_run_parts(model)
        choosers = (
            self.source, self.layer, self.axes, self.summary, self.pipeline_choice, self.axis, self.variable,
            self.group_by, self.values, self.executor, self.workers, self.scheduler, self.output, self.show_as,
        )  # fmt: skip
        buttons = (self.run_button, self.resume_button, self.cancel_button)
        super().__init__(
            widgets=[*choosers, *buttons, self.progress, self.message, self.again_button], labels=False
        )
        self.table = TaskTable(board)
        self.report = ReportView()
        self.editor_panel = EditorPanel(model.pipeline)
        self.editor_section = section("Steps", self.editor_panel)
        self.editor_panel.grown.connect(lambda: fit(self.editor_section))
        self.plate_panel = PlatePanel()
        self.axis_panel = AxisPanel()
        self.axis_section = section("Which axis?", self.axis_panel)
        self.axis_panel.drawn.connect(lambda: fit(self.axis_section))
        self.check_panel = CheckPanel()
        self.check_section = section("Axis check", self.check_panel)
        self.check_panel.grown.connect(lambda: fit(self.check_section))
        self.timeline_panel = TimelinePanel()
        self.timeline_section = section("Timeline", self.timeline_panel)
        self.timeline_panel.grown.connect(lambda: fit(self.timeline_section))
        self.plot_panel = PlotPanel()
        self.plot_section = section("Plot", self.plot_panel)
        self.plot_panel.drawn.connect(lambda: fit(self.plot_section))
        self._rows = self._arrange_form(choosers)
        self._arrange(buttons)
        self._bind(model)

    def _make_dataset_parts(self, layer_choices: Callable[[Any], list[Image]]) -> None:
        self.source = SourceEdit(
            label="plate",
            tooltip="The folder of a plate in any supported layout, or the address of an OME-Zarr plate.",
        )
        self.layer = ComboBox(
            label="or layer",
            choices=layer_choices,
            nullable=True,
            tooltip="An image layer with at least three axes.",
        )
        self.axes = LineEdit(
            label="its axes",
            tooltip="The component of each axis before Y and X: timepoint, z_index. "
            "If one axis holds several components, give their lengths: timepoint 10, z_index 6.",
        )
        self.summary = Label(value="Choose a folder, or a layer.")

    def _make_axis_parts(self, model: RunModel) -> None:
        self.axis = ComboBox(
            label="split by",
            choices=lambda _: model.form.axis_choices,
            tooltip="Each value of this component becomes one task.",
        )
        self.variable = Select(
            label="process together",
            choices=lambda _: model.form.variable_choices,
            tooltip="A step gets all values of these components as one stack. Select none to process single planes.",
        )
        self.group_by = ComboBox(
            label="group by",
            choices=lambda _: model.form.group_by_choices,
            nullable=True,
            tooltip="A step picks its function by the value of this component.",
        )
        self.group_by.null_string = "no grouping"
        self.values = Select(
            label="only",
            choices=lambda _: model.form.value_choices,
            tooltip="Only these tasks run. Select none to run all.",
        )

    def _make_run_parts(self, model: RunModel) -> None:
        self.executor = ComboBox(
            label="run in",
            choices=list(EXECUTORS),
            tooltip="Tasks run in worker processes, in threads, one after the other, or on a Dask cluster.",
        )
        self.workers = SpinBox(
            label="workers",
            value=model.workers,
            min=1,
            max=1024,
            tooltip="The number of tasks that run at the same time.",
        )
        self.scheduler = LineEdit(
            label="scheduler",
            tooltip="The address of a Dask scheduler, tcp://…. Leave empty for a cluster on this computer.",
        )
        self.output = FolderEdit(
            label="output folder",
            tooltip="Results are saved here. Leave empty for a temporary folder, deleted when napari closes.",
        )
        self.show_as = ComboBox(
            label="show as",
            choices=list(SHOW_AS),
            tooltip="Each task gets its own layers, or all tasks share stacked ones.",
        )
        self.run_button = PushButton(text="Run", enabled=False)
        self.resume_button = PushButton(
            text="Resume",
            enabled=False,
            tooltip="Run the missing tasks of the earlier run, split by the axis chosen above.",
        )
        self.cancel_button = PushButton(
            text="Cancel", enabled=False, tooltip="Stop the run. Finished tasks are kept."
        )
        self.again_button = PushButton(
            text="Run failed again",
            enabled=False,
            tooltip="Rerun the selected unfinished tasks, or all of them.",
        )
        self.progress = ProgressBar(value=0, max=1, label="")
        self.message = Label(value="")

    def _bind(self, model: RunModel) -> None:
        """Let the parts change the model."""
        self.axis.changed.connect(lambda name: model.split_by(name) if name else None)
        self.variable.changed.connect(lambda names: model.choose(variable=names))
        self.group_by.changed.connect(lambda name: model.choose(group_by=name))
        self.values.changed.connect(lambda values: model.choose(values=values))
        self.executor.changed.connect(lambda name: model.set(executor=name))
        self.workers.changed.connect(lambda number: model.set(workers=number))
        self.scheduler.changed.connect(lambda address: model.set(scheduler=address.strip()))
        self.output.changed.connect(lambda: model.set(output=self._output_folder))
        self.show_as.changed.connect(lambda name: model.set(show_as=name))

    @property
    def _output_folder(self) -> Path | None:
        return None if str(self.output.value) in ("", ".") else Path(self.output.value)

    def _arrange(self, buttons: Sequence[ValueWidget]) -> None:
        """Put the form and the tasks into a scroll area, and the buttons below it."""
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(4, 4, 4, 0)
        column.addLayout(self._rows)
        column.addWidget(self.axis_section)
        column.addWidget(self.check_section)
        column.addWidget(self.again_button.native)
        column.addWidget(self.table, stretch=1)
        column.addWidget(self.timeline_section)
        column.addWidget(self.plot_section)
        for row in (self.axes, self.scheduler):
            self.show_row(row, False)
        layout = self.native.layout()
        layout.addWidget(_scrolling(content), stretch=1)
        # Outside the scroll area, so that they are always visible.
        layout.addLayout(_beside(*buttons))
        for part in (self.progress, self.message):
            layout.addWidget(part.native)

    def render_choices(self, model: RunModel) -> None:
        """Show what can be chosen, and what is chosen."""
        form = model.form
        for part, choices, value in (
            (self.axis, form.axis_choices, form.axis or None),
            (self.variable, form.variable_choices, list(form.variable)),
            (self.group_by, form.group_by_choices, form.group_by),
            (self.values, form.value_choices, list(form.values)),
        ):
            with part.changed.blocked():
                if [data for data in part.choices if data is not None] != [data for _, data in choices]:
                    # Emptied first: magicgui appends new choices to old ones.
                    part.choices = []
                    part.reset_choices()
                if choices and part.value != value:
                    part.value = value
        plain: tuple[tuple[ValueWidget, object, object], ...] = (
            (self.executor, self.executor.value, model.executor),
            (self.workers, self.workers.value, min(model.workers, self.workers.max)),
            (self.scheduler, self.scheduler.value.strip(), model.scheduler),
            (self.output, self._output_folder, model.output),
            (self.show_as, self.show_as.value, model.show_as),
        )
        for field, shown, chosen in plain:
            if shown != chosen:
                with field.changed.blocked():
                    field.value = "" if chosen is None else chosen
        self.show_row(self.scheduler, model.executor == "dask")

    def render_actions(self, actions: RunActions) -> None:
        """Enable the buttons that can be pressed now."""
        self.run_button.enabled = actions.run
        self.run_button.text = actions.run_text
        self.cancel_button.enabled = actions.cancel
        self.resume_button.enabled = actions.resume
        self.again_button.enabled = actions.run_again

    def show_summary(self, text: str) -> None:
        """Show a line about the dataset."""
        self.summary.value = text
        self.summary.tooltip = ""

    def show_message(self, text: str, details: str = "") -> None:
        """Show a line about the run, with details in its tooltip."""
        self.message.value = text
        self.message.tooltip = plain_tooltip(details)

    def show_row(self, part: ValueWidget, visible: bool) -> None:
        """Show or hide a part of the form with its label."""
        self._rows.setRowVisible(part.native, visible)

    def _arrange_form(self, choosers: Sequence[ValueWidget]) -> QFormLayout:
        """Return a form with a row per choice."""
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for part in choosers:
            rows.addRow("" if part is self.summary else part.label, part.native)
            if part is self.summary:
                rows.addRow(self.report)
            elif part is self.pipeline_choice:
                rows.addRow(self.editor_section)
            if isinstance(part, Select):
                part.native.setFixedHeight(LIST_HEIGHT)
            elif isinstance(part, ComboBox):
                # A long name must not widen the dock.
                part.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        rows.addRow(self.plate_panel)
        for label in (self.summary, self.message):
            label.native.setWordWrap(True)
            show_plain(label.native)
            label.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            label.native.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return rows


def _beside(*parts: ValueWidget) -> QHBoxLayout:
    """Return a row of parts."""
    layout = QHBoxLayout()
    for part in parts:
        layout.addWidget(part.native)
    return layout


def _scrolling(content: QWidget) -> QScrollArea:
    """Return a scroll area for the content."""
    area = QScrollArea()
    area.setObjectName(DOCK_CONTENT)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    # Wide enough that nothing is cut off on the right.
    area.setMinimumWidth(content.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
    return area
