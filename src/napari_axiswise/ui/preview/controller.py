"""Connects the edited pipeline and the displayed plane with the preview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

from ...datasets.dataset import Dataset
from ...pipeline.pipeline import Pipeline
from ...pipeline.step import RAW
from ...preview.output import StepPreview
from ...preview.request import PreviewRequest
from ...runs.plan import RunPlan
from ..common.closing import CloseWatcher
from ..viewer.axes import DATASET, VALUES, covered_components, places_under_sliders
from .layers import PREVIEW, PreviewLayers
from .workers import PreviewLanes, describe_error

if TYPE_CHECKING:
    from napari.viewer import Viewer


class PreviewController(QObject):
    """Controller that runs the edited pipeline on the displayed plane, as long as it is `active`.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose sliders are followed, and that shows the outputs.
    parent : QWidget
        Widget that turns the preview on. The processes end when it, or its window, is closed.

    Attributes
    ----------
    messages : dict
        From the name of each step to a summary of its output, ``"12 objects · 0.04 s"``, or its error.
    step_messages : psygnal.Signal
        Emitted with `messages` when they change.
    summary : psygnal.Signal
        Emitted with a message about all steps; empty for none.
    changed : psygnal.Signal
        Emitted when `active` changes.
    """

    step_messages = Signal(dict)
    summary = Signal(str)
    changed = Signal()

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(parent)
        self.messages: dict[str, str] = {}
        self._viewer = viewer
        self._active = False
        self._chosen: tuple[Dataset | None, Pipeline | None, tuple[str, ...], str | None] = (
            None,
            None,
            (),
            None,
        )
        self._subject: tuple[object, ...] = ()
        self._has_asked = False
        self._values: Mapping[str, str] = {}
        self._note = ""
        self._lanes = PreviewLanes(self)
        self._lanes.finished.connect(self._show)
        self._lanes.failed.connect(self._fail)
        self._layers = PreviewLayers(viewer)
        self._look_timer, self._layer_timer = QTimer(self), QTimer(self)
        self._look_timer.setSingleShot(True)
        self._look_timer.timeout.connect(self._look)
        self._layer_timer.timeout.connect(self._work)
        self._closing = CloseWatcher(self.close, parent)
        # A window that was never shown is destroyed without being closed.
        parent.destroyed.connect(self._lanes.close_lanes)

    @property
    def active(self) -> bool:
        """Whether the preview is on."""
        return self._active

    @active.setter
    def active(self, active: bool) -> None:
        if active == self._active:
            return
        self._active = active
        for event in self._events():
            (event.connect if active else event.disconnect)(self._look_soon)
        if active:
            self._lanes.warm_up()
            self._look()
        else:
            self._subject, self._has_asked = (), False
            self._look_timer.stop()
            self._layer_timer.stop()
            self._lanes.close()
            self._layers.clear()
            self._tell({}, "")
        self.changed.emit()

    def follow(
        self,
        dataset: Dataset | None,
        pipeline: Pipeline | None,
        variable: Sequence[str],
        group_by: str | None,
    ) -> None:
        """Update the preview if the choices have changed.

        Parameters
        ----------
        dataset : Dataset or None
            The open dataset.
        pipeline : Pipeline or None
            The pipeline; None if it is invalid.
        variable : sequence of str
            Default components to process together.
        group_by : str or None
            Default component to route by.
        """
        self._chosen = dataset, pipeline, tuple(variable), group_by
        if self._active:
            self._look()

    def close(self) -> None:
        """End the worker processes and turn the preview off."""
        if self._active:
            with suppress(
                RuntimeError
            ):  # where the native parts are gone already, and the processes with them
                self.active = False

    def _events(self) -> list[Any]:
        layers = self._viewer.layers
        return [
            self._viewer.dims.events.current_step,
            layers.selection.events.active,
            layers.events.inserted,
            layers.events.removed,
        ]

    def _look_soon(self, _: Any = None) -> None:
        # Several events arrive at once, before the sliders reach their new position.
        self._look_timer.start(0)

    def _look(self) -> None:
        """Request a preview of the current choices on the displayed plane, unless it was the last request."""
        dataset, pipeline, variable, group_by = self._chosen
        if dataset is None or pipeline is None:
            self._show_nothing("" if dataset is not None else "Open a plate or choose a layer first.")
            return
        places = places_under_sliders(self._viewer, dataset.components) | self._selected(dataset)
        with_raw = not self._is_shown(dataset)
        subject = (*self._chosen, tuple(places.items()), with_raw)
        if subject == self._subject:
            return
        self._subject = subject
        try:
            # Whether functions can be sent to a process, the preview finds out for each step.
            plan = RunPlan(dataset, pipeline, variable=variable, group_by=group_by, executor="serial")
            request = PreviewRequest.of(plan, places, with_raw)
        except ValueError as error:
            self._show_nothing(str(error))
            return
        self._has_asked = True
        if not self.messages:
            self._tell({}, "Running the steps…")
        self._lanes.ask(dataset, request)

    def _selected(self, dataset: Dataset) -> dict[str, int]:
        """Return the indices of components without a slider, from the layer that was selected last."""
        covered = covered_components(self._viewer, dataset.components)
        layer = self._viewer.layers.selection.active
        if layer is not None and layer.metadata.get(DATASET) == dataset.source and VALUES in layer.metadata:
            self._values = layer.metadata[VALUES]
        values = {name: self._values[name] for name in covered if name in self._values}
        self._note = "".join(
            f"Preview of {name} {value}. Select the layer of another {name} to change it. "
            for name, value in values.items()
        ).strip()
        components = dataset.components
        return {name: components[name].index(v) for name, v in values.items() if v in components[name]}

    def _is_shown(self, dataset: Dataset) -> bool:
        """Return whether the viewer shows the planes of the dataset."""
        return dataset.array is not None or any(
            layer.metadata.get(DATASET) == dataset.source and PREVIEW not in layer.metadata
            for layer in self._viewer.layers
        )

    def _show_nothing(self, message: str) -> None:
        self._has_asked = False
        self._layers.hide()
        self._tell({}, message)

    def _show(self, dataset: Dataset, request: PreviewRequest, previews: list[StepPreview]) -> None:
        if not self._has_asked:
            return
        self._tell({preview.step: str(preview) for preview in previews if preview.step != RAW}, self._note)
        self._layers.show(dataset, request.pipeline, previews)
        self._layer_timer.start(0)

    def _fail(self, error: Exception) -> None:
        if self._has_asked:
            self._show_nothing(describe_error(error))

    def _work(self) -> None:
        if not self._layers.step():
            self._layer_timer.stop()

    def _tell(self, messages: dict[str, str], summary: str) -> None:
        if messages != self.messages:
            self.messages = messages
            self.step_messages.emit(messages)
        self.summary.emit(summary)
