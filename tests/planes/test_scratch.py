"""Temporary folders go with their owner, also one that was killed; nothing else is deleted."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_axiswise.planes import scratch
from napari_axiswise.planes.scratch import Scratch, temporary_path

PATIENCE = 10


def make_and_die(place: Path, how: str) -> list[Path]:
    """Return what a process has made in a place and left there."""
    code = (
        "import os, signal, sys; from pathlib import Path; from napari_axiswise.planes.scratch import Scratch\n"
        "kept = Scratch(Path(sys.argv[1])); (kept.path / 'plane').write_text('x'); print(kept.path, flush=True)\n"
        + how
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE, text=True, check=False
    )
    return [Path(line) for line in done.stdout.split() if Path(line).exists()]


@pytest.fixture(autouse=True)
def forgetful() -> None:
    scratch._sweep_once.cache_clear()


def wait_until_gone(path: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while path.exists():
        assert time.monotonic() < give_up, path
        time.sleep(0.01)


def test_a_folder_goes_with_the_last_object_that_has_it(tmp_path: Path) -> None:
    kept = Scratch(tmp_path)
    (kept.path / "plane").touch()
    closed = Scratch(tmp_path)
    closed.close()
    assert [path.name for path in tmp_path.iterdir()] == [kept.path.name]
    del kept
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_the_folder_of_a_killed_process_goes_with_the_next_start(tmp_path: Path) -> None:
    assert not make_and_die(tmp_path, "")
    (left,) = make_and_die(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    other = [tmp_path / name for name in (f"{left.name}.gone", "napari-axiswise-abc", "napari-axiswise")]
    for folder in other:
        folder.mkdir()
    kept = Scratch(tmp_path)
    wait_until_gone(left)
    again = Scratch(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        *(path.name for path in other),
        kept.path.name,
        again.path.name,
    }


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
def test_a_forked_child_deletes_nothing(tmp_path: Path) -> None:
    """A child that ended deleted the result of its parent."""
    how = (
        "if os.fork() == 0: sys.exit()\n"
        "os.wait(); print(kept.path / 'plane', flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert len(make_and_die(tmp_path, how)) == 2


def test_a_number_of_a_process_that_is_used_again_is_no_owner(tmp_path: Path) -> None:
    machine = scratch._machine()
    mine = f"napari-axiswise-{machine}-{os.getpid()}-{scratch._start(os.getpid())}-abcd1234"
    earlier = f"napari-axiswise-{machine}-{os.getpid()}-1-abcd1234"
    elsewhere = "napari-axiswise-01234567-1-1-abcd1234"
    for name in (mine, earlier, elsewhere):
        (tmp_path / name).mkdir()
    (tmp_path / f"napari-axiswise-{machine}-1-1-abcd1234").symlink_to(tmp_path / elsewhere)
    assert [path.name for path in scratch._left_behind(tmp_path)] == [earlier]


def test_a_sweep_goes_on_where_another_process_was_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = scratch._machine()
    names = [f"napari-axiswise-{machine}-{os.getpid()}-{start}-abcd1234" for start in (1, 2, 3)]
    for name in names[1:]:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(Path, "glob", lambda self, pattern: (self / name for name in names))
    assert [path.name for path in scratch._left_behind(tmp_path)] == names[1:]


def test_files_are_swept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(tmp_path))
    path = temporary_path("cancelled")
    assert path.parent == tmp_path
    path.touch()
    assert list(scratch._left_behind(tmp_path)) == []
    monkeypatch.setattr(scratch, "_start", lambda pid: "another")
    assert list(scratch._left_behind(tmp_path)) == [path]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"No temporary folder can be created in .* Choose another place"):
        Scratch(tmp_path / "file" / "folder")
