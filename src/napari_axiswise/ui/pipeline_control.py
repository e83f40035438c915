"""Brings together the dropdown of pipelines, the editor and the functions that are chosen for it."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from ..catalog.offer import Offer
from ..functions import PIPELINES
from ..pipeline import Pipeline
from .dock import Dock
from .function_chooser import FunctionChooser


class PipelineControl(QObject):
    """Says which pipeline is to be run.

    Parameters
    ----------
    dock : Dock
        With both.

    Attributes
    ----------
    pipeline : Pipeline
        The one; can be set.
    changed : Signal
        Emitted when it is another.
    """

    changed = Signal()

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock.native)
        self._dock = dock
        self._panel = dock.editor_panel
        # Each is made once, so that undoing leads back to one that has a name.
        self._named: dict[str, Pipeline] = {}
        self._chooser = FunctionChooser(dock.editor_panel)
        self._route = ""
        dock.pipeline_choice.changed.connect(self._choose)
        dock.editor_panel.edited.connect(self._tell)
        dock.editor_panel.function_wanted.connect(self._ask_function)
        self._chooser.chosen.connect(self._take_function)
        self._choose(next(iter(PIPELINES)))

    @property
    def pipeline(self) -> Pipeline:
        """The one that is chosen, as it was edited."""
        return self._panel.form.pipeline

    @pipeline.setter
    def pipeline(self, pipeline: Pipeline) -> None:
        self._panel.show_pipeline(pipeline)

    def _choose(self, name: str) -> None:
        if name in PIPELINES:
            self.pipeline = self._named.setdefault(name, PIPELINES[name]())

    def _ask_function(self, route: str) -> None:
        self._route = route
        self._chooser.ask()

    def _take_function(self, offer: Offer) -> None:
        self._panel.take_function(offer.load(), self._route)

    def _tell(self) -> None:
        names = [name for name, pipeline in self._named.items() if pipeline is self.pipeline]
        own = [] if names else [str(self.pipeline)]
        self._dock.pipeline_names = [*PIPELINES, *own]
        choice = self._dock.pipeline_choice
        with choice.changed.blocked():
            choice.reset_choices()
            choice.value = (*names, *own)[0]
        self.changed.emit()
