"""The dock widget: choose a plate, an axis and a pipeline, run it, and watch the results appear."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QModelIndex

from ...core.axes import Axis
from ...core.components import ComponentConfiguration
from ...datasets.dataset import Dataset
from ...datasets.opening import open_dataset
from ...functions import PIPELINES
from ...pipeline.pipeline import Pipeline
from ...recipes.recipe import Recipe
from ...runs.result import RunResult
from ..axis.controller import AxisController
from ..check.controller import CheckController, CheckRequest
from ..common.closing import CloseWatcher
from ..common.plain import notify_error, notify_warning
from ..common.task_board import TaskBoard
from ..data.controller import DatasetController, layer_choices
from ..editor.controller import PipelineController
from ..editor.recipes import RecipeController
from ..plate.controller import PlateController
from ..plot.controller import PlotController
from ..timeline.controller import TimelineController
from .controller import RunController
from .dock import Dock
from .last_time_controller import LastTimeController
from .model import RunModel
from .progress import RunProgress
from .session import RunSession
from .task_table import outcome_summary

if TYPE_CHECKING:
    from napari.viewer import Viewer


class AxiswiseWidget(Dock):
    """Runs a pipeline over a plate, split by a component of choice.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where results are shown. Its image layers can be the dataset.

    Attributes
    ----------
    finished : psygnal.Signal
        Emitted with the `RunResult` when a run ends, also if it was cancelled.
    """

    finished = Signal(RunResult)

    def __init__(self, napari_viewer: Viewer) -> None:
        self._model = model = RunModel(next(iter(PIPELINES.values()))())
        self._board = board = TaskBoard()
        super().__init__(model, lambda _: layer_choices(napari_viewer), board)
        self._runs = RunController(napari_viewer, model, board, self.native, self._is_blocked)
        self._progress = RunProgress(self.progress, board)
        self._data = DatasetController(napari_viewer, self, model)
        self._steps = PipelineController(napari_viewer, self, model)
        self._recipes = RecipeController(self.editor_panel, lambda: model.plan().recipe)
        self._last_time = LastTimeController(model, self._data, self._steps, self.native)
        self._plate = PlateController(napari_viewer, self.plate_panel, board)
        self._plot = PlotController(napari_viewer, self.plot_panel)
        self._timeline = TimelineController(
            napari_viewer, self.timeline_panel, self.table, board, self.run_again
        )
        launcher = self._runs.launcher
        self._planner = AxisController(self.axis_panel, lambda: launcher.trial(model.trial()))
        self._check = CheckController(napari_viewer, self.check_panel, lambda: CheckRequest.of(model.trial()))
        self._closing = CloseWatcher(self._close_parts, self.native)
        self._connect()
        self._on_choice(frozenset({"pipeline"}))
        self._data.adopt_layers()
        self._last_time.restore()

    @property
    def dataset(self) -> Dataset | None:
        """The open dataset."""
        return self._model.dataset

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline. It can be set, also to a sequence of steps."""
        return self._model.pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Pipeline) -> None:
        self._steps.use(pipeline if isinstance(pipeline, Pipeline) else Pipeline(pipeline))

    @property
    def running(self) -> bool:
        """Whether a run is going on: until all its tasks are over and shown."""
        return self._runs.running

    @property
    def result(self) -> RunResult | None:
        """The result of the current run, or of the last one."""
        return self._runs.result

    @property
    def configuration(self) -> ComponentConfiguration[Any]:
        """The axis and the defaults of steps that are chosen.

        Raises
        ------
        ValueError
            Nothing is open.
        """
        return self._model.configuration

    def open(self, source: str | Path | Dataset) -> None:
        """Open a folder, a file or an address, or use a dataset that is open.

        Raises
        ------
        ValueError, OSError
            See `open_dataset`.
        """
        self._data.use(open_dataset(source))

    def split_by(self, axis: Axis) -> None:
        """Choose the axis: a component, or several, ``"well,timepoint"``.

        Raises
        ------
        ValueError
            Nothing is open, or the dataset has no such component.
        """
        self._model.split_by(axis)

    def run(self) -> None:
        """Start a run, or switch the current run to the axis that is chosen now.

        An error that keeps it from starting is shown.
        """
        self._runs.run()

    def resume(self) -> None:
        """Run the missing tasks of the run in the output folder, or of the last run, by the chosen axis."""
        self._runs.resume()

    def run_again(self) -> None:
        """Rerun the selected unfinished tasks, or all of them."""
        self._runs.run_again(self.table.selected)

    def cancel(self) -> None:
        """Stop the current run. Finished tasks are kept."""
        self._runs.cancel()

    def close(self) -> None:
        """Stop everything that is running, end the worker processes, and close the widget."""
        self._close_parts()
        super().close()

    # ------------------------------------------------------------------ connections

    def _connect(self) -> None:
        self._model.changed.connect(self._on_choice)
        self._data.changed.connect(self._render_actions)
        self._data.summary.connect(self.show_summary)
        self._data.failed.connect(self._fail)
        self._recipes.opened.connect(self._use_recipe)
        self._last_time.message.connect(self.show_message)
        self._planner.changed.connect(self._render_actions)
        self._check.changed.connect(self._render_actions)
        self._runs.changed.connect(self._render_actions)
        self._runs.message.connect(self.show_message)
        self._runs.failed.connect(self._fail)
        self._runs.started.connect(self._follow)
        self._runs.finished.connect(self._finish)
        self.axis_panel.axis_chosen.connect(self.split_by)
        self.run_button.clicked.connect(self.run)
        self.resume_button.clicked.connect(self.resume)
        self.again_button.clicked.connect(self.run_again)
        self.cancel_button.clicked.connect(self.cancel)
        self.table.clicked.connect(self._show_task)
        self.native.destroyed.connect(self._close_parts)

    def _is_blocked(self) -> bool:
        """Return whether the machine is measured, or the dataset is about to change."""
        return self._planner.running or self._check.running or self._data.opening

    def _on_choice(self, names: frozenset[str]) -> None:
        model = self._model
        self.render_choices(model)
        if "dataset" in names and model.dataset is not None:
            self.editor_panel.show_data(model.dataset.components, model.dataset.labels)
            self.show_message("")
            if model.executor == "processes" and not self.running:
                self._runs.launcher.warm_up(model.workers)
        if "pipeline" in names:
            self.plate_panel.show_pipeline(model.pipeline)
        self._check.follow(*model.subject)
        self._render_actions()

    def _render_actions(self) -> None:
        actions = self._runs.actions
        self.render_actions(actions)
        self._planner.follow(actions.is_ready, *self._model.subject, *self._model.place)

    def _use_recipe(self, recipe: Recipe) -> None:
        """Use the steps of a recipe, its options as far as they are valid, and its dataset if nothing is open."""
        self._model.use_recipe(recipe)
        if self.dataset is None:
            self._data.open(recipe.source, recipe.pattern, recipe.axes)
        self.pipeline = recipe.pipeline

    def _close_parts(self) -> None:
        with suppress(RuntimeError):  # deleted with the window
            self._progress.close()
            self._timeline.close()
        for part in (
            self._last_time, self._planner, self._check, self._steps, self._plate, self._plot, self._runs,
            self._data,
        ):  # fmt: skip
            part.close()

    # ------------------------------------------------------------------ a run

    def _follow(self, session: RunSession) -> None:
        self._timeline.follow(session, self._planner.expected_seconds(session.run))
        self._plate.follow(session)

    def _finish(self, result: RunResult) -> None:
        self._plot.show(result)
        if self._runs.error is None:
            summary = outcome_summary(result)
            self.show_message("\n".join((summary, *result.warnings)))
            if result.failures or result.unfinished:
                notify_warning(summary)
        self.finished.emit(result)

    def _show_task(self, index: QModelIndex) -> None:
        event = self._board.event(self._board.values[index.row()])
        self.show_message(event.error or f"{event.axis_value}: {event.status}", event.traceback)

    def _fail(self, error: Exception) -> None:
        self.show_message(str(error))
        notify_error(error)
