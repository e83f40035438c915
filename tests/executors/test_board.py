"""Calls and lanes without worker processes: every future is settled, whatever happens between two steps of a lane."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, wait
from threading import Event, Thread
from typing import Any, cast

import pytest

from napari_axiswise.core.errors import TaskLost
from napari_axiswise.executors.board import Board, LaneFuture
from napari_axiswise.executors.process import End, ProcessEnded, WorkerProcess

PATIENCE = 10


class FakeProcess:
    """Stands for a worker process that answers every call with `answer`."""

    worn = ""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self._answer = answer

    def call(self, message: bytes) -> tuple[Any, None]:
        return self._answer(), None

    def kill(self) -> None: ...

    def close(self) -> None: ...

    def end(self) -> End:
        return End(9)


def board_of(most: int, answer: Callable[[], Any], fresh: bool = False) -> Board:
    return Board(most, lambda: cast(WorkerProcess, FakeProcess(answer)), fresh)


def add(board: Board) -> LaneFuture[Any]:
    future: LaneFuture[Any] = LaneFuture(board, (abs, (-1,), {}))
    board.add(future)
    return future


def die() -> None:
    raise ProcessEnded


def test_calls_that_are_added_at_once_run_at_once() -> None:
    """A lane that was notified counted as idle until its thread ran, and a second call waited behind the first."""
    go_on = Event()
    board = board_of(2, lambda: go_on.wait(PATIENCE))
    go_on.set()
    add(board).result(PATIENCE)
    while not board._idle:
        pass
    go_on.clear()
    with board.lock:
        futures = [add(board) for _ in range(2)]
        assert len(board._lanes) == 2
    go_on.set()
    wait(futures, PATIENCE)
    board.close()
    board.join()


def test_a_call_is_cancelled_while_it_is_put_back(caplog: pytest.LogCaptureFixture) -> None:
    """It was in no lane and not in the queue for a moment, in which cancelling was refused."""
    cancelled: list[bool] = []

    class Cancel(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            cancelled.append(future.cancel())

    logger = logging.getLogger("napari_axiswise.executors.board")
    handler = Cancel()
    logger.addHandler(handler)
    try:
        board = board_of(1, die)
        with board.lock:
            future = add(board)
        with pytest.raises(CancelledError):
            future.result(PATIENCE)
    finally:
        logger.removeHandler(handler)
    assert cancelled == [True]
    board.close(kill=True)
    board.join()


def test_a_call_whose_process_dies_twice_is_lost() -> None:
    board = board_of(1, die)
    with pytest.raises(TaskLost, match="died twice; the second ended with exit code 9"):
        add(board).result(PATIENCE)
    board.close()
    board.join()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_process_that_cannot_be_started_is_the_error_of_its_call(fresh: bool) -> None:
    """With a process for every call, it was an AssertionError, as there was no process to end."""

    def refuse() -> WorkerProcess:
        raise OSError("too many processes")

    board = Board(1, refuse, fresh)
    with pytest.raises(OSError, match="too many processes"):
        add(board).result(PATIENCE)
    board.close()
    board.join()


def test_waiting_calls_fail_if_no_lane_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was cancelled while it waited could not be set, and those behind it were never settled."""
    board = board_of(1, lambda: None)
    monkeypatch.setattr(board, "_open_lane", lambda: None)
    futures = [add(board) for _ in range(3)]
    assert futures[1].cancel()

    def refuse() -> None:
        raise RuntimeError("No worker can be started")

    monkeypatch.setattr(board, "_open_lane", refuse)
    board._lanes.append(lane := cast(Any, Thread()))
    board.replace(lane)
    done, _ = wait(futures, PATIENCE)
    assert done == set(futures)
    assert futures[1].cancelled()
    for future in (futures[0], futures[2]):
        with pytest.raises(RuntimeError, match="No worker can be started"):
            future.result()
