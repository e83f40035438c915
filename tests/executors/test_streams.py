"""Standard streams that are closed, full or broken: a run goes on to its end."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from napari_axiswise.cli.main import main
from napari_axiswise.executors.streams import LenientStream, lenient_streams

RECIPE = """
[dataset]
path = {plate!r}
[run]
axis = "well"
workers = 1
[[steps]]
function = "loud_steps:loud"
"""

STEPS = """
import sys
def loud(image):
    print('x' * 9999)
    print('y' * 9999, file=sys.stderr)
    return image
"""

COMMAND = "{python} -m napari_axiswise run recipe.toml --output out"


def run_shell(command: str, folder: Path) -> tuple[int, str]:
    """Return the exit code of the command, and its standard output."""
    line = command.format(command=COMMAND.format(python=sys.executable))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stdout


@pytest.fixture
def folder(plate: Path, tmp_path: Path) -> Path:
    (tmp_path / "recipe.toml").write_text(RECIPE.format(plate=str(plate)))
    (tmp_path / "loud_steps.py").write_text(STEPS)
    return tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="needs bash and /dev/full")
@pytest.mark.parametrize(
    "command",
    [
        "{command} 2>&-",
        "{command} 2> /dev/full",
        "{{ {command}; echo $? > code; }} 2> >(head -c 10 > head)",
        "{command} 0<&- 2>&-",
    ],
)
@pytest.mark.slow
def test_a_standard_error_that_cannot_be_written(command: str, folder: Path) -> None:
    """Of 148 planes one was done, or the exit code was that of a failure."""
    code, out = run_shell(command, folder)
    assert out.startswith("2 tasks by well: 2 done."), out
    assert code == 0
    assert not (folder / "code").exists() or (folder / "code").read_text() == "0\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs bash and /dev/full")
@pytest.mark.parametrize("command", ["{command} >&-", "{command} > /dev/full"])
def test_a_standard_output_that_cannot_be_written(command: str, folder: Path) -> None:
    assert run_shell(command, folder) == (0, "")


def test_a_log_has_progress_and_failures_too(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "loud_steps.py").write_text("def loud(image):\n    raise ValueError('too loud')\n")
    log = tmp_path / "run.log"
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "loud_steps", raising=False)
    arguments = [
        "run",
        str(folder / "recipe.toml"),
        "--executor",
        "serial",
        "--only",
        "B02",
        "--log",
        str(log),
    ]
    assert main(arguments) == 1
    text = log.read_text()
    assert "[1/1] well B02 failed: " in text
    assert "ValueError: too loud" in text
    assert "too loud" in capsys.readouterr().err
    assert main([*arguments[:-1], str(tmp_path / "no" / "folder.log")]) == 2
    assert "No such file" in capsys.readouterr().err


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise OSError("full")


def test_what_cannot_be_written_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Broken()
    stream: Any = LenientStream(broken)
    assert stream.write("text") == 4
    stream.flush()
    assert stream.isatty() is False
    monkeypatch.setattr(sys, "stderr", broken)
    with lenient_streams():
        print("text", file=sys.stderr, flush=True)
    assert sys.stderr is broken
