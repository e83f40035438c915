"""The settings of one step: its inputs, the parameters of its function, and how it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from magicgui.widgets import LiteralEvalLineEdit, create_widget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...core.kinds import KINDS
from ...pipeline.parameters import Parameter
from ...pipeline.step import ANY
from ..common.parts import dropdown, line, offer
from ..common.plain import plain_tooltip
from .model import RUN, EditorModel

Edit = Callable[[EditorModel], EditorModel]
"""An edit: a function from one state of the editor to the next."""

MAX_ROUTES = 5
"""Number of visible rows in the table of functions; more scroll."""

LARGEST = 2**31 - 1
"""Largest number that a field accepts if the function sets no limit."""


class StepPanel(QWidget):
    """Panel with the settings of the selected step.

    Attributes
    ----------
    edited : Signal
        Emitted with an `Edit` of the user.
    route_wanted : Signal
        Emitted with a value of the routing component when the user wants to choose its function.
    """

    edited = Signal(object)
    route_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form: EditorModel | None = None
        self._fields: dict[str, ValueWidget] = {}
        self.summary = line("What the step does")
        self.rows = QFormLayout()
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._make_more()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.summary)
        column.addLayout(self.rows)
        column.addWidget(self.more_button)
        column.addWidget(self.more)

    def show_form(self, form: EditorModel) -> None:
        """Show the selected step."""
        before, self._form = self._form, form
        same = before is not None and _shape(before) == _shape(form)
        if not same:
            self._make_rows(form)
        for number, (_, source, choices) in enumerate(form.inputs):
            offer(self.inputs[number], choices, source)
        if not all(_shows(self._fields[parameter.name], value) for parameter, value in form.parameters):
            # The fields cannot hold these values: make fields that can.
            self._make_rows(form)
        self._show_more(form)

    def _make_rows(self, form: EditorModel) -> None:
        while self.rows.rowCount():
            self.rows.removeRow(0)
        signature = form.signature
        self.summary.setText(signature.reason or signature.summary)
        self.summary.setVisible(bool(self.summary.text()))
        self.inputs = [
            dropdown(f"Input {name}", f"The source of the function's input {name!r}.")
            for name, _, _ in form.inputs
        ]
        for number, ((name, _, _), part) in enumerate(zip(form.inputs, self.inputs, strict=True)):
            part.activated.connect(
                lambda _, part=part, number=number: self._edit(
                    lambda form: form.set_input(number, part.currentData())
                )
            )
            self.rows.addRow(name, part)
        self._fields = {}
        for parameter, value in form.parameters:
            self._add_field(parameter, value)

    def _add_field(self, parameter: Parameter, value: Any) -> None:
        field = make_field(parameter, value)
        name = parameter.name
        if isinstance(field, LiteralEvalLineEdit):
            # Half a tuple is not a valid value: wait until the whole text is entered.
            field.native.editingFinished.connect(lambda: self._edit_literal(name, field))
        else:
            field.changed.connect(lambda value: self._edit(lambda form: form.set_param(name, value)))
        field.native.setToolTip(plain_tooltip(parameter.help))
        field.native.setAccessibleName(name)
        self._fields[name] = field
        self.rows.addRow(name.replace("_", " "), field.native)
        self.rows.labelForField(field.native).setToolTip(plain_tooltip(parameter.help))

    def _edit_literal(self, name: str, field: LiteralEvalLineEdit) -> None:
        shown = {} if self._form is None else {known.name: value for known, value in self._form.parameters}
        if field.native.text() != repr(shown.get(name)):
            self._edit(lambda form: form.set_param(name, _literal(field)))

    def _edit(self, edit: Edit) -> None:
        self.edited.emit(edit)

    def _make_more(self) -> None:
        self.output = dropdown("Output", "The kind of output that the function returns.")
        for kind in KINDS:
            self.output.addItem(kind, kind)
        self.variable = dropdown(
            "Process together", "Components that this step processes together as one stack, if not the run's."
        )
        self.group_by = dropdown("Functions", "Use one function, or one for each value of a component.")
        self.keep = QCheckBox("save output")
        self.keep.setToolTip("Save this step's output and show it. Turn off for intermediate results.")
        self.routes = QTableWidget(0, 2)
        self.routes.setHorizontalHeaderLabels(["value", "function"])
        self.routes.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.routes.verticalHeader().setVisible(False)
        self.routes.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.routes.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        self.routes.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.routes.setAccessibleName("Functions by value")
        self.routes.setToolTip("The parameters above belong to the selected row.")
        self.value = dropdown("Value", "A value without its own function.")
        self.add_route, self.remove_route = QPushButton("Function…"), QPushButton("Remove")
        self.add_route.setToolTip("Choose a function for this value.")
        self.remove_route.setToolTip("Remove the function of the selected row.")
        self.output.activated.connect(
            lambda _: self._edit(lambda form: form.set_output(self.output.currentData()))
        )
        self.variable.activated.connect(
            lambda _: self._edit(lambda form: form.set_variable(self.variable.currentData()))
        )
        self.group_by.activated.connect(
            lambda _: self._edit(lambda form: form.route_by(self.group_by.currentData()))
        )
        self.keep.toggled.connect(lambda on: self._edit(lambda form: form.set_keep(on)))
        self.routes.currentCellChanged.connect(self._choose_route)
        self.add_route.clicked.connect(lambda: self.route_wanted.emit(self.value.currentData()))
        self.remove_route.clicked.connect(lambda: self._edit(lambda form: form.remove_route(form.route)))
        rows = QFormLayout()
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, part in (
            ("output", self.output), ("process together", self.variable), ("function", self.group_by)
        ):  # fmt: skip
            rows.addRow(name, part)
        self._route_buttons = QWidget()
        buttons = QHBoxLayout(self._route_buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        for part in (self.value, self.add_route, self.remove_route):
            buttons.addWidget(part)
        self.more = QWidget()
        column = QVBoxLayout(self.more)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(rows)
        column.addWidget(self.routes)
        column.addWidget(self._route_buttons)
        column.addWidget(self.keep)
        self.more.setVisible(False)
        self.more_button = QToolButton()
        self.more_button.setText("More settings")
        self.more_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more_button.setArrowType(Qt.ArrowType.RightArrow)
        self.more_button.setCheckable(True)
        self.more_button.toggled.connect(self._show_or_hide)

    def _show_or_hide(self, visible: bool) -> None:
        self.more_button.setArrowType(Qt.ArrowType.DownArrow if visible else Qt.ArrowType.RightArrow)
        self.more.setVisible(visible)

    def _show_more(self, form: EditorModel) -> None:
        step = form.step
        offer(self.output, [(kind, kind) for kind in KINDS], step.kind)
        variable = RUN if step.variable is None else step.variable[0] if step.variable else ""
        choices = form.variable_choices
        if len(step.variable or ()) > 1:
            variable = ",".join(step.variable or ())
            choices = [*choices, (" and ".join(step.variable or ()), variable)]
        offer(self.variable, choices, variable)
        offer(self.group_by, form.group_choices, step.group_by or "" if form.is_routed else "")
        with QSignalBlocker(self.keep):
            self.keep.setChecked(bool(step.keep))
        self._show_routes(form)

    def _show_routes(self, form: EditorModel) -> None:
        for part in (self.routes, self._route_buttons):
            part.setVisible(form.is_routed)
        with QSignalBlocker(self.routes):
            self.routes.setRowCount(len(form.routes))
            for row, (value, (function, _)) in enumerate(form.routes.items()):
                name = getattr(function, "__name__", type(function).__name__)
                for column, text in enumerate(("others" if value == ANY else value, name)):
                    item = QTableWidgetItem(text)
                    item.setData(Qt.ItemDataRole.UserRole, value)
                    self.routes.setItem(row, column, item)
            self.routes.setCurrentCell([*form.routes].index(form.route), 0)
        rows = min(MAX_ROUTES, len(form.routes)) * self.routes.verticalHeader().defaultSectionSize()
        self.routes.setFixedHeight(
            self.routes.horizontalHeader().height() + rows + 2 * self.routes.frameWidth()
        )
        offer(
            self.value, [(value, value) for value in ([] if ANY in form.routes else [ANY]) + form.values], ""
        )
        self.value.setCurrentIndex(0)
        self.add_route.setEnabled(self.value.count() > 0)
        self.remove_route.setEnabled(len(form.routes) > 1)

    def _choose_route(self, row: int, *_: int) -> None:
        item = self.routes.item(row, 0)
        if item is not None:
            self._edit(lambda form: form.select(form.selected, item.data(Qt.ItemDataRole.UserRole)))


def make_field(parameter: Parameter, value: Any) -> ValueWidget:
    """Return a magicgui field for a parameter, or a field for a Python literal if its type has none."""
    options = dict(parameter.options)
    if parameter.annotation in (int, float) and value is not None and "choices" not in options:
        options.setdefault("min", -LARGEST)
        options.setdefault("max", LARGEST)
        if parameter.annotation is float and 0 < abs(float(value)) < 0.01:
            options.setdefault("step", abs(float(value)) / 10)
    try:
        field = create_widget(
            value=value, annotation=parameter.annotation, name=parameter.name, options=options
        )
    except Exception:
        field = None
    if isinstance(field, ValueWidget) and field.value == value:
        return field
    return LiteralEvalLineEdit(value=repr(value), name=parameter.name)


def _shows(field: ValueWidget, value: Any) -> bool:
    """Set the value of a field without emitting a signal, and return whether it holds the value."""
    with field.changed.blocked():
        if isinstance(field, LiteralEvalLineEdit):
            if field.native.text() != repr(value):
                field.value = repr(value)
            return True
        try:
            if field.value != value:
                field.value = value
        except (ValueError, TypeError):
            return False
        return bool(field.value == value)


def _literal(field: LiteralEvalLineEdit) -> Any:
    """Return the value typed into a field; ValueError if it is not a Python literal."""
    try:
        return field.value
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(
            f"{field.name} = {field.native.text()!r} is not a Python value. Write 2.5, 'text' or (1, 2), for example."
        ) from error


def _shape(form: EditorModel) -> tuple[object, ...]:
    """Return what the rows of the panel depend on."""
    return form.selected, form.route, form.function, len(form.inputs)
