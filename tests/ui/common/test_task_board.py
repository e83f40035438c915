"""The task board, without a window."""

from __future__ import annotations

from napari_axiswise.core.events import TaskEvent
from napari_axiswise.ui.common.task_board import TaskBoard


def planned(finished: list[TaskEvent] | None = None) -> TaskBoard:
    board = TaskBoard()
    board.plan("well", ["B02", "B03", "B04"], finished or [])
    return board


def test_the_last_event_of_a_task_is_kept_and_emitted() -> None:
    board = planned()
    seen: list[TaskEvent] = []
    board.updated.connect(seen.append)
    events = [TaskEvent("B03", "started"), TaskEvent("B03", "failed", error="odd")]
    for event in events:
        board.add(event)
    assert seen == events
    assert board.events == {"B03": events[-1]}
    assert board.event("B03") is events[-1]
    assert board.event("B02") == TaskEvent("B02", "waiting")
    assert (board.row("B04"), board.row("C01")) == (2, None)


def test_heartbeats_and_tasks_of_other_runs_are_ignored() -> None:
    board = planned()
    board.updated.connect(lambda event: seen.append(event))
    seen: list[TaskEvent] = []
    board.add(TaskEvent("", "waiting"))
    board.add(TaskEvent("1", "done"))
    assert not seen
    assert not board.events


def test_each_task_counts_once() -> None:
    board = planned()
    assert (board.done, board.total) == (0, 3)
    for status in ("started", "lost", "lost"):
        board.add(TaskEvent("B02", status))
    assert (board.done, board.total) == (1, 3)


def test_tasks_that_are_not_repeated_keep_their_outcome_and_are_not_counted() -> None:
    kept = TaskEvent("B02", "done")
    board = planned([kept])
    assert board.event("B02") is kept
    assert (board.done, board.total) == (0, 2)


def test_partial_results_are_the_last_event_of_tasks_that_wait() -> None:
    board = planned()
    seen: list[list[TaskEvent]] = []
    board.found.connect(seen.append)
    partial = TaskEvent("B04", "waiting", result="two planes")
    board.add_found([partial])
    assert seen == [[partial]]
    assert board.event("B04") is partial
    assert board.done == 0


def test_the_state_follows_the_run_and_a_new_plan_starts_over() -> None:
    board = TaskBoard()
    states: list[str] = []
    board.state_changed.connect(states.append)
    assert board.state == "idle"
    board.plan("well", ["B02"])
    board.add(TaskEvent("B02", "done"))
    board.finish()
    board.plan("site", ["1", "2"])
    assert states == ["running", "finished", "running"]
    assert (board.axis, board.values, dict(board.events), board.done) == ("site", ("1", "2"), {}, 0)
