"""The dock widget: choose a plate, an axis and a pipeline; run; watch the results land."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error, show_warning
from psygnal import Signal
from qtpy.QtCore import QTimer

from ...core.axes import Axis, axis_name, axis_parts, is_axis
from ...core.components import ComponentConfiguration
from ...core.events import TaskEvent
from ...datasets.dataset import Dataset
from ...datasets.opening import open_dataset
from ...pipeline.pipeline import Pipeline
from ...recipes.recipe import Recipe
from ...results.output_folder import is_run
from ...runs.result import RunResult
from ...runs.run import Run
from ..axis.controller import AxisController
from ..check.controller import CheckController, check_request
from ..common.closing import CloseWatcher
from ..common.plain import plain_tooltip
from ..common.task_board import TaskBoard
from ..data.controller import DatasetControl, layer_choices
from ..editor.controller import PipelineControl
from ..editor.recipes import RecipeControl
from ..plate.controller import PlateController
from ..plot.controller import PlotController
from ..timeline.controller import TimelineController
from .dock import Dock
from .form import AxisForm
from .last_time_control import LastTimeControl
from .launcher import RunLauncher
from .session import RunSession
from .task_table import outcome_summary

if TYPE_CHECKING:
    from napari.viewer import Viewer


PROGRESS_TICK = 200
"""Milliseconds between two updates of the progress bar."""


class AxiswiseWidget(Dock):
    """Runs a pipeline over a plate, split by the component that is chosen.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where results are shown, and whose layers may be the dataset.

    Attributes
    ----------
    dataset : Dataset or None
        What is open.
    pipeline : Pipeline
        What is run; can be set.
    result : RunResult or None
        Of the run that goes on, or else of the last one.
    finished : psygnal.Signal
        Emitted with the `RunResult` when a run is over, cancelled ones too.
    """

    finished = Signal(RunResult)

    def __init__(self, napari_viewer: Viewer) -> None:
        self._viewer = napari_viewer
        self._form = AxisForm()
        self._session: RunSession | None = None
        self._launcher = RunLauncher(self)
        self._next_axis = ""
        self._board = TaskBoard()
        super().__init__(lambda: self._form, lambda _: layer_choices(napari_viewer), self._board)
        self._steps = PipelineControl(napari_viewer, self)
        self._recipes = RecipeControl(self.editor_panel, self._recipe)
        self._data = DatasetControl(napari_viewer, self)
        self._last_time = LastTimeControl(self, self._data, lambda: self._steps.own)
        self._plate = PlateController(napari_viewer, self.plate_panel, self._board)
        self._plot = PlotController(napari_viewer, self.plot_panel)
        self._timeline = TimelineController(
            napari_viewer, self.timeline_panel, self.table, self._board, self.run_again
        )
        self._planner = AxisController(self.axis_panel, self._launcher.request)
        self._check = CheckController(
            napari_viewer,
            self.check_panel,
            lambda: check_request(
                self.dataset, self.pipeline, self._form, self.workers.value, self.executor.value
            ),
        )
        self._closing = CloseWatcher(self._close_parts, self.native)
        self._progress_ticks = QTimer(self.native)
        self._progress_ticks.setInterval(PROGRESS_TICK)
        self._connect()
        self._show_pipeline()
        self._render()
        self._data.adopt_layers()
        self._last_time.restore()

    # ------------------------------------------------------------------ what scripts and tests use

    @property
    def dataset(self) -> Dataset | None:
        """What is open."""
        return self._data.dataset

    @property
    def pipeline(self) -> Pipeline:
        """What is run."""
        return self._steps.pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Pipeline) -> None:
        self._steps.take(pipeline if isinstance(pipeline, Pipeline) else Pipeline(pipeline))

    @property
    def running(self) -> bool:
        """Whether a run goes on: until all its tasks are over and on screen."""
        return self._session is not None and self._session.running

    @property
    def result(self) -> RunResult | None:
        """Of the run that goes on, or else of the last one."""
        return None if self._session is None else self._session.result

    @property
    def configuration(self) -> ComponentConfiguration[Any]:
        """What the dropdowns say.

        Raises
        ------
        ValueError
            Nothing is open.
        """
        if self.dataset is None:
            raise ValueError("Nothing is open. Choose the folder of a plate, or a layer.")
        return self.dataset.configuration(self._form.axis, self._form.variable, self._form.group_by)

    def open(self, source: str | Path | Dataset) -> None:
        """Open a folder or file, or take a dataset that is open already.

        Raises
        ------
        ValueError, OSError
            See `open_dataset`.
        """
        self._data.take(open_dataset(source))

    def _take(self, dataset: Dataset) -> None:
        """Offer what a dataset that was opened has."""
        known = self._form if self._form.axis else self._last_time.choices.form
        self._form = AxisForm.of(dataset.components, known, _combinations(dataset, known.axis))
        self.editor_panel.show_data(dataset.components, dataset.labels)
        self._say("")
        self._render()
        self._warm_up()

    def split_by(self, axis: Axis) -> None:
        """Choose the axis: a component, or a product of several, ``"well,timepoint"``.

        Raises
        ------
        ValueError
            Nothing is open, or the data have no such component.
        """
        if self.dataset is None:
            raise ValueError("Nothing is open. Choose the folder of a plate, or a layer.")
        parts = axis_parts(axis_name(axis), self.dataset.components)
        self._choose_axis(axis_name(parts))

    def run(self) -> None:
        """Start a run of what is chosen, or go on along the axis that was chosen since one was started.

        What stops it from starting is shown as an error.
        """
        if self._can_switch:
            self.cancel()
            self._next_axis = self._form.axis
            self._say(f"Going on by {self._next_axis} …")
            self._render_buttons()
        else:
            self._start(lambda: self._make_run(self._chosen_folder))

    def resume(self) -> None:
        """Do what is missing of the run in the chosen folder, or of the last one, along the axis that is chosen."""
        folder = self._resumable
        if folder is not None:
            self._start(lambda: self._make_run(folder, resume=True))

    def run_again(self) -> None:
        """Do again, of the tasks that are selected, or else of all, those that are not done."""
        result = self.result
        if result is None:
            return
        selected = self.table.selected
        values = [value for value in result.missing if value in selected or not selected]
        if values:
            self._start(lambda: self._launcher.make_again(*self._place, result, values), result)

    def _start(self, make: Callable[[], Run], previous: RunResult | None = None) -> None:
        """Start a run, after which the outcomes of a `previous` one stand where it has none."""
        if self.running or self._planner.running or self._check.running:
            return
        try:
            run = make()
        except (ValueError, OSError) as error:
            self._fail(error)
            self._render_buttons()
            return
        if self._session is not None:
            self._session.close()
        self._session = RunSession(self._viewer, run, self.show_as.value, self._board, self.native, previous)
        self._session.failed.connect(self._fail)
        self._session.over.connect(self._finish)
        self.progress.max = max(1, len(run.axis_values))
        self._say(self._launcher.note)
        self._progress_ticks.start()
        self._render_buttons()
        self._timeline.follow(self._session, self._planner.expected_seconds(run))
        self._session.start()
        self._plate.follow(self._session)

    def cancel(self) -> None:
        """Stop the run that goes on. What is finished is kept."""
        self._next_axis = ""
        if self._session is not None and self.running:
            self._say("Cancelling …")
            self._session.cancel()

    # ------------------------------------------------------------------ how it hangs together

    def _connect(self) -> None:
        self._data.opened.connect(self._take)
        self._data.changed.connect(self._render_buttons)
        self._data.failed.connect(self._fail)
        self._steps.changed.connect(self._show_pipeline)
        self._recipes.opened.connect(self._take_recipe)
        self._last_time.told.connect(self._say)
        self._last_time.pipeline_found.connect(self._steps.take)
        self._board.updated.connect(self._on_event)
        self.axis.changed.connect(self._choose_axis)
        self.variable.changed.connect(self._choose)
        self.group_by.changed.connect(self._choose)
        self.values.changed.connect(self._choose)
        self.executor.changed.connect(self._choose_executor)
        for part in (self.output, self.workers, self.executor):
            part.changed.connect(self._render_buttons)
        self._planner.changed.connect(self._render_buttons)
        self._check.changed.connect(self._render_buttons)
        self.axis_panel.axis_chosen.connect(self.split_by)
        self.run_button.clicked.connect(self.run)
        self.resume_button.clicked.connect(self.resume)
        self.again_button.clicked.connect(self.run_again)
        self.cancel_button.clicked.connect(self.cancel)
        self.table.clicked.connect(self._tell_task)
        self._progress_ticks.timeout.connect(self._show_progress)
        self.native.destroyed.connect(self._close_parts)

    def _render(self) -> None:
        """Show the state of the form."""
        self.show_form(self._form)
        self._render_buttons()

    @property
    def _can_switch(self) -> bool:
        """Whether the run that goes on could go on along the axis that is chosen now."""
        return (
            self._session is not None
            and self.running
            and not self._next_axis
            and self._board.done < self._board.total
            and self._session.run.can_go_along(self._form.axis)
            and self._session.run.dataset is self.dataset
        )

    def _render_buttons(self) -> None:
        idle = not self.running and not self._planner.running and not self._check.running
        ready = self.dataset is not None and idle and not self._data.opening
        self.run_button.enabled = ready or self._can_switch
        self.cancel_button.enabled = self.running
        self.resume_button.enabled = ready and self._resumable is not None
        self.again_button.enabled = idle and self.result is not None and bool(self.result.missing)
        form = self._form
        chosen = self.dataset, self.pipeline, form.variable, form.group_by
        self._planner.follow(ready, *chosen, *self._place)
        self._check.follow(*chosen)
        self._steps.follow(self.dataset, form.variable, form.group_by)
        count = self._form.task_count
        tasks = f" {count} task{'s' if count != 1 else ''}" if count else ""
        self.run_button.text = f"Go on by {self._form.axis}" if self._can_switch else f"Run{tasks}"

    def _choose_axis(self, axis: str) -> None:
        combinations = () if self.dataset is None else _combinations(self.dataset, axis)
        self._form = self._form.split_by(axis, combinations)
        self._render()

    def _choose_executor(self, name: str) -> None:
        self.show_row(self.scheduler, name == "dask")

    @property
    def _chosen_folder(self) -> Path | None:
        """Where results are to be kept; None for nowhere."""
        return None if str(self.output.value) in ("", ".") else Path(self.output.value)

    @property
    def _resumable(self) -> Path | None:
        """The folder of a run that can be resumed: the chosen one, or that of the last run if tasks are missing."""
        folder = self._chosen_folder
        if folder is not None:
            return folder if folder.is_dir() and any(folder.iterdir()) and is_run(folder) else None
        return Path(self.result.output) if self.result is not None and self.result.missing else None

    def _choose(self) -> None:
        self._form = self._form.choose(self.variable.value, self.group_by.value, self.values.value)
        self._render()

    def _show_pipeline(self) -> None:
        self.plate_panel.show_pipeline(self.pipeline)
        self._render_buttons()

    def _make_run(self, output: Path | None, resume: bool = False) -> Run:
        """Return a run of what is chosen."""
        return self._launcher.make(*self._place, self.result, **self._chosen, output=output, resume=resume)

    def _recipe(self) -> Recipe:
        """Return the recipe of a run of what is chosen."""
        executor, workers, scheduler = self._place
        return Recipe.of(
            **self._chosen,
            executor=executor,
            workers=workers,
            output=self._chosen_folder,
            scheduler=scheduler or None,
        )

    def _take_recipe(self, recipe: Recipe) -> None:
        """Take the steps of a recipe and its choices as far as they fit; its dataset, if nothing is open."""
        if self.dataset is None:
            self._form = AxisForm(axis=recipe.axis, variable=recipe.variable, group_by=recipe.group_by)
            self._data.open(recipe.source, recipe.pattern, recipe.axes)
        elif is_axis(recipe.axis, self.dataset.components):
            self._choose_axis(recipe.axis)
            self._form = self._form.choose(recipe.variable, recipe.group_by)
            self._render()
        self.pipeline = recipe.pipeline

    @property
    def _chosen(self) -> dict[str, Any]:
        """What to run, as arguments of `Run`."""
        config = self.configuration
        return {
            "dataset": self.dataset,
            "pipeline": self.pipeline,
            "axis": config.multiprocessing_axis.value,
            "variable": [component.value for component in config.default_variable],
            "group_by": config.default_group_by.value if config.default_group_by else None,
            "axis_filter": self._form.values or None,
        }

    @property
    def _place(self) -> tuple[str, int, str]:
        """Where to run: executor, workers, and the scheduler of a cluster."""
        return self.executor.value, self.workers.value, self.scheduler.value.strip()

    def _warm_up(self) -> None:
        if self.executor.value == "processes" and not self.running:
            self._launcher.warm_up(self.workers.value)

    def close(self) -> None:
        """Stop everything that is running, end the worker processes, and close the widget."""
        self._close_parts()
        super().close()

    def _close_parts(self) -> None:
        with suppress(RuntimeError):  # where the native parts are gone already
            self._progress_ticks.stop()
            if self._session is not None:
                self._session.close()
            self._timeline.close()
        self._session = None
        self._last_time.close()
        self._planner.close()
        self._check.close()
        self._steps.close()
        self._plate.close()
        self._plot.close()
        self._launcher.close()
        self._data.close()

    # ------------------------------------------------------------------ while a run goes on

    def _on_event(self, event: TaskEvent) -> None:
        if self._board.done == self._board.total:
            # No task is left that could run along another axis.
            self._render_buttons()

    def _show_progress(self) -> None:
        # Qt paints a progress bar there and then, and the canvas with it, unless it is told to wait.
        self.progress.native.setUpdatesEnabled(False)
        self.progress.value = self._board.done
        self.progress.native.setUpdatesEnabled(True)
        if not self.running:
            self._progress_ticks.stop()

    def _finish(self, result: RunResult) -> None:
        if self._next_axis and self._session is not None:
            (axis, self._next_axis), run = (self._next_axis, ""), self._session.run
            self._start(lambda: run.along(axis))
            return
        self._render_buttons()
        self._plot.show(result)
        if self._session is not None and self._session.error is None:
            told = outcome_summary(result)
            self._say(told)
            if result.failures:
                show_warning(f"Axiswise: {told}")
        self.finished.emit(result)

    def _tell_task(self, index: Any) -> None:
        event = self._board.event(self._board.values[index.row()])
        self._say(event.error or f"{event.axis_value}: {event.status}")
        self.message.tooltip = plain_tooltip(event.traceback)

    def _say(self, text: str) -> None:
        self.message.value = text
        self.message.tooltip = ""

    def _fail(self, error: Exception) -> None:
        self._say(str(error))
        show_error(f"Axiswise: {error}")


def _combinations(dataset: Dataset, axis: str) -> tuple[str, ...]:
    """Return the values of a product of components; none for a component, and where there is no such product."""
    if axis in dataset.components or not is_axis(axis, dataset.components):
        return ()
    return dataset.index.axis_values(axis)
