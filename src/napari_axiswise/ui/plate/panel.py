"""The plate panel: the choice of what the plate view shows."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox
from napari.utils.colormaps import AVAILABLE_COLORMAPS
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QSizePolicy, QWidget
from superqt import QCollapsible

from ...pipeline.pipeline import Pipeline
from ...plates.statistics import STATISTICS
from .model import PlateChoice, PlateModel
from .values import COUNT


class PlatePanel(QCollapsible):
    """Panel in which the user chooses the contents of the plate view.

    Attributes
    ----------
    step, column, statistic, colormap : ComboBox
        The choices.
    chosen : Signal
        Emitted with the new `PlateChoice` when the user changes it.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__("Plate view", collapsedIcon="▶")
        self.model = PlateModel()
        self.step = ComboBox(label="show", choices=lambda _: self.model.step_choices)
        self.step.tooltip = "Add a layer with a thumbnail of each field, or a heat map of the wells."
        self.column = ComboBox(label="column", choices=lambda _: self.model.column_choices)
        self.statistic = ComboBox(label="statistic", choices=[name for name in STATISTICS if name != COUNT])
        self.colormap = ComboBox(label="colours", choices=list(AVAILABLE_COLORMAPS), value="viridis")
        self.step.changed.connect(lambda step: self._choose(self.model.show(step)))
        for name in ("column", "statistic", "colormap"):
            getattr(self, name).changed.connect(
                lambda value, name=name: self._choose(self.model.choose(**{name: value}))
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
        """The chosen contents; the step is empty for nothing."""
        return self.model.choice

    def show_pipeline(self, pipeline: Pipeline) -> None:
        """Offer the outputs that a pipeline keeps."""
        self.model = self.model.of(pipeline)
        self._render()

    def show_columns(self, columns: tuple[str, ...]) -> None:
        """Offer the columns of a table."""
        if columns != self.model.columns:
            self.model = self.model.with_columns(columns)
            self._render()

    def show_nothing(self) -> None:
        """Choose nothing, since the layer is gone."""
        self.model = self.model.show("")
        self._render()

    @property
    def _parts(self) -> tuple[ComboBox, ...]:
        return self.step, self.column, self.statistic, self.colormap

    def _choose(self, model: PlateModel) -> None:
        before, self.model = self.model.choice, model
        self._render()
        if self.choice != before:
            self.chosen.emit(self.choice)

    def _render(self) -> None:
        """Update the controls from the model."""
        choice = self.model.choice
        values: dict[str, Any] = {"step": choice.step, "column": choice.column or COUNT}
        for name, value in values.items():
            part = getattr(self, name)
            with part.changed.blocked():
                offered = [data for _, data in getattr(self.model, f"{name}_choices")]
                if list(part.choices) != offered:
                    # Emptied first: magicgui appends new choices after the old ones.
                    part.choices = []
                    part.reset_choices()
                part.value = value
        for part in self._parts[1:]:
            visible = self.model.is_heat_map and (part is not self.statistic or choice.column != COUNT)
            self._rows.setRowVisible(part.native, visible)
        if self.isExpanded():
            self.expand(animate=False)
