"""The dock: its parts, and how they are arranged. What they do is the widget's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from magicgui.widgets import (
    ComboBox,
    Container,
    FileEdit,
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
from ..common.plain import show_plain
from ..common.settings import Settings
from ..common.task_board import TaskBoard
from ..data.report import ReportView
from ..data.source import SourceEdit
from ..editor.panel import EditorPanel
from ..plate.panel import PlatePanel
from ..plot.panel import PlotPanel
from ..timeline.panel import TimelinePanel
from ..viewer.layers import SHOW_AS
from .form import AxisForm
from .task_table import TaskTable

DOCK_CONTENT = "Axiswise content"
"""The name of what scrolls."""

LIST_HEIGHT = 72
"""Pixels of the lists of components and values; longer ones scroll."""


class Dock(Container):
    """What there is to choose, to press and to see.

    Parameters
    ----------
    form : callable
        Returns the state of the form, whose choices the dropdowns offer.
    layer_choices : callable
        Returns the layers that can be chosen.
    board : TaskBoard
        The tasks that the table shows.

    Attributes
    ----------
    pipeline_names : list of str
        What can be chosen as the pipeline.
    """

    def __init__(
        self,
        form: Callable[[], AxisForm],
        layer_choices: Callable[[Any], list[Image]],
        board: TaskBoard,
    ) -> None:
        self._make_dataset_parts(layer_choices)
        self.pipeline_names = list(PIPELINES)
        self.pipeline_choice = ComboBox(label="pipeline", choices=lambda _: self.pipeline_names)
        self._make_axis_parts(form)
        self._make_run_parts()
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
        self.editor_panel = EditorPanel(next(iter(PIPELINES.values()))())
        self.editor_section = section("Steps", self.editor_panel)
        self.editor_panel.grown.connect(lambda: fit(self.editor_section))
        self.plate_panel = PlatePanel()
        self.axis_panel = AxisPanel()
        self.axis_section = section("Which axis?", self.axis_panel)
        self.axis_panel.drawn.connect(lambda: fit(self.axis_section))
        self.check_panel = CheckPanel()
        self.check_section = section("Same answer?", self.check_panel)
        self.check_panel.grown.connect(lambda: fit(self.check_section))
        self.timeline_panel = TimelinePanel()
        self.timeline_section = section("Timeline", self.timeline_panel)
        self.timeline_panel.grown.connect(lambda: fit(self.timeline_section))
        self.plot_panel = PlotPanel()
        self.plot_section = section("Plot", self.plot_panel)
        self.plot_panel.drawn.connect(lambda: fit(self.plot_section))
        self._rows = self._arrange_form(choosers)
        self._arrange(buttons)

    def _make_dataset_parts(self, layer_choices: Callable[[Any], list[Image]]) -> None:
        self.source = SourceEdit(
            label="plate", tooltip="The folder of a plate, in any layout, or the address of an OME-Zarr."
        )
        self.layer = ComboBox(
            label="or layer",
            choices=layer_choices,
            nullable=True,
            tooltip="An image layer with at least three axes.",
        )
        self.axes = LineEdit(
            label="its axes",
            tooltip="A component for each axis before Y and X: timepoint, z_index. "
            "With lengths, where one axis is several: timepoint 10, z_index 6.",
        )
        self.summary = Label(value="Choose a folder, or a layer.")

    def _make_axis_parts(self, form: Callable[[], AxisForm]) -> None:
        self.axis = ComboBox(
            label="split by",
            choices=lambda _: form().axis_choices,
            tooltip="One task for each value of this component.",
        )
        self.variable = Select(
            label="stack",
            choices=lambda _: form().variable_choices,
            tooltip="Components that a step gets as one stack; none: plane by plane.",
        )
        self.group_by = ComboBox(
            label="group by",
            choices=lambda _: form().group_by_choices,
            nullable=True,
            tooltip="The component by whose value a step picks its function.",
        )
        self.group_by.null_string = "no grouping"
        self.values = Select(
            label="only",
            choices=lambda _: form().value_choices,
            tooltip="Values of the axis to run; none chosen: all.",
        )

    def _make_run_parts(self) -> None:
        self.executor = ComboBox(label="run in", choices=list(EXECUTORS))
        self.workers = SpinBox(label="workers", value=Settings.current().usual_workers, min=1, max=1024)
        self.scheduler = LineEdit(
            label="scheduler", tooltip="The address of a Dask scheduler, tcp://…; empty: one within napari."
        )
        self.output = FileEdit(
            mode="d", label="keep in", tooltip="A folder for the results; none: they go when napari does."
        )
        self.show_as = ComboBox(label="show as", choices=list(SHOW_AS))
        self.run_button = PushButton(text="Run", enabled=False)
        self.resume_button = PushButton(
            text="Resume",
            enabled=False,
            tooltip="Do what is missing of the run before, along the axis above.",
        )
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.again_button = PushButton(
            text="Run failed again",
            enabled=False,
            tooltip="Of the tasks that are selected, or of all, those that are not done.",
        )
        self.progress = ProgressBar(value=0, max=1, label="")
        self.message = Label(value="")

    def _arrange(self, buttons: Sequence[ValueWidget]) -> None:
        """Put the form and the tasks into what scrolls, and the buttons below it."""
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
        # Always in sight, however low the window is.
        layout.addLayout(_beside(*buttons))
        for part in (self.progress, self.message):
            layout.addWidget(part.native)

    def show_form(self, form: AxisForm) -> None:
        """Show what can be chosen, and what is."""
        for widget, choices, value in (
            (self.axis, form.axis_choices, form.axis or None),
            (self.variable, form.variable_choices, list(form.variable)),
            (self.group_by, form.group_by_choices, form.group_by),
            (self.values, form.value_choices, list(form.values)),
        ):
            with widget.changed.blocked():
                if [data for data in widget.choices if data is not None] != [data for _, data in choices]:
                    # Emptied first: magicgui puts what is new behind what was there.
                    widget.choices = []
                    widget.reset_choices()
                if choices and widget.value != value:
                    widget.value = value

    def show_row(self, part: ValueWidget, visible: bool) -> None:
        """Show a part of the form with its label, or hide both."""
        self._rows.setRowVisible(part.native, visible)

    def _arrange_form(self, choosers: Sequence[ValueWidget]) -> QFormLayout:
        """Put what can be chosen below each other, each with its label beside it."""
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
                # A long name must not make the dock wider.
                part.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        rows.addRow(self.plate_panel)
        for label in (self.summary, self.message):
            label.native.setWordWrap(True)
            show_plain(label.native)
            label.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            label.native.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return rows


def _beside(*parts: ValueWidget) -> QHBoxLayout:
    """Return a layout of parts beside each other."""
    layout = QHBoxLayout()
    for part in parts:
        layout.addWidget(part.native)
    return layout


def _scrolling(content: QWidget) -> QScrollArea:
    """Return what scrolls up and down where there is too little room for the content."""
    area = QScrollArea()
    area.setObjectName(DOCK_CONTENT)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    # What scrolls up and down is never cut off on the right.
    area.setMinimumWidth(content.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
    return area
