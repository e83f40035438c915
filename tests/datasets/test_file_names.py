"""File names of the layouts and of patterns: components, their values, skipped files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import reasons, write_images

from napari_axiswise import open_dataset
from napari_axiswise.core.components import normalize_value
from napari_axiswise.core.wells import numbered_wells, row_name

GUID = "1A2B3C4D-0A1B-2C3D-4E5F-0123456789AB"

HTD = (
    '"HTSInfoFile", Version 1.0\r\n"TimePoints", 6\r\n"NWavelengths", 4\r\n'
    '"WaveName1", "{}"\r\n"WaveName2", "{}"\r\n'
)


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
        "parts to ignore",
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
