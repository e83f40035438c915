"""The coordinator follows the specification with every kind of executor."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from multiprocessing import get_context
from typing import Any

import pytest

from napari_axiswise import (
    ComponentConfigurationFactory,
    LaneExecutor,
    MultiprocessingCoordinator,
    StandardComponents,
    Task,
)
from napari_axiswise.core.events import OUTCOMES
from napari_axiswise.executors.choice import open_executor
from processes import not_waiting_for


class Screen(Enum):
    BATCH = "batch"
    CONDITION = "condition"
    WELL = "well"


class FakeOrchestrator:
    """Records the calls of the coordinator."""

    def __init__(self, values: list[str]) -> None:
        self.values = values
        self.asked: list[Any] = []

    def get_component_keys(self, component: Enum, component_filter: Any = None) -> list[str]:
        self.asked.append((component, component_filter))
        return [value for value in self.values if component_filter is None or value in component_filter]

    def create_context(self, axis_value: str) -> str:
        return f"context of {axis_value}"


def coordinator(axis: Enum = StandardComponents.WELL) -> MultiprocessingCoordinator[Any]:
    return MultiprocessingCoordinator(ComponentConfigurationFactory.create_configuration(type(axis), axis))


def tasks_of(**contexts: Any) -> dict[str, Task[Any]]:
    return {value: Task(value, context) for value, context in contexts.items()}


def describe(context: Any, pipeline: Any) -> str:
    return f"{context} through {pipeline}"


def nap(context: float, pipeline: Any) -> float:
    time.sleep(context)
    return context


def raise_oddly(context: str, pipeline: Any) -> str:
    if context == "value":
        raise ValueError("this plane is odd")
    if context == "speechless":
        raise Speechless
    if context == "unpicklable error":
        raise Unpicklable("cannot cross")
    if context == "exit":
        sys.exit(3)
    if context == "error that cannot be rebuilt":
        raise Demanding("one", "two")
    if context == "unpicklable result":
        return Unpicklable()  # type: ignore[return-value]
    return context


class Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Demanding(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


class Unpicklable(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("never pickled")


def die(context: str, pipeline: Any) -> str:
    if context == "die":
        os._exit(7)
    return context


@dataclass(frozen=True)
class ExecutorCase:
    name: str
    make: Callable[[], Any]
    separate: bool
    """Whether workers are processes, so that everything is pickled."""

    @property
    def ours(self) -> bool:
        """Whether the executor survives such an error, which breaks the process pool of the standard library."""
        return not self.name.startswith("standard")


EXECUTORS = (
    ExecutorCase("lanes", lambda: LaneExecutor(2), separate=True),
    ExecutorCase("processes", lambda: open_executor("processes", 2), separate=True),
    ExecutorCase("threads", lambda: open_executor("threads", 2), separate=False),
    ExecutorCase("dask", lambda: open_executor("dask", 2), separate=True),
    ExecutorCase("serial", lambda: open_executor("serial"), separate=False),
    ExecutorCase("standard threads", lambda: ThreadPoolExecutor(2), separate=False),
    ExecutorCase("standard pool, by name", lambda: open_executor("pool", 2), separate=True),
    ExecutorCase(
        "standard processes", lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")), separate=True
    ),
)


REPEATED = {"lanes", "standard threads", "standard processes"}
"""Executors that are those of a name too."""


@pytest.fixture(
    params=[
        pytest.param(case, marks=pytest.mark.slow if case.name in REPEATED else ()) for case in EXECUTORS
    ],
    ids=lambda case: case.name,
)
def case(request: pytest.FixtureRequest) -> ExecutorCase:
    return request.param


@pytest.fixture
def executor(case: ExecutorCase) -> Iterator[Executor]:
    if case.name == "dask":
        pytest.importorskip("distributed")
    with case.make() as executor:
        yield executor


def test_an_executor_conforms(
    executor: Executor, case: ExecutorCase, caplog: pytest.LogCaptureFixture
) -> None:
    """Every executor handles results, events, hostile tasks, heartbeats and cancelling."""
    made = coordinator()
    contexts = {f"B{number:02}": f"planes {number}" for number in range(12)}
    assert made.execute_tasks(tasks_of(**contexts), "blur", executor, describe) == {
        value: f"{context} through blur" for value, context in contexts.items()
    }
    check_events(made, executor)
    check_hostile_tasks(made, executor, case, caplog)
    check_cancelling(made, executor)


def check_events(made: MultiprocessingCoordinator[Any], executor: Executor) -> None:
    times = [time.perf_counter()]
    events = []
    for event in made.iter_tasks(tasks_of(A01=0.4, A02=0.0, A03=0.05), None, executor, nap):
        events.append(event)
        times.append(time.perf_counter())
    for value in ("A01", "A02", "A03"):
        assert [event.status for event in events if event.axis_value == value] == ["started", "done"]
    done = next(event for event in events if event.axis_value == "A01" and event.is_outcome)
    assert done.result == 0.4
    assert done.stopped - done.started > 0.29
    assert "waiting" in [event.status for event in events if not event.axis_value]
    assert all(event.status in (*OUTCOMES, "started", "waiting") for event in events)


def check_hostile_tasks(
    made: MultiprocessingCoordinator[Any],
    executor: Executor,
    case: ExecutorCase,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hostile = ["value", "speechless", "exit"]
    if case.separate:
        hostile += ["unpicklable result"]
    if case.ours:
        hostile += ["unpicklable error", "error that cannot be rebuilt"]
    caplog.clear()
    with caplog.at_level(logging.ERROR):
        results = made.execute_tasks(
            tasks_of(**{name: name for name in (*hostile, "kind")}), None, executor, raise_oddly
        )
    assert results == {**dict.fromkeys(hostile), "kind": "kind"}
    assert sorted(record.args[0].partition(" ")[2] for record in caplog.records) == sorted(hostile)
    assert "this plane is odd" in caplog.text
    assert "raise_oddly" in caplog.text, "the traceback of the worker is logged"


def check_cancelling(made: MultiprocessingCoordinator[Any], executor: Executor) -> None:
    tasks = tasks_of(**{f"B{number:03}": 0.3 for number in range(200)})
    events = made.iter_tasks(tasks, None, executor, nap)
    next(event for event in events if event.status == "started")
    with not_waiting_for(10), closing(events):
        pass
    assert made.execute_tasks(tasks_of(A01="next"), "blur", executor, describe) == {
        "A01": "next through blur"
    }


def test_a_task_is_submitted_once_as_specified() -> None:
    calls: list[Any] = []

    class Recorder(ThreadPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            calls.append((args, kwargs))
            return super().submit(*args, **kwargs)

    with Recorder(1) as recorder:
        coordinator().execute_tasks(tasks_of(A01=1, A02=2), "pipeline", recorder, describe)
    assert calls == [((describe, 1, "pipeline"), {}), ((describe, 2, "pipeline"), {})]


def test_tasks_are_made_of_the_values_in_the_data() -> None:
    orchestrator = FakeOrchestrator(["day 1", "day 2"])
    made = coordinator(Screen.BATCH)
    assert made.create_tasks(orchestrator) == tasks_of(
        **{"day 1": "context of day 1", "day 2": "context of day 2"}
    )
    assert list(made.create_tasks(orchestrator, axis_filter=["day 2"])) == ["day 2"]
    assert orchestrator.asked == [(Screen.BATCH, None), (Screen.BATCH, ["day 2"])]


def test_without_values_there_are_no_tasks_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert coordinator(Screen.CONDITION).create_tasks(FakeOrchestrator([])) == {}
    assert "'condition'" in caplog.text


def test_without_tasks_there_are_no_results_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with ThreadPoolExecutor(1) as executor, caplog.at_level(logging.WARNING):
        assert coordinator().execute_tasks({}, None, executor, describe) == {}
    assert "No tasks" in caplog.text


def test_a_broken_pool_is_an_error_for_each_unfinished_task_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tasks = tasks_of(**{f"B{number:02}": "die" if number == 0 else "live" for number in range(8)})
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor,
        caplog.at_level(logging.ERROR),
    ):
        results = coordinator().execute_tasks(tasks, None, executor, die)
    assert results == dict.fromkeys(tasks)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("name", ["processes", "threads"])
@pytest.mark.slow
def test_a_task_that_takes_too_long_has_failed(name: str) -> None:
    with open_executor(name, 1) as executor:
        tasks = tasks_of(A01=0.0, A02=4.0, A03=0.0)
        events = coordinator().iter_tasks(tasks, None, executor, nap, time_limit=2.0)
        outcomes = {event.axis_value: event for event in events if event.is_outcome}
    assert {value: event.status for value, event in outcomes.items()} == {
        "A01": "done",
        "A02": "failed",
        "A03": "done",
    }
    assert "exceeded the time limit of 2 s" in outcomes["A02"].error


def test_no_more_tasks_than_a_window_are_with_the_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_axiswise.runs.coordinator.WINDOW", 5)
    waiting: list[int] = []

    class Counting(ThreadPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            future = super().submit(*args, **kwargs)
            waiting.append(self._work_queue.qsize())
            return future

    contexts = {f"B{number:02}": 0.01 for number in range(30)}
    with Counting(1) as executor:
        assert coordinator().execute_tasks(tasks_of(**contexts), None, executor, nap) == contexts
    assert max(waiting) <= 5


def test_an_executor_that_was_shut_down_fails_the_tasks_and_says_so() -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    events = list(coordinator().iter_tasks(tasks_of(A01=1), None, executor, describe))
    assert [event.status for event in events] == ["started", "failed"]
    assert "shutdown" in events[-1].error
