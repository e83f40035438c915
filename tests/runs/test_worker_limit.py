"""The number of workers is limited by memory, and the memory of the system is measured."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_axiswise as aw
from napari_axiswise.core import memory
from napari_axiswise.executors.process import End
from napari_axiswise.runs import workers as worker_limit
from napari_axiswise.runs.workers import WORKER_MEMORY, WorkerLimit, estimate_unit_memory


def double(plane: np.ndarray) -> np.ndarray:
    return plane * 2


@pytest.fixture
def dataset(plate: Path) -> aw.Dataset:
    return aw.open_dataset(plate)


def pipeline(*variables: tuple[str, ...]) -> aw.Pipeline:
    return aw.Pipeline([aw.Step(double, variable=variable) for variable in variables])


def test_what_stacks_more_needs_more(dataset: aw.Dataset) -> None:
    needs = [
        estimate_unit_memory(dataset, pipeline(*variables)) - WORKER_MEMORY
        for variables in ([()], [(), ()], [("site",)], [("site", "timepoint")], [(), ("site", "timepoint")])
    ]
    assert needs == sorted(set(needs))
    assert needs[2] == 2 * needs[0]


@pytest.mark.parametrize(("free", "workers"), [(100e9, 8), (2e9, 4), (1e6, 1)])
def test_no_more_workers_than_the_memory_has_room_for(
    dataset: aw.Dataset, monkeypatch: pytest.MonkeyPatch, free: float, workers: int
) -> None:
    monkeypatch.setattr(worker_limit, "free_memory", lambda: int(free))
    monkeypatch.setattr(worker_limit, "estimate_unit_memory", lambda *_: 400_000_000)
    limit = WorkerLimit.of(dataset, pipeline(()), 8)
    assert limit.workers == workers
    assert bool(str(limit)) == (workers < 8)


def test_a_run_says_when_memory_limits_it(
    dataset: aw.Dataset, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker_limit, "free_memory", lambda: 300_000_000)
    with caplog.at_level(logging.WARNING):
        result = aw.run(dataset, pipeline(()), axis="timepoint", workers=2)
    assert "1 worker instead of 2: each needs about 150 MB for a unit of this pipeline" in caplog.text
    assert "80% of 300 MB of free memory" in caplog.text
    assert result.timings["worker"].nunique() == 1


def test_free_memory_knows_the_limits_of_a_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_CONTROL_GROUPS", tmp_path)
    without = memory.free_memory()
    assert without > 0
    (tmp_path / "memory.max").write_text("500000000")
    (tmp_path / "memory.current").write_text("450000000")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 100000000\n")
    assert memory.free_memory() == 150_000_000
    (tmp_path / "memory.max").write_text("max")
    assert memory.free_memory() > 150_000_000


def test_the_peak_of_memory_can_be_counted_anew() -> None:
    script = (
        "from napari_axiswise.core.memory import *\n"
        "big = bytearray(200_000_000); first = peak_memory(); del big\n"
        "restart_peak(); print(first, peak_memory())"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    first, second = map(int, finished.stdout.split())
    assert first > 200_000_000
    assert second < first - 100_000_000 or sys.platform != "linux"


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (End(3), "ended with exit code 3"),
        (End(-9, 1_500_000_000), "killed by SIGKILL (peak memory 1.5 GB); if memory ran out, use fewer"),
        (
            End(-9, 12_000_000_000, True),
            "because the system ran out of memory (peak memory 12 GB); use fewer",
        ),
        (End(-11, 31_000_000), "SIGSEGV (peak memory 31 MB): a compiled library"),
        (End(-15), "killed by SIGTERM"),
    ],
)
def test_the_end_of_a_process_is_told_with_a_hint(end: End, message: str) -> None:
    assert message in str(end)


def test_kills_for_want_of_memory_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = memory.out_of_memory_kills()
    monkeypatch.setattr(memory, "_CONTROL_GROUPS", tmp_path)
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert memory.out_of_memory_kills() >= 2
    assert isinstance(before, int)
