"""Restores the choices of the last session, and stores those of this one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from ...datasets.dataset import Dataset, PageAxes
from ...datasets.opening import open_dataset
from ...executors.choice import EXECUTORS
from ...pipeline.pipeline import Pipeline
from ..common.background import Background
from ..common.settings import Settings, follow_workers
from ..data.controller import DatasetController
from ..editor.controller import PipelineController
from ..viewer.layers import SHOW_AS
from .form import AxisForm
from .last_time import LastTime, read_last_time, read_pipeline, write_last_time, write_pipeline
from .model import RunModel

REST = 500
"""Milliseconds without a change before the choices are written."""

OF_DATASET = ("axis", "variable", "group_by", "axis_filter", "output")
"""Options that are stored only while a dataset is open."""


class LastTimeController:
    """Restores the choices of the last session, if the settings say so.

    Parameters
    ----------
    model : RunModel
        The choices in the dock.
    data : DatasetController
        Opens the dataset of the last session, unless another one is open.
    steps : PipelineController
        Gets the pipeline of the last session.
    parent : QObject
        The owner of the timer.

    Attributes
    ----------
    choices : LastTime
        The choices of the last session, and once a dataset is open, those of this one.
    message : psygnal.Signal
        Emitted with what could not be restored.
    """

    message = Signal(str)

    def __init__(
        self, model: RunModel, data: DatasetController, steps: PipelineController, parent: QObject
    ) -> None:
        self._model = model
        self._data = data
        self._steps = steps
        self._stored_pipeline: Pipeline | None = None
        self._is_pending = False
        self._usual_workers = Settings.current().usual_workers
        self._is_on = Settings.current().start_where_left
        self.choices, self._problem = read_last_time() if self._is_on else (LastTime(), "")
        model.set(preferred=AxisForm.of_options(self.choices))
        self._background = Background()
        self._background.returned.connect(self._restore_rest)
        self._background.failed.connect(self._on_failure)
        self._rest = QTimer(parent)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._store)
        follow_workers(self.use_usual_workers)

    def restore(self) -> None:
        """Restore the choices at once, and the dataset and the pipeline in a thread; then follow the model."""
        last = self.choices
        if self._problem:
            self.message.emit(self._problem)
        restored: dict[str, Any] = {"scheduler": last.scheduler or ""}
        if last.executor in EXECUTORS:
            restored["executor"] = last.executor
        if last.show_as in SHOW_AS:
            restored["show_as"] = last.show_as
        if last.workers:
            restored["workers"] = last.workers
        self._model.set(**restored)
        if last.pipeline != self._steps.name:
            self._steps.choose(last.pipeline)
        if self._model.dataset is not None:
            self._restore_output()
            last = replace(last, source="")
        elif last.source:
            self._data.summary.emit(f"Opening {last.source}, as last time …")
        if self._is_on:
            self._background.start(lambda: _find(last))
        self._model.changed.connect(self._on_change)

    def use_usual_workers(self) -> None:
        """Choose the number of workers in the settings, unless another number was chosen in the dock."""
        usual = Settings.current().usual_workers
        if self._model.workers == self._usual_workers:
            self._model.set(workers=usual)
        self._usual_workers = usual

    def close(self) -> None:
        """Store the choices, and restore nothing more."""
        self._background.close()
        with suppress(RuntimeError):  # deleted with the window
            self._rest.stop()
        if self._is_pending:
            self._store()

    def _on_change(self) -> None:
        self._is_pending = True
        self._rest.start()

    def _store(self) -> None:
        """Write the choices, if the settings still say so."""
        self._is_pending = False
        if not Settings.current().start_where_left:
            return
        model = self._model
        options = model.options | {"scheduler": model.scheduler or None}
        if model.workers == self._usual_workers:
            options["workers"] = None
        if model.dataset is None:
            options = {name: value for name, value in options.items() if name not in OF_DATASET}
        choices = replace(self.choices, **options, pipeline=self._steps.name, show_as=model.show_as)
        # A dataset in memory cannot be opened again; the one before it can.
        dataset = model.dataset
        if dataset is not None and dataset.opened is not None:
            choices = replace(
                choices,
                source=dataset.opened,
                pattern=dataset.pattern or "",
                page_axes=_plain(dataset.axes),
            )
        own = self._steps.own
        if own is not self._stored_pipeline:
            write_pipeline(own)
            self._stored_pipeline = own
        self.choices = choices
        write_last_time(choices)

    def _restore_rest(self, found: tuple[Pipeline | None, Dataset | Exception | None, str]) -> None:
        pipeline, dataset, problem = found
        if problem:
            self.message.emit(problem)
        # Unless one was set in the meantime.
        if pipeline is not None and self._steps.own is None:
            self._stored_pipeline = pipeline
            self._steps.use(pipeline)
        if self._model.dataset is not None or self._data.opening:
            return
        if isinstance(dataset, Dataset):
            self._data.use(dataset)
            self._restore_output()
        elif dataset is not None:
            self._on_failure(dataset)

    def _restore_output(self) -> None:
        """Choose the output folder again, if the same dataset is open."""
        dataset = self._model.dataset
        if self.choices.output and dataset is not None and dataset.opened == self.choices.source:
            self._model.set(output=Path(self.choices.output))

    def _on_failure(self, error: Exception) -> None:
        if self._model.dataset is None and not self._data.opening:
            self._data.summary.emit(f"{self.choices.source} was open last time, and cannot be opened now.")
            self.message.emit(str(error))


def _find(last: LastTime) -> tuple[Pipeline | None, Dataset | Exception | None, str]:
    """Return the pipeline and the dataset of the last session, and an error message about the pipeline."""
    pipeline, problem = read_pipeline()
    if not last.source:
        return pipeline, None, problem
    try:
        return pipeline, open_dataset(last.source, last.pattern or None, last.page_axes), problem
    except Exception as error:
        return pipeline, error, problem


def _plain(axes: PageAxes | None) -> PageAxes | None:
    """Return axes as JSON has them."""
    return axes if axes is None else dict(axes) if isinstance(axes, dict) else list(axes)
