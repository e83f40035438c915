"""Opening folders and files: planes, components, skipped files and errors."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_axiswise import Dataset, open_dataset
from napari_axiswise.core.components import normalize_value
from napari_axiswise.core.errors import PlaneError
from napari_axiswise.core.wells import numbered_wells, row_name
from napari_axiswise.datasets import opening
from napari_axiswise.planes.images import read_plane

GUID = "1A2B3C4D-0A1B-2C3D-4E5F-0123456789AB"

HTD = (
    '"HTSInfoFile", Version 1.0\r\n"TimePoints", 6\r\n"NWavelengths", 4\r\n'
    '"WaveName1", "{}"\r\n"WaveName2", "{}"\r\n'
)


def write_images(
    folder: Path, names: Iterable[str], shape: tuple[int, int] = (5, 6)
) -> dict[str, np.ndarray]:
    """Write a small TIFF with different pixels under every name. Return the pixels by name."""
    written = {}
    for number, name in enumerate(names):
        written[name] = np.arange(number, number + np.prod(shape), dtype=np.uint16).reshape(shape)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / name, written[name], metadata=None)
    return written


def counts(dataset: Dataset) -> dict[str, int]:
    return {name: len(values) for name, values in dataset.components.items()}


def reasons(dataset: Dataset) -> dict[str, str]:
    return {problem.path: problem.reason for problem in dataset.problems}


@dataclass(frozen=True)
class Named:
    """File names of a folder, and the components that are expected."""

    what: str
    files: tuple[str, ...]
    components: dict[str, tuple[str, ...]]
    pattern: str | None = None
    skipped: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


IMAGEXPRESS = (
    Named(
        "timepoints sites and waves",
        tuple(
            f"TimePoint_{t}/9987_{w}_s{s}_w{c}.TIF"
            for t, w, s, c in product((1, 2, 10), ("B02", "B03"), (1, 2), (1, 2))
        ),
        {"well": ("B02", "B03"), "site": ("1", "2"), "timepoint": ("1", "2", "10"), "channel": ("1", "2")},
    ),
    Named(
        "timepoints and z steps",
        tuple(f"TimePoint_1/ZStep_{z}/9987_B02_s1_w{c}.TIF" for z, c in product((0, 1, 2), (1, 2))),
        {
            "well": ("B02",),
            "site": ("1",),
            "timepoint": ("1",),
            "channel": ("1", "2"),
            "z_index": ("0", "1", "2"),
        },
    ),
    Named(
        "z steps without timepoint",
        ("ZStep_1/x_C03_s1_w1.tif", "ZStep_2/x_C03_s1_w1.tif"),
        {"well": ("C03",), "site": ("1",), "channel": ("1",), "z_index": ("1", "2")},
    ),
    Named(
        "neither timepoint nor z step but a sheet",
        ("x_A01_s1_w1.tif", "x_A02_s1_w1.tif", "x.HTD"),
        {"well": ("A01", "A02"), "site": ("1",), "channel": ("1",)},
    ),
    Named("neither site nor wave", ("TimePoint_1/9987_B02.TIF",), {"well": ("B02",), "timepoint": ("1",)}),
    Named(
        "waves without site",
        ("TimePoint_1/9987_B02_w1.TIF", "TimePoint_1/9987_B02_w2.TIF"),
        {"well": ("B02",), "timepoint": ("1",), "channel": ("1", "2")},
    ),
    Named(
        "sites without wave",
        ("TimePoint_1/9987_B02_s1.tif", "TimePoint_1/9987_B02_s2.tif"),
        {"well": ("B02",), "site": ("1", "2"), "timepoint": ("1",)},
    ),
    Named(
        "a guid after the wave and thumbnails among the images",
        (
            f"TimePoint_1/x_B02_s1_w1{GUID}.tif",
            f"TimePoint_1/x_B02_s1_w2{GUID[::-1][-8:]}{GUID[8:]}.tif",
            f"TimePoint_1/x_B02_s1_w1_thumb{GUID}.tif",
            "TimePoint_1/x_B02_s1_w2_thumb.tif",
        ),
        {"well": ("B02",), "site": ("1",), "timepoint": ("1",), "channel": ("1", "2")},
        skipped=(f"TimePoint_1/x_B02_s1_w1_thumb{GUID}.tif", "TimePoint_1/x_B02_s1_w2_thumb.tif"),
    ),
    Named(
        "a guid that begins with digits after a wave of two",
        (f"TimePoint_1/x_B02_s1_w12{GUID}.tif", f"TimePoint_1/x_B02_s1_w1{GUID}.tif"),
        {"well": ("B02",), "site": ("1",), "timepoint": ("1",), "channel": ("1", "12")},
    ),
    Named(
        "folders of date and id above",
        ("2026-11-23/4711/TimePoint_1/x_B02_s1_w1.tif", "2026-11-23/4711/TimePoint_2/x_B02_s1_w1.tif"),
        {"well": ("B02",), "site": ("1",), "timepoint": ("1", "2"), "channel": ("1",)},
    ),
    Named(
        "two plates",
        ("2026/4711/TimePoint_1/x_B02_s1_w1.tif", "2026/4712/TimePoint_1/x_B02_s1_w1.tif"),
        {
            "plate": ("2026/4711", "2026/4712"),
            "well": ("B02",),
            "site": ("1",),
            "timepoint": ("1",),
            "channel": ("1",),
        },
    ),
    Named(
        "different channels in different z steps",
        ("ZStep_1/x_B02_w1.tif", "ZStep_1/x_B02_w2.tif", "ZStep_2/x_B02_w1.tif"),
        {"well": ("B02",), "channel": ("1", "2"), "z_index": ("1", "2")},
    ),
    Named(
        "wells of a plate of 1536",
        ("TimePoint_1/x_P24_w1.tif", "TimePoint_1/x_AF48_w1.tif"),
        {"well": ("P24", "AF48"), "timepoint": ("1",), "channel": ("1",)},
    ),
    Named(
        "strays",
        ("TimePoint_1/x_B02_s1_w1.tif", "overview.tif", "TimePoint_1/x_B02_s1_w1.png", "notes.txt"),
        {"well": ("B02",), "site": ("1",), "timepoint": ("1",), "channel": ("1",)},
        skipped=("TimePoint_1/x_B02_s1_w1.png", "notes.txt", "overview.tif"),
    ),
)

BUILT_IN = (
    Named(
        "bbbc013",
        ("Channel1-01-A-01.tif", "Channel1-13-B-01.tif", "Channel2-01-A-01.tif", "Channel2-13-B-01.tif"),
        {"well": ("A01", "B01"), "channel": ("1", "2")},
    ),
    Named(
        "mitocheck",
        tuple(f"G3--empty--empty--W0002--P001--T{t:05d}--Z000--C.tif" for t in (0, 9, 10)),
        {"well": ("A02",), "site": ("1",), "timepoint": ("0", "9", "10"), "z_index": ("0",)},
    ),
    Named(
        "cellomics",
        ("MFGTMP_A01f00d0.TIF", "MFGTMP_A01f01d0.TIF", "MFGTMP_H12f00d1.TIF"),
        {"well": ("A01", "H12"), "site": ("0", "1"), "channel": ("0", "1")},
    ),
    Named(
        "wells fields and timepoints by number",
        ("W0001F0001T0001Z000C1.tif", "W0013F0002T0010Z001C2.tif"),
        {
            "well": ("A01", "B01"),
            "site": ("1", "2"),
            "timepoint": ("1", "10"),
            "channel": ("1", "2"),
            "z_index": ("0", "1"),
        },
    ),
    Named(
        "wells by number on a plate of 384",
        ("W0001F0001T0001Z000C1.tif", "W0384F0001T0001Z000C1.tif"),
        {"well": ("A01", "P24"), "site": ("1",), "timepoint": ("1",), "channel": ("1",), "z_index": ("0",)},
    ),
    Named(
        "well site channel and timepoint tokens",
        tuple(f"{w}_s{s}_w{c}_t{t}.tif" for w, s, c, t in product(("B02", "b3"), (1, 2), (1, 2), (1, 11))),
        {"well": ("B02", "B03"), "site": ("1", "2"), "timepoint": ("1", "11"), "channel": ("1", "2")},
    ),
    Named(
        "tokens after a prefix with underscores",
        ("my_exp_2_B02_s1_w1_t1.tif", "my_exp_2_B02_s1_w2_t1.tif"),
        {"well": ("B02",), "site": ("1",), "timepoint": ("1",), "channel": ("1", "2")},
    ),
    Named(
        "site and wave tokens only",
        ("B02_s1_w1.tif", "B02_s2_w1.tif"),
        {"well": ("B02",), "site": ("1", "2"), "channel": ("1",)},
    ),
    Named("site tokens only", ("B02_s1.tif", "B02_s2.tif"), {"well": ("B02",), "site": ("1", "2")}),
    Named(
        "yokogawa",
        ("P1_D08_T0001F004L01A01Z04C01.tif", "P1_D08_T0001F004L01A02Z04C02.tif", "DC_DCAM#1_CAM3.tif"),
        {"well": ("D08",), "site": ("4",), "timepoint": ("1",), "channel": ("1", "2"), "z_index": ("4",)},
        skipped=("DC_DCAM#1_CAM3.tif",),
    ),
    Named(
        "harmony",
        ("r03c12f01p02-ch1sk1fk1fl1.tiff", "r03c12f02p02-ch1sk10fk1fl1.tiff"),
        {
            "well": ("C12",),
            "site": ("1", "2"),
            "timepoint": ("1", "10"),
            "channel": ("1",),
            "z_index": ("2",),
        },
    ),
    Named("wells only", ("plate_A01.tif", "plate_H12.tif"), {"well": ("A01", "H12")}),
    Named(
        "names that say nothing",
        ("left.tif", "right.tif", "sub/left.tif"),
        {"image": ("left", "right", "sub/left")},
    ),
)

PATTERNS = (
    Named(
        "folders and any component",
        ("day2/DMSO/b2_t01.tif", "day10/DMSO/B11_t02.tif", "day2/drug/B02_t01.tif"),
        {
            "batch": ("day2", "day10"),
            "condition": ("DMSO", "drug"),
            "well": ("B02", "B11"),
            "timepoint": ("1", "2"),
        },
        "{batch}/{condition}/{well}_t{timepoint}.tif",
    ),
    Named(
        "what does not matter",
        ("a7_x_B02_f01.tif", "zz_y_B03_f02.tif"),
        {"well": ("B02", "B03"), "site": ("1", "2")},
        "{_}_*_{well}_f{site}.tif",
    ),
    Named(
        "a regular expression of its own",
        ("B0212.tif", "B0203.tif"),
        {"well": ("B02",), "site": ("3", "12")},
        "{well:[A-H][0-9]{2}}{site:[0-9]{2}}.tif",
    ),
    Named(
        "row and column",
        ("A_1.tif", "A_12.tif", "h_02.tif"),
        {"well": ("A01", "A12", "H02")},
        "{row}_{column}.tif",
    ),
    Named("row and column in one", ("A01.tif", "B12.tif"), {"well": ("A01", "B12")}, "{row}{column}.tif"),
    Named(
        "row of two letters and column in one",
        ("B02.tif", "AF48.tif"),
        {"well": ("B02", "AF48")},
        "{row}{column}.tif",
    ),
    Named(
        "row and column that are numbers",
        ("r3c12.tif", "r28c1.tif"),
        {"well": ("C12", "AB01")},
        "r{row}c{column}.tif",
    ),
    Named(
        "row and column in folders",
        ("A/01/s1.tif", "A/02/s1.tif"),
        {"well": ("A01", "A02"), "site": ("1",)},
        "{row}/{column}/s{site}.tif",
    ),
    Named(
        "files of other names",
        ("B02_t1.tif", "overview.tif", "B02.csv"),
        {"well": ("B02",), "timepoint": ("1",)},
        "{well}_t{timepoint}.tif",
        ("overview.tif", "B02.csv"),
    ),
    Named(
        "a row and column that make no well",
        ("A_01.tif", "left_right.tif"),
        {"well": ("A01",)},
        "{row}_{column}.tif",
        ("left_right.tif",),
    ),
    Named(
        "characters that mean something to regular expressions",
        ("a+(1).tif", "a+(2).tif"),
        {"site": ("1", "2")},
        "a+({site}).tif",
    ),
    Named(
        "less deep than the files are",
        ("x/y/B02.tif", "x/z/B03.tif"),
        {"well": ("B02", "B03")},
        "{well}.tif",
    ),
)


def check_named(tmp_path: Path, case: Named, layout: str) -> None:
    written = write_images(
        tmp_path, [name for name in case.files if Path(name).suffix.lower() in (".tif", ".tiff")]
    )
    for name in case.files:
        if name not in written:
            (tmp_path / name).write_bytes(b"")
    dataset = open_dataset(tmp_path, case.pattern)
    assert dataset.layout == layout
    assert dataset.components == case.components
    assert list(dataset.components) == list(case.components)
    assert set(reasons(dataset)) == set(case.skipped)
    assert len(dataset) == len(written) - sum(name in written for name in case.skipped)
    for values in dataset.planes.astype(str).to_dict("records"):
        path = values.pop("path")
        del values["page"]
        np.testing.assert_array_equal(dataset.read(**values), written[path])


@pytest.mark.parametrize("case", IMAGEXPRESS, ids=str)
def test_imagexpress_file_names(tmp_path: Path, case: Named) -> None:
    check_named(tmp_path, case, "imagexpress")


@pytest.mark.parametrize("case", BUILT_IN, ids=str)
def test_common_file_names(tmp_path: Path, case: Named) -> None:
    check_named(tmp_path, case, "filenames")


@pytest.mark.parametrize("case", PATTERNS, ids=str)
def test_file_names_with_a_pattern(tmp_path: Path, case: Named) -> None:
    check_named(tmp_path, case, "filenames")


def test_a_projection_beside_z_slices_has_the_value_projection(tmp_path: Path) -> None:
    written = write_images(
        tmp_path,
        ["TimePoint_1/ZStep_1/x_B02_w1.tif", "TimePoint_1/ZStep_2/x_B02_w1.tif", "TimePoint_1/x_B02_w1.tif"],
    )
    dataset = open_dataset(tmp_path)
    assert dataset.components["z_index"] == ("1", "2", "projection")
    np.testing.assert_array_equal(dataset.read(z_index="projection"), written["TimePoint_1/x_B02_w1.tif"])


def test_each_plate_has_its_own_projections(tmp_path: Path) -> None:
    write_images(tmp_path, ["p1/ZStep_1/x_B02.tif", "p1/x_B02.tif", "p2/TimePoint_1/x_B02.tif"])
    planes = open_dataset(tmp_path).planes
    assert dict(zip(planes["path"], planes["z_index"], strict=True)) == {
        "p1/ZStep_1/x_B02.tif": "1",
        "p1/x_B02.tif": "projection",
        "p2/TimePoint_1/x_B02.tif": "1",
    }


def test_channel_names_of_an_htd_file_in_latin_1(tmp_path: Path) -> None:
    write_images(tmp_path, ["TimePoint_1/x_B02_w1.tif"])
    (tmp_path / "x.HTD").write_bytes(HTD.format("Grün", "Cy5").encode("latin-1") + b'"Note", "\x82\x81"\r\n')
    dataset = open_dataset(tmp_path)
    assert dataset.channel_names == {"1": "Grün", "2": "Cy5"}
    assert dataset.components["channel"] == ("1",), "the disk decides, not the sheet"
    assert dataset.problems == ()


@dataclass(frozen=True)
class Spelling:
    component: str
    text: str
    value: str


SPELLINGS = (
    Spelling("well", "b2", "B02"),
    Spelling("well", "B02", "B02"),
    Spelling("well", "B-2", "B02"),
    Spelling("well", "B_002", "B02"),
    Spelling("well", "af48", "AF48"),
    Spelling("well", " H 12 ", "H12"),
    Spelling("timepoint", "0001", "1"),
    Spelling("timepoint", "00000", "0"),
    Spelling("condition", "B2", "B2"),
    Spelling("condition", "0.10", "0.10"),
    Spelling("batch", "day01", "day01"),
    Spelling("z_index", "projection", "projection"),
)


@pytest.mark.parametrize("case", SPELLINGS, ids=lambda case: f"{case.component}-{case.text}")
def test_values_are_normalized(case: Spelling) -> None:
    assert normalize_value(case.component, case.text) == case.value


@given(st.sampled_from(["well", "site", "condition"]), st.text(max_size=6))
def test_normalizing_a_value_twice_changes_nothing(component: str, text: str) -> None:
    once = normalize_value(component, text)
    assert normalize_value(component, once) == once


@given(st.sampled_from([(96, 12), (384, 24), (1536, 48)]), st.data())
def test_wells_are_numbered_row_by_row(plate: tuple[int, int], data: st.DataObject) -> None:
    wells, columns = plate
    number = data.draw(st.integers(0, wells - 1))
    named = numbered_wells(["1", str(wells), str(number + 1)])
    assert named["1"] == "A01"
    assert named[str(number + 1)] == f"{row_name(number // columns)}{number % columns + 1:02d}"


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


def test_the_table_of_planes_has_a_row_per_plane_and_a_column_per_component(plate: Path) -> None:
    dataset = open_dataset(plate)
    planes = dataset.planes
    assert isinstance(planes, pd.DataFrame)
    assert len(planes) == len(dataset) == 2 * 2 * 3 * 2
    assert list(planes.columns) == ["well", "site", "timepoint", "channel", "path", "page"]
    assert not planes.duplicated(["well", "site", "timepoint", "channel"]).any()
    for name, values in dataset.components.items():
        assert tuple(planes[name].cat.categories) == values
        assert planes[name].cat.ordered
    assert all((plate / path).is_file() for path in planes["path"])


def test_the_table_of_planes_is_in_natural_order(tmp_path: Path) -> None:
    write_images(tmp_path, [f"{well}_s{site}.tif" for well in ("B10", "B02") for site in (10, 9, 1)])
    planes = open_dataset(tmp_path).planes
    rows = list(zip(planes["well"], planes["site"], strict=True))
    assert rows == [("B02", "1"), ("B02", "9"), ("B02", "10"), ("B10", "1"), ("B10", "9"), ("B10", "10")]


def test_the_table_of_planes_has_the_values_of_a_component_called_page(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((3, 5, 6), np.uint16), photometric="minisblack")
    dataset = open_dataset(tmp_path)
    assert tuple(dataset.planes["page"].astype(str)) == dataset.components["page"] == ("1", "2", "3")


def test_the_table_of_planes_has_the_values_of_a_component_called_path(tmp_path: Path) -> None:
    write_images(tmp_path, ["left_1.tif", "right_1.tif"])
    dataset = open_dataset(tmp_path, "{path}_{site}.tif")
    assert dataset.components["path"] == ("left", "right")
    assert tuple(dataset.planes["path"].astype(str)) == ("left", "right")


def test_components_of_one_value_may_be_left_out_of_read(tmp_path: Path) -> None:
    written = write_images(tmp_path, ["TimePoint_1/x_B02_s1_w1.tif", "TimePoint_1/x_B02_s2_w1.tif"])
    dataset = open_dataset(tmp_path)
    short = dataset.read(site="2")
    full = dataset.read(well="B02", site="2", timepoint="1", channel="1")
    np.testing.assert_array_equal(short, written["TimePoint_1/x_B02_s2_w1.tif"])
    np.testing.assert_array_equal(short, full)
    np.testing.assert_array_equal(dataset.read(well="b2", site=2), full)  # type: ignore[arg-type]


@dataclass(frozen=True)
class WrongRead:
    given: dict[str, str]
    error: type[Exception]
    parts: tuple[str, ...]


WRONG_READS = (
    WrongRead({"plate": "1"}, ValueError, ("'plate'", "well", "timepoint")),
    WrongRead({"well": "C04"}, KeyError, ("C04", "B02", "B03")),
    WrongRead({"well": "B02"}, ValueError, ("2 planes", "well=B02", "site")),
    WrongRead({}, ValueError, ("3 planes", "well", "site")),
    WrongRead({"well": "B03", "site": "2"}, KeyError, ("no plane", "well=B03", "site=2")),
)


@pytest.mark.parametrize("case", WRONG_READS, ids=lambda case: str(case.given))
def test_an_unknown_or_ambiguous_plane_is_an_error(tmp_path: Path, case: WrongRead) -> None:
    write_images(tmp_path, ["B02_s1_t1.tif", "B02_s2_t1.tif", "B03_s1_t1.tif"])
    dataset = open_dataset(tmp_path)
    for ask in (dataset.read, dataset.find):
        with pytest.raises(case.error) as caught:
            ask(**case.given)
        assert all(text in str(caught.value) for text in case.parts), str(caught.value)


def test_two_files_for_one_plane_are_a_problem_that_names_both(tmp_path: Path) -> None:
    written = write_images(tmp_path, ["a/B02_s1.tif", "b/B02_s1.tif", "c/B02_s01.tif", "b/B02_s2.tif"])
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 2
    np.testing.assert_array_equal(dataset.read(site="1"), written["a/B02_s1.tif"])
    problems = reasons(dataset)
    assert set(problems) == {"b/B02_s1.tif", "c/B02_s01.tif"}
    for reason in problems.values():
        assert "a/B02_s1.tif" in reason
        assert "well=B02, site=1" in reason
        assert "pattern" in reason


def test_hidden_files_are_skipped(tmp_path: Path) -> None:
    write_images(tmp_path, ["B02_s1.tif", "._B02_s1.tif", ".thumbs/B02_s2.tif"])
    dataset = open_dataset(tmp_path)
    assert (len(dataset), dataset.problems) == (1, ())


def test_a_link_to_a_file_outside_the_folder_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    write_images(inside, ["B02_s1.tif"])
    write_images(outside, ["B02_s2.tif"])
    (inside / "B02_s2.tif").symlink_to(outside / "B02_s2.tif")
    dataset = open_dataset(inside)
    assert dataset.components["site"] == ("1",)
    assert "leads out of the folder" in reasons(dataset)["B02_s2.tif"]


def test_a_link_to_a_file_inside_the_folder_is_an_image_like_others(tmp_path: Path) -> None:
    written = write_images(tmp_path, ["B02_s1.tif"])
    (tmp_path / "B02_s2.tif").symlink_to(tmp_path / "B02_s1.tif")
    np.testing.assert_array_equal(open_dataset(tmp_path).read(site="2"), written["B02_s1.tif"])


@pytest.mark.parametrize("target", [".", "..", "b"])
def test_a_link_to_a_folder_is_not_followed(tmp_path: Path, target: str) -> None:
    write_images(tmp_path / "plate", ["a/B02_s1.tif", "b/B02_s2.tif"])
    (tmp_path / "plate" / "a" / "loop").symlink_to(tmp_path / "plate" / target, target_is_directory=True)
    dataset = open_dataset(tmp_path / "plate")
    assert len(dataset) == 2
    assert "not followed" in reasons(dataset)["a/loop"]


def test_a_folder_can_be_opened_through_a_link(tmp_path: Path) -> None:
    written = write_images(tmp_path / "real", ["B02_s1.tif"])
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    dataset = open_dataset(tmp_path / "link")
    np.testing.assert_array_equal(dataset.read(), written["B02_s1.tif"])
    assert dataset.problems == ()


def test_a_file_can_be_opened_through_a_link(tmp_path: Path) -> None:
    written = write_images(tmp_path / "real", ["cells.tif"])
    (tmp_path / "link.tif").symlink_to(tmp_path / "real" / "cells.tif")
    np.testing.assert_array_equal(open_dataset(tmp_path / "link.tif").read(), written["cells.tif"])


@dataclass(frozen=True)
class Refused:
    """Files of a folder that cannot be opened, and parts of the error message."""

    what: str
    files: tuple[str, ...]
    parts: tuple[str, ...]
    pattern: str | None = None
    source: str = ""
    error: type[Exception] = ValueError

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


REFUSED = (
    Refused(
        "nothing there",
        (),
        ("nowhere", "does not exist", "Check the path"),
        None,
        "nowhere",
        FileNotFoundError,
    ),
    Refused("an empty folder", (), ("no files", "Choose the folder of a plate")),
    Refused("a folder with no image", ("notes.txt", "x.csv"), ("2 files but no image", ".tif", "Choose")),
    Refused(
        "a pattern that matches nothing",
        ("left.tif", "right.tif"),
        ("'{well}_s{site}.tif'", "matches none of the 2 images", "'left.tif'", "'right.tif'", "braces"),
        "{well}_s{site}.tif",
    ),
    Refused(
        "a pattern without component", ("B02.tif",), ("'*.tif'", "no component", "braces", "{well}"), "*.tif"
    ),
    Refused(
        "a pattern that has a component twice", ("B02.tif",), ("{well} twice", "{_}"), "{well}_{well}.tif"
    ),
    Refused(
        "a pattern with a broken regular expression",
        ("B02.tif",),
        ("'{well:(}.tif'", "cannot be used"),
        "{well:(}.tif",
    ),
    Refused(
        "a pattern with a brace that is not closed",
        ("B02_s1.tif",),
        ("'{well_s{site}.tif'",),
        "{well_s{site}.tif",
    ),
)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_bad_input_is_an_error_with_advice(tmp_path: Path, case: Refused) -> None:
    written = [name for name in case.files if name.endswith(".tif")]
    write_images(tmp_path, written)
    for name in set(case.files) - set(written):
        (tmp_path / name).write_text("nothing to see")
    with pytest.raises(case.error) as caught:
        open_dataset(tmp_path / case.source, case.pattern)
    message = str(caught.value)
    assert str(tmp_path) in message or case.pattern is not None
    assert all(text in message for text in case.parts), message


@pytest.mark.parametrize("length", [0, 4, 20])
def test_a_first_image_cut_short_is_a_problem_and_the_others_open(tmp_path: Path, length: int) -> None:
    written = write_images(tmp_path, ["B02_s1.tif", "B02_s2.tif", "B02_s3.tif"])
    first = tmp_path / "B02_s1.tif"
    first.write_bytes(first.read_bytes()[:length])
    dataset = open_dataset(tmp_path)
    assert dataset.components["site"] == ("1", "2", "3")
    assert str(first) in reasons(dataset)["B02_s1.tif"]
    assert "Export it again" in reasons(dataset)["B02_s1.tif"]
    np.testing.assert_array_equal(dataset.read(site="3"), written["B02_s3.tif"])
    with pytest.raises(PlaneError, match=r"B02_s1\.tif cannot be read.*export it again"):
        dataset.read(site="1")


def test_pixels_cut_short_are_an_error_and_not_zeros(tmp_path: Path) -> None:
    write_images(tmp_path, ["B02_s1.tif"])
    path = tmp_path / "B02_s1.tif"
    path.write_bytes(path.read_bytes()[:-10])
    dataset = open_dataset(tmp_path)
    with pytest.raises(PlaneError, match=r"B02_s1\.tif cannot be read.*export it again"):
        dataset.read()


def test_reading_a_deleted_file_is_an_error(tmp_path: Path) -> None:
    write_images(tmp_path, ["B02_s1.tif"])
    dataset = open_dataset(tmp_path)
    (tmp_path / "B02_s1.tif").unlink()
    with pytest.raises(PlaneError, match=r"B02_s1\.tif no longer exists.*open the folder again"):
        dataset.read()


def test_a_folder_of_broken_images_only_is_an_error_that_names_one(tmp_path: Path) -> None:
    for site in range(1, 8):
        (tmp_path / f"B02_s{site}.tif").write_bytes(b"II*\0")
    with pytest.raises(PlaneError, match=r"B02_s\d\.tif is not an image.*Export it again"):
        open_dataset(tmp_path)


def test_a_later_file_with_fewer_pages_is_an_error_when_read(tmp_path: Path) -> None:
    for site, pages in ((1, 3), (2, 2)):
        tifffile.imwrite(
            tmp_path / f"B02_s{site}.tif",
            np.full((pages, 5, 6), site, np.uint16),
            imagej=True,
            metadata={"axes": "TYX"},
        )
    dataset = open_dataset(tmp_path)
    assert dataset.read(site="2", timepoint="2").max() == 2
    with pytest.raises(PlaneError, match=r"B02_s2\.tif cannot be read"):
        dataset.read(site="2", timepoint="3")


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("planar", [False, True])
def test_a_colour_image_is_an_error_with_advice(tmp_path: Path, suffix: str, planar: bool) -> None:
    path = tmp_path / f"photo{suffix}"
    colour = np.zeros((5, 6, 3), np.uint8)
    if suffix == ".png":
        iio.imwrite(path, colour)
    elif planar:
        tifffile.imwrite(path, np.moveaxis(colour, -1, 0), photometric="rgb", planarconfig="separate")
    else:
        tifffile.imwrite(path, colour, photometric="rgb")
    for source in (tmp_path, path):
        with pytest.raises(PlaneError, match=rf"photo\{suffix}.*Colour images.*each colour as a file"):
            open_dataset(source)


def test_opening_a_file_that_is_not_an_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(PlaneError, match=r"notes\.txt is not an image"):
        open_dataset(tmp_path / "notes.txt")


def test_opening_reads_one_header_only(plate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    read_header = opening.read_header

    def count(path: Path) -> Any:
        read.append(path)
        return read_header(path)

    monkeypatch.setattr(opening, "read_header", count)
    dataset = open_dataset(plate)
    assert len(dataset) == 24
    assert len(read) == 1


def test_opening_reads_no_pixels(plate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("pixels were read")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", refuse)
    dataset = open_dataset(plate)
    assert (dataset.shape, dataset.dtype) == ((48, 48), np.uint16)
    assert (dataset.pixel_size, dataset.unit) == ((0.65, 0.65), "micrometer")
    assert len(dataset.planes) == 24


def test_changes_in_a_folder_are_seen_on_reopening_only(tmp_path: Path) -> None:
    write_images(tmp_path, ["B02_s1.tif"])
    dataset = open_dataset(tmp_path)
    write_images(tmp_path, ["B02_s2.tif"])
    assert dataset.components["site"] == ("1",)
    assert dataset.reopen is not None
    assert dataset.reopen().components["site"] == ("1", "2")


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def write_bombs(folder: Path, trace: Path) -> Sequence[Path]:
    array = np.empty((2, 3, 4), dtype=object)
    array[...] = Bomb(trace)
    np.save(folder / "bomb.npy", array, allow_pickle=True)
    (folder / "bomb.tif").write_bytes(pickle.dumps(Bomb(trace)))
    (folder / "shot.png").write_bytes((folder / "bomb.npy").read_bytes())
    (folder / "bomb.pkl").write_bytes(pickle.dumps(Bomb(trace)))
    return [folder / name for name in ("bomb.npy", "bomb.tif", "shot.png", "bomb.pkl")]


def test_opening_and_reading_unpickle_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "unpickled"
    folder = tmp_path / "data"
    write_images(folder, ["a.tif"])
    bombs = write_bombs(folder, trace)
    assert len(open_dataset(folder)) == 3
    for bomb in bombs:
        with pytest.raises(PlaneError, match=bomb.name):
            open_dataset(bomb)
        with pytest.raises(PlaneError, match=bomb.name):
            read_plane(str(bomb), 0)
    assert not trace.exists()
    pickle.loads(bombs[-1].read_bytes())
    assert trace.exists(), "the bomb works"


ENTITIES = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "description",
    [
        f'<?xml version="1.0"?>{ENTITIES}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        "<Image><Pixels/></Image>&b;</OME>",
        f"<MetaData>{ENTITIES}<prop id='&b;'/></MetaData>",
    ],
    ids=["ome", "metaseries"],
)
def test_xml_entities_are_refused(tmp_path: Path, description: str) -> None:
    path = tmp_path / "x.ome.tif"
    tifffile.imwrite(path, np.zeros((5, 6), np.uint16), description=description, metadata=None)
    with pytest.raises(PlaneError, match=r"x\.ome\.tif"):
        open_dataset(path)


def test_a_file_that_an_ome_tiff_refers_to_is_not_opened(tmp_path: Path) -> None:
    write_images(tmp_path, ["secret.tif"])
    folder = tmp_path / "plate"
    folder.mkdir()
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels DimensionOrder="XYCZT" ID="Pixels:0" Type="uint16"'
        ' SizeX="6" SizeY="5" SizeC="1" SizeZ="1" SizeT="2"><TiffData FirstT="0" IFD="0"/>'
        '<TiffData FirstT="1" IFD="0"><UUID FileName="../secret.tif">urn:uuid:1</UUID>'
        "</TiffData></Pixels></Image></OME>"
    )
    tifffile.imwrite(folder / "x.ome.tif", np.zeros((5, 6), np.uint16), description=xml, metadata=None)
    dataset = open_dataset(folder)
    assert len(dataset) == 1
    assert dataset.read().max() == 0


token_names = st.from_regex(r"[A-H](0[1-9]|1[0-2])_s[1-9]_w[12]_t[0-9]{1,2}", fullmatch=True)


@given(names=st.lists(token_names, min_size=1, max_size=6, unique=True))
def test_every_image_is_a_plane_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("plate")
    written = write_images(folder, [f"{name}.tif" for name in names])
    dataset = open_dataset(folder)
    assert len(dataset) + len(dataset.problems) == len(written)
    assert set(dataset.planes["path"]) | set(reasons(dataset)) == set(written)
    for row, path in enumerate(dataset.planes["path"]):
        np.testing.assert_array_equal(dataset.index.read(row), written[path])


def test_a_file_with_another_page_order_is_an_error(tmp_path: Path) -> None:
    stack = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
    for name, axes in (("A01", "TCYX"), ("A02", "CTYX"), ("A03", "TCYX")):
        tifffile.imwrite(
            tmp_path / f"{name}_s1.tif", stack, photometric="minisblack", metadata={"axes": axes}
        )
    tifffile.imwrite(tmp_path / "A04_s1.tif", stack[:1], photometric="minisblack", metadata={"axes": "TCYX"})
    dataset = open_dataset(tmp_path)
    for well in ("A01", "A03"):
        np.testing.assert_array_equal(dataset.read(well=well, timepoint="2", channel="3"), stack[1, 2])
    with pytest.raises(PlaneError, match=r"A02_s1\.tif.*C 2 × T 3.*T 2 × C 3"):
        dataset.read(well="A02", timepoint="2", channel="3")
    np.testing.assert_array_equal(dataset.read(well="A04", timepoint="1", channel="3"), stack[0, 2])
