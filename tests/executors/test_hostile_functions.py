"""Functions that fork, write into pipes of others, or leave things behind: every call ends, and so do they."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from napari_axiswise import LaneExecutor
from napari_axiswise.core.errors import TaskLost
from napari_axiswise.executors import wear
from processes import child_processes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="functions fork here")

PATIENCE = 10
"""Seconds that a call may take to end."""


def sleep_in_fork() -> int:
    fork = os.fork()
    if fork == 0:
        time.sleep(600)
        os._exit(0)
    return fork


def fork_and_die() -> None:
    """The fork holds the pipe of the answers of a worker that is gone."""
    sleep_in_fork()
    os.kill(os.getpid(), signal.SIGKILL)


def fork_and_sleep() -> None:
    sleep_in_fork()
    time.sleep(600)


def fork_twice_and_exit() -> None:
    """A daemon has a session of its own, and no parent that is known."""
    if os.fork() == 0:
        os.setsid()
        sleep_in_fork()
        os._exit(0)
    os.wait()
    os._exit(3)


def fork_a_pool_and_die() -> None:
    pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork"))
    list(pool.map(abs, [1, 2, 3]))
    os.kill(os.getpid(), signal.SIGKILL)


def die_of_a_signal_without_a_name() -> None:
    os.kill(os.getpid(), 40)
    time.sleep(600)


def write_into_all_pipes(data: bytes) -> None:
    for handle in range(3, 64):
        try:
            os.write(handle, data)
        except OSError:
            continue
    time.sleep(0.2)


LOST = [
    pytest.param(fork_and_die, (), "was killed by SIGKILL", id="a fork"),
    pytest.param(
        fork_twice_and_exit,
        (),
        "ended with exit code 3",
        id="a daemon holds the pipe",
        marks=pytest.mark.slow,
    ),
    pytest.param(fork_a_pool_and_die, (), "was killed by SIGKILL", id="a pool", marks=pytest.mark.slow),
    pytest.param(
        die_of_a_signal_without_a_name, (), "was killed by signal 40", id="no name", marks=pytest.mark.slow
    ),
    pytest.param(write_into_all_pipes, (b"garbage!garbage!garbage!",), "wrote into the pipe", id="garbage"),
    pytest.param(
        write_into_all_pipes, (struct.pack("<Q", 2**62),), "wrote into the pipe", id="a huge length"
    ),
]


@pytest.mark.parametrize(("function", "arguments", "words"), LOST)
def test_a_call_whose_worker_cannot_answer_is_lost(
    function: Callable[..., None], arguments: tuple[Any, ...], words: str
) -> None:
    """Each of them stopped the run for ever: a pipe that is open was taken for a process that works."""
    with LaneExecutor(1, nice=False) as lanes:
        with pytest.raises(TaskLost, match=words):
            lanes.submit(function, *arguments).result(PATIENCE)
        assert lanes.submit(abs, -3).result(PATIENCE) == 3


def test_cancelling_ends_what_a_function_has_forked() -> None:
    with LaneExecutor(1, nice=False) as lanes:
        future = lanes.submit(fork_and_sleep)
        while not forks():
            time.sleep(0.01)
        assert future.cancel()
        while forks():
            time.sleep(0.01)


def forks() -> list[psutil.Process]:
    """The processes that workers have forked."""
    return [process for process in child_processes() if process not in psutil.Process().children()]


def test_forks_of_a_call_that_has_ended_end_with_the_worker() -> None:
    with LaneExecutor(1, nice=False) as lanes:
        fork = lanes.submit(sleep_in_fork).result(PATIENCE)
        assert is_running(fork)
    wait_for_the_end_of(fork)


def wait_for_the_end_of(pid: int) -> None:
    """A process that was killed is there for a moment."""
    give_up = time.monotonic() + PATIENCE
    while is_running(pid):
        assert time.monotonic() < give_up, pid
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def return_in_both() -> int:
    """The fork comes back from the call too, and would answer as well."""
    return os.fork() and 1


def test_a_fork_that_returns_does_not_answer() -> None:
    with LaneExecutor(1, nice=False) as lanes:
        assert lanes.submit(return_in_both).result(PATIENCE) == 1
        assert [lanes.submit(abs, -number).result(PATIENCE) for number in range(5)] == list(range(5))


def leave_files_open(count: int) -> int:
    KEPT.extend(open(os.devnull) for _ in range(count))  # noqa: SIM115, PTH123
    return os.getpid()


KEPT: list[Any] = []


def limit_handles(count: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


@pytest.mark.slow
def test_a_worker_without_file_handles_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    """Tasks after it failed with "Too many open files"; the reason is told once."""
    import resource

    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with LaneExecutor(1, nice=False) as lanes, caplog.at_level(logging.WARNING):
        workers = [lanes.submit(leave_files_open, int(most * 0.3)).result(PATIENCE) for _ in range(7)]
    assert len(set(workers)) == 3, "each after the third call"
    assert [record.getMessage() for record in caplog.records] == [
        f"A worker process is replaced, as later ones are: it has nearly all of its {most} file handles open: a "
        "function does not close files."
    ]


def test_a_worker_that_holds_more_than_its_share_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wear, "_INTERVAL", -1.0)
    assert wear.Wear(0).reason() == ""
    assert wear.Wear(1 << 40).reason() == ""
    assert "between tasks, and its share is 1.0 MB" in wear.Wear(1_000_000).reason()


def test_a_thread_that_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without any lane, submitting fails; with fewer than asked for, the others do the work."""
    start = Thread.start
    allowed = 0

    def refuse(thread: Thread) -> None:
        nonlocal allowed
        if thread.name == "axiswise-lane":
            if not allowed:
                raise RuntimeError("can't start new thread")
            allowed -= 1
        start(thread)

    monkeypatch.setattr(Thread, "start", refuse)
    with LaneExecutor(2, nice=False) as lanes:
        with pytest.raises(RuntimeError, match="No worker can be started: can't start new thread"):
            lanes.submit(abs, -1)
        allowed = 1
        futures = [lanes.submit(abs, -number) for number in range(4)]
        assert [future.result(PATIENCE) for future in futures] == [0, 1, 2, 3]
    assert [record.getMessage() for record in caplog.records] == [
        "There are fewer workers than asked for: can't start new thread."
    ]


