"""After errors in a run, the output records them and can still be opened."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr
from napari_ome_zarr import napari_get_reader

import napari_axiswise as aw
from napari_axiswise.core.grid import ImageGrid
from napari_axiswise.core.kinds import plane_kind
from napari_axiswise.results.thumbnails import make_thumbnail


def same(plane: np.ndarray) -> np.ndarray:
    return plane


def other(plane: np.ndarray) -> np.ndarray:
    return plane + 1


def float_for_even(plane: np.ndarray) -> np.ndarray:
    return plane.astype(np.float32) if plane[0, 0] % 2 == 0 else plane.astype(np.int32)


def fail(plane: np.ndarray) -> np.ndarray:
    raise ValueError("as the test wants it")


@pytest.fixture
def dataset(tmp_path: Path) -> aw.Dataset:
    """Four planes of a plate, of 0, 1, 2 and 3."""
    (tmp_path / "planes").mkdir()
    for number, name in enumerate(("A01_1", "A01_2", "A02_1", "A02_2")):
        tifffile.imwrite(tmp_path / "planes" / f"{name}.tif", np.full((16, 16), number, np.uint16))
    return aw.open_dataset(tmp_path / "planes", pattern="{well}_{channel}.tif")


def test_a_run_that_is_refused_leaves_the_output_as_it_was(dataset: aw.Dataset, tmp_path: Path) -> None:
    output = tmp_path / "out"
    aw.run(dataset, [aw.Step(same, name="copy")], "well", executor="serial", output=output)
    before = (output / "zarr.json").read_bytes()
    with pytest.raises(ValueError, match="calls"):
        aw.run(dataset, [aw.Step(other, name="copy")], "well", executor="serial", output=output, resume=True)
    assert (output / "zarr.json").read_bytes() == before
    assert "plate" in json.loads(before)["attributes"]["ome"]


@pytest.mark.parametrize("axis", ["well", "channel"])
def test_planes_of_another_type_fail_and_are_not_read_as_what_they_are_not(
    dataset: aw.Dataset, tmp_path: Path, axis: str
) -> None:
    output = tmp_path / "out"
    result = aw.run(dataset, [aw.Step(float_for_even, name="a")], axis, executor="serial", output=output)
    assert "Let it return one dtype" in next(iter(result.failures.values())).error
    again = aw.open_result(result.save(tmp_path / "copy", csv=True))
    states = {
        (well, channel): again.plane_state("a", well=well, channel=channel)
        for well in ("A01", "A02")
        for channel in ("1", "2")
    }
    assert sorted(states.values()) == ["failed", "failed", "written", "written"]
    for (well, channel), state in states.items():
        plane = zarr.open_array(output / "A" / well[1:] / "0" / "0", mode="r")[int(channel) - 1]
        expected = dataset.read(well=well, channel=channel) if state == "written" else 0
        np.testing.assert_array_equal(plane, expected)
    yaozarrs.validate_zarr_store(str(output))


def test_a_step_that_fails_everywhere_is_told(dataset: aw.Dataset, tmp_path: Path) -> None:
    steps = [aw.Step(same, name="a", keep=True), aw.Step(fail, name="b", inputs="raw", output="labels")]
    result = aw.run(dataset, steps, "well", executor="serial", output=tmp_path / "out")
    for opened in (result, aw.open_result(tmp_path / "out")):
        assert opened.plane_state("a", well="A01", channel="1") == "written"
        assert opened.plane_state("b", well="A01", channel="1") == "failed"
        with pytest.raises(KeyError, match="failed"):
            opened.read("b", well="A01", channel="1")
    *_, counts, _ = (tmp_path / "out" / "ledger" / "tasks.jsonl").read_text().splitlines()
    assert json.loads(counts)["planes"]["b"] == {"written": 0, "missing": 0, "failed": 4, "pending": 0}


def test_black_planes_open_in_viewers(dataset: aw.Dataset, tmp_path: Path) -> None:
    output = str(tmp_path / "out")
    aw.run(dataset, [aw.Step(np.zeros_like, name="black")], "well", executor="serial", output=output)
    (_, metadata, _), *_ = napari_get_reader(output)(output)
    for low, high in metadata["contrast_limits"]:
        assert low < high


def test_thin_labels_have_a_thumbnail() -> None:
    labels = np.ones((20, 4000), np.int32)
    assert make_thumbnail(labels, plane_kind("labels")).min() == 1


def test_a_projection_is_no_image_of_a_site_whatever_components_are_called() -> None:
    grid = ImageGrid({"条件": ("a", "b"), "site": ("1", "2")}, ("条件",), None, (4, 4))
    sites = ImageGrid({"条件": ("a", "b"), "site": ("1", "2")}, ("条件", "site"), None, (4, 4))
    assert grid.image((0,), (4, 4)) not in {sites.image(codes, (4, 4)) for codes in np.ndindex(2, 2)}
