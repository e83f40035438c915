"""Starts the dock where one left off, and keeps what is chosen in it for next time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from psygnal import Signal
from qtpy.QtCore import QTimer

from ...datasets.dataset import Dataset, PageAxes
from ...datasets.opening import open_dataset
from ...pipeline.pipeline import Pipeline
from ..common.background import Background
from ..common.settings import Settings, follow_workers
from ..data.controller import DatasetControl
from .dock import Dock
from .last_time import LastTime, read_last_time, read_pipeline, write_last_time, write_pipeline

REST = 500
"""Milliseconds after a change in which another may follow, before the choices are written."""


class LastTimeControl:
    """Fills the dock with what was chosen last time, if the settings say so.

    Parameters
    ----------
    dock : Dock
        What is filled.
    data : DatasetControl
        Takes the plate that was open, unless another one is by then.
    own_pipeline : callable
        Returns the pipeline that is chosen, if it is none of those that come with the plugin; else None.

    Attributes
    ----------
    choices : LastTime
        Those of last time; once something is open, those of now.
    pipeline_found : psygnal.Signal
        Emitted with the pipeline of last time, if it is none of those that come with the plugin.
    told : psygnal.Signal
        Emitted with what could not be had again.
    """

    pipeline_found = Signal(Pipeline)
    told = Signal(str)

    def __init__(self, dock: Dock, data: DatasetControl, own_pipeline: Callable[[], Pipeline | None]) -> None:
        self._dock = dock
        self._data = data
        self._own_pipeline = own_pipeline
        self._kept_pipeline: Pipeline | None = None
        self._usual_workers = Settings.current().usual_workers
        self._is_on = Settings.current().start_where_left
        self.choices, self._problem = read_last_time() if self._is_on else (LastTime(), "")
        self._background = Background()
        self._background.returned.connect(self._take)
        self._background.failed.connect(self._tell_failure)
        self._rest = QTimer(dock.native)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._keep)
        follow_workers(self.take_usual_workers)

    def restore(self) -> None:
        """Choose in the dock what was chosen, and open what was open, in a thread; then follow what is chosen."""
        last, dock = self.choices, self._dock
        if self._problem:
            self.told.emit(self._problem)
        for box, value in (
            (dock.executor, last.executor),
            (dock.show_as, last.show_as),
            (dock.pipeline_choice, last.pipeline),
        ):
            if value in box.choices:
                box.value = value
        if last.workers:
            dock.workers.value = min(last.workers, dock.workers.max)
        dock.scheduler.value = last.scheduler
        if self._data.dataset is not None:
            self._restore_output()
            last = replace(last, source="")
        elif last.source:
            dock.summary.value = f"Opening {last.source}, as last time …"
        if self._is_on:
            self._background.start(lambda: _find(last))
        for part in (
            dock.pipeline_choice, dock.axis, dock.variable, dock.group_by, dock.executor, dock.workers,
            dock.scheduler, dock.output, dock.show_as,
        ):  # fmt: skip
            part.changed.connect(self._note)
        self._data.opened.connect(self._note)

    def take_usual_workers(self) -> None:
        """Offer as many workers as the settings say now, unless others were chosen in the dock."""
        usual = Settings.current().usual_workers
        if self._dock.workers.value == self._usual_workers:
            self._dock.workers.value = usual
        self._usual_workers = usual

    def close(self) -> None:
        """Keep what is chosen, and tell nobody of what is still being opened."""
        self._background.close()
        if self._rest.isActive():
            with suppress(RuntimeError):  # where the native parts are gone already
                self._keep()
        self._rest.stop()

    def _note(self) -> None:
        """Keep what is chosen, once no more is."""
        self._rest.start()

    def _keep(self) -> None:
        """Write what is chosen, if the settings say so now."""
        if not Settings.current().start_where_left:
            return
        dock, dataset, own = self._dock, self._data.dataset, self._own_pipeline()
        choices = replace(
            self.choices,
            pipeline=dock.pipeline_choice.value or "",
            executor=dock.executor.value,
            workers=0 if dock.workers.value == self._usual_workers else dock.workers.value,
            scheduler=dock.scheduler.value.strip(),
            show_as=dock.show_as.value,
        )
        if dataset is not None:
            choices = replace(
                choices,
                axis=dock.axis.value or "",
                variable=list(dock.variable.value),
                group_by=dock.group_by.value or "",
                output="" if str(dock.output.value) in ("", ".") else str(dock.output.value),
            )
        # What is in memory cannot be opened again; the plate before it can.
        if dataset is not None and dataset.opened is not None:
            choices = replace(
                choices,
                source=dataset.opened,
                pattern=dataset.pattern or "",
                page_axes=_plain(dataset.axes),
            )
        if own is not self._kept_pipeline:
            write_pipeline(own)
            self._kept_pipeline = own
        self.choices = choices
        write_last_time(choices)

    def _take(self, found: tuple[Pipeline | None, Dataset | Exception | None, str]) -> None:
        pipeline, dataset, told = found
        if told:
            self.told.emit(told)
        # Unless one was set meanwhile.
        if pipeline is not None and self._own_pipeline() is None:
            self._kept_pipeline = pipeline
            self.pipeline_found.emit(pipeline)
        if self._data.dataset is not None or self._data.opening:
            return
        if isinstance(dataset, Dataset):
            self._data.take(dataset)
            self._restore_output()
        elif dataset is not None:
            self._tell_failure(dataset)

    def _restore_output(self) -> None:
        """Choose again the folder for the results of this plate; those of another have no place there."""
        dataset = self._data.dataset
        if self.choices.output and dataset is not None and dataset.opened == self.choices.source:
            self._dock.output.value = self.choices.output

    def _tell_failure(self, error: Exception) -> None:
        if self._data.dataset is None and not self._data.opening:
            self._dock.summary.value = f"{self.choices.source} was open last time, and cannot be opened now."
            self.told.emit(str(error))


def _find(last: LastTime) -> tuple[Pipeline | None, Dataset | Exception | None, str]:
    """Return the pipeline and the plate of last time, and what is wrong with the pipeline; in a thread."""
    pipeline, told = read_pipeline()
    if not last.source:
        return pipeline, None, told
    try:
        return pipeline, open_dataset(last.source, last.pattern or None, last.page_axes), told
    except Exception as error:
        return pipeline, error, told


def _plain(axes: PageAxes | None) -> PageAxes | None:
    """Return axes as JSON has them."""
    return axes if axes is None else dict(axes) if isinstance(axes, dict) else list(axes)
