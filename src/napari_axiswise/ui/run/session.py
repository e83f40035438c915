"""One run in a viewer: a thread that drains it, and its results on screen as they land."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from ...core.events import TaskEvent
from ...executors.lanes import LaneExecutor
from ...runs.result import RunResult
from ...runs.run import Run
from ..common.background import Background
from ..common.task_board import TaskBoard
from ..viewer.absence import AbsenceText
from ..viewer.axes import LayerAxes, arrange_layers
from ..viewer.layers import ResultLayers, ShowAs

if TYPE_CHECKING:
    from napari.viewer import Viewer

TICK = 20
"""Milliseconds between two pieces of work on layers, in which the window can breathe."""

SLIDER_REST = 150
"""Milliseconds after which a slider is taken to have come to rest."""


class RunSession(QObject):
    """A run that was started in a viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Where results are shown.
    run : Run
        What is run.
    show_as : {"auto", "layer per task", "stacked"}
        See `napari_axiswise.show`.
    board : TaskBoard
        Gets the plan and the events of the run.
    parent : QObject
        The session goes when it does.
    previous : RunResult, optional
        Of an earlier run of which this one does some tasks again; the others stay as they are.

    Attributes
    ----------
    running : bool
    hold_layers : callable
        Returns whether work on layers is to wait, as something quicker is about to be shown.
    error : Exception or None
        What stopped the run as a whole.
    failed : psygnal.Signal
        Emitted with an error that stopped the run as a whole.
    over : psygnal.Signal
        Emitted with the `RunResult` once all tasks are over and all that they gave is on screen.
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
        self._slider_rest = self._timer(SLIDER_REST, self._rest)
        self._slider_rest.setSingleShot(True)
        viewer.dims.events.current_step.connect(self._wait_for_sliders)

    @property
    def result(self) -> RunResult:
        """What the run gave, or has given so far."""
        return self._result or self._so_far()

    def _so_far(self) -> RunResult:
        result = self.run.result
        return result if self._previous is None else result.after(self._previous)

    @property
    def axes(self) -> LayerAxes:
        """Of the layers."""
        return self._layers.axes

    def start(self) -> None:
        """Run, and return at once."""
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
        self.deleteLater()

    def _timer(self, milliseconds: int, callback: Callable[[], Any]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(milliseconds)
        timer.timeout.connect(callback)
        return timer

    def _add_event(self, event: TaskEvent) -> None:
        if not self._has_begun:
            # Not before: by its first event the run has found what is in its folder.
            self._has_begun = True
            self._take_up()
        self._layers.land(event)
        self._board.add(event)

    def _take_up(self) -> None:
        """Show what earlier runs into the same output have finished."""
        for kept in self._kept:
            self._layers.land(kept)
        found = [TaskEvent(value, "waiting", result=output) for value, output in self.run.found.items()]
        for event in found:
            self._layers.land(event)
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
                self._layers.land(event)
                self._board.add(event)
        self._layers.finish()

    def _tick(self) -> None:
        """Do one piece of work on layers; once there is none and the tasks are over, so is the run."""
        worked = self.hold_layers() or self._layers.step()
        if self._tasks_are_over and not worked:
            self._ticks.stop()
            self.running = False
            self._result = self._so_far()
            self._board.finish()
            self.over.emit(self._result)

    def _rest(self) -> None:
        """Do what takes too long while sliders move."""
        self._layers.show_plane_features()
        self._absence.tell()

    def _wait_for_sliders(self, _: Any = None) -> None:
        self._slider_rest.start()


def _events(run: Run) -> Generator[TaskEvent, None, None]:
    """Yield the events of a run, then read its tables, in the thread of the run rather than in the GUI's."""
    # A cancelled run has tables too.
    with suppress(GeneratorExit):
        yield from run.events()
    for step in run.pipeline.kept:
        if step.kind == "table":
            run.store.table(step.name)


class WarmLanes:
    """Lanes that outlive a run, so that the next one need not wait for processes to start.

    Parameters
    ----------
    owner : object
        They end with it at the latest.
    """

    def __init__(self, owner: object) -> None:
        self._lanes: LaneExecutor | None = None
        weakref.finalize(owner, self.close)

    def get(self, workers: int) -> LaneExecutor:
        """Return the lanes, other ones if their number has changed."""
        if self._lanes is None or self._lanes.workers != workers:
            if self._lanes is not None:
                self._lanes.shutdown(wait=False)
            self._lanes = LaneExecutor(workers)
        return self._lanes

    def close(self) -> None:
        """End the processes. The next call of `get` starts new ones."""
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            lanes.kill()
