"""Planes of stacks and other image files: each is read back pixel for pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from image_files import counts, write_images

from napari_axiswise import open_dataset


@dataclass(frozen=True)
class Stack:
    """A file with several planes."""

    what: str
    axes: str
    shape: tuple[int, ...]
    components: dict[str, int]
    options: dict[str, Any]
    names: tuple[str, ...] = ("stack.tif",)

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


STACKS = (
    Stack(
        "imagej hyperstack",
        "TZC",
        (2, 3, 2),
        {"timepoint": 2, "channel": 2, "z_index": 3},
        {"imagej": True, "metadata": {"axes": "TZCYX"}},
    ),
    Stack("imagej time-lapse", "T", (5,), {"timepoint": 5}, {"imagej": True, "metadata": {"axes": "TYX"}}),
    Stack(
        "ome-tiff",
        "TC",
        (3, 2),
        {"timepoint": 3, "channel": 2, "z_index": 1},
        {"ome": True, "metadata": {"axes": "TCYX"}},
        ("stack.ome.tif",),
    ),
    Stack(
        "ome-tiff with z first",
        "ZTC",
        (2, 3, 4),
        {"timepoint": 3, "channel": 4, "z_index": 2},
        {"ome": True, "metadata": {"axes": "ZTCYX"}},
        ("stack.ome.tif",),
    ),
    Stack("compressed", "T", (3,), {"timepoint": 3}, {"compression": "lzw", "metadata": {"axes": "TYX"}}),
    Stack("unlabelled", "Q", (4,), {"page": 4}, {}),
    Stack("two unlabelled axes", "QR", (2, 3), {"page": 2, "page2": 3}, {}),
    Stack("pages without any description", "Q", (4,), {"page": 4}, {"metadata": None}),
    Stack("contiguous with one directory", "Q", (4,), {"page": 4}, {"truncate": True}),
    Stack("contiguous and big-endian", "Q", (4,), {"page": 4}, {"truncate": True, "byteorder": ">"}),
    Stack(
        "one stack per timepoint",
        "Z",
        (3,),
        {"well": 1, "timepoint": 2, "z_index": 3},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        ("B02_t1.tif", "B02_t2.tif"),
    ),
    Stack(
        "stacks over a component that the names tell too",
        "C",
        (3,),
        {"page": 3, "well": 1, "channel": 2},
        {"imagej": True, "metadata": {"axes": "CYX"}},
        ("B02_w1.tif", "B02_w2.tif"),
    ),
    Stack(
        "stacks over two components that the names tell too",
        "TC",
        (2, 3),
        {"page": 2, "page2": 3, "well": 1, "timepoint": 1, "channel": 2},
        {"imagej": True, "metadata": {"axes": "TCYX"}},
        ("B02_w1_t1.tif", "B02_w2_t1.tif"),
    ),
)


@pytest.mark.parametrize("case", STACKS, ids=str)
def test_every_plane_of_a_stack_is_read_back_pixel_for_pixel(tmp_path: Path, case: Stack) -> None:
    random = np.random.default_rng(0)
    options = {"photometric": "minisblack"} | case.options
    pixels = {name: random.integers(0, 9999, (*case.shape, 7, 8)).astype(np.uint16) for name in case.names}
    for name, array in pixels.items():
        tifffile.imwrite(tmp_path / name, array, **options)
    dataset = open_dataset(tmp_path)
    assert {name: count for name, count in counts(dataset).items() if name != "image"} == case.components
    assert len(dataset) == len(pixels) * np.prod(case.shape)
    files = [dataset.index.path(row) for row in range(len(dataset))]
    for name, array in pixels.items():
        seen = [dataset.index.read(row) for row, file in enumerate(files) if file == str(tmp_path / name)]
        written = [array[leading] for leading in np.ndindex(case.shape)]
        assert sorted(plane.tobytes() for plane in seen) == sorted(plane.tobytes() for plane in written)


def test_the_axes_of_a_hyperstack_are_its_components(tmp_path: Path) -> None:
    pixels = np.arange(2 * 3 * 2 * 4 * 5, dtype=np.uint16).reshape(2, 3, 2, 4, 5)
    tifffile.imwrite(tmp_path / "x.tif", pixels, imagej=True, metadata={"axes": "TZCYX"})
    dataset = open_dataset(tmp_path / "x.tif")
    for t, z, c in np.ndindex(2, 3, 2):
        plane = dataset.read(timepoint=str(t + 1), z_index=str(z + 1), channel=str(c + 1))
        np.testing.assert_array_equal(plane, pixels[t, z, c])


def test_the_axes_of_an_ome_tiff_are_its_components(tmp_path: Path) -> None:
    pixels = np.arange(3 * 2 * 4 * 5, dtype=np.uint16).reshape(3, 2, 4, 5)
    metadata = {"axes": "TCYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    tifffile.imwrite(tmp_path / "x.ome.tif", pixels, ome=True, metadata=metadata, photometric="minisblack")
    dataset = open_dataset(tmp_path / "x.ome.tif")
    for t, c in np.ndindex(3, 2):
        np.testing.assert_array_equal(dataset.read(timepoint=str(t + 1), channel=str(c + 1)), pixels[t, c])
    assert dataset.pixel_size == (0.25, 0.5)
    assert dataset.unit == "micrometer"


def test_the_planes_of_an_unlabelled_stack_are_pages(tmp_path: Path) -> None:
    pixels = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="minisblack")
    dataset = open_dataset(tmp_path / "x.tif")
    assert dataset.components["page"] == ("1", "2", "3", "4")
    for number in range(4):
        np.testing.assert_array_equal(dataset.read(page=str(number + 1)), pixels[number])


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".TIF"])
def test_other_image_formats_are_opened(tmp_path: Path, suffix: str) -> None:
    pixels = np.arange(2 * 5 * 6, dtype=np.uint8).reshape(2, 5, 6)
    write = tifffile.imwrite if "tif" in suffix.lower() else iio.imwrite
    for site, plane in enumerate(pixels, 1):
        write(tmp_path / f"B02_s{site}{suffix}", plane)
    dataset = open_dataset(tmp_path)
    assert dataset.components == {"well": ("B02",), "site": ("1", "2")}
    assert (dataset.shape, dataset.dtype) == ((5, 6), np.uint8)
    for site in ("1", "2"):
        np.testing.assert_array_equal(dataset.read(site=site), pixels[int(site) - 1])


def test_a_single_file_is_a_dataset(tmp_path: Path) -> None:
    pixels = write_images(tmp_path, ["cells.tif", "other.tif"])["cells.tif"]
    dataset = open_dataset(tmp_path / "cells.tif")
    assert dataset.layout == "tiff"
    assert dataset.components == {"image": ("cells",)}
    np.testing.assert_array_equal(dataset.read(), pixels)


def test_a_path_may_be_a_string_and_a_dataset_is_returned_unchanged(tmp_path: Path) -> None:
    write_images(tmp_path, ["B02_s1.tif"])
    dataset = open_dataset(str(tmp_path))
    assert dataset.components == open_dataset(tmp_path).components
    assert open_dataset(dataset) is dataset
