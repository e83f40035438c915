"""The choices in the dock: what the next run is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ...core.axes import Axis, axis_name, axis_parts, is_axis
from ...core.components import ComponentConfiguration
from ...core.files import as_address
from ...datasets.dataset import Dataset
from ...pipeline.pipeline import Pipeline
from ...recipes.recipe import Recipe
from ...runs.plan import RunPlan
from ..common.settings import Settings
from .form import AxisForm

if TYPE_CHECKING:
    from ..viewer.layers import ShowAs


@dataclass(eq=False)
class RunModel:
    """What is chosen in the dock, without any widget. Change it by `set`, `open`, `split_by` and `choose`.

    Attributes
    ----------
    pipeline : Pipeline
        The steps.
    dataset : Dataset or None
        The open dataset.
    form : AxisForm
        The axis, its values, and the components to process together and to group by.
    executor : str
        Where the tasks run.
    workers : int
        The number of workers.
    scheduler : str
        The address of a Dask scheduler; empty for a cluster on this machine.
    output : Path or None
        The output folder; None for a temporary folder.
    show_as : {"auto", "layer per task", "stacked"}
        How results become layers.
    preferred : AxisForm
        Applied to the next dataset if nothing was chosen before.
    changed : psygnal.Signal
        Emitted with the names of the attributes that have changed.
    """

    pipeline: Pipeline
    dataset: Dataset | None = None
    form: AxisForm = field(default_factory=AxisForm)
    executor: str = "processes"
    workers: int = field(default_factory=lambda: Settings.current().usual_workers)
    scheduler: str = ""
    output: Path | None = None
    show_as: ShowAs = "auto"
    preferred: AxisForm = field(default_factory=AxisForm)

    changed = Signal(frozenset)

    def set(self, **choices: Any) -> None:
        """Change attributes, and emit `changed` once if any of them differs."""
        different = {
            name: value for name, value in choices.items() if not _is_same(getattr(self, name), value)
        }
        for name, value in different.items():
            setattr(self, name, value)
        if different:
            self.changed.emit(frozenset(different))

    def open(self, dataset: Dataset) -> None:
        """Make a dataset the open one, and keep the choices that it allows."""
        before = self.form if self.form.axis else self.preferred
        form = AxisForm.of(dataset.components, before, _combinations(dataset, before.axis))
        if before is self.preferred and form.axis == before.axis:
            form = form.choose(form.variable, form.group_by, before.values)
        self.set(dataset=dataset, form=form)

    def split_by(self, axis: Axis) -> None:
        """Choose the axis: a component, or several, ``"well,timepoint"``.

        Raises
        ------
        ValueError
            No dataset is open, or it has no such component.
        """
        dataset = self._dataset()
        name = axis_name(axis_parts(axis_name(axis), dataset.components))
        self.set(form=self.form.split_by(name, _combinations(dataset, name)))

    def choose(self, **choices: Any) -> None:
        """Choose ``variable``, ``group_by`` or ``values``, as far as the choice is valid."""
        form = self.form
        chosen = {"variable": form.variable, "group_by": form.group_by, "values": form.values} | choices
        self.set(form=form.choose(**chosen))

    def use_recipe(self, recipe: Recipe) -> None:
        """Choose the axis and the components of a recipe, as far as the open dataset has them."""
        wanted = AxisForm.of_options(recipe)
        if self.dataset is None:
            self.set(preferred=wanted)
        elif is_axis(wanted.axis, self.dataset.components):
            form = self.form.split_by(wanted.axis, _combinations(self.dataset, wanted.axis))
            self.set(form=form.choose(wanted.variable, wanted.group_by, wanted.values))

    @property
    def configuration(self) -> ComponentConfiguration[Any]:
        """The axis and the defaults of steps.

        Raises
        ------
        ValueError
            No dataset is open.
        """
        return self._dataset().configuration(self.form.axis, self.form.variable, self.form.group_by)

    @property
    def options(self) -> dict[str, Any]:
        """The options of a `RunPlan` that are chosen here."""
        on_cluster = self.executor == "dask" and bool(self.scheduler)
        return {
            "axis": self.form.axis,
            "variable": self.form.variable,
            "group_by": self.form.group_by,
            "axis_filter": self.form.values or None,
            "output": None if self.output is None else str(as_address(self.output)),
            "executor": self.executor,
            # A running cluster has the workers that it has.
            "workers": None if on_cluster else self.workers,
            "scheduler": self.scheduler if on_cluster else None,
        }

    def plan(self, **options: Any) -> RunPlan:
        """Return the plan of a run, with other options in place of some choices.

        Raises
        ------
        ValueError, OSError
            No dataset is open; or see `RunPlan`.
        """
        settings = Settings.current()
        kept = {"memory_share": settings.memory_share, "scratch_folder": settings.scratch}
        return RunPlan(self._dataset(), self.pipeline, **{**self.options, **kept, **options})

    def trial(self) -> RunPlan | None:
        """Return a plan without an axis, to compare and check axes with; None if no dataset is open."""
        if self.dataset is None:
            return None
        nowhere = {"axis": "", "axis_filter": None, "output": None, "scheduler": None}
        return self.plan(**nowhere, workers=self.workers)

    @property
    def subject(self) -> tuple[Dataset | None, Pipeline, tuple[str, ...], str | None]:
        """The choices that plans, checks and previews depend on."""
        return self.dataset, self.pipeline, self.form.variable, self.form.group_by

    @property
    def place(self) -> tuple[object, ...]:
        """The choices that say where the tasks run."""
        return self.executor, self.workers, self.scheduler

    def _dataset(self) -> Dataset:
        if self.dataset is None:
            raise ValueError("Nothing is open. Choose the folder of a plate, or a layer.")
        return self.dataset


def _is_same(value: object, other: object) -> bool:
    # Comparing pipelines would compare the arrays among their params.
    return value is other or (not isinstance(value, (Dataset, Pipeline)) and value == other)


def _combinations(dataset: Dataset, axis: str) -> tuple[str, ...]:
    """Return the values of an axis of several components; nothing for one component, or an axis it does not have."""
    if axis in dataset.components or not is_axis(axis, dataset.components):
        return ()
    return dataset.index.axis_values(axis)
