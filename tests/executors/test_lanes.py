"""Lanes: a worker that dies or is ended costs its own task and nothing else."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from pathlib import Path
from threading import Event

import psutil
import pytest

from napari_axiswise import LaneExecutor, MultiprocessingCoordinator, StandardComponents, Task
from napari_axiswise.core.components import ComponentConfiguration
from napari_axiswise.core.errors import TaskLost
from napari_axiswise.executors.choice import open_executor
from napari_axiswise.executors.lanes import available_cores
from processes import not_waiting_for


@pytest.fixture
def lanes() -> Iterator[LaneExecutor]:
    with LaneExecutor(2) as lanes:
        yield lanes


def process_of(context: object = None, pipeline: object = None) -> int:
    return os.getpid()


def kill_yourself(context: str, pipeline: object) -> str:
    if context == "kill":
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return context


def start_a_child_and_wait() -> None:
    subprocess.run([sys.executable, "-c", "import time; time.sleep(60)"], check=False)


def sleep_long() -> None:
    time.sleep(60)


def spin() -> None:
    """Hold the interpreter in native code: 10 ** 7 digits take longer than any test."""
    _ = 10 ** (10**7) // 3


def modules_and_settings() -> tuple[set[str], dict[str, str], int]:
    from napari_axiswise import process_task

    assert callable(process_task)
    loaded = {name.partition(".")[0] for name in sys.modules}
    return loaded, dict(os.environ), psutil.Process().nice()


@pytest.mark.parametrize("attempt", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 2))])
def test_a_dead_worker_costs_one_task(lanes: LaneExecutor, attempt: int) -> None:
    contexts = {f"B{number:02}": "kill" if number == 3 else f"plane {number}" for number in range(12)}
    coordinator = MultiprocessingCoordinator(
        ComponentConfiguration(tuple(StandardComponents), StandardComponents.WELL)
    )
    tasks = {value: Task(value, context) for value, context in contexts.items()}
    outcomes = [
        event for event in coordinator.iter_tasks(tasks, None, lanes, kill_yourself) if event.is_outcome
    ]
    assert sorted(event.status for event in outcomes) == ["done"] * 11 + ["lost"]
    lost = next(event for event in outcomes if event.status == "lost")
    assert lost.axis_value == "B03"
    assert "worker process" in lost.error


def kill_yourself_the_first_time(context: str, pipeline: object) -> str:
    mark = Path(context)
    if not mark.exists():
        mark.touch()
        os._exit(9)
    return "survived"


def test_a_call_whose_worker_died_is_tried_once_more(lanes: LaneExecutor, tmp_path: Path) -> None:
    assert lanes.submit(kill_yourself_the_first_time, str(tmp_path / "died"), None).result() == "survived"


@pytest.mark.parametrize(
    "call", [pytest.param(sleep_long, marks=pytest.mark.slow), spin, start_a_child_and_wait]
)
def test_cancelling_ends_what_runs(lanes: LaneExecutor, call: Callable[[], None]) -> None:
    future = lanes.submit(call)
    deadline = time.time() + 20
    while not future.running() and time.time() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)
    assert future.cancel()
    with pytest.raises(CancelledError):
        future.result(timeout=20)
    assert lanes.submit(process_of).result(timeout=20) > 0, "the lane goes on with a new process"


def test_processes_stay_warm_between_calls(lanes: LaneExecutor) -> None:
    first = {lanes.submit(process_of).result() for _ in range(6)}
    again = {lanes.submit(process_of).result() for _ in range(6)}
    assert first == again
    assert os.getpid() not in first


def test_every_call_can_have_a_process_of_its_own() -> None:
    with LaneExecutor(2, fresh=True) as lanes:
        calls = [lanes.submit(os.getpid) for _ in range(5)]
        assert len({call.result() for call in calls}) == 5


def test_an_idle_lane_takes_the_next_call(lanes: LaneExecutor) -> None:
    lanes.warm_up(process_of)
    wait([lanes.submit(process_of) for _ in range(4)])
    long = lanes.submit(time.sleep, 1.0)
    short = [lanes.submit(process_of) for _ in range(10)]
    wait(short, timeout=20)
    assert all(future.done() for future in short)
    assert not long.done()


def test_a_worker_imports_neither_napari_nor_qt_and_has_a_low_priority(lanes: LaneExecutor) -> None:
    loaded, environment, niceness = lanes.submit(modules_and_settings).result()
    assert not loaded & {"napari", "qtpy", "PyQt6", "PySide6", "PyQt5", "vispy", "magicgui", "superqt"}
    assert environment["OMP_NUM_THREADS"] == str(max(1, available_cores() // 2))
    assert environment["OPENBLAS_NUM_THREADS"] == environment["OMP_NUM_THREADS"]
    assert niceness == min(19, psutil.Process().nice() + 10) or sys.platform == "win32"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has priority classes")
@pytest.mark.parametrize(
    ("nice", "expected"),
    [
        (0, 10),
        pytest.param(5, 15, marks=pytest.mark.slow),
        (15, 19),
        pytest.param(19, 19, marks=pytest.mark.slow),
    ],
)
def test_niceness_of_workers_is_relative_to_the_parent(nice: int, expected: int) -> None:
    script = (
        f"import os; os.nice({nice} - os.nice(0)); from napari_axiswise import LaneExecutor\n"
        "with LaneExecutor(1) as lanes: print(lanes.submit(os.nice, 0).result())"
    )
    if nice < os.nice(0):
        pytest.skip("the tests themselves run at a lower priority")
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(output.stdout) == expected


def test_the_end_of_a_worker_is_described(lanes: LaneExecutor) -> None:
    with pytest.raises(TaskLost, match="exit code 3"):
        lanes.submit(os._exit, 3).result()
    with pytest.raises(TaskLost, match="SIGABRT"):
        lanes.submit(os.abort).result()


def hold_and_die(size: int) -> None:
    held = bytearray(size)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(0.6)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("ballast", [0, pytest.param(600_000_000, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_the_memory_of_a_worker_that_died_is_told(lanes: LaneExecutor, ballast: int) -> None:
    """Be it more or less than its parent has."""
    held = bytearray(ballast)
    held[::4096] = b"x" * len(held[::4096])
    with pytest.raises(TaskLost, match=r"SIGKILL \(peak memory 3\d\d MB\); if memory ran out"):
        lanes.submit(hold_and_die, 330_000_000).result()


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    script = (
        "import napari_axiswise as aw\n"
        "def add(a, b): return a + b\n"
        "print('once')\n"
        "with aw.LaneExecutor(1) as lanes:\n"
        "    print(lanes.submit(add, 1, 2).result())\n"
    )
    path = tmp_path / "script.py"
    path.write_text(script)
    told = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.split() == ["once", "3"]


@pytest.mark.parametrize(
    "busy",
    [
        pytest.param("None", marks=pytest.mark.slow, id="idle"),
        pytest.param("lanes.submit(eval, '10 ** (10 ** 8) // 3')", id="native loop"),
    ],
)
def test_workers_end_when_their_parent_is_killed(busy: str) -> None:
    script = (
        "import os, time, napari_axiswise as aw\n"
        "lanes = aw.LaneExecutor(2)\n"
        "futures = [lanes.submit(os.getpid) for _ in range(4)]\n"
        "print(*{future.result() for future in futures}, flush=True)\n"
        f"{busy}\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    deadline = time.time() + 5
    while any(map(psutil.pid_exists, workers)) and time.time() < deadline:
        time.sleep(0.1)
    assert workers
    assert not any(map(psutil.pid_exists, workers))


def test_after_shutdown_no_process_is_left() -> None:
    for _ in range(2):
        with LaneExecutor(2) as lanes:
            workers = {lanes.submit(process_of).result() for _ in range(4)}
        assert not [pid for pid in workers if psutil.pid_exists(pid)]


def test_lanes_can_be_shut_down_by_a_callback() -> None:
    lanes = LaneExecutor(2)
    over = Event()

    def shut_down(_: object) -> None:
        lanes.shutdown()
        over.set()

    lanes.submit(process_of).add_done_callback(shut_down)
    assert over.wait(20)
    lanes.shutdown()


def test_a_call_that_is_cancelled_while_its_process_starts_never_runs(tmp_path: Path) -> None:
    with LaneExecutor(1) as lanes:
        future = lanes.submit((tmp_path / "ran").touch)
        future.cancel()
        with pytest.raises(CancelledError):
            future.result(timeout=5)
    assert not (tmp_path / "ran").exists()


def print_and_read() -> str:
    print("printed")
    return sys.stdin.read()


def test_what_functions_print_and_read_does_not_disturb_the_lane(lanes: LaneExecutor) -> None:
    assert lanes.submit(print_and_read).result() == ""
    assert lanes.submit(subprocess.check_output, [sys.executable, "-c", "print(input)"]).result()
    assert lanes.submit(process_of).result() > 0


def test_lanes_that_are_forgotten_end() -> None:
    lanes = LaneExecutor(1)
    worker = psutil.Process(lanes.submit(process_of).result())
    del lanes
    gc.collect()
    gone, _ = psutil.wait_procs([worker], 20)
    assert gone


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
def test_a_forked_child_leaves_the_workers_of_its_parent_alone() -> None:
    """A child that ended killed them."""
    script = (
        "import os, sys; from napari_axiswise import LaneExecutor\n"
        "lanes = LaneExecutor(1)\n"
        "worker = lanes.submit(os.getpid).result()\n"
        "if os.fork() == 0: sys.exit()\n"
        "os.wait()\n"
        "print(lanes.submit(os.getpid).result() == worker)\n"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert output.stdout == "True\n"


def test_a_call_is_tried_once_more_during_shutdown_too(tmp_path: Path) -> None:
    with LaneExecutor(1) as lanes:
        future = lanes.submit(kill_yourself_the_first_time, str(tmp_path / "died"), None)
    assert future.result() == "survived"


def test_after_kill_nothing_is_left() -> None:
    lanes = LaneExecutor(2)
    running = [lanes.submit(time.sleep, 60) for _ in range(4)]
    time.sleep(0.5)
    with not_waiting_for(30):
        lanes.kill()
    for future in running:
        assert future.cancelled() or isinstance(future.exception(timeout=5), CancelledError)
    with pytest.raises(RuntimeError, match="shut down"):
        lanes.submit(process_of)


def test_wrong_numbers_and_names_are_refused() -> None:
    with pytest.raises(ValueError, match="workers=0"):
        LaneExecutor(0)
    with pytest.raises(ValueError, match="processes, pool, threads, serial"), open_executor("cluster"):
        pass
    with pytest.raises(ValueError, match="workers=0"), open_executor("threads", 0):
        pass
