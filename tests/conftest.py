"""What all tests share: real plates if there are any, a synthetic one, warm workers, and no process left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.tasks.process import import_libraries
from processes import KEPT, child_processes, keep_new_processes

PATIENCE = 10.0
"""Seconds that a process may take to end after its test."""


settings.register_profile(
    "axiswise",
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("axiswise")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let tests interrupt processes, even if a shell runs the tests in the background and they ignore SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data(pytestconfig: pytest.Config) -> Path:
    """The real plates: at $AXISWISE_DATA, or beside the project."""
    beside = pytestconfig.rootpath.parent / "shared" / "data"
    folder = Path(os.environ.get("AXISWISE_DATA") or beside)
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set AXISWISE_DATA")
    return folder


@pytest.fixture(scope="session")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plate of 2 wells, 2 sites, 3 timepoints and 2 channels. Read it only."""
    plan = PlatePlan(wells=("B02", "B03"), sites=2, timepoints=3, channels=2, size=48)
    return write_plate(tmp_path_factory.mktemp("data") / "plate", plan)


@pytest.fixture(scope="session")
def lanes() -> Iterator[aw.LaneExecutor]:
    """Two warm worker processes, for tests that need processes but do not end them or change their environment."""
    with aw.LaneExecutor(2, nice=False) as lanes:
        with keep_new_processes(2):
            lanes.warm_up(import_libraries)
        yield lanes
    KEPT.clear()


@pytest.fixture
def warm(lanes: aw.LaneExecutor) -> Callable[[str], str | aw.LaneExecutor]:
    """Return the warm worker processes for ``"processes"``, and the name itself for other executors."""
    return lambda name: lanes if name == "processes" else name


@pytest.fixture(scope="session")
def known_processes() -> set[int]:
    """The processes of the whole machine that were there when a test had left none behind."""
    return set()


@pytest.fixture(autouse=True)
def no_process_left(known_processes: set[int]) -> Iterator[None]:
    """Fail a test that leaves child processes, other than resource trackers and the warm workers."""
    yield
    running = set(psutil.pids())
    if running <= known_processes:
        # Looking for the parents of all processes takes longer than most tests.
        return
    give_up = time.monotonic() + PATIENCE
    while (left := child_processes()) and time.monotonic() < give_up:
        time.sleep(0.05)
    for process in left:
        # One test is to blame, not all that follow.
        with suppress(psutil.NoSuchProcess):
            process.kill()
    if left:
        lines = "\n".join(f"{process.pid}: {line}" for process, line in left.items())
        pytest.fail(f"the test left processes behind:\n{lines}", pytrace=False)
    known_processes.clear()
    known_processes.update(running)
