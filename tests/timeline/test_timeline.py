"""The bars of a timeline, their rows and times, and the progress computed from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_axiswise as aw
from napari_axiswise.core.events import Status, TaskEvent
from napari_axiswise.results.records import TaskOutput
from napari_axiswise.timeline.progress import Progress, measure_progress
from napari_axiswise.timeline.timeline import Timeline, count_planes

T0 = 1_000_000.0
HOUR = 3600.0


def output(value: str, started: float, stopped: float, worker: str, **changes: Any) -> TaskOutput:
    took = stopped - started
    result = TaskOutput(
        axis_value=value, output="", planes=(), tables=(), plane_count=1, unit_count=1, started=T0 + started,
        stopped=T0 + stopped, reading=took / 10, computing=took / 2, writing=took / 5, worker=worker,
    )  # fmt: skip
    return replace(result, **changes)


def begin(timeline: Timeline, value: str, at: float) -> None:
    timeline.add(TaskEvent(value, "started", started=T0 + at), T0 + at)


def end(
    timeline: Timeline, value: str, started: float, stopped: float, worker: str, *,
    status: Status = "done", arrived: float | None = None, **changes: Any,
) -> None:  # fmt: skip
    result = output(value, started, stopped, worker, **changes)
    event = TaskEvent(value, status, result, "", "", result.started, result.stopped, worker)
    timeline.add(event, T0 + (stopped if arrived is None else arrived))


def lanes_of(timeline: Timeline) -> dict[str, int]:
    bars = timeline.bars(T0 + 100)
    values = [timeline.axis_values[task] for task in bars.task]
    return dict(zip(values, bars.lane.tolist(), strict=True))


def new(values: str, lanes: int | None = None, **options: Any) -> Timeline:
    counts = options.pop("plane_counts", dict.fromkeys(values, 1))
    return Timeline("well", tuple(values), counts, lanes=lanes, began=T0, **options)


def test_a_task_moves_to_the_row_of_its_worker() -> None:
    timeline = new("ABCD", 2)
    begin(timeline, "A", 0)
    begin(timeline, "B", 0)
    end(timeline, "A", 0, 1, "one")
    end(timeline, "B", 0, 1, "two")
    begin(timeline, "C", 1)
    begin(timeline, "D", 1)
    assert lanes_of(timeline) == {"A": 0, "B": 1, "C": 0, "D": 1}
    end(timeline, "C", 1, 2, "two")
    assert lanes_of(timeline) == {"A": 0, "B": 1, "C": 1, "D": 0}, (
        "the other moved to the row that became free"
    )
    end(timeline, "D", 1, 3, "one")
    assert lanes_of(timeline) == {"A": 0, "B": 1, "C": 1, "D": 0}


def test_a_worker_that_stands_in_for_a_dead_one_has_its_row() -> None:
    timeline = new("ABC", 2)
    begin(timeline, "A", 0)
    begin(timeline, "B", 0)
    end(timeline, "A", 0, 1, "one")
    begin(timeline, "C", 1)
    end(timeline, "B", 2, 4, "heir")
    end(timeline, "C", 3, 5, "heir of one")
    assert lanes_of(timeline) == {"A": 0, "B": 1, "C": 0}
    assert timeline.lanes == 2


def test_tasks_whose_ends_are_reported_late_need_no_rows_of_their_own() -> None:
    timeline = new("ABCD", 1)
    for value in "ABCD":
        begin(timeline, value, 1)
    for number, value in enumerate("ABCD"):
        end(timeline, value, number / 4, (number + 1) / 4, "one", arrived=1)
    assert set(lanes_of(timeline).values()) == {0}
    assert timeline.bars().started.tolist() == [0, 0.25, 0.5, 0.75]


@given(
    st.lists(st.tuples(st.floats(0.01, 50), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 6),
    st.booleans(),
)
def test_rows_never_overlap_and_are_no_more_than_tasks_at_once(
    tasks: list[tuple[float, bool]], lanes: int, known: bool
) -> None:
    """Some workers die after a task, and new ones with other names replace them."""
    values = [f"V{number}" for number in range(len(tasks))]
    timeline = Timeline("well", values, dict.fromkeys(values, 2), lanes=lanes if known else None, began=T0)
    free, names, happened = [0.0] * lanes, [f"{lane}" for lane in range(lanes)], []
    for number, (seconds, dies) in enumerate(tasks):
        lane = min(range(lanes), key=free.__getitem__)
        start, free[lane] = free[lane], free[lane] + seconds
        happened += [(start, 1, number, start, ""), (free[lane], 0, number, start, names[lane])]
        names[lane] += "'" if dies else ""
    at_once = most = 0
    for at, kind, number, start, worker in sorted(happened):
        if kind:
            begin(timeline, values[number], at)
        else:
            end(timeline, values[number], start, at, worker)
        at_once += 1 if kind else -1
        most = max(most, at_once)
        progress = measure_progress(timeline, T0 + at)
        assert progress.remaining is None or (math.isfinite(progress.remaining) and progress.remaining >= 0)
        assert progress.efficiency is None or 0 <= progress.efficiency <= 1
    bars = timeline.bars()
    assert len(bars) == len(tasks)
    assert bars.lane.max() + 1 <= most
    for lane in range(lanes):
        own = bars.select(bars.lane == lane)
        own = own.select(np.argsort(own.started))
        assert (own.started[1:] >= own.stopped[:-1] - 1e-6).all()
    assert measure_progress(timeline).remaining == 0


@pytest.mark.parametrize("hours", [-5, 5], ids=["behind", "ahead"])
def test_a_worker_whose_clock_is_another(hours: int) -> None:
    timeline = new("AB", 1)
    for number, value in enumerate("AB"):
        begin(timeline, value, number)
        started, stopped = number + hours * HOUR, number + 1 + hours * HOUR
        end(timeline, value, started, stopped, "one", arrived=number + 1)
    bars = timeline.bars()
    np.testing.assert_allclose(bars.started, [0, 1], atol=1e-6)
    np.testing.assert_allclose(bars.stopped, [1, 2], atol=1e-6)


def test_what_an_earlier_run_has_done_is_counted_but_has_no_bar() -> None:
    timeline = new("ABC", 1, plane_counts={"A": 30, "B": 10, "C": 10})
    timeline.add(TaskEvent("A", "done", output("A", -9000, -8000, "old"), started=T0 - 9000), T0)
    begin(timeline, "B", 0)
    end(timeline, "B", 0, 1, "one")
    progress = measure_progress(timeline, T0 + 1)
    assert lanes_of(timeline) == {"B": 0}
    assert (progress.over, progress.resumed, progress.planes_over) == (2, 1, 40)
    assert progress.rate == 10, "of this run"
    assert progress.remaining == pytest.approx(1)


@pytest.mark.parametrize("status", ["failed", "lost", "cancelled"])
def test_an_outcome_without_a_result_ends_its_bar(status: Status) -> None:
    timeline = new("AB", 1)
    begin(timeline, "A", 0)
    timeline.add(TaskEvent("A", status, started=T0, stopped=T0 + 2), T0 + 2)
    timeline.add(TaskEvent("B", "cancelled"), T0 + 2)
    timeline.add(TaskEvent("A", "cancelled"), T0 + 9)
    bar = timeline.bar(0)
    assert (bar.status, bar.started, bar.stopped) == (status, 0, 2)
    assert len(timeline.bars()) == 1
    assert measure_progress(timeline, T0 + 50).seconds == 2


def run_to(
    spans: Sequence[tuple[str, float, float | None]], at: float, lanes: int | None, **options: Any
) -> Progress:
    """Return the progress of a run in which some tasks have started, and some of those have stopped."""
    values = options.pop("values", "".join(value for value, *_ in spans))
    timeline = new(values, lanes, **options)
    for value, start, stop in spans:
        begin(timeline, value, start)
        if stop is not None:
            end(timeline, value, start, stop, f"lane of {value}")
    return measure_progress(timeline, T0 + at)


@pytest.mark.parametrize(
    ("spans", "at", "lanes", "options", "remaining"),
    [
        pytest.param([("A", 0, None)], 3, 2, {"values": "AB"}, None, id="nothing is over, and no plan"),
        pytest.param([("A", 0, None)], 3, 1, {"expected_seconds": {"A": 5.0}}, 2, id="one task, by the plan"),
        pytest.param([("A", 0, 2)], 2, 1, {"values": "ABC"}, 4, id="one lane, one after the other"),
        pytest.param([("A", 0, 2)], 2, 2, {"values": "ABC"}, 2, id="two lanes, both at once"),
        pytest.param(
            [("A", 0, 2)], 2, 1, {"values": "AB", "plane_counts": {"A": 2, "B": 10}}, 10,
            id="what is left holds more",
        ),
        pytest.param(
            [("A", 0, 1), ("B", 0, 1), ("C", 0, 1000)], 1000, 3, {"values": "ABCDE"}, 1,
            id="one was a thousand times slower",
        ),
        pytest.param([("A", 0, 1), ("B", 0, None)], 9, 2, {"values": "AB"}, None, id="one slow task is left"),
        pytest.param([("A", 0, 1), ("B", 0, None)], 9, 2, {"values": "ABC"}, 1, id="a slow task and another"),
        pytest.param(
            [("A", 0, 4)], 4, 1, {"values": "AB", "expected_seconds": {"A": 2, "B": 3}}, 6,
            id="half as fast as planned",
        ),
    ],
)  # fmt: skip
def test_how_long_it_will_take(
    spans: Any, at: float, lanes: int, options: dict[str, Any], remaining: float | None
) -> None:
    found = run_to(spans, at, lanes, **options).remaining
    assert found == (None if remaining is None else pytest.approx(remaining))


@pytest.mark.parametrize(
    ("spans", "at", "lanes", "text"),
    [
        pytest.param([("A", 0, None)], 3, 4, "There is one task, so only one worker has", id="one task"),
        pytest.param([("A", 0, 1), ("B", 1, None)], 2, 1, "so the tasks run one after the other", id="one lane"),
        pytest.param([("A", 0, None), ("B", 0, None)], 3, 2, "remaining: –", id="not known yet"),
        pytest.param([("A", 0, 0.3), ("B", 0, None)], 12, 2,
                     "well B takes longer than expected: 12 s instead of 0.30 s", id="a slow task"),
    ],
)  # fmt: skip
def test_the_summary_of_progress(spans: Any, at: float, lanes: int, text: str) -> None:
    assert text in "\n".join(run_to(spans, at, lanes).summary())


def test_the_summary_has_the_plan_and_the_use_of_workers() -> None:
    progress = run_to(
        [("A", 0, 2), ("B", 0, 4)], 4, 2, plane_counts={"A": 40, "B": 80}, expected_seconds={"A": 1, "B": 3}
    )
    assert progress.efficiency == pytest.approx(6 / 8)
    assert progress.planned == 3
    assert progress.rate == 30
    assert progress.summary()[1:] == ["took 4.0 s; planned: 3.0 s", "30 planes/s · 2 workers, busy 75%"]


def test_the_summary_of_a_bar() -> None:
    timeline = new("A", 1, plane_counts={"A": 40})
    begin(timeline, "A", 0)
    assert timeline.bar(0).summary("well", 0.5) == "well A: 0.50 s, 40 planes, running"
    end(timeline, "A", 0, 1, "one")
    assert timeline.bar(0).summary("well", 9) == "well A: 1.0 s, 40 planes; read 10%, compute 50%, write 20%"


def test_planes_are_counted_by_task(plate: Path) -> None:
    planes = aw.open_dataset(plate).index
    some = planes.select(np.flatnonzero(planes.column("well") + planes.column("timepoint") > 0))
    assert count_planes(planes, "well") == {"B02": 12, "B03": 12}
    assert count_planes(some, "timepoint") == {"1": 4, "2": 8, "3": 8}
    assert count_planes(some, "well,timepoint") == {
        "B02,2": 4, "B02,3": 4, "B03,1": 4, "B03,2": 4, "B03,3": 4
    }  # fmt: skip


def test_planes_of_an_earlier_run_are_subtracted() -> None:
    timeline = Timeline(
        "well", ("A", "B"), {"A": 40, "B": 40}, lanes=1, expected_seconds={"A": 4.0, "B": 4.0}, began=0
    )
    timeline.subtract({"A": 40, "B": 30})
    assert timeline.planes.tolist() == [0, 10]
    assert timeline.expected.tolist() == [0, 1]
    assert measure_progress(timeline, 0.0).remaining == pytest.approx(1)


def test_a_plan_without_times_is_no_plan() -> None:
    timeline = Timeline("well", ("A", "B"), lanes=1, expected_seconds={"A": math.nan, "B": math.nan}, began=0)
    progress = measure_progress(timeline, 1.0)
    assert (progress.planned, progress.remaining) == (None, None)


def test_failed_tasks_are_reported_and_their_planes_not_counted() -> None:
    timeline = Timeline("well", ("A", "B"), {"A": 40, "B": 40}, lanes=1, began=0)
    for value, status, at in (("A", "done", 1.0), ("B", "failed", 2.0)):
        timeline.add(TaskEvent(value, "started", started=at - 1), at - 1)
        timeline.add(TaskEvent(value, status, stopped=at), at)
    progress = measure_progress(timeline, 2.0)
    assert progress.summary()[0] == "2 of 2 tasks, 1 not done; 40 of 80 planes"
    assert progress.rate == pytest.approx(20)
