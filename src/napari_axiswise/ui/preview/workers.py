"""Two worker processes for the preview, which cancel older requests in favour of the newest.

::

    ask ──▶ newest waiting request ──▶ idle worker ──▶ finished, unless a newer request is finished
                        │
                        └── none idle: cancel an outdated request that takes long, and restart its worker

All of this is done in the thread of the window; what threads of lanes have to tell comes by a queued signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from ...core.errors import TaskLost, error_message
from ...datasets.dataset import Dataset
from ...executors.lanes import LaneExecutor
from ...planes.scratch import Scratch
from ...preview.output import StepPreview
from ...preview.request import PreviewRequest
from ...preview.trial import get_ready, preview
from ..common.background import Inbox

LANES = 2

PATIENCE, MAX_PATIENCE = 0.3, 1.5
"""Minimum and maximum seconds that an outdated request may take, since a new process takes as long to start."""

SLOW = 1.0
"""Seconds after which the outputs of the steps before a slow step are shown."""


@dataclass(frozen=True, eq=False)
class _Call:
    """Request to a worker, with the outputs known at that time."""

    rank: tuple[int, bool]
    dataset: Dataset
    request: PreviewRequest
    known: dict[str, StepPreview]
    started: float = field(default_factory=monotonic)

    def whole(self, previews: Sequence[StepPreview]) -> list[StepPreview]:
        """Return new and known outputs of a request together."""
        return [
            replace(self.known[shown.key], step=shown.step) if shown.is_known else shown for shown in previews
        ]


@dataclass(eq=False)
class _Lane:
    """Worker process, its current call, and the file to which it writes its current step."""

    executor: LaneExecutor
    log: Path
    future: Future[object] | None = None
    call: _Call | None = None

    @property
    def step(self) -> str:
        """The step that is running; empty before the first."""
        with suppress(OSError):
            return self.log.read_text(encoding="utf-8")
        return ""


class PreviewLanes(QObject):
    """Worker processes that run previews. They start with the first request or `warm_up`.

    Attributes
    ----------
    finished : psygnal.Signal
        Emitted with a dataset, its request, and a list of `StepPreview`, unless those of a newer request were there
        before.
    failed : psygnal.Signal
        Emitted with the error of a request that could not be made at all.
    """

    finished = Signal(Dataset, PreviewRequest, list)
    failed = Signal(Exception)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._lanes: list[_Lane] = []
        self._inbox = Inbox()
        self._logs: Scratch | None = None
        self._asked = 0
        self._waiting: _Call | None = None
        self._shown: tuple[int, bool] = (0, False)
        self._known: dict[str, StepPreview] = {}
        self._patience = PATIENCE
        # Connected to `destroyed`: must not be a bound method of this QObject.
        self.close_lanes = partial(_close, self._lanes)
        self._overtaken_timer, self._slow_timer = QTimer(self), QTimer(self)
        self._overtaken_timer.setSingleShot(True)
        self._overtaken_timer.timeout.connect(self._go_on)
        self._slow_timer.setInterval(round(SLOW * 1000))
        self._slow_timer.timeout.connect(self._show_what_is_before)
        self._slow_step = ""

    def warm_up(self) -> None:
        """Start the processes, so that the first request does not wait for them."""
        if not self._lanes:
            self._logs = Scratch()
            for number in range(LANES):
                lane = _Lane(LaneExecutor(1, nice=False), self._logs.path / str(number))
                self._lanes.append(lane)
                self._warm_up(lane)

    def ask(self, dataset: Dataset, request: PreviewRequest) -> None:
        """Run a request for a dataset instead of all earlier ones."""
        self.warm_up()
        self._asked += 1
        self._waiting = _Call((self._asked, True), dataset, request, {})
        self._go_on()

    def close(self) -> None:
        """End the processes, and drop what was asked for."""
        self._waiting = None
        self._known = {}
        self._overtaken_timer.stop()
        self._slow_timer.stop()
        _close(self._lanes)
        if self._logs is not None:
            self._logs.close()

    # ------------------------------------------------------------------ which lane does what

    def _go_on(self) -> None:
        """Submit the waiting request to an idle worker, and cancel outdated requests that take long."""
        idle = [lane for lane in self._lanes if lane.future is None]
        if self._waiting is not None and idle:
            call, self._waiting = self._waiting, None
            self._submit(idle[0], call)
            self._slow_step = ""
            self._slow_timer.start()
        due = []
        for lane in self._lanes:
            if lane.future is not None and lane.call is not None and lane.call.rank[0] < self._asked:
                left = lane.call.started + self._patience - monotonic()
                if left <= 0:
                    lane.future.cancel()
                else:
                    due.append(left)
        if due:
            self._overtaken_timer.start(round(min(due) * 1000) + 1)

    def _submit(self, lane: _Lane, call: _Call) -> None:
        known, request = self._known, call.request
        lane.call = replace(call, known=known, started=monotonic())
        with suppress(OSError):
            lane.log.unlink(missing_ok=True)
        request = replace(request, known=frozenset(known), log=str(lane.log))
        self._watch(lane, lane.executor.submit(preview, request))

    def _warm_up(self, lane: _Lane) -> None:
        lane.call = None
        self._watch(lane, lane.executor.submit(get_ready))

    def _watch(self, lane: _Lane, future: Future[object]) -> None:
        lane.future = future
        future.add_done_callback(partial(self._inbox.calling(self._settle), lane))

    def _settle(self, lane: _Lane, future: Future[object]) -> None:
        if lane not in self._lanes or lane.future is not future:
            return
        call, lane.future, lane.call = lane.call, None, None
        error = CancelledError() if future.cancelled() else future.exception()
        if isinstance(error, (CancelledError, TaskLost)):
            step = lane.step
            self._warm_up(lane)
            if isinstance(error, TaskLost) and call is not None and self._is_newest(call):
                reason = str(error)
                self._try_without(call, step, f"{reason[:1].upper()}{reason[1:]}.", error)
        elif call is not None and error is not None:
            if self._is_newest(call):
                self.failed.emit(error)
        elif call is not None:
            self._patience = min(max(PATIENCE, 1.5 * (monotonic() - call.started)), MAX_PATIENCE)
            self._finish(call, future.result())  # type: ignore[arg-type]
        self._go_on()

    # ------------------------------------------------------------------ what came of it

    def _is_newest(self, call: _Call) -> bool:
        return call.rank[0] == self._asked

    def _finish(self, call: _Call, previews: Sequence[StepPreview]) -> None:
        if call.rank < self._shown:
            return
        self._shown = call.rank
        whole = call.whole(previews)
        self._known = {shown.key: shown for shown in whole if shown.key}
        self.finished.emit(call.dataset, call.request, whole)

    def _try_without(self, call: _Call, step: str, why: str, error: Exception) -> None:
        """Repeat a request without the step that ended its process."""
        if not step or step in call.request.barred:
            self.failed.emit(error)
            return
        request = replace(call.request, barred={**call.request.barred, step: why})
        self._waiting = replace(call, request=request)

    def _show_what_is_before(self) -> None:
        """Show the outputs that do not depend on a slow step of the newest request."""
        newest = (self._asked, True)
        busy = next(
            (lane for lane in self._lanes if lane.call is not None and lane.call.rank == newest), None
        )
        idle = next((lane for lane in self._lanes if lane.future is None), None)
        if busy is None or busy.call is None:
            self._slow_timer.stop()
        elif idle is not None and busy.step not in ("", self._slow_step):
            self._slow_step, call = busy.step, busy.call
            barred = {**call.request.barred, self._slow_step: "Still running…"}
            request = replace(call.request, barred=barred)
            self._submit(idle, replace(call, rank=(self._asked, False), request=request))


def _close(lanes: list[_Lane]) -> None:
    """End the processes of lanes, which are none then."""
    while lanes:
        lanes.pop().executor.kill()


def describe_error(error: Exception) -> str:
    """Return a message for an error that stopped the preview."""
    return f"The preview failed: {error_message(error)}"