def test_an_error_in_a_lane_is_that_of_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_axiswise.executors import board

    def fail(call: object) -> bytes:
        raise MemoryError("no memory for the call")

    with LaneExecutor(1, nice=False) as lanes:
        lanes.submit(abs, -1).result(PATIENCE)
        with monkeypatch.context() as patch:
            patch.setattr(board.Lane, "_run_call", lambda self, future: fail(future))
            with pytest.raises(MemoryError, match="no memory for the call"):
                lanes.submit(abs, -1).result(PATIENCE)
        assert lanes.submit(abs, -2).result(PATIENCE) == 2


def wait_or_fork(folder: Path, number: int) -> int:
    """Say which processes there are, and take a while."""
    if number % 3 == 0:
        sleep_in_fork()
    if number % 3 == 1:
        Thread(target=time.sleep, args=(600,), daemon=True).start()
    (folder / f"{os.getpid()}").touch()
    time.sleep(0.05)
    return number


@pytest.mark.slow
def test_every_call_ends_whatever_is_killed(tmp_path: Path) -> None:
    """Random signals to workers, and to what they have forked: an outcome for each call, and no process is left."""
    choice = random.Random(5)
    numbers = [number for number in range(1, 65) if number not in (32, 33)]  # of the C library
    seen: set[int] = set()
    with LaneExecutor(2, nice=False) as lanes:
        futures = [lanes.submit(wait_or_fork, tmp_path, number) for number in range(200)]
        for _ in range(60):
            victims = psutil.Process().children(recursive=True)
            seen.update(victim.pid for victim in victims)
            if victims:
                try:
                    choice.choice(victims).send_signal(choice.choice(numbers))
                except (psutil.NoSuchProcess, OSError):
                    continue
            time.sleep(0.05)
        outcomes = [future.exception(60) or future.result() for future in futures]
    assert all(isinstance(outcome, TaskLost) or outcome == number for number, outcome in enumerate(outcomes))
    for pid in seen:
        wait_for_the_end_of(pid)
