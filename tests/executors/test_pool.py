"""`executor="pool"`: the standard library's pool of processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

import napari_axiswise as aw
from processes import not_waiting_for


def die_in_the_first(plane: NDArray[Any], mark: str) -> NDArray[Any]:
    try:
        Path(mark).touch(exist_ok=False)
    except FileExistsError:
        time.sleep(0.2)
        return plane
    os._exit(9)


def dawdle(plane: NDArray[Any], seconds: float = 60.0) -> NDArray[Any]:
    time.sleep(seconds)
    return plane


def test_a_pool_gives_what_lanes_give(plate: Path) -> None:
    steps = [aw.Step(np.sqrt, name="root")]
    by_pool = aw.run(plate, steps, axis="well", executor="pool", workers=2)
    by_lanes = aw.run(plate, steps, axis="timepoint", executor="serial")
    assert {event.status for event in by_pool.outcomes.values()} == {"done"}
    place = {"well": "B03", "site": "2", "timepoint": "3", "channel": "1"}
    np.testing.assert_array_equal(by_pool.read("root", **place), by_lanes.read("root", **place))


def test_a_worker_that_dies_loses_all_unfinished_tasks_and_the_default_is_named(
    plate: Path, tmp_path: Path
) -> None:
    step = aw.Step(die_in_the_first, {"mark": str(tmp_path / "mark")}, name="die")
    result = aw.run(plate, [step], axis="timepoint", executor="pool", workers=2)
    assert len(result.outcomes) == 3
    assert {event.status for event in result.outcomes.values()} == {"lost"}
    for failure in result.failures.values():
        assert 'executor="processes", the default' in failure.error


def test_closing_a_run_ends_tasks_that_are_running(plate: Path) -> None:
    with not_waiting_for(30):
        events = aw.iter_run(plate, [aw.Step(dawdle)], axis="well", executor="pool", workers=2)
        for event in events:
            if event.status == "started":
                break
        events.close()


def test_a_task_over_its_time_limit_does_not_hold_up_the_end_of_the_run(plate: Path) -> None:
    with not_waiting_for(40):
        result = aw.run(
            plate, [aw.Step(dawdle)], axis="well", axis_filter=["B02"], executor="pool", time_limit=1.0
        )
    assert "time limit" in result.failures["B02"].error


SCRIPT = """
import sys, time
import napari_axiswise as aw

def dawdle(plane):
    time.sleep(60)
    return plane

if __name__ == "__main__":
    for event in aw.iter_run(sys.argv[1], [aw.Step(dawdle)], axis="well", executor="pool", workers=2):
        print(event.status, flush=True)
"""


@pytest.mark.slow
def test_workers_end_with_a_parent_that_is_killed(plate: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    parent = subprocess.Popen([sys.executable, script, plate], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    while parent.stdout.readline().strip() != "started":
        assert parent.poll() is None
    workers = psutil.Process(parent.pid).children(recursive=True)
    parent.kill()
    parent.communicate()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert [worker for worker in alive if worker.status() != psutil.STATUS_ZOMBIE] == []
