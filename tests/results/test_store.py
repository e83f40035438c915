"""The output of a run can be opened by any reader of OME-Zarr."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import yaozarrs
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from ome_zarr_models.v05 import HCS

import napari_axiswise as aw
from napari_axiswise.core.grid import ImageGrid
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.results.store import ResultStore
from napari_axiswise.results.writer import PlaneWriter, Target

COMPONENTS = {
    "batch": ("a", "b"),
    "well": ("A01", "B12"),
    "site": ("1", "2", "3"),
    "timepoint": ("1", "2"),
    "channel": ("1", "2"),
    "z_index": ("0", "1", "projection"),
}


def peak(stack: np.ndarray) -> np.ndarray:
    return stack.max(axis=0)


def bright(plane: np.ndarray) -> np.ndarray:
    return (plane > plane.mean()).astype(np.int32)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> aw.RunResult:
    plan = PlatePlan(wells=("B02", "C11"), sites=2, timepoints=2, channels=2, size=40)
    plate = write_plate(tmp_path_factory.mktemp("plate"), plan)
    steps = [
        aw.Step(np.sqrt, name="root", keep=True),
        aw.Step(bright, name="bright", inputs="raw", output="labels"),
        aw.Step(peak, name="peak", inputs="root", variable="timepoint"),
    ]
    return aw.run(plate, steps, axis="well", executor="serial")


def test_the_output_is_a_plate_and_so_is_each_further_step_that_keeps_images(result: aw.RunResult) -> None:
    for folder in ("", "images/peak"):
        group = yaozarrs.validate_zarr_store(str(Path(result.output, folder)))
        plate = group.ome_metadata().plate
        assert [well.path for well in plate.wells] == ["B/02", "C/11"]
        HCS.from_zarr(zarr.open_group(Path(result.output, folder), mode="r"))


def test_an_image_has_axes_scale_and_pixels_for_other_readers(result: aw.RunResult) -> None:
    path = Path(result.output, "C", "11", "1")
    attributes = zarr.open_group(path, mode="r").attrs["ome"]
    multiscale = attributes["multiscales"][0]
    assert [axis["name"] for axis in multiscale["axes"]] == ["t", "c", "y", "x"]
    assert multiscale["axes"][-1]["unit"] == "micrometer"
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"] == [1, 1, 0.65, 0.65]
    assert [channel["label"] for channel in attributes["omero"]["channels"]] == ["DAPI", "GFP"]
    array = zarr.open_array(path / "0", mode="r")
    assert array.metadata.dimension_names == ("t", "c", "y", "x")
    raw = result.dataset.read(well="C11", site="2", timepoint="2", channel="1")
    np.testing.assert_array_equal(array[1, 0], np.sqrt(raw))


def test_labels_lie_in_the_image(result: aw.RunResult) -> None:
    image = zarr.open_group(Path(result.output, "C", "11", "1"), mode="r")
    assert image["labels"].attrs["ome"]["labels"] == ["bright"]
    labels = image["labels/bright"]
    assert labels.attrs["ome"]["image-label"]["source"]["image"] == "../../"
    where = {"well": "C11", "site": "2", "timepoint": "1", "channel": "2"}
    np.testing.assert_array_equal(labels["0"][0, 1], bright(result.dataset.read(**where)))


def test_a_component_that_was_projected_is_gone(result: aw.RunResult) -> None:
    path = Path(result.output, "images", "peak", "B", "02", "0", "0")
    assert zarr.open_array(path, mode="r").shape == (2, 40, 40)
    where = {"well": "B02", "site": "1", "channel": "2"}
    np.testing.assert_array_equal(result.read("peak", **where), result.read("peak", timepoint="1", **where))


@given(st.sets(st.sampled_from(list(COMPONENTS))))
def test_no_two_planes_share_a_chunk(kept: set[str]) -> None:
    names = tuple(name for name in COMPONENTS if name in kept)
    grid = ImageGrid(COMPONENTS, names)
    places = [(grid.image(codes, (0, 0)), grid.position(codes)) for codes in np.ndindex(*grid.lengths(names))]
    assert len(set(places)) == len(places)


@settings(max_examples=25, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(["bool", "uint8", ">u2", "int32", "float32", "<f8"]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    )
)
def test_chunks_that_workers_write_are_zarrs_own(
    tmp_path_factory: pytest.TempPathFactory, plane: np.ndarray
) -> None:
    store = ResultStore(tmp_path_factory.mktemp("out"), {"site": ("1", "2")}, plane.shape)
    writer = PlaneWriter(str(store.root), store.components, plane.shape)
    writer.write(Target("copy", ("site",)), (1,), plane)
    store.add(output_of(writer))
    array = zarr.open_array(store.root / "1" / "0", mode="r")
    np.testing.assert_array_equal(array[...], plane)
    assert array.dtype == plane.dtype.newbyteorder("=")


def output_of(writer: PlaneWriter) -> aw.TaskOutput:
    return aw.TaskOutput("1", "", writer.take_written(), (), 1, 1, 0, 0, 0, 0, 0, "")


def test_no_half_of_a_chunk_is_left_by_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(self: Path, data: bytes) -> int:
        with open(self, "wb") as file:  # noqa: PTH123
            file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    writer = PlaneWriter(str(tmp_path), {"site": ("1",)}, (8, 8))
    with pytest.raises(OSError, match="No space left"):
        writer.write(Target("copy", ("site",)), (0,), np.ones((8, 8)))
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []


def test_reading_says_what_there_is(result: aw.RunResult) -> None:
    with pytest.raises(KeyError, match="'root', 'bright' and 'peak'"):
        result.read("cells", well="B02")
    with pytest.raises(KeyError, match="B02, C11"):
        result.read("root", well="A01", site="1", timepoint="1", channel="1")
    with pytest.raises(ValueError, match="site, timepoint, channel"):
        result.read("root", well="B02")
    with pytest.raises(ValueError, match="'batch'"):
        result.read("root", batch="1")
