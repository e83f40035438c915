"""What all tests share: real plates where there are any, a tiny synthetic one, and no process left behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from processes import child_processes

PATIENCE = 10.0
"""Seconds that a process may take to end after its test."""


settings.register_profile(
    "axiswise",
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("axiswise")


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


@pytest.fixture(autouse=True)
def no_process_left() -> Iterator[None]:
    """After every test, no child of this process is there any more, except resource trackers."""
    yield
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
