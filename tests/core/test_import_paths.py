"""Workers import from the folders that their parent has at each call, however long they have been running."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from napari_axiswise import LaneExecutor
from napari_axiswise.core.import_paths import ImportPaths


@pytest.fixture(autouse=True)
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def write(folder: Path, name: str, value: int) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    (folder / f"{name}.py").write_text(f"VALUE = {value}\n")


def value_of(name: str) -> int:
    return int(import_module(name).VALUE)


def before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder goes before the others."""
    sys.path.insert(0, str(folder))


def after(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder goes after the others."""
    sys.path.append(str(folder))


def relative(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is relative to the current one, which workers do not have."""
    monkeypatch.chdir(folder.parent)
    sys.path.append(folder.name)


def current(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder, as in a console."""
    monkeypatch.chdir(folder)
    sys.path.insert(0, "")


@pytest.mark.parametrize("add", [before, after, relative, current], ids=lambda function: function.__name__)
def test_a_folder_that_is_added_while_workers_run(
    add: Callable[[Path, pytest.MonkeyPatch], None],
    lanes: LaneExecutor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Modules beside a recipe that was opened later were not found (ray-project/ray#2515)."""
    name = f"module_{add.__name__}"
    write(tmp_path / "mine", name, 5)
    add(tmp_path / "mine", monkeypatch)
    assert lanes.submit(value_of, name).result() == 5


def test_a_folder_that_is_removed_or_comes_later(lanes: LaneExecutor, tmp_path: Path) -> None:
    """A module is found where the parent would find it, not where an earlier call did."""
    for number, folder in enumerate(("first", "second")):
        write(tmp_path / folder, f"module_first_{folder}", number)
        write(tmp_path / folder, f"module_{folder}", number)
        write(tmp_path / folder, "module_twice", number)
        sys.path.insert(0, str(tmp_path / folder))
        assert lanes.submit(value_of, f"module_{folder}").result() == number
    sys.path.remove(str(tmp_path / "second"))
    with pytest.raises(ModuleNotFoundError):
        lanes.submit(value_of, "module_first_second").result()
    assert lanes.submit(value_of, "module_twice").result() == 0


def test_a_folder_may_be_created_after_it_was_added(lanes: LaneExecutor, tmp_path: Path) -> None:
    sys.path.append(str(tmp_path / "later"))
    with pytest.raises(ModuleNotFoundError):
        lanes.submit(value_of, "module_later").result()
    write(tmp_path / "later", "module_later", 5)
    sys.path.append(str(tmp_path))
    assert lanes.submit(value_of, "module_later").result() == 5


def test_entries_that_are_no_folders_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import hooks of editable installations have entries of their own."""
    hook = "__editable__.steps-1.0.finder.__path_hook__"
    monkeypatch.setattr(sys, "path", [hook, Path("/folder"), sys.prefix])
    paths = ImportPaths.current()
    assert paths.every == (hook, sys.prefix)
    assert paths.own == ()


def test_another_environment_keeps_its_own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = [str(tmp_path / "script"), sys.prefix]
    monkeypatch.setattr(sys, "path", here)
    paths = ImportPaths.current()
    there = [str(tmp_path / "site-packages")]
    monkeypatch.setattr(sys, "path", list(there))
    paths.extend()
    assert sys.path == [*there, here[0]]
