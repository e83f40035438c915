"""Each task is scheduled on the worker that is free first, in order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_axiswise.timeline.scheduling import deal_out

SECONDS = st.floats(0, 1000, allow_nan=False)


@pytest.mark.parametrize(
    ("seconds", "lanes", "free_at", "taken_by", "started", "makespan"),
    [
        pytest.param([], 3, None, [], [], 0, id="no task"),
        pytest.param([5], 3, None, [0], [0], 5, id="one task, one lane works"),
        pytest.param([1, 2, 3], 1, None, [0, 0, 0], [0, 1, 3], 6, id="one lane, one after the other"),
        pytest.param([3, 1, 1, 1], 2, None, [0, 1, 1, 1], [0, 0, 1, 2], 3, id="a long one first"),
        pytest.param([1, 1, 1, 3], 2, None, [0, 1, 0, 1], [0, 0, 1, 1], 4, id="a long one last"),
        pytest.param([1, 1], 2, [2.0, 0.0], [1, 1], [0, 1], 2, id="a lane that is busy yet"),
        pytest.param([1], 10, None, [0], [0], 1, id="more lanes than tasks"),
    ],
)
def test_dealing_out(
    seconds: list[float],
    lanes: int,
    free_at: list[float] | None,
    taken_by: list[int],
    started: list[float],
    makespan: float,
) -> None:
    schedule = deal_out(seconds, lanes, free_at)
    assert schedule.lanes.tolist() == taken_by
    assert schedule.started.tolist() == started
    assert schedule.makespan == makespan


@given(st.lists(SECONDS, min_size=1, max_size=60), st.integers(1, 8))
def test_no_lane_does_two_at_once_and_none_idles_while_a_task_waits(seconds: list[float], lanes: int) -> None:
    schedule = deal_out(seconds, lanes)
    for lane in range(lanes):
        own = schedule.lanes == lane
        assert (schedule.started[own][1:] >= schedule.stopped[own][:-1]).all()
    # Graham's bound for list scheduling.
    best = max(max(seconds), sum(seconds) / lanes)
    assert best <= schedule.makespan * (1 + 1e-9) + 1e-9
    assert schedule.makespan <= (2 - 1 / lanes) * best * (1 + 1e-9) + 1e-9
    np.testing.assert_allclose(schedule.stopped - schedule.started, seconds, atol=1e-6)


@pytest.mark.parametrize(("lanes", "free_at"), [(0, None), (2, [0.0])])
def test_what_makes_no_sense_is_an_error(lanes: int, free_at: list[float] | None) -> None:
    with pytest.raises(ValueError, match="lane"):
        deal_out([1.0], lanes, free_at)
