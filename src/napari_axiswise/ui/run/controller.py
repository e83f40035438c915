"""Starts, cancels, resumes and repeats runs of what is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QObject

from ...core.events import TaskEvent
from ...results.output_folder import is_run
from ...runs.result import RunResult
from ...runs.run import Run
from ..common.task_board import TaskBoard
from .launcher import RunLauncher
from .model import RunModel
from .session import RunSession

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True)
class RunActions:
    """What the buttons offer.

    Parameters
    ----------
    is_ready : bool
        Whether a dataset is open and nothing is running.
    run, cancel, resume, run_again : bool
        Whether each button can be pressed.
    run_text : str
        The text of the run button.
    """

    is_ready: bool = False
    run: bool = False
    cancel: bool = False
    resume: bool = False
    run_again: bool = False
    run_text: str = "Run"


class RunController:
    """Runs what is chosen, one run at a time.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where results are shown.
    model : RunModel
        What is chosen.
    board : TaskBoard
        Gets the tasks and events of each run.
    parent : QObject
        The owner of timers.
    is_blocked : callable
        Returns whether other work has to end before a run can start.

    Attributes
    ----------
    launcher : RunLauncher
        Makes the runs, and owns the worker processes.
    started : psygnal.Signal
        Emitted with the `RunSession` of a run that was started.
    finished : psygnal.Signal
        Emitted with the `RunResult` of a run that has ended, also if it was cancelled.
    changed : psygnal.Signal
        Emitted when `actions` may have changed.
    message : psygnal.Signal
        Emitted with a text for the user.
    failed : psygnal.Signal
        Emitted with the error that kept a run from starting or going on.
    """

    started = Signal(RunSession)
    finished = Signal(RunResult)
    changed = Signal()
    message = Signal(str)
    failed = Signal(Exception)

    def __init__(
        self,
        viewer: Viewer,
        model: RunModel,
        board: TaskBoard,
        parent: QObject,
        is_blocked: Callable[[], bool],
    ) -> None:
        self.launcher = RunLauncher(self)
        self._viewer = viewer
        self._model = model
        self._board = board
        self._parent = parent
        self._is_blocked = is_blocked
        self._session: RunSession | None = None
        self._next_axis = ""
        board.updated.connect(self._on_event)

    # ------------------------------------------------------------------ state

    @property
    def running(self) -> bool:
        """Whether a run is going on: until all its tasks are over and shown."""
        return self._session is not None and self._session.running

    @property
    def result(self) -> RunResult | None:
        """The result of the current run, or of the last one."""
        return None if self._session is None else self._session.result

    @property
    def error(self) -> Exception | None:
        """The error that stopped the current run, or the last one."""
        return None if self._session is None else self._session.error

    @property
    def actions(self) -> RunActions:
        """What the buttons offer now."""
        idle = not self.running and not self._is_blocked()
        ready = idle and self._model.dataset is not None
        count = self._model.form.task_count
        text = f"Run {count} task{'s' if count != 1 else ''}" if count else "Run"
        return RunActions(
            is_ready=ready,
            run=ready or self._can_switch,
            cancel=self.running,
            resume=ready and self._resumable is not None,
            run_again=idle and self.result is not None and bool(self.result.missing),
            run_text=f"Go on by {self._model.form.axis}" if self._can_switch else text,
        )

    @property
    def _can_switch(self) -> bool:
        """Whether the current run can go on along the axis that is chosen now."""
        session = self._session
        return (
            session is not None
            and self.running
            and not self._next_axis
            and self._board.done < self._board.total
            and session.run.can_go_along(self._model.form.axis)
            and session.run.dataset is self._model.dataset
        )

    @property
    def _resumable(self) -> Path | None:
        """The folder of a run that can be resumed: the output folder, or that of the last run if tasks are missing."""
        folder = self._model.output
        if folder is not None:
            return folder if folder.is_dir() and any(folder.iterdir()) and is_run(folder) else None
        return Path(self.result.output) if self.result is not None and self.result.missing else None

    # ------------------------------------------------------------------ actions

    def run(self) -> None:
        """Start a run of what is chosen, or switch the current run to the axis that is chosen now."""
        if self._can_switch:
            self.cancel()
            self._next_axis = self._model.form.axis
            self.message.emit(f"Going on by {self._next_axis} …")
            self.changed.emit()
        else:
            self._start(self.make_run)

    def resume(self) -> None:
        """Run the missing tasks of the run in the output folder, or of the last run, by the chosen axis."""
        folder = self._resumable
        if folder is not None:
            self._start(lambda: self.make_run(output=str(folder), resume=True))

    def run_again(self, selected: Sequence[str] = ()) -> None:
        """Run the unfinished tasks of the last run again: the selected ones, or all."""
        result, session = self.result, self._session
        if result is None or session is None:
            return
        values = [value for value in result.missing if value in selected or not selected]
        place = {name: self._model.options[name] for name in ("executor", "workers", "scheduler")}

        def make() -> Run:
            repeated: dict[str, Any] = {
                "axis": result.axis,
                "axis_filter": values,
                "output": result.output,
                "resume": True,
            }
            return self.launcher.make(replace(session.run.plan, **repeated, **place), result)

        if values:
            self._start(make, result)

    def cancel(self) -> None:
        """Stop the current run. Finished tasks are kept."""
        self._next_axis = ""
        if self._session is not None and self.running:
            self.message.emit("Cancelling …")
            self._session.cancel()

    def make_run(self, **options: Any) -> Run:
        """Return a run of what is chosen, with other options in place of some choices.

        Raises
        ------
        ValueError, OSError
            See `RunPlan` and `Run`.
        """
        return self.launcher.make(self._model.plan(**options), self.result)

    def close(self) -> None:
        """Stop the current run, and end the worker processes."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
        self.launcher.close()

    def _start(self, make: Callable[[], Run], previous: RunResult | None = None) -> None:
        """Start a run. Tasks that it does not repeat keep their outcome in a `previous` one."""
        if self.running or self._is_blocked():
            return
        try:
            run = make()
        except (ValueError, OSError) as error:
            self._fail(error)
            self.changed.emit()
            return
        if self._session is not None:
            self._session.close()
        self._session = session = RunSession(
            self._viewer, run, self._model.show_as, self._board, self._parent, previous
        )
        session.failed.connect(self._fail)
        session.over.connect(self._finish)
        self.message.emit(self.launcher.note)
        session.start()
        self.started.emit(session)
        self.changed.emit()

    def _fail(self, error: Exception) -> None:
        self.failed.emit(error)

    def _on_event(self, event: TaskEvent) -> None:
        if self._board.done == self._board.total:
            # No task is left that could run along another axis.
            self.changed.emit()

    def _finish(self, result: RunResult) -> None:
        if self._next_axis and self._session is not None:
            (axis, self._next_axis), run = (self._next_axis, ""), self._session.run
            self._start(lambda: run.along(axis))
            return
        self.changed.emit()
        self.finished.emit(result)
