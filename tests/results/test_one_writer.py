"""An output folder is used by one run at a time, and a run never overwrites the files of another."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_axiswise as aw

RUN_AND_WAIT = """
import sys, time
import numpy as np, napari_axiswise as aw
run = aw.Run(sys.argv[1], [aw.Step(np.sqrt, name="root")], "timepoint", executor="serial", output=sys.argv[2],
             resume=True)
events = run.events()
next(events)
print("runs", flush=True)
time.sleep(60)
"""


def begun(plate: Path, output: Path) -> aw.Run:
    return aw.Run(plate, [aw.Step(np.sqrt, name="root")], "timepoint", executor="serial", output=output)


def test_a_second_run_is_refused_as_long_as_the_first_goes_on(plate: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    first = begun(plate, output)
    with closing(first.events()) as events:
        next(events)
        second = aw.Run(
            plate, [aw.Step(np.sqrt, name="root")], "well", executor="serial", output=output, resume=True
        )
        with pytest.raises(FileExistsError, match="Another run is writing"):
            next(second.events())
        for _ in events:
            pass
    assert not first.result.missing
    resumed = aw.run(
        plate, [aw.Step(np.sqrt, name="root")], "well", executor="serial", output=output, resume=True
    )
    assert not resumed.missing


def test_two_new_runs_do_not_share_an_empty_folder(plate: Path, tmp_path: Path) -> None:
    begun(plate, tmp_path / "out")
    with pytest.raises(FileExistsError, match="resume it, or choose another"):
        begun(plate, tmp_path / "out")


def test_the_lock_goes_with_the_process_that_had_it(plate: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with subprocess.Popen(
        [sys.executable, "-c", RUN_AND_WAIT, plate, output], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        again = {"axis": "well", "executor": "serial", "output": output, "resume": True}
        with pytest.raises(FileExistsError, match="Another run is writing"):
            aw.run(plate, [aw.Step(np.sqrt, name="root")], **again)
        process.kill()
        process.wait(10)
    assert not aw.run(plate, [aw.Step(np.sqrt, name="root")], **again).missing


SOMETHING_ELSE = {
    "a file of mine": ("notes.txt", "mine"),
    "an OME-Zarr of somebody": ("zarr.json", '{"zarr_format": 3, "node_type": "group", "attributes": {}}'),
}


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("what", SOMETHING_ELSE)
def test_what_is_no_run_is_left_alone(plate: Path, tmp_path: Path, what: str, resume: bool) -> None:
    name, text = SOMETHING_ELSE[what]
    (tmp_path / name).write_text(text)
    with pytest.raises(FileExistsError, match="not empty"):
        aw.run(plate, [aw.Step(np.sqrt)], "well", executor="serial", output=tmp_path, resume=resume)
    assert (tmp_path / name).read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == [name]


def remove_output(plane: np.ndarray, output: str) -> np.ndarray:
    shutil.rmtree(output, ignore_errors=True)
    return plane


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_an_output_that_vanishes_is_said_and_does_not_come_back(
    plate: Path, tmp_path: Path, executor: str, warm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    output = tmp_path / "out"
    step = aw.Step(remove_output, {"output": str(output)}, name="root")
    result = aw.run(plate, [step], "timepoint", executor=warm(executor), output=output)
    assert {event.status for event in result.outcomes.values()} <= {"failed", "cancelled"}
    assert "no longer exists" in next(iter(result.failures.values())).error
    assert "no longer exists" in caplog.text
    assert not output.exists()
