"""Connects the list of pipelines, the editor, the function chooser and the preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...catalog.offer import Offer
from ...functions import PIPELINES
from ...pipeline.pipeline import Pipeline
from ..preview.controller import PreviewController
from ..run.dock import Dock
from ..run.model import RunModel
from .function_chooser import FunctionChooser

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PipelineController:
    """Lets the user choose and edit the pipeline.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the preview is shown.
    dock : Dock
        Has the list of pipelines and the editor.
    model : RunModel
        Gets the pipeline.
    """

    def __init__(self, viewer: Viewer, dock: Dock, model: RunModel) -> None:
        self._dock = dock
        self._model = model
        self._panel = dock.editor_panel
        # Each is made once, so that undoing an edit restores the name.
        self._named: dict[str, Pipeline] = {next(iter(PIPELINES)): dock.editor_panel.form.pipeline}
        self._chooser = FunctionChooser(dock.editor_panel)
        self._preview = PreviewController(viewer, dock.editor_panel)
        self._route = ""
        dock.pipeline_choice.changed.connect(self.choose)
        dock.editor_panel.edited.connect(self._on_edit)
        dock.editor_panel.function_wanted.connect(self._ask_function)
        dock.editor_panel.try_wanted.connect(self._try)
        self._chooser.chosen.connect(self._add_function)
        self._preview.step_messages.connect(dock.editor_panel.tell)
        self._preview.summary.connect(dock.editor_panel.say)
        model.changed.connect(self._update_preview)

    @property
    def name(self) -> str:
        """The name of the pipeline in the list; empty for a pipeline of the user."""
        pipeline = self._model.pipeline
        return next((name for name, named in self._named.items() if named is pipeline), "")

    @property
    def own(self) -> Pipeline | None:
        """The pipeline, unless it comes with the plugin."""
        return None if self.name else self._model.pipeline

    def use(self, pipeline: Pipeline) -> None:
        """Choose a pipeline. Undo in the editor brings the one before back."""
        self._panel.show_pipeline(pipeline)

    def choose(self, name: str) -> None:
        """Choose a pipeline of the plugin by its name; other names are ignored."""
        if name in PIPELINES:
            self.use(self._named.setdefault(name, PIPELINES[name]()))

    def close(self) -> None:
        """End the preview, and read no more functions."""
        self._preview.close()
        self._chooser.close()

    def _update_preview(self) -> None:
        self._preview.follow(*self._model.subject)

    def _ask_function(self, route: str) -> None:
        self._route = route
        self._chooser.ask()

    def _add_function(self, offer: Offer) -> None:
        try:
            function = offer.load()
        except ValueError as error:  # its file has changed
            self._panel.say(str(error))
        else:
            self._panel.take_function(function, self._route)

    def _try(self, on: bool) -> None:
        self._preview.active = on

    def _on_edit(self) -> None:
        self._model.set(pipeline=self._panel.form.pipeline)
        own = [] if self.name else [str(self._model.pipeline)]
        self._dock.pipeline_names = [*PIPELINES, *own]
        choice = self._dock.pipeline_choice
        with choice.changed.blocked():
            choice.reset_choices()
            choice.value = self.name or str(self._model.pipeline)
