"""What the plate view shows, to be chosen in the dock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from magicgui.widgets import ComboBox
from napari.utils.colormaps import AVAILABLE_COLORMAPS
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QSizePolicy, QWidget
from superqt import QCollapsible

from ...pipeline.pipeline import Pipeline
from ...plates.statistics import STATISTICS
from ..common.choices import Choice
from .drawing import PlateChoice
from .values import COUNT

NOTHING: Choice = ("nothing", "")


@dataclass(frozen=True)
class PlateForm:
    """Choices of what a plate shows that a pipeline makes.

    Parameters
    ----------
    planes, tables : tuple of str
        The kept steps that make images or labels, and those that make tables.
    columns : tuple of str
        Of the table that is chosen, as far as they are known.
    remembered : PlateChoice
        What was chosen last, be it that this pipeline does not make it.
    """

    planes: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    remembered: PlateChoice = field(default_factory=PlateChoice)

    def of(self, pipeline: Pipeline) -> PlateForm:
        """Return the form for a pipeline, with what was chosen before if it makes that."""
        kept = pipeline.kept
        tables = tuple(step.name for step in kept if step.kind == "table")
        return replace(
            self,
            planes=tuple(step.name for step in kept if step.kind in ("image", "labels")),
            tables=tables,
            columns=self.columns if tables == self.tables else (),
        )

    @property
    def choice(self) -> PlateChoice:
        """What is shown."""
        steps = self.tables if self.remembered.column else self.planes
        return self.remembered if self.remembered.step in steps else replace(self.remembered, step="")

    @property
    def is_heat_map(self) -> bool:
        """Whether there is a column to choose."""
        return bool(self.choice.step and self.choice.column)

    def show(self, step: str) -> PlateForm:
        """Return the form with another step."""
        column = (self.remembered.column or COUNT) if step in self.tables else ""
        return replace(self, remembered=replace(self.remembered, step=step, column=column))

    def choose(self, **changes: str) -> PlateForm:
        """Return the form with another column, statistic or colormap."""
        return replace(self, remembered=replace(self.remembered, **changes))

    def with_columns(self, columns: tuple[str, ...]) -> PlateForm:
        """Return the form for a table that has these columns."""
        return replace(self, columns=columns)

    @property
    def step_choices(self) -> list[Choice]:
        """Nothing, thumbnails of each step, and a heat map of each table."""
        heat_maps = [
            ("heat map" if len(self.tables) == 1 else f"heat map of {name}", name) for name in self.tables
        ]
        return [NOTHING, *((name, name) for name in self.planes), *heat_maps]

    @property
    def column_choices(self) -> list[Choice]:
        """The number of rows, and the columns of numbers."""
        chosen = () if self.choice.column in ("", COUNT, *self.columns) else (self.choice.column,)
        return [(name, name) for name in (COUNT, *chosen, *self.columns)]


class PlatePanel(QCollapsible):
    """Chooses what the plate view shows.

    Attributes
    ----------
    step, column, statistic, colormap : ComboBox
        What is chosen.
    chosen : Signal
        Emitted with a `PlateChoice` when the user chose another.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__("Plate view", collapsedIcon="▶")
        self.form = PlateForm()
        self.step = ComboBox(label="show", choices=lambda _: self.form.step_choices)
        self.step.tooltip = "A thumbnail of each field, or a number for each well, in a layer of its own."
        self.column = ComboBox(label="column", choices=lambda _: self.form.column_choices)
        self.statistic = ComboBox(label="statistic", choices=[name for name in STATISTICS if name != COUNT])
        self.colormap = ComboBox(label="colours", choices=list(AVAILABLE_COLORMAPS), value="viridis")
        self.step.changed.connect(lambda step: self._choose(self.form.show(step)))
        for name in ("column", "statistic", "colormap"):
            getattr(self, name).changed.connect(
                lambda value, name=name: self._choose(self.form.choose(**{name: value}))
            )
        content = QWidget()
        self._rows = QFormLayout(content)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for part in self._parts:
            self._rows.addRow(part.label, part.native)
            # A long name must not make the dock wider.
            part.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setContent(content)
        self.setDuration(0)
        self.collapse(animate=False)
        self.toggleButton().setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._render()

    @property
    def choice(self) -> PlateChoice:
        """What is to be shown; its step is empty for nothing."""
        return self.form.choice

    def show_pipeline(self, pipeline: Pipeline) -> None:
        """Offer what a pipeline makes."""
        self.form = self.form.of(pipeline)
        self._render()

    def show_columns(self, columns: tuple[str, ...]) -> None:
        """Offer the columns of a table."""
        if columns != self.form.columns:
            self.form = self.form.with_columns(columns)
            self._render()

    def show_nothing(self) -> None:
        """Choose nothing, as the layer is gone."""
        self.form = self.form.show("")
        self._render()

    @property
    def _parts(self) -> tuple[ComboBox, ...]:
        return self.step, self.column, self.statistic, self.colormap

    def _choose(self, form: PlateForm) -> None:
        before, self.form = self.form.choice, form
        self._render()
        if self.choice != before:
            self.chosen.emit(self.choice)

    def _render(self) -> None:
        """Show the state of the form."""
        choice = self.form.choice
        values: dict[str, Any] = {"step": choice.step, "column": choice.column or COUNT}
        for name, value in values.items():
            part = getattr(self, name)
            with part.changed.blocked():
                offered = [data for _, data in getattr(self.form, f"{name}_choices")]
                if list(part.choices) != offered:
                    # Emptied first: magicgui puts what is new behind what was there.
                    part.choices = []
                    part.reset_choices()
                part.value = value
        for part in self._parts[1:]:
            visible = self.form.is_heat_map and (part is not self.statistic or choice.column != COUNT)
            self._rows.setRowVisible(part.native, visible)
        if self.isExpanded():
            self.expand(animate=False)
