"""Connects the source chosen in the dock, the open dataset, and the viewer's layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from psygnal import Signal

from ...core.files import hide_secrets
from ...core.text import printable
from ...datasets.arrays import axis_components
from ...datasets.dataset import Dataset, PageAxes
from ...datasets.opening import open_dataset, read_axes
from ...datasets.report import Report
from ..common.background import Background
from ..common.plain import plain_tooltip
from ..preview.layers import PREVIEW
from ..run.dock import Dock
from ..run.model import RunModel
from .reader import OPENED
from .source import Source, Typed

if TYPE_CHECKING:
    from napari.viewer import Viewer


class DatasetController:
    """Open the source chosen in the dock: a folder, a file, an address, or a layer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Has the layers that can be opened.
    dock : Dock
        Has the fields of the source.
    model : RunModel
        Gets the dataset.

    Attributes
    ----------
    summary : psygnal.Signal
        Emitted with a line about the dataset, or about the source being opened.
    failed : psygnal.Signal
        Emitted with the error if opening fails.
    changed : psygnal.Signal
        Emitted when opening starts.
    """

    summary = Signal(str)
    failed = Signal(Exception)
    changed = Signal()

    def __init__(self, viewer: Viewer, dock: Dock, model: RunModel) -> None:
        self._model = model
        self._viewer = viewer
        self._dock = dock
        self._opening, self._reporting = Background(), Background()
        self._typed_axes = Typed(dock.axes.native, dock.axes.changed)
        self._typed_axes.settled.connect(self._open_with_axes)
        dock.source.chosen.connect(self._open_source)
        dock.layer.changed.connect(self._open_layer)
        self._opening.returned.connect(self.use)
        self._opening.failed.connect(self._fail)
        self._reporting.returned.connect(dock.report.show_report)
        self._reporting.failed.connect(lambda error: self.failed.emit(error))
        viewer.layers.events.inserted.connect(self.adopt_layers)

    @property
    def opening(self) -> bool:
        """Whether a dataset is being opened."""
        return self._opening.running

    def open(self, source: Source, pattern: str | None, axes: PageAxes | None) -> None:
        """Open a folder, file or address, optionally with a pattern or with the axes of its pages."""
        if pattern is None:
            self._open_source(source, axes)
        else:
            self._try(lambda: self.use(open_dataset(source, pattern, axes)))

    def use(self, dataset: Dataset) -> None:
        """Show an open dataset, and start its report."""
        self._opening.close()
        dock = self._dock
        with dock.layer.changed.blocked(), dock.source.changed.blocked():
            if dataset.array is None:
                dock.layer.value = None
                dock.source.value = dataset.source
        unlabelled = dataset.axes is not None or any(name.startswith("page") for name in dataset.components)
        dock.show_row(dock.axes, dock.layer.value is not None or unlabelled)
        self._model.open(dataset)
        skipped = f", {len(dataset.problems):,} skipped" if dataset.problems else ""
        self.summary.emit(f"{dataset.layout}: {len(dataset):,} planes{skipped}")
        dock.summary.tooltip = plain_tooltip("\n".join(map(str, dataset.problems[:20])))
        dock.report.clear()
        self._reporting.start(partial(_report, dataset))

    def adopt_layers(self, _: Any = None) -> None:
        """Use the plate whose images are in the viewer, if no dataset is open."""
        plates = [layer.metadata[OPENED] for layer in self._viewer.layers if OPENED in layer.metadata]
        if plates and self._model.dataset is None:
            self.use(plates[0])

    def close(self) -> None:
        """Cancel opening and reporting."""
        self._opening.close()
        self._reporting.close()

    def _open_source(self, source: Source, axes: PageAxes | None = None) -> None:
        self.summary.emit(f"Opening {printable(hide_secrets(str(source)))} …")
        self._reporting.close()
        self._opening.start(partial(open_dataset, source, axes=axes))
        self.changed.emit()

    def _open_with_axes(self) -> None:
        """Reopen the dataset with the axes that the user has entered."""
        if self._dock.layer.value is not None:
            self._open_layer()
        elif self._model.dataset is not None and self._model.dataset.opened is not None:
            opened = self._model.dataset.opened
            self._try(lambda: self._open_source(opened, read_axes(self._dock.axes.value) or None))

    def _open_layer(self) -> None:
        layer, axes = self._dock.layer.value, self._dock.axes
        if layer is not None and OPENED in layer.metadata:
            self.use(layer.metadata[OPENED])
        elif layer is not None:
            if self._model.dataset is None or self._model.dataset.source != layer.name:
                with axes.changed.blocked():
                    axes.value = ", ".join(axis_components(layer.axis_labels))
            self._try(lambda: self.use(open_dataset([layer], axes=read_axes(axes.value) or None)))

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (ValueError, OSError) as error:
            self.failed.emit(error)

    def _fail(self, error: Exception) -> None:
        self.summary.emit("")
        if self._model.dataset is not None:
            self.use(self._model.dataset)
        self.changed.emit()
        self.failed.emit(error)


def _report(dataset: Dataset) -> Report:
    """Return the report of a dataset, with the tables that it computes on first use."""
    report = dataset.report()
    str(report)
    return report


def layer_choices(viewer: Viewer) -> list[Image]:
    """Return the layers that can be opened: images with an axis besides Y and X, without previews."""
    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image) and layer.ndim > 2 and not layer.rgb and PREVIEW not in layer.metadata
    ]
