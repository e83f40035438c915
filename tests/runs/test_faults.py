"""Faults, one after the other: what is killed, what is full, what never ends. Each costs what it has to, no more."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.results.run_log.contents import RunLogContents
from napari_axiswise.results.run_log.lines import RUN_LOG, read_lines
from processes import child_processes

PLAN = PlatePlan(
    wells=tuple(f"{row}{column:02}" for row in "BCD" for column in range(2, 6)),
    sites=1,
    timepoints=2,
    channels=1,
    size=32,
)


@pytest.fixture(scope="module")
def twelve_wells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plate(tmp_path_factory.mktemp("data") / "plate", PLAN)


def slow_negative(plane: NDArray[Any], seconds: float = 0.02) -> NDArray[Any]:
    time.sleep(seconds)
    return plane.max() - plane


def brightest(plane: NDArray[Any]) -> dict[str, Any]:
    return {"brightest": float(plane.max())}


def steps(first: Callable[..., Any] = slow_negative, **params: Any) -> aw.Pipeline:
    return aw.Pipeline(
        [
            aw.Step(first, params, name="negative", keep=True),
            aw.Step(brightest, name="brightest", output="table"),
        ]
    )


def kill_yourself(plane: NDArray[Any], fingerprint: int) -> NDArray[Any]:
    if int(plane.sum()) == fingerprint:
        os.kill(os.getpid(), signal.SIGKILL)
    return slow_negative(plane)


def some_plane(folder: Path, well: str) -> int:
    return int(aw.open_dataset(folder).read(well=well, timepoint="2").sum())


def statuses(result: aw.RunResult) -> dict[str, str]:
    return {value: event.status for value, event in result.outcomes.items()}


def written(output: Path) -> dict[str, bytes]:
    """Return all files of an output but what tells when and where it was made."""
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and RUN_LOG not in path.relative_to(output).parts and path.name != "recipe.toml"
    }


@pytest.mark.parametrize("attempt", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 2))])
def test_of_twelve_tasks_one_kills_its_worker(twelve_wells: Path, tmp_path: Path, attempt: int) -> None:
    pipeline = steps(kill_yourself, fingerprint=some_plane(twelve_wells, "C03"))
    result = aw.run(twelve_wells, pipeline, axis="well", workers=2, output=tmp_path / "output")
    assert list(statuses(result).values()).count("done") == 11
    lost = result.outcomes["C03"]
    assert lost.status == "lost"
    assert "SIGKILL" in lost.error
    assert "if memory ran out, use fewer workers" in lost.error
    opened = aw.open_result(tmp_path / "output")
    assert statuses(opened) == statuses(result)
    assert opened.read("negative", well="C03", timepoint="1").any(), "what it had finished is kept"


def raise_speechless(plane: NDArray[Any]) -> NDArray[Any]:
    class Speechless(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    raise Speechless


def raise_unpicklable(plane: NDArray[Any]) -> NDArray[Any]:
    error = ValueError("holds a lock")
    error.lock = Lock()  # type: ignore[attr-defined]
    raise error


def exit_at_once(plane: NDArray[Any]) -> NDArray[Any]:
    sys.exit(3)


def return_a_generator(plane: NDArray[Any]) -> Iterator[int]:
    return iter(range(3))


def run_out_of_stack(plane: NDArray[Any]) -> NDArray[Any]:
    return run_out_of_stack(plane)


def ask_for_too_much(plane: NDArray[Any]) -> NDArray[Any]:
    return np.zeros(1 << 50, np.uint8)


HOSTILE = (raise_speechless, raise_unpicklable, exit_at_once, return_a_generator, run_out_of_stack,
           ask_for_too_much)  # fmt: skip


@pytest.mark.parametrize("executor", ["processes", "threads", pytest.param("serial", marks=pytest.mark.slow)])
@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda function: function.__name__)
def test_a_hostile_function_fails_its_tasks_and_says_where(
    twelve_wells: Path, executor: str, hostile: Callable[..., Any], warm: Any
) -> None:
    pipeline = aw.Pipeline([aw.Step(hostile, name="hostile", output="image")])
    result = aw.run(twelve_wells, pipeline, axis="timepoint", executor=warm(executor))
    assert set(statuses(result).values()) == {"failed"}
    for failure in result.failures.values():
        assert "'hostile'" in failure.error
        assert "Traceback" in failure.traceback


def spin(plane: NDArray[Any]) -> NDArray[Any]:
    _ = 10 ** (10**7) // 3
    return plane


def test_a_task_that_takes_too_long_is_stopped_and_others_go_on(twelve_wells: Path) -> None:
    pipeline = aw.Pipeline([aw.Step(spin, name="spin")])
    result = aw.run(twelve_wells, pipeline, axis="well", axis_filter=["B02", "B03"], time_limit=1.0)
    assert [event.error for event in result.outcomes.values()] == ["it exceeded the time limit of 1 s"] * 2


def spin_at_the_second(plane: NDArray[Any], marks: str) -> NDArray[Any]:
    mark = Path(marks, str(os.getpid()))
    if mark.exists():
        return spin(plane)
    mark.touch()
    return slow_negative(plane)


@pytest.mark.slow
def test_what_a_task_had_finished_when_it_was_given_up_is_kept(twelve_wells: Path, tmp_path: Path) -> None:
    pipeline = aw.Pipeline([aw.Step(spin_at_the_second, {"marks": str(tmp_path)}, name="slow")])
    result = aw.run(twelve_wells, pipeline, axis="well", axis_filter=["B02"], time_limit=3.0, workers=1)
    assert statuses(result) == {"B02": "failed"}
    assert result.read("slow", well="B02", timepoint="1").shape == (PLAN.size, PLAN.size)


def test_a_time_limit_is_a_number_of_seconds(twelve_wells: Path) -> None:
    with pytest.raises(ValueError, match="time_limit=0"):
        aw.run(twelve_wells, steps(), axis="well", time_limit=0)


@pytest.mark.slow
@pytest.mark.parametrize("function", [slow_negative, spin])
def test_cancelling_ends_all_workers_at_any_moment(
    twelve_wells: Path, tmp_path: Path, function: Callable[..., Any]
) -> None:
    chance = random.Random(function.__name__)
    for attempt in range(10):
        output = tmp_path / str(attempt)
        with closing(aw.iter_run(twelve_wells, steps(function), axis="well", output=output)) as events:
            give_up = time.monotonic() + chance.uniform(0.0, 1.5)
            for _ in events:
                if time.monotonic() > give_up:
                    break
        assert not child_processes()
        assert not list(output.rglob("*.partial"))
        opened = aw.open_result(output)
        for record in RunLogContents.read(output).units.values():
            assert opened.read("negative", **record.unit).shape == (PLAN.size, PLAN.size)


RUN_ALONE = """
import sys
import tempfile
import napari_axiswise as aw
from test_faults import log_and_negate, steps
plate, output, log, axis = sys.argv[1:]
aw.run(plate, steps(log_and_negate, log=log), axis=axis, workers=2, output=output, resume=True)
"""


def log_and_negate(plane: NDArray[Any], log: str) -> NDArray[Any]:
    negative = slow_negative(plane)
    with Path(log, str(os.getpid())).open("a") as file:
        file.write(f"{plane.sum()} {time.time()}\n")
    return negative


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_never_was(
    twelve_wells: Path, tmp_path: Path, lanes: aw.LaneExecutor
) -> None:
    """SIGKILL for the whole process tree at 20 random moments, each time resumed along another axis."""
    chance = random.Random(3)
    log, output = tmp_path / "log", tmp_path / "output"
    log.mkdir()
    undisturbed = aw.run(
        twelve_wells,
        steps(log_and_negate, log=str(log)),
        axis="well",
        output=tmp_path / "whole",
        executor=lanes,
    )
    for file in log.iterdir():
        file.unlink()
    finished: dict[str, float] = {}
    for attempt in range(21):
        axis = ("well", "timepoint")[attempt % 2]
        process = subprocess.Popen(
            [sys.executable, "-c", RUN_ALONE, twelve_wells, output, log, axis],
            cwd=Path(__file__).parent,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.DEVNULL,
        )
        if attempt < 20:
            time.sleep(chance.uniform(0.3, 1.6))
            tree = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
            for victim in tree:
                victim.kill()
            psutil.wait_procs(tree, 5)
        process.wait(120)
        finished |= finished_units(output, finished)
    result = aw.open_result(output)
    assert set(statuses(result).values()) == {"done"}
    assert written(output) == written(tmp_path / "whole")
    assert result.table.equals(undisturbed.table)
    for line in (line for file in log.iterdir() for line in file.read_text().splitlines()):
        plane, moment = line.split()
        assert float(moment) <= finished[plane], "a finished unit was done again"


def finished_units(output: Path, known: dict[str, float]) -> dict[str, float]:
    """Return when each plane that is finished was, by its sum, unless it is known already."""
    found = {}
    dataset = None
    for record in RunLogContents.read(output).units.values() if output.exists() else ():
        dataset = dataset or aw.open_dataset(read_source(output))
        plane = str(dataset.read(**record.unit).sum())
        if plane not in known:
            found[plane] = record.stopped
    return found


def read_source(output: Path) -> str:
    return json.loads((output / RUN_LOG / "run.json").read_bytes())["dataset"]["source"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def noise(plane: NDArray[Any]) -> NDArray[Any]:
    return np.random.default_rng(int(plane.sum())).random((64, 64))


@pytest.mark.parametrize("executor", ["processes", "serial", pytest.param("threads", marks=pytest.mark.slow)])
def test_a_full_disk_is_said_and_the_run_resumes_once_there_is_room(
    twelve_wells: Path,
    small_disk: Path,
    tmp_path: Path,
    executor: str,
    warm: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    output = small_disk / "output"
    executor = warm(executor)
    with caplog.at_level(logging.ERROR):
        result = aw.run(twelve_wells, steps(noise), axis="well", executor=executor, output=output)
    done = [value for value, event in result.outcomes.items() if event.status == "done"]
    assert 0 < len(done) < 12
    for failure in result.failures.values():
        assert "is full" in failure.error
        assert "resume" in failure.error
    for value in done:
        assert result.read("negative", well=value, timepoint="1").shape == (64, 64)
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    resumed = aw.run(
        twelve_wells, steps(noise), axis="timepoint", executor=executor, output=output, resume=True
    )
    assert set(statuses(resumed).values()) == {"done"}
    whole = tmp_path / "whole"
    aw.run(twelve_wells, steps(noise), axis="timepoint", executor=executor, output=whole)
    assert written(output) == written(whole)


def test_failures_are_in_the_run_log_with_their_tracebacks(
    twelve_wells: Path, tmp_path: Path, lanes: aw.LaneExecutor
) -> None:
    pipeline = aw.Pipeline([aw.Step(exit_at_once, name="exit")])
    aw.run(twelve_wells, pipeline, axis="well", output=tmp_path / "output", executor=lanes)
    records = RunLogContents.read(tmp_path / "output").units.values()
    assert len(records) == 24
    for record in records:
        (failure,) = record.failures
        assert failure.step == "exit"
        assert "exit_at_once" in failure.traceback
        assert record.peak_memory > 1e6
    tasks = [
        line["task"]
        for line in read_lines(tmp_path / "output", Path(RUN_LOG, "tasks.jsonl"))
        if line and "task" in line
    ]
    assert {task["status"] for task in tasks} == {"failed"}
    assert all("exit_at_once" in task["traceback"] for task in tasks)


def in_the_way(plane: NDArray[Any], path: str = "", kind: str = "") -> NDArray[Any]:
    """Put a file where the end of the run needs a folder, or a folder where it needs a file."""
    if path and not Path(path).exists():
        if kind == "file":
            Path(path).write_text("in the way")
        else:
            Path(path).mkdir(parents=True)
    return plane


def brightness(plane: NDArray[Any]) -> dict[str, float]:
    return {"brightness": float(plane.max())}


@pytest.mark.parametrize(("place", "kind"), [("tables", "file"), ("B/02/zarr.json", "folder")])
def test_a_run_whose_end_cannot_be_written_is_not_done(
    plate: Path, tmp_path: Path, place: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It was reported as done, and its folder was no OME-Zarr. Resuming writes the end."""

    def run(output: Path, path: str = "", resume: bool = False) -> aw.RunResult:
        pipeline = [
            aw.Step(in_the_way, {"path": path, "kind": kind}, name="same", keep=True),
            aw.Step(brightness, inputs="raw", output="table"),
        ]
        return aw.run(plate, pipeline, axis="well", executor="serial", output=output, resume=resume)

    output = tmp_path / "output"
    path = output / place
    result = run(output, str(path))
    for found in (result, aw.open_result(output)):
        assert "Fix the cause, and resume the run." in found.unfinished
        assert found.missing == ("B02", "B03")
        assert "not finished" in repr(found)
    assert "could not be finished" in caplog.text
    path.unlink() if kind == "file" else path.rmdir()
    # The function does not find its obstacle in the way again, as nothing is computed twice.
    resumed = run(output, str(path), resume=True)
    assert resumed.unfinished == aw.open_result(output).unfinished == ""
    assert resumed.missing == ()
    run(tmp_path / "whole")
    assert written(output) == written(tmp_path / "whole")


def test_a_temporary_folder_that_is_gone_does_not_end_a_run(
    plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A cancelled run raised the error of its sign for threads instead of ending with outcomes."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "gone"))
    run = aw.Run(plate, steps(), axis="well", executor="serial", output=tmp_path / "output")
    with closing(run.events()) as events:
        next(event for event in events if event.is_outcome)
    assert sorted(statuses(run.result).values()) == ["cancelled", "done"]
    assert not run.result.unfinished
    assert "cannot be stopped" in caplog.text
