"""The layout of the package: few modules in the root, folders and modules of a size to read."""

from __future__ import annotations

from pathlib import Path

import pytest

import napari_axiswise

PACKAGE = Path(napari_axiswise.__file__).parent
FOLDERS = sorted({path.parent for path in PACKAGE.rglob("*.py")})

MOST_MODULES = 14
MOST_LINES = 400

LONGER: set[str] = set()
"""Modules that are one thing and longer than others."""


def test_the_root_has_four_modules() -> None:
    names = {path.name for path in PACKAGE.iterdir() if path.suffix in (".py", ".pyi")}
    assert names == {"__init__.py", "__init__.pyi", "__main__.py", "testing.py"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(PACKAGE).as_posix())
def test_a_folder_has_few_modules_and_none_is_long(folder: Path) -> None:
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_MODULES
    lines = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules
    }
    assert {path for path, count in lines.items() if count > MOST_LINES} <= LONGER


def test_tests_have_the_folders_of_the_package() -> None:
    tests = Path(__file__).parent
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert folders <= {folder.relative_to(PACKAGE) for folder in FOLDERS}


def test_no_two_test_files_have_the_same_name() -> None:
    # Folders of tests are no packages: pytest would stop at the second.
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
