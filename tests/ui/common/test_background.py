"""Work off the GUI thread: the latest call wins, a cancelled one stops, a closed one is silent."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from threading import Event, current_thread, main_thread
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from napari_axiswise.core.events import TaskEvent
from napari_axiswise.ui.common.background import Background, BackgroundQueue

WAIT = 20_000


class Spy:
    """All that a background emits, in order."""

    def __init__(self, background: Any) -> None:
        self.seen: list[tuple[str, Any]] = []
        for name in ("yielded", "returned", "failed"):
            if hasattr(background, name):
                getattr(background, name).connect(lambda value, name=name: self.add(name, value))
        if hasattr(background, "finished"):
            background.finished.connect(lambda: self.add("finished", None))

    def add(self, name: str, value: Any) -> None:
        assert current_thread() is main_thread()
        self.seen.append((name, value))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.seen]


@pytest.fixture
def background(qtbot: QtBot) -> Iterator[Background]:
    background = Background()
    yield background
    background.close()


@pytest.mark.parametrize("name", ["", "Axiswise: a test,"])
def test_items_and_the_result_arrive_in_the_gui_thread(
    qtbot: QtBot, background: Background, name: str
) -> None:
    threads: list[Any] = []

    def work() -> Iterator[Any]:
        threads.append(current_thread())
        yield 1
        yield TaskEvent("", "waiting")
        yield 2
        return 3

    spy = Spy(background)
    background.start(work, name)
    assert background.running
    qtbot.waitUntil(lambda: "finished" in spy.names, timeout=WAIT)
    assert spy.seen == [("yielded", 1), ("yielded", 2), ("returned", 3), ("finished", None)]
    assert not background.running
    assert threads[0] is not main_thread()


@pytest.mark.parametrize("error", [ValueError("odd"), RuntimeError("a broken pool")])
@pytest.mark.parametrize("name", ["", "Axiswise: a test,"])
def test_any_error_is_reported(qtbot: QtBot, background: Background, name: str, error: Exception) -> None:
    def work() -> Iterator[int]:
        yield 1
        raise error

    spy = Spy(background)
    background.start(work, name)
    qtbot.waitUntil(lambda: "finished" in spy.names, timeout=WAIT)
    assert spy.seen == [("yielded", 1), ("failed", error), ("finished", None)]


@pytest.mark.parametrize("name", ["", "Axiswise: a test,"])
def test_cancelling_closes_the_generator_and_returns_nothing(
    qtbot: QtBot, background: Background, name: str
) -> None:
    closed_in: list[Any] = []

    def work() -> Iterator[TaskEvent]:
        try:
            while True:
                yield TaskEvent("", "waiting")
        finally:
            closed_in.append(current_thread())

    spy = Spy(background)
    background.start(work, name)
    background.cancel()
    assert background.running
    qtbot.waitUntil(lambda: not background.running, timeout=WAIT)
    assert spy.seen == [("finished", None)]
    assert all(thread is not main_thread() for thread in closed_in)


def test_the_latest_call_wins(qtbot: QtBot, background: Background) -> None:
    go_on, ended = Event(), Event()

    def slow() -> str:
        go_on.wait(20)
        ended.set()
        return "slow"

    spy = Spy(background)
    background.start(slow)
    background.start(lambda: "quick")
    qtbot.waitUntil(lambda: "finished" in spy.names, timeout=WAIT)
    go_on.set()
    qtbot.waitUntil(ended.is_set, timeout=WAIT)
    qtbot.wait(50)
    assert spy.seen == [("returned", "quick"), ("finished", None)]


def test_nothing_is_emitted_once_closed(qtbot: QtBot, background: Background) -> None:
    go_on, ended = Event(), Event()

    def work() -> None:
        go_on.wait(20)
        ended.set()

    spy = Spy(background)
    background.start(work)
    background.close()
    assert not background.running
    go_on.set()
    qtbot.waitUntil(ended.is_set, timeout=WAIT)
    qtbot.wait(50)
    assert not spy.seen


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_queue_calls_one_after_the_other_and_outlives_errors(qtbot: QtBot, newest_first: bool) -> None:
    queue = BackgroundQueue(newest_first)
    spy = Spy(queue)
    gate: Queue[None] = Queue()
    error = ValueError("odd")

    def fail() -> None:
        raise error

    queue.put(gate.get)
    qtbot.wait(50)
    queue.put(lambda: "first")
    queue.put(fail)
    queue.put(lambda: "last")
    gate.put(None)
    qtbot.waitUntil(lambda: len(spy.seen) == 4, timeout=WAIT)
    rest = [("returned", "first"), ("failed", error), ("returned", "last")]
    assert spy.seen == [("returned", None), *(rest[::-1] if newest_first else rest)]
    queue.close()
    queue.put(lambda: "again")
    qtbot.waitUntil(lambda: len(spy.seen) == 5, timeout=WAIT)
    queue.close()
