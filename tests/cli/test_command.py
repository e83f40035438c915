"""The command: the same run as a script's, without a window, and an exit code to rely on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import napari_axiswise as aw
from napari_axiswise.cli import run as run_command
from napari_axiswise.cli.main import main
from napari_axiswise.core.grid import RECIPE
from napari_axiswise.functions import PIPELINES
from napari_axiswise.recipes.recipe import Recipe
from napari_axiswise.results.run_log.lines import RUN_LOG
from napari_axiswise.results.store import ResultStore
from napari_axiswise.ui.viewer import window
from pairs import single_values

MY_STEPS = """
import time

def plain(image):
    return image

def picky(image, limit):
    if image.mean() > limit:
        raise ValueError("too bright\\nby far")
    return image

first = []

def forgetful(image):
    first.append(image.mean())
    return image - first[0]

def slow(image, seconds):
    time.sleep(seconds)
    return image

def fatal(image):
    import os
    os._exit(3)
"""


@pytest.fixture(autouse=True)
def fresh_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("my_steps", None)


def write_recipe(
    folder: Path,
    plate: Path,
    function: str = "plain",
    params: str = "{}",
    run: str = 'axis = "well"\nexecutor = "serial"',
) -> Path:
    (folder / "my_steps.py").write_text(MY_STEPS)
    path = folder / "recipe.toml"
    path.write_text(
        f"[dataset]\npath = {json.dumps(plate.as_posix())}\n[run]\n{run}\n"
        f'[[steps]]\nfunction = "my_steps:{function}"\nparams = {params}\n'
    )
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of an output, but for what tells when and where it was made."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and RUN_LOG not in path.parts and path.name != RECIPE
    }


@pytest.mark.parametrize(("pipeline", "executor"), single_values(PIPELINES, ("threads", "processes")))
def test_the_command_writes_what_a_script_writes(
    plate: Path, tmp_path: Path, pipeline: str, executor: str
) -> None:
    steps = PIPELINES[pipeline]()
    result = aw.run(plate, steps, axis="well", output=tmp_path / "script", executor="serial")
    path = Recipe.of(result.dataset, steps, "well", executor=executor).write(tmp_path / "recipe.toml")
    assert main(["run", str(path), "--workers", "2", "--output", str(tmp_path / "command")]) == 0
    assert contents(tmp_path / "command") == contents(tmp_path / "script")


def test_lines_for_a_log_and_a_summary(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recipe(tmp_path, plate)
    assert main(["run", str(path)]) == 0
    out, err = capsys.readouterr()
    results = tmp_path / "recipe-results"
    assert out == f"2 tasks by well: 2 done. Results: {results}\n"
    report = str(aw.open_dataset(plate).report()).splitlines()
    assert err.splitlines()[: len(report)] == report
    lines = err.splitlines()[len(report) :]
    assert len(lines) == 2
    assert re.fullmatch(r"\[1/2\] well B02 done in [\d.]+ s", lines[0])
    assert re.fullmatch(r"\[2/2\] well B03 done in [\d.]+ s", lines[1])
    assert (results / "zarr.json").is_file()


def test_tables_are_csv_files_too_where_that_is_asked_for(plate: Path, tmp_path: Path) -> None:
    result = aw.run(
        plate, PIPELINES["Intensity statistics"](), "well", output=tmp_path / "a", executor="serial"
    )
    path = Recipe.of(result.dataset, result.pipeline, "well", executor="serial").write(
        tmp_path / "recipe.toml"
    )
    assert main(["run", str(path), "--output", str(tmp_path / "b"), "--csv"]) == 0
    lines = (tmp_path / "b" / "tables" / "intensities.csv").read_text().splitlines()
    assert lines[0].startswith("well,site,timepoint,channel,mean")
    assert len(lines) == len(result.table) + 1


OPTIONS = {
    "axis": (["--axis", "timepoint"], "3 tasks by timepoint: 3 done."),
    "only": (["--only", "B03"], "1 task by well: 1 done."),
    "only of another axis": (["--axis", "timepoint", "--only", "2", "3"], "2 tasks by timepoint: 2 done."),
    "product": (["--axis", "well,timepoint", "--only", "B03,2"], "1 task by well,timepoint: 1 done."),
    "executor": (["--executor", "threads", "--workers", "2"], "2 tasks by well: 2 done."),
}


@pytest.mark.parametrize(("options", "summary"), OPTIONS.values(), ids=OPTIONS)
def test_options_override_the_recipe(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], summary: str
) -> None:
    path = write_recipe(tmp_path, plate)
    assert main(["run", str(path), "--output", str(tmp_path / "out"), *options]) == 0
    assert capsys.readouterr().out == f"{summary} Results: {tmp_path / 'out'}\n"


def test_a_task_that_fails_is_told_and_costs_the_zero(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recipe(
        tmp_path, plate, "picky", "{ limit = 0 }", 'axis = "well"\nexecutor = "serial"\nonly = "B02"'
    )
    assert main(["run", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("1 task by well: 1 failed.")
    told = next(line for line in err.splitlines() if line.startswith("[1/1]"))
    assert re.match(r"\[1/1\] well B02 failed: .*step 'picky'.*too bright", told)
    assert "by far" not in told
    assert "Add --verbose" in err
    assert "Traceback" not in err
    assert main(["run", str(path), "--verbose", "--output", str(tmp_path / "again")]) == 1
    assert 'raise ValueError("too bright' in capsys.readouterr().err


def test_an_output_that_cannot_be_finished_costs_the_zero(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    recipe = write_recipe(tmp_path, plate)
    with monkeypatch.context() as patch:
        patch.setattr(ResultStore, "finish", fail)
        assert main(["run", str(recipe), "--output", str(tmp_path / "out")]) == 1
    assert "The output could not be finished: OSError: the disk is full" in capsys.readouterr().err
    assert main(["run", str(recipe), "--output", str(tmp_path / "out"), "--resume"]) == 0


def test_a_worker_that_dies_costs_the_zero(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recipe(tmp_path, plate, "fatal", run='axis = "well"\nworkers = 1\nonly = "B02"')
    assert main(["run", str(path)]) == 1
    assert capsys.readouterr().out.startswith("1 task by well: 1 lost.")


WRONG = {
    "no recipe": (["gone.toml"], "no recipe at"),
    "unknown axis": (["recipe.toml", "--axis", "wel"], "'wel' is not a component"),
    "output that is not empty": (["recipe.toml", "--output", "."], "not empty"),
    "nothing to run": (["recipe.toml", "--only", "H12"], "nothing to run"),
    "values of another axis": (["filtered.toml", "--axis", "timepoint"], "'--only'|--only"),
    "no workers": (["recipe.toml", "--workers", "0"], "workers=0"),
    "recipe of nothing": (["empty.toml"], "empty.toml: A recipe needs dataset"),
    "output at an address": (
        ["recipe.toml", "--output", "s3://bucket/out"],
        "cannot be at the address s3://bucket/out",
    ),
    "output of a recipe at an address": (["remote.toml"], "cannot be at the address s3://bucket/out"),
    "unknown executor": (["fast.toml"], "executor='fast': use one of"),
}

WRONG_PLANS = {
    "axis of a plan": (["plan", "recipe.toml", "--axes", "wel"], "'wel' is not a component"),
    "no workers": (["plan", "recipe.toml", "--workers", "0"], "workers=0"),
    "no rounds": (["compare", "recipe.toml", "--rounds", "0"], "rounds=0"),
    "no units": (["compare", "recipe.toml", "--units", "0"], "units=0"),
    "nowhere to write": (["plan", "recipe.toml", "--csv", "nowhere/plan.csv"], "nowhere"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_one_line_and_2(
    plate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path, plate, run='axis = "well"\nonly = ["B02"]').rename("filtered.toml")
    write_recipe(tmp_path, plate, run='axis = "well"\nexecutor = "fast"').rename("fast.toml")
    write_recipe(tmp_path, plate, run='axis = "well"\noutput = "s3://bucket/out"').rename("remote.toml")
    write_recipe(tmp_path, plate)
    Path("empty.toml").touch()
    assert main(["run", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = [line for line in err.splitlines() if not line.startswith("WARNING")]
    assert line.startswith("napari-axiswise: ")
    assert re.search(message, line)


@pytest.mark.parametrize(("arguments", "message"), WRONG_PLANS.values(), ids=WRONG_PLANS)
def test_wrong_input_of_a_plan_is_one_line_and_2(
    plate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path, plate)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    line = err.splitlines()[-1]
    assert line.startswith("napari-axiswise: ")
    assert re.search(message, line)


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run"], ["run", "r.toml", "--workers", "many"]])
def test_wrong_arguments_exit_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


def test_what_is_not_said_is_left_to_the_run(
    plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def remember(**arguments: Any) -> None:
        asked.append(arguments)
        raise ValueError("enough")

    monkeypatch.setattr(run_command, "Run", remember)
    path = str(write_recipe(tmp_path, plate))
    options = ["--resume", "--time-limit", "1.5", "--scheduler", "tcp://cluster:8786"]
    assert main(["run", path]) == main(["run", path, *options]) == 2
    same = ("dataset", "pipeline")
    added = {
        name: value for name, value in asked[1].items() if name not in same and value != asked[0].get(name)
    }
    assert added == {"resume": True, "time_limit": 1.5, "scheduler": "tcp://cluster:8786"}


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "napari_axiswise", *arguments],
        stdout=subprocess.PIPE,
        stderr=options.pop("stderr", subprocess.PIPE),
        text=True,
        **options,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("sign", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_stops_the_run_and_keeps_what_was_done(
    plate: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    recipe = write_recipe(tmp_path, plate, "slow", "{ seconds = 0.1 }", 'axis = "timepoint"\nworkers = 1')
    process = start("run", str(recipe), start_new_session=True)
    assert process.stderr is not None
    first = next(line for line in process.stderr if line.startswith("["))
    assert first.startswith("[1/3] timepoint 1 done")
    if sign == signal.SIGINT:
        os.killpg(process.pid, sign)  # Ctrl-C goes to the workers too
    else:
        process.send_signal(sign)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert re.match(r"3 tasks by timepoint: [12] done, [12] cancelled\. Results: ", out)
    assert err.splitlines() == ["Interrupted. Repeat the command with --resume to run the rest."]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.slow
def test_a_terminal_gets_a_bar(plate: Path, tmp_path: Path) -> None:
    import fcntl
    import struct
    import termios

    recipe = write_recipe(tmp_path, plate, "picky", "{ limit = 0 }")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = start("run", str(recipe), stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # how Linux says that the other end is closed
    finally:
        os.close(ours)
    process.communicate(timeout=30)
    assert process.returncode == 1
    lines = re.split(r"[\r\n]+", shown.decode())
    assert any(re.search(r"by well: 100%.* 2/2 .*(task/s|s/task), 2 failed\]", line) for line in lines)
    assert not any(line.startswith("[1/2]") for line in lines)
    assert any(line.startswith("well B02 failed: ") for line in lines)


NO_WINDOW = """
import sys
from napari_axiswise.cli.main import main
code = main(sys.argv[1:])
print(code, sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_run_imports_neither_napari_nor_qt(plate: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, plate)
    done = subprocess.run(
        [sys.executable, "-c", NO_WINDOW, "run", str(recipe)], capture_output=True, text=True, check=True
    )
    code, _, modules = done.stdout.splitlines()[-1].partition(" ")
    assert code == "0"
    assert "napari_axiswise" in modules
    for name in ("napari", "qtpy", "magicgui", "superqt", "vispy", "PyQt5", "PyQt6", "PySide2", "PySide6"):
        assert f"'{name}'" not in modules


def test_show_opens_a_window_with_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    fake = types.SimpleNamespace(
        Viewer=lambda title: calls.append(title) or "viewer", run=lambda: calls.append("run")
    )
    monkeypatch.setattr(window, "napari", fake)
    monkeypatch.setattr(window, "open_result", lambda folder: f"result of {folder}")
    monkeypatch.setattr(window, "show", lambda result, viewer: calls.append((result, viewer)))
    assert main(["show", "results"]) == 0
    assert calls == ["napari-axiswise · results", ("result of results", "viewer"), "run"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ImportError("No Qt bindings could be found"), 'No Qt bindings.*pip install "napari-axiswise[all]"'),
        (ValueError("There is no result in x."), "There is no result in x."),
        (FileNotFoundError("There is nothing at x."), "There is nothing at x."),
    ],
)
def test_what_keeps_show_from_showing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, message: str
) -> None:
    def fail(folder: str) -> None:
        raise error

    monkeypatch.setattr(window, "open_window", fail)
    assert main(["show", "x"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(message.replace("[all]", r"\[all\]"), line)


@pytest.mark.slow
def test_a_run_is_resumed_by_the_command(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = Recipe.of(aw.open_dataset(plate), PIPELINES["Intensity statistics"](), "well")
    path = str(recipe.write(tmp_path / "recipe.toml"))
    assert main(["run", path, "--only", "B02"]) == 0
    assert main(["run", path]) == 2
    assert "It holds a run: resume it" in capsys.readouterr().err
    assert main(["run", path, "--resume"]) == 0
    out, err = capsys.readouterr()
    assert re.findall(r"\[\d/2\] well (B0\d) (was done before|done)", err) == [
        ("B02", "was done before"),
        ("B03", "done"),
    ]
    assert "2 tasks by well: 2 done" in out
    assert main(["run", path, "--resume", "--axis", "timepoint"]) == 0
    assert capsys.readouterr().err.count("was done before") == 3
    # The recipe that a run writes into its output resumes that.
    assert main(["run", str(tmp_path / "recipe-results" / RECIPE), "--resume"]) == 0


def test_check_axis_tells_the_step_that_depends_on_it(
    tmp_path: Path, plate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path, plate)
    chosen = ["--axes", "well", "timepoint", "--units", "4"]
    assert main(["check-axis", str(recipe), *chosen]) == 0
    assert "The answer is the same by well and timepoint: 4 of 24 units" in capsys.readouterr().out
    recipe = write_recipe(tmp_path, plate, "forgetful", run='axis = "well"')
    assert main(["check-axis", str(recipe), *chosen]) == 1
    told = capsys.readouterr().out
    assert "depends on the axis" in told
    assert "differing" in told
    assert main(["check-axis", str(recipe), "--axes", "well"]) == 2
    assert "at least two different axes" in capsys.readouterr().err


def test_a_plan_is_a_reason_and_a_table(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recipe(tmp_path, plate)
    saved = tmp_path / "plan.csv"
    options = ["--axes", "well", "timepoint", "well,timepoint", "--workers", "2", "--csv", str(saved)]
    assert main(["plan", str(path), *options]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("Measuring: the pilot …\n")
    assert out.startswith("Split by ")
    heads, *rows = out[out.index("  axis") :].splitlines()
    assert re.split(r"  +", heads.strip()) == [
        "axis", "tasks", "planes per task", "time", "speed-up", "limited by"
    ]  # fmt: skip
    cells = [re.split(r"  +", row[2:]) for row in rows]
    assert [row[:3] for row in cells] == [
        ["well", "2", "12"],
        ["timepoint", "3", "8"],
        ["well,timepoint", "6", "4"],
    ]
    assert [row[0] for row in rows].count("*") == 1
    assert saved.read_text().count("\n") == 4


def test_a_plan_of_what_fails_or_cannot_be_split_says_so(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recipe(tmp_path, plate, "picky", "{ limit = 0 }")
    path.write_text(path.read_text() + 'variable = "timepoint"\n')
    assert main(["plan", str(path)]) == 1
    out = capsys.readouterr().out
    assert "units of the pilot failed" in out
    assert "too bright" in out
    assert re.search(r"timepoint +– +– +– +– +not possible: step", out)
    table = out[out.index("  axis") :].splitlines()
    assert max(map(len, table)) <= 80
    assert main(["compare", str(path), "--axes", "timepoint"]) == 2
    assert "timepoint: step 'picky' processes timepoint together" in capsys.readouterr().err


def test_a_comparison_tells_what_was_foreseen_beside_what_was_measured(
    plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recipe(tmp_path, plate)
    saved = tmp_path / "trials.csv"
    options = ["--axes", "well", "timepoint", "--all", "--rounds", "1", "--csv", str(saved)]
    assert main(["compare", str(path), *options]) == 0
    told, _, heads, *rows = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"24 units along each axis, 1 time, on 1 worker: (well|timepoint) was the fastest\.", told
    )
    assert heads.split()[:4] == ["axis", "tasks", "predicted", "measured"]
    assert [row[2:].split()[:2] for row in rows] == [["well", "2"], ["timepoint", "3"]]
    assert saved.read_text().startswith("axis,tasks,units,lanes,predicted,measured")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["plan", "compare"])
@pytest.mark.slow
def test_a_signal_stops_what_is_measured(plate: Path, tmp_path: Path, name: str) -> None:
    recipe = write_recipe(tmp_path, plate, "slow", "{ seconds = 60 }", 'axis = "well"\nworkers = 1')
    process = start(name, str(recipe), start_new_session=True)
    assert process.stderr is not None
    assert next(process.stderr).startswith("Measuring")
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys; from napari_axiswise.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as done: assert not done.code\n"
        "heavy = {'zarr', 'pandas', 'yaozarrs', 'scipy', 'skimage', 'dask', 'tifffile', 'napari'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    for argument in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", code, argument], capture_output=True, text=True, check=True
        )
        assert "napari-axiswise" in done.stdout


STEERING = "\x1b]0;title\x07\r\x1b[2K"


@pytest.fixture
def steering_plate(tmp_path: Path) -> Path:
    """Images of which one has a name that steers a terminal, and a file that is skipped."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for name in (f"A{STEERING}.tif", "B.tif"):
        tifffile.imwrite(folder / name, np.full((16, 16), 7, np.uint16), metadata=None)
    (folder / f"skipped{STEERING}.xyz").touch()
    return folder


def printed_text(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, which has the name and nothing that steers a terminal."""
    text = "".join(capsys.readouterr())
    assert re.search(r"\\x1b]0;title\\x07(\\r| )\\x1b\[2K", text)
    assert all(character.isprintable() or character == "\n" for character in text)
    return text


@pytest.mark.parametrize("function", ["plain", "picky"])
def test_a_name_does_not_steer_the_terminal_or_the_log(
    steering_plate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], function: str
) -> None:
    limit = "{}" if function == "plain" else "{ limit = 0 }"
    path = write_recipe(tmp_path, steering_plate, function, limit, run='axis = "image"\nexecutor = "serial"')
    assert main(["run", str(path), "--verbose", "--log", str(tmp_path / "log")]) == int(function == "picky")
    assert "image A" in printed_text(capsys)
    assert "\x1b" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "{plate}"], 1),
        (["check", "{plate}/A" + STEERING], 2),
        (["check", "{plate}", "--pattern", STEERING], 2),
        (["run", f"missing{STEERING}.toml"], 2),
        (["show", f"missing{STEERING}"], 2),
        (["run", "a", "b" + STEERING], 2),
    ],
)
def test_no_subcommand_prints_what_steers_the_terminal(
    steering_plate: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    try:
        assert main([argument.replace("{plate}", str(steering_plate)) for argument in arguments]) == code
    except SystemExit as end:
        assert end.code == code  # noqa: PT017 (of argparse)
    printed_text(capsys)
