"""Files that change while a run goes on: their units fail, and a resume has no mixture of two states."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tifffile import imwrite

import napari_axiswise as aw
from napari_axiswise.core.errors import PlaneError
from napari_axiswise.planes.stamps import check_stamp, stamp_files

WELLS = {"B02": 1, "B03": 2, "B04": 3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for well, value in WELLS.items():
        imwrite(tmp_path / f"{well}_s1_w1.tif", np.full((8, 8), value, np.uint8), metadata=None)
    return tmp_path


def other_pixels(file: Path) -> None:
    imwrite(file, np.full((8, 8), 9, np.uint8), metadata=None)


def another_file(file: Path) -> None:
    """Put another file in its place, of the same size and time."""
    was = file.stat()
    other_pixels(other := file.with_suffix(".new"))
    os.utime(other, ns=(was.st_atime_ns, was.st_mtime_ns))
    other.replace(file)


def cut_short(file: Path) -> None:
    os.truncate(file, 100)


def written_again(file: Path) -> None:
    """The same bytes, so that a unit fails that need not have; but nobody can know."""
    data = file.read_bytes()
    os.utime(file, ns=(0, 0))
    file.write_bytes(data)


@pytest.mark.parametrize("change", [other_pixels, another_file, cut_short, written_again])
def test_a_changed_file_fails_its_units(change: Callable[[Path], None], folder: Path, tmp_path: Path) -> None:
    later = folder / "B04_s1_w1.tif"
    kept = shutil.copy2(later, folder / "kept")

    def same(image: NDArray[Any]) -> NDArray[Any]:
        if image.max() == 1:
            change(later)
        return image

    dataset = aw.open_dataset(folder)
    pipeline = [aw.Step(same, name="same", keep=True)]
    output = tmp_path / "output"
    result = aw.run(dataset, pipeline, axis="well", executor="serial", output=output)
    (failure,) = result.failures.values()
    assert failure.axis_value == "B04"
    assert "B04_s1_w1.tif has changed during the run" in failure.error
    shutil.copy2(kept, later)
    resumed = aw.run(dataset, pipeline, axis="well", executor="serial", output=output, resume=True)
    assert {well: int(resumed.read("same", well=well).max()) for well in WELLS} == WELLS


def test_a_change_while_a_file_is_read(folder: Path) -> None:
    planes = aw.open_dataset(folder).index.stamped()
    first = folder / planes.files[0]
    with pytest.raises(PlaneError, match="has changed during the run"), planes._unchanged(0):
        other_pixels(first)


def test_file_systems_with_large_numbers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of files of 64 bits, as GlusterFS and mergerfs have them, overflowed and ended the run."""
    stat = os.stat

    def large(path: str) -> SimpleNamespace:
        found = stat(path)
        return SimpleNamespace(
            st_mode=found.st_mode,
            st_size=found.st_size,
            st_mtime_ns=found.st_mtime_ns,
            st_ino=2**64 - found.st_ino,
            st_ctime_ns=found.st_ctime_ns,
        )

    paths = [str(folder / f"{well}_s1_w1.tif") for well in WELLS]
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", large)
        stamps = stamp_files(paths)
        check_stamp(paths[0], stamps[0])
        with pytest.raises(PlaneError, match="has changed"):
            check_stamp(paths[0], stamps[1])
    assert stamps.min() >= 0


def test_an_inode_or_the_permissions_alone_are_no_change(folder: Path) -> None:
    """Of a file system that numbers files anew, such as exFAT, or of a file that was made read-only."""
    path = folder / "B02_s1_w1.tif"
    (stamp,) = stamp_files([str(path)])
    path.chmod(0o444)
    check_stamp(str(path), stamp)
    path.chmod(0o644)
    (stamp,) = stamp_files([str(path)])
    stamp[2] += 1
    check_stamp(str(path), stamp)
    stamp[3] += 1
    with pytest.raises(PlaneError, match="has changed"):
        check_stamp(str(path), stamp)


def test_files_that_are_gone_and_folders_are_for_the_reader(folder: Path) -> None:
    file, inner = folder / "B02_s1_w1.tif", folder / "array.zarr"
    inner.mkdir()
    stamps = stamp_files([str(file), str(inner), "https://example.org/array"])
    file.unlink()
    (inner / "chunk").touch()
    for path, stamp in zip((str(file), str(inner), "https://example.org/array"), stamps, strict=True):
        check_stamp(path, stamp)
