"""Brings together the dropdown of pipelines, the editor, the functions it gets, and the plane they are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psygnal import Signal

from ...catalog.offer import Offer
from ...datasets.dataset import Dataset
from ...functions import PIPELINES
from ...pipeline.pipeline import Pipeline
from ..preview.controller import PreviewController
from ..run.dock import Dock
from .function_chooser import FunctionChooser

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PipelineControl:
    """Says which pipeline is to be run.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where steps are tried.
    dock : Dock
        With the dropdown and the editor.

    Attributes
    ----------
    pipeline : Pipeline
        The one.
    own : Pipeline or None
        The same, unless it is one of those that come with the plugin.
    changed : psygnal.Signal
        Emitted when it is another.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, dock: Dock) -> None:
        self._dock = dock
        self._panel = dock.editor_panel
        # Each is made once, so that undoing leads back to one that has a name.
        self._named: dict[str, Pipeline] = {next(iter(PIPELINES)): dock.editor_panel.form.pipeline}
        self._chooser = FunctionChooser(dock.editor_panel)
        self._preview = PreviewController(viewer, dock.editor_panel)
        self._route = ""
        dock.pipeline_choice.changed.connect(self._choose)
        dock.editor_panel.edited.connect(self._tell)
        dock.editor_panel.function_wanted.connect(self._ask_function)
        dock.editor_panel.try_wanted.connect(self._try)
        self._chooser.chosen.connect(self._take_function)
        self._preview.told.connect(dock.editor_panel.tell)
        self._preview.said.connect(dock.editor_panel.say)

    @property
    def pipeline(self) -> Pipeline:
        """The one that is chosen, as it was edited."""
        return self._panel.form.pipeline

    @property
    def own(self) -> Pipeline | None:
        """The one that is chosen, if it does not come with the plugin."""
        return None if self._name else self.pipeline

    def take(self, pipeline: Pipeline) -> None:
        """Choose another; what was chosen can be had back in the editor."""
        self._panel.show_pipeline(pipeline)

    def follow(self, dataset: Dataset | None, variable: Sequence[str], group_by: str | None) -> None:
        """Try the pipeline on what is chosen now, if it is being tried."""
        self._preview.follow(dataset, self.pipeline, variable, group_by)

    def close(self) -> None:
        """End what is being tried, and what is being read."""
        self._preview.close()
        self._chooser.close()

    @property
    def _name(self) -> str:
        """What the one that is chosen is called, if it comes with the plugin."""
        return next((name for name, pipeline in self._named.items() if pipeline is self.pipeline), "")

    def _choose(self, name: str) -> None:
        if name in PIPELINES:
            self.take(self._named.setdefault(name, PIPELINES[name]()))

    def _ask_function(self, route: str) -> None:
        self._route = route
        self._chooser.ask()

    def _take_function(self, offer: Offer) -> None:
        try:
            function = offer.load()
        except ValueError as error:  # its file is another since it was read
            self._panel.say(str(error))
        else:
            self._panel.take_function(function, self._route)

    def _try(self, on: bool) -> None:
        self._preview.active = on

    def _tell(self) -> None:
        own = [] if self._name else [str(self.pipeline)]
        self._dock.pipeline_names = [*PIPELINES, *own]
        choice = self._dock.pipeline_choice
        with choice.changed.blocked():
            choice.reset_choices()
            choice.value = self._name or str(self.pipeline)
        self.changed.emit()
