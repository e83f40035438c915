"""Datasets with more files than are looked at on opening: what is not looked at is never lost."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

import napari_axiswise as aw
from napari_axiswise.datasets import headers
from napari_axiswise.layouts.ome import zarr as zarr_layout

FILES = 12
ODD = 6
"""The one file that is not like the others and not looked at."""


def write_tiffs(folder: Path, counts: Mapping[int, int]) -> None:
    """Write files of two pages, except for `counts`, all of the same size."""
    for number in range(1, FILES + 1):
        pixels = np.stack(
            [np.full((4, 4), 10 * number + page, np.uint16) for page in range(counts.get(number, 2))]
        )
        tifffile.imwrite(folder / f"plate_A{number:02}.tif", pixels, photometric="minisblack", metadata=None)
    largest = max(path.stat().st_size for path in folder.iterdir())
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes().ljust(largest, b"\0"))


def write_plate(folder: Path, odd: Mapping[int, Mapping[str, int]]) -> None:
    """Write an OME-Zarr plate of images with three z-slices, except for those with the axes in `odd`."""

    def group(path: Path, attributes: Mapping[str, object]) -> None:
        path.mkdir(parents=True)
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps(attributes))

    columns = range(1, FILES + 1)
    wells = [{"path": f"A/{column}", "rowIndex": 0, "columnIndex": column - 1} for column in columns]
    names = [{"name": str(column)} for column in columns]
    group(folder, {"plate": {"rows": [{"name": "A"}], "columns": names, "wells": wells}})
    for column in columns:
        group(folder / f"A/{column}", {"well": {"images": [{"path": "0"}]}})
        axes = {**odd.get(column, {"z": 3}), "y": 4, "x": 4}
        multiscale = {
            "version": "0.4",
            "axes": [{"name": name} for name in axes],
            "datasets": [{"path": "0"}],
        }
        group(folder / f"A/{column}/0", {"multiscales": [multiscale]})
        shape = tuple(axes.values())
        array = zarr.create_array(
            folder / f"A/{column}/0/0", shape=shape, chunks=shape, dtype="u2", zarr_format=2
        )
        array[...] = column


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let opening look at a few files: the first and the last, and some between."""
    monkeypatch.setattr(headers, "MOST_FILES", 4)
    monkeypatch.setattr(headers, "SAMPLE", 4)
    monkeypatch.setattr(zarr_layout, "MOST_IMAGES", 4)


def brightest(stack: np.ndarray) -> dict[str, float]:
    return {"top": float(stack.max())}


def failures(dataset: aw.Dataset, variable: str) -> list[str]:
    step = aw.Step(brightest, name="top", inputs="raw", output="table", variable=variable)
    result = aw.run(dataset, [step], axis="well", executor="serial")
    return [str(event.error) for event in result.failures.values()]


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize(
    ("counts", "missing", "reason"),
    [
        ({ODD: 3}, 2, "it has planes Q 3, which most files lack"),
        ({1: 3, ODD: 3}, 13, "it has planes 3 of Q 3, which most files lack"),
        ({ODD: 1}, 1, "axes y, x only, where most files have Q 2"),
    ],
    ids=["more pages than any", "more pages than most", "fewer pages"],
)
def test_a_file_that_was_not_looked_at_is_a_problem_of_report_and_run(
    tmp_path: Path, counts: Mapping[int, int], missing: int, reason: str
) -> None:
    write_tiffs(tmp_path, counts)
    dataset = aw.open_dataset(tmp_path)
    assert not dataset.problems
    report = dataset.report()
    assert report.planes_of_grid - report.planes == missing
    assert any(
        problem.path == f"plate_A{ODD:02}.tif" and reason in problem.reason for problem in report.problems
    )
    (error,) = failures(dataset, "page")
    assert f"plate_A{ODD:02}.tif" in error


@pytest.mark.usefixtures("budget")
@pytest.mark.parametrize(
    ("odd", "missing"),
    [
        ({ODD: {"z": 4}}, 3),
        ({1: {"z": 4}, ODD: {"z": 4}}, 14),
        ({ODD: {"z": 2}}, 1),
        ({ODD: {"c": 3}}, 3),
        ({ODD: {"c": 2, "z": 3}}, 3),
    ],
    ids=["more slices than any", "more slices than most", "fewer slices", "channels", "another axis"],
)
def test_an_image_that_was_not_looked_at_is_a_problem_of_report_and_run(
    tmp_path: Path, odd: Mapping[int, Mapping[str, int]], missing: int
) -> None:
    write_plate(tmp_path / "plate.zarr", odd)
    dataset = aw.open_dataset(tmp_path / "plate.zarr")
    assert "4 of 12 images" in dataset.problems[0].reason
    report = dataset.report()
    assert report.planes_of_grid - report.planes == missing
    assert f"A/{ODD}/0/" in {problem.path for problem in report.problems}
    (error,) = failures(dataset, "z_index")
    assert f"A/{ODD}/0/0" in error


@pytest.mark.usefixtures("budget")
def test_a_task_knows_only_of_its_own_files(tmp_path: Path) -> None:
    write_tiffs(tmp_path, {})
    write_plate(tmp_path / "plate.zarr", {1: {"z": 2, "c": 1}})
    for folder in (tmp_path, tmp_path / "plate.zarr"):
        index = aw.open_dataset(folder).index
        own = pickle.loads(pickle.dumps(index.select(np.array([0])))).reader
        assert own.looked_at == frozenset(index.files[:1])
        assert index.reader.looked_at > own.looked_at
