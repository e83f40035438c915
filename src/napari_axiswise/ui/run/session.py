"""One run in a viewer: the thread that drains its events, and the layers that show its results."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from ...core.events import TaskEvent
from ...runs.result import RunResult
from ...runs.run import Run
from ..common.background import Background
from ..common.task_board import TaskBoard
from ..viewer.absence import AbsenceText
from ..viewer.axes import LayerAxes, arrange_layers
from ..viewer.features import SLIDER_REST
from ..viewer.layers import ResultLayers, ShowAs

if TYPE_CHECKING:
    from napari.viewer import Viewer

TICK = 20
"""Milliseconds between two pieces of work on layers, so that the window stays responsive."""


class RunSession(QObject):
    """A run in a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where results are shown.
    run : Run
        The run, not started yet.
    show_as : {"auto", "layer per task", "stacked"}
        See `napari_axiswise.show`.
    board : TaskBoard
        Gets the plan and the events of the run.
    parent : QObject
        The owner.
    previous : RunResult, optional
        The result of an earlier run. Tasks that this run does not repeat keep their outcome.

    Attributes
    ----------
    running : bool
        Whether tasks are running, or results are not shown yet.
    hold_layers : callable
        Returns whether work on layers has to wait for something quicker to be shown first.
    error : Exception or None
        The error that stopped the run as a whole.
    failed : psygnal.Signal
        Emitted with the error that stopped the run as a whole.
    over : psygnal.Signal
        Emitted with the `RunResult` once all tasks are over and all results are shown.
    """

    failed = Signal(Exception)
    over = Signal(RunResult)

    def __init__(
        self,
        viewer: Viewer,
        run: Run,
        show_as: ShowAs,
        board: TaskBoard,
        parent: QObject,
        previous: RunResult | None = None,
    ) -> None:
        super().__init__(parent)
        self.run = run
        self.running = True
        self.hold_layers: Callable[[], bool] = lambda: False
        self.error: Exception | None = None
        self._viewer = viewer
        self._board = board
        self._has_begun = False
        self._tasks_are_over = False
        self._result: RunResult | None = None
        self._previous = previous
        self._kept = [
            event
            for value, event in (previous.outcomes.items() if previous is not None else ())
            if value not in run.axis_values
        ]
        self._layers = ResultLayers(viewer, self._so_far(), show_as)
        self._absence = AbsenceText(viewer, self._so_far(), board)
        self._background = Background()
        self._background.yielded.connect(self._add_event)
        self._background.failed.connect(self._on_error)
        self._background.finished.connect(self._end_tasks)
        self._ticks = self._timer(TICK, self._tick)
        self._slider_rest = self._timer(SLIDER_REST, self._absence.update)
        self._slider_rest.setSingleShot(True)
        viewer.dims.events.current_step.connect(self._wait_for_sliders)

    @property
    def result(self) -> RunResult:
        """The result of the run so far."""
        return self._result or self._so_far()

    def _so_far(self) -> RunResult:
        result = self.run.result
        return result if self._previous is None else result.merged_with(self._previous)

    @property
    def axes(self) -> LayerAxes:
        """The axes of the layers."""
        return self._layers.axes

    def start(self) -> None:
        """Start the run, and return at once."""
        self._board.plan(self.run.axis, list(self.result.outcomes), self._kept)
        arrange_layers(self._viewer, self.run.dataset.source, self._layers.axes.names)
        self._ticks.start()
        self._background.start(
            lambda: _events(self.run), f"Axiswise: {self.run.pipeline} by {self.run.axis},"
        )

    def cancel(self) -> None:
        """Stop the run. Finished tasks are kept and shown."""
        self._background.cancel()

    def close(self) -> None:
        """Stop the run, and ignore its events and the sliders from now on."""
        self._background.close()
        self.running = False
        self._viewer.dims.events.current_step.disconnect(self._wait_for_sliders)
        self._absence.close()
        with suppress(RuntimeError):  # deleted with the window
            self.deleteLater()

    def _timer(self, milliseconds: int, callback: Callable[[], Any]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(milliseconds)
        timer.timeout.connect(callback)
        return timer

    def _add_event(self, event: TaskEvent) -> None:
        if not self._has_begun:
            # By its first event the run has read what is in its output folder.
            self._has_begun = True
            self._add_earlier()
        self._layers.add(event)
        self._board.add(event)

    def _add_earlier(self) -> None:
        """Show the results of earlier runs into the same output folder."""
        for kept in self._kept:
            self._layers.add(kept)
        found = [TaskEvent(value, "waiting", result=output) for value, output in self.run.found.items()]
        for event in found:
            self._layers.add(event)
        if found:
            self._layers.replace_other_axes()
            self._board.add_found(found)

    def _on_error(self, error: Exception) -> None:
        self.error = error
        self.failed.emit(error)

    def _end_tasks(self) -> None:
        self._tasks_are_over = True
        for event in self.run.result.outcomes.values():
            if event.status in ("cancelled", "lost"):
                # Their partial results are known only now.
                self._layers.add(event)
                self._board.add(event)
        self._layers.finish()

    def _tick(self) -> None:
        """Do one piece of work on layers. If none is left and the tasks are over, the run is over."""
        worked = self.hold_layers() or self._layers.step()
        if self._tasks_are_over and not worked:
            self._ticks.stop()
            self.running = False
            self._result = self._so_far()
            self._board.finish()
            self.over.emit(self._result)

    def _wait_for_sliders(self, _: Any = None) -> None:
        self._slider_rest.start()


def _events(run: Run) -> Generator[TaskEvent, None, None]:
    """Yield the events of a run, then read its tables here rather than in the GUI thread."""
    # A cancelled run has tables too.
    with suppress(GeneratorExit):
        yield from run.events()
    for step in run.pipeline.kept:
        if step.output_kind.in_table:
            run.store.table(step.name)
