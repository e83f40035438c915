"""Resolution levels of planes, and thumbnails for the plate view."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st

import napari_axiswise as aw
from napari_axiswise.core.kinds import IMAGE, plane_kind
from napari_axiswise.results.ngff.levels import LARGEST, level_shapes, make_levels
from napari_axiswise.results.thumbnails import THUMBNAIL, ThumbnailIndex, make_thumbnail

SHAPES = (
    ((256, 256), [(256, 256)]),
    ((512, 512), [(512, 512)]),
    ((640, 640), [(640, 640), (320, 320)]),
    ((1080, 1080), [(1080, 1080), (540, 540), (270, 270)]),
    ((1025, 3), [(1025, 3), (512, 1)]),
    ((2000, 1), [(2000, 1)]),
)

TYPES = ("bool", "uint8", "uint16", "int32", "uint64", "float16", "float32", "float64", "complex64")

PLANES = st.tuples(
    st.sampled_from(TYPES), st.tuples(st.integers(1, 9), st.integers(500, 1100)), st.integers(0, 2**31)
)


@pytest.mark.parametrize(("shape", "shapes"), SHAPES)
def test_each_level_is_half_of_the_one_before(shape: tuple[int, int], shapes: list[tuple[int, int]]) -> None:
    assert level_shapes(shape) == shapes
    assert [level.shape for level in make_levels(np.zeros(shape, np.uint8), IMAGE)] == shapes


@given(PLANES)
def test_levels_and_thumbnails_keep_type_and_range(given: tuple[str, tuple[int, int], int]) -> None:
    dtype, shape, seed = given
    plane = np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)
    low, high = np.abs(plane).min(), np.abs(plane).max()
    for level in make_levels(plane, IMAGE):
        assert level.dtype == plane.dtype
        assert low <= np.abs(level).min() <= np.abs(level).max() <= high
    thumbnail = make_thumbnail(plane, IMAGE)
    assert max(thumbnail.shape) <= THUMBNAIL
    assert low <= thumbnail.min() <= thumbnail.max() <= high + 0.1


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint32"])
def test_the_mean_of_the_brightest_pixels_does_not_wrap_around(dtype: str) -> None:
    plane = np.full((4, LARGEST + 2), np.iinfo(dtype).max, dtype)
    np.testing.assert_array_equal(make_levels(plane, IMAGE)[1], plane[:2, : LARGEST // 2 + 1])


def test_labels_have_no_mean() -> None:
    labels = np.random.default_rng(0).choice([0, 3, 900], (LARGEST * 2, 40)).astype(np.int32)
    for level in make_levels(labels, plane_kind("labels")):
        assert set(np.unique(level)) <= {0, 3, 900}
    assert set(np.unique(make_thumbnail(labels, plane_kind("labels")))) <= {0, 3, (900 - 1) % 255 + 1}


def ramp(plane: np.ndarray) -> np.ndarray:
    return plane * 2


def test_levels_lie_beside_each_other_with_their_scale(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).integers(0, 9999, (900, 1024)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "B02_1.tif", plane)
    dataset = aw.open_dataset(tmp_path, pattern="{well}_{channel}.tif")
    output = tmp_path / "out"
    aw.run(dataset, [aw.Step(ramp)], "well", executor="serial", output=output)
    image = zarr.open_group(output / "B" / "02" / "0", mode="r")
    levels = image.attrs["ome"]["multiscales"][0]["datasets"]
    assert [level["path"] for level in levels] == ["0", "1"]
    assert [level["coordinateTransformations"][0]["scale"][-2:] for level in levels] == [[1, 1], [2, 2]]
    assert levels[1]["coordinateTransformations"][1]["translation"][-2:] == [0.5, 0.5]
    for path, expected in zip("01", make_levels(plane * 2, IMAGE), strict=True):
        np.testing.assert_array_equal(image[path][0], expected)


def test_the_parent_reads_the_thumbnails_of_a_place(plate: Path) -> None:
    result = aw.run(plate, [aw.Step(ramp, name="ramp")], "timepoint", executor="serial")
    index = ThumbnailIndex(Path(result.output), result.store.components)
    for event in result.outcomes.values():
        index.add(event.result.thumbnails)
    found = {}
    for names, codes, pixels in index.fetch("ramp", {"timepoint": 1, "channel": 0}):
        for place, thumbnail in zip(codes.tolist(), pixels, strict=True):
            found[tuple(place)] = thumbnail
            assert place[names.index("timepoint")] == 1
    assert len(found) == 4  # two wells, two sites
    components = result.dataset.components
    for codes, thumbnail in found.items():
        where = {name: components[name][code] for name, code in zip(components, codes, strict=True)}
        np.testing.assert_array_equal(thumbnail, result.read("ramp", **where))
    assert list(index.fetch("no such step", {})) == []
