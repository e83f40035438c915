"""Brings together the dropdown of pipelines and the editor, which hold one pipeline between them."""

from __future__ import annotations

from magicgui.widgets import ComboBox
from qtpy.QtCore import QObject, Signal

from ..functions import PIPELINES
from ..pipeline import Pipeline
from .editor_panel import EditorPanel


class PipelineControl(QObject):
    """Says which pipeline is to be run.

    Parameters
    ----------
    choice : ComboBox
        Offers pipelines by name.
    panel : EditorPanel
        Edits the one that is chosen.

    Attributes
    ----------
    pipeline : Pipeline
        The one; can be set.
    changed : Signal
        Emitted when it is another.
    """

    changed = Signal()

    def __init__(self, choice: ComboBox, panel: EditorPanel) -> None:
        super().__init__(panel)
        self._choice = choice
        self._panel = panel
        # Each is made once, so that undoing leads back to one that has a name.
        self._named: dict[str, Pipeline] = {}
        choice.changed.connect(self._choose)
        panel.edited.connect(self._tell)
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

    def _tell(self) -> None:
        names = [name for name, pipeline in self._named.items() if pipeline is self.pipeline]
        own = [] if names else [str(self.pipeline)]
        with self._choice.changed.blocked():
            self._choice.choices = [*PIPELINES, *own]
            self._choice.value = (*names, *own)[0]
        self.changed.emit()
