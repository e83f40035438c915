"""Kinds of TIFF by their names, and by the bits of a pixel."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_files import reasons

from napari_axiswise import open_dataset
from napari_axiswise.core.errors import PlaneError


@pytest.mark.parametrize("suffix", ["btf", "tf8", "TF2", "ome.btf", "ome.tf8", "OME.TIFF"])
def test_a_bigtiff_has_names_of_its_own(tmp_path: Path, suffix: str) -> None:
    for value, well in enumerate(("A01", "A02")):
        pixels = np.full((5, 6), value, np.uint16)
        tifffile.imwrite(tmp_path / f"plate_{well}.{suffix}", pixels, bigtiff=True, metadata=None)
    dataset = open_dataset(tmp_path)
    assert dataset.components["well"] == ("A01", "A02")
    assert dataset.read(well="A02").max() == 1


def write_packed(path: Path, pixels: np.ndarray, bits: int, cut: int = 0) -> None:
    """Write an uncompressed TIFF whose rows are packed, and begin with a byte each."""
    rows = [
        "".join(format(int(value), f"0{bits}b") for value in row) + "0" * (-pixels.shape[1] * bits % 8)
        for row in pixels
    ]
    data = b"".join(int(row, 2).to_bytes(len(row) // 8, "big") for row in rows)
    tags = [(256, pixels.shape[1]), (257, pixels.shape[0]), (258, bits), (259, 1), (262, 1), (273, 8),
            (277, 1), (278, pixels.shape[0]), (279, len(data) - cut)]  # fmt: skip
    written = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    path.write_bytes(head + data + struct.pack("<H", len(tags)) + written + bytes(4))


@pytest.mark.parametrize("bits", [1, 2, 4, 10, 12, 14])
def test_packed_pixels_are_read(tmp_path: Path, bits: int) -> None:
    """tlnagy/TiffImages.jl#58, scifio/scifio#362."""
    pixels = np.random.default_rng(bits).integers(0, 2**bits, (19, 21))
    write_packed(tmp_path / "plate_A01.tif", pixels, bits)
    dataset = open_dataset(tmp_path)
    assert dataset.report().problems == ()
    np.testing.assert_array_equal(dataset.read(), pixels)


@pytest.mark.parametrize("bits", [1, 12])
def test_packed_pixels_cut_short_are_damage(tmp_path: Path, bits: int) -> None:
    write_packed(tmp_path / "plate_A01.tif", np.zeros((20, 20), int), bits, cut=3)
    dataset = open_dataset(tmp_path)
    assert "needs" in reasons(dataset)["plate_A01.tif"]
    with pytest.raises(PlaneError, match=r"plate_A01\.tif cannot be read"):
        dataset.read()


@pytest.mark.parametrize("planar", ["separate", "contig"])
def test_two_values_per_pixel_are_refused_but_not_as_colour(tmp_path: Path, planar: str) -> None:
    """cgohlke/tifffile#108."""
    shape = (2, 5, 6) if planar == "separate" else (5, 6, 2)
    pixels = np.zeros(shape, np.uint16)
    tifffile.imwrite(
        tmp_path / "A01.tif", pixels, photometric="minisblack", planarconfig=planar, metadata=None
    )
    with pytest.raises(PlaneError, match=r"A01\.tif has 2 values per pixel"):
        open_dataset(tmp_path)


def test_a_volume_in_one_page_is_refused_but_not_as_colour(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 16), np.uint16)
    tifffile.imwrite(tmp_path / "A01.tif", pixels, volumetric=True, tile=(16, 16, 16), metadata=None)
    with pytest.raises(PlaneError, match=r"A01\.tif has an image of shape .*Save each of its planes"):
        open_dataset(tmp_path)
