"""The state of the plate panel: the contents on offer, and the chosen ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...pipeline.pipeline import Pipeline
from ..common.choices import Choice
from .values import COUNT

NOTHING: Choice = ("nothing", "")


@dataclass(frozen=True)
class PlateChoice:
    """Contents of a plate view.

    Parameters
    ----------
    step : str
        The step whose images, labels or table are shown; empty for nothing.
    column : str
        The column of the table for a heat map, or ``"count"`` for the number of rows. Empty for thumbnails.
    statistic : str
        Statistic of the rows of a well, for a heat map.
    colormap : str
        napari colormap of a heat map.
    """

    step: str = ""
    column: str = ""
    statistic: str = "mean"
    colormap: str = "viridis"

    def fits(self, pipeline: Pipeline) -> bool:
        """Return whether a pipeline keeps the chosen output."""
        return self.step in self.steps(pipeline)

    def steps(self, pipeline: Pipeline) -> list[str]:
        """Return the kept steps on offer: tables for a heat map, otherwise images and labels."""
        kinds = {step.name: step.output_kind for step in pipeline.kept}
        return [name for name, kind in kinds.items() if (kind.in_table if self.column else kind.has_planes)]

    def __str__(self) -> str:
        if not self.column:
            return self.step
        return f"{self.step}: {self.column}" + ("" if self.column == COUNT else f", {self.statistic}")


@dataclass(frozen=True)
class PlateModel:
    """Valid choice of the contents of a plate view.

    Parameters
    ----------
    planes, tables : tuple of str
        The kept steps that make images or labels, and those that make tables.
    columns : tuple of str
        The known columns of the chosen table.
    remembered : PlateChoice
        The last choice, even if this pipeline does not support it.
    """

    planes: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    remembered: PlateChoice = field(default_factory=PlateChoice)

    def of(self, pipeline: Pipeline) -> PlateModel:
        """Return the model of a pipeline, with the previous choice if it is still valid."""
        kept = pipeline.kept
        tables = tuple(step.name for step in kept if step.output_kind.in_table)
        return replace(
            self,
            planes=tuple(step.name for step in kept if step.output_kind.has_planes),
            tables=tables,
            columns=self.columns if tables == self.tables else (),
        )

    @property
    def choice(self) -> PlateChoice:
        """The chosen contents; the step is empty for nothing."""
        steps = self.tables if self.remembered.column else self.planes
        return self.remembered if self.remembered.step in steps else replace(self.remembered, step="")

    @property
    def is_heat_map(self) -> bool:
        """Whether a heat map is shown, which has a column."""
        return bool(self.choice.step and self.choice.column)

    def show(self, step: str) -> PlateModel:
        """Return the model with another step."""
        column = (self.remembered.column or COUNT) if step in self.tables else ""
        return replace(self, remembered=replace(self.remembered, step=step, column=column))

    def choose(self, **changes: str) -> PlateModel:
        """Return the model with another column, statistic or colormap."""
        return replace(self, remembered=replace(self.remembered, **changes))

    def with_columns(self, columns: tuple[str, ...]) -> PlateModel:
        """Return the model with the columns of the chosen table."""
        return replace(self, columns=columns)

    @property
    def step_choices(self) -> list[Choice]:
        """Nothing, the thumbnails of each step, and a heat map of each table."""
        heat_maps = [
            ("heat map" if len(self.tables) == 1 else f"heat map of {name}", name) for name in self.tables
        ]
        return [NOTHING, *((name, name) for name in self.planes), *heat_maps]

    @property
    def column_choices(self) -> list[Choice]:
        """The number of rows, then the numeric columns."""
        chosen = () if self.choice.column in ("", COUNT, *self.columns) else (self.choice.column,)
        return [(name, name) for name in (COUNT, *chosen, *self.columns)]
