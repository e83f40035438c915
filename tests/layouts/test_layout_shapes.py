"""How instruments name files and folders: every shape that is known of ImageXpress, and of the others."""

from __future__ import annotations

import re
import time
import tracemalloc
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_axiswise import open_dataset
from napari_axiswise.layouts.filenames import BUILT_IN, KnownPattern
from napari_axiswise.layouts.folder import Folder, Walk
from napari_axiswise.layouts.vendors.imagexpress import ImageXpress

GUID = "1A2B3C4D-0A1B-2C3D-4E5F-0123456789AB"
DIGITS = "12345678-0A1B-2C3D-4E5F-0123456789AB"
HTD = '"HTSInfoFile", Version 1.0\r\n"WaveName1", "{}"\r\n"WaveName2", "{}"\r\n"Note", "\x82\x81"\r\n'


@dataclass(frozen=True)
class Shape:
    """Images, with the component values that each has to have."""

    what: str
    images: dict[str, dict[str, str]]
    layout: str = "imagexpress"
    skipped: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    channel_names: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


def planes(*names: str, **values: str) -> dict[str, str]:
    """Return values for the components that are named in a word: ``planes("B02", z_index="1")``."""
    return dict(zip(("well", "site", "channel"), names, strict=False)) | values


IMAGEXPRESS = (
    Shape(
        "projections beside the z steps",
        {
            "TimePoint_1/x_B02_s1_w1.TIF": planes("B02", "1", "1", timepoint="1", z_index="projection"),
            "TimePoint_1/ZStep_1/x_B02_s1_w1.TIF": planes("B02", "1", "1", timepoint="1", z_index="1"),
            "TimePoint_1/ZStep_10/x_B02_s1_w1.TIF": planes("B02", "1", "1", timepoint="1", z_index="10"),
        },
    ),
    Shape(
        "projections of one timepoint only",
        {
            "TimePoint_1/x_B02_w1.TIF": planes("B02", channel="1", timepoint="1", z_index="projection"),
            "TimePoint_1/ZStep_1/x_B02_w1.TIF": planes("B02", channel="1", timepoint="1", z_index="1"),
            "TimePoint_2/x_B02_w1.TIF": planes("B02", channel="1", timepoint="2", z_index="1"),
        },
    ),
    Shape(
        "projections beside z steps without timepoint",
        {
            "x_B02_w1.tif": planes("B02", channel="1", z_index="projection"),
            "ZStep_0/x_B02_w1.tif": planes("B02", channel="1", z_index="0"),
        },
    ),
    Shape(
        "different channels in each z step",
        {
            "TimePoint_1/ZStep_1/x_B02_s1_w1.tif": planes("B02", "1", "1", timepoint="1", z_index="1"),
            "TimePoint_1/ZStep_1/x_B02_s1_w2.tif": planes("B02", "1", "2", timepoint="1", z_index="1"),
            "TimePoint_1/ZStep_2/x_B02_s1_w2.tif": planes("B02", "1", "2", timepoint="1", z_index="2"),
            "TimePoint_1/ZStep_3/x_B02_s1_w3.tif": planes("B02", "1", "3", timepoint="1", z_index="3"),
        },
    ),
    Shape(
        "no wave token in stacks",
        {
            f"TimePoint_{t}/ZStep_{z}/x_C11_s{s}.tif": planes("C11", s, timepoint=t, z_index=z)
            for t, z, s in product("12", "12", "12")
        },
    ),
    Shape(
        "guids of letters and of digits after the wave",
        {
            f"TimePoint_1/x_B02_s1_w1{GUID}.tif": planes("B02", "1", "1", timepoint="1"),
            f"TimePoint_1/x_B02_s1_w12{DIGITS}.tif": planes("B02", "1", "12", timepoint="1"),
            f"TimePoint_1/x_B03_s1_w1_{GUID.lower()}.tif": planes("B03", "1", "1", timepoint="1"),
        },
    ),
    Shape(
        "a guid without site and wave",
        {f"TimePoint_1/x_B02{GUID}.tif": planes("B02", timepoint="1")},
    ),
    Shape(
        "thumbnails among the images",
        {"TimePoint_1/x_B02_s1_w1.tif": planes("B02", "1", "1", timepoint="1")},
        skipped={
            "TimePoint_1/x_B02_s1_w1_thumb.tif": "thumbnail",
            f"TimePoint_1/x_B02_s1_w1_thumb{GUID}.TIF": "thumbnail",
            "TimePoint_1/x_B02_thumb.tif": "thumbnail",
        },
    ),
    Shape(
        "folders of date and id and sheets in several of them",
        {
            f"2023-02-21/1334/TimePoint_{t}/ZStep_{z}/9987_B02_s1_w1.tif": planes(
                "B02", "1", "1", timepoint=t, z_index=z
            )
            for t, z in product("12", "12")
        },
        others={
            "plate.HTD": HTD.format("DAPI", "FITC"),
            "2023-02-21/1334/plate.HTD": HTD.format("DAPI", "FITC"),
            "2023-02-21/1334/TimePoint_1/plate.htd": HTD.format("DAPI", "FITC"),
        },
        channel_names={"1": "DAPI", "2": "FITC"},
    ),
    Shape(
        "a sheet that says nothing before one that does",
        {"p/x_B02_s1_w1.tif": planes("B02", "1", "1")},
        others={"a.HTD": "nothing", "p/b.HTD": HTD.format("Grün", "")},
        channel_names={"1": "Grün"},
    ),
    Shape(
        "two plates of which one has z steps and a projection",
        {
            "d/1/TimePoint_1/x_B02.tif": planes("B02", plate="d/1", timepoint="1", z_index="projection"),
            "d/1/TimePoint_1/ZStep_2/x_B02.tif": planes("B02", plate="d/1", timepoint="1", z_index="2"),
            "d/2/TimePoint_1/x_B02.tif": planes("B02", plate="d/2", timepoint="1", z_index="1"),
        },
    ),
    Shape(
        "z in the names and a projection beside them",
        {
            "TimePoint_1/A01_s1_w1_z1.tif": planes("A01", "1", "1", timepoint="1", z_index="1"),
            "TimePoint_1/A01_s1_w1_z2.tif": planes("A01", "1", "1", timepoint="1", z_index="2"),
            "TimePoint_1/A01_s1_w1.tif": planes("A01", "1", "1", timepoint="1", z_index="projection"),
        },
    ),
    Shape(
        "a prefix that looks like a well",
        {"TimePoint_1/B03_x_E09_B02_s1_w1.tif": planes("B02", "1", "1", timepoint="1")},
    ),
)

BY_NAME = {
    "InCell": {
        "A - 01(fld 1 wv DAPI - DAPI z 1 time 1).tif": planes("A01", "1", "DAPI", z_index="1", timepoint="1"),
        "B - 2(fld 03 wv Cy3 - Cy3 z 2 time 3).tif": planes("B02", "3", "Cy3", z_index="2", timepoint="3"),
    },
    "InCell with a plate and filters that differ": {
        "Plate1_HA41_B - 01(fld 01 wv 390 - Blue).tif": planes("B01", "1", "390 - Blue"),
        "Plate1_HA41_F - 001(fld 12 wv TL-Brightfield - DAPI).tif": planes(
            "F01", "12", "TL-Brightfield - DAPI"
        ),
    },
    "InCell with time in milliseconds": {
        "B - 02(fld 01 wv Blue - FITC - time 01 - 0 ms).tif": planes(
            "B02", "1", "Blue - FITC", timepoint="1"
        ),
        "B - 02(fld 01 wv Blue - FITC - time 02 - 900 ms).tif": planes(
            "B02", "1", "Blue - FITC", timepoint="2"
        ),
    },
    "InCell without field and with wix": {
        "x.PE_CORR_B - 2(wv Cy3 - Cy3 wix 1).tif": planes("B02", channel="Cy3"),
        "x.PE_CORR_B - 3(wv FITC - FITC).tif": planes("B03", channel="FITC"),
    },
    "ScanR": {
        "--W00001--P00001--Z00000--T00000--nucleus-dapi.tif": planes(
            "A01", "1", "nucleus-dapi", z_index="0", timepoint="0"
        ),
        "--W00013--P00002--Z00001--T00010--GFP.tif": planes("B01", "2", "GFP", z_index="1", timepoint="10"),
    },
    "ScanR without prefix": {
        "W00001--P00001--Z00000--T00000--DAPI.tif": planes("A01", "1", "DAPI", z_index="0", timepoint="0"),
        "W00002--P00001--Z00000--T00000--DAPI.tif": planes("A02", "1", "DAPI", z_index="0", timepoint="0"),
    },
    "ScanR with wells of a plate of 384": {
        "B2--W00026--P00001--Z00000--T00000--dapi.tif": planes(
            "B02", "1", "dapi", z_index="0", timepoint="0"
        ),
        "A2--W00002--P00001--Z00000--T00000--bf.tif": planes("A02", "1", "bf", z_index="0", timepoint="0"),
    },
    "Micro-Manager 2": {
        "Default/img_channel000_position001_time000000000_z000.tif": planes(
            site="1", channel="0", z_index="0", timepoint="0"
        ),
        "Default/img_channel001_position010_time000000012_z003.tif": planes(
            site="10", channel="1", z_index="3", timepoint="12"
        ),
    },
    "Micro-Manager 2 with channels by name and wells": {
        "A1-Site_0/img_channelGFP_x_position000_time000000000_z000.tif": planes(
            "A01", "0", "GFP_x", z_index="0", timepoint="0"
        ),
        "B2-Site_0/img_channelDAPI_position001_time000000000_z000.tif": planes(
            "B02", "1", "DAPI", z_index="0", timepoint="0"
        ),
    },
    "Micro-Manager 1.4": {
        "Pos0/img_000000000_DAPI_000.tif": planes(site="0", channel="DAPI", z_index="0", timepoint="0"),
        "Pos1/img_000000010_561 nm_012.tif": planes(site="1", channel="561 nm", z_index="12", timepoint="10"),
    },
    "Micro-Manager 1.4 on a grid": {
        "run/1-Pos_000_001/img_000000000_a_b_000.tif": planes(
            site="1-Pos_000_001", channel="a_b", z_index="0", timepoint="0"
        ),
        "run/2-Pos_000_000/img_000000000_a_b_000.tif": planes(
            site="2-Pos_000_000", channel="a_b", z_index="0", timepoint="0"
        ),
    },
    "Micro-Manager 1.4 on a plate": {
        "A1-Site_0/img_000000000_DAPI_000.tif": planes("A01", "0", "DAPI", z_index="0", timepoint="0"),
        "H12-Site_3/img_000000000_DAPI_000.tif": planes("H12", "3", "DAPI", z_index="0", timepoint="0"),
    },
    "Micro-Manager 1.4 of one position": {
        "img_000000000_DAPI_000.tif": planes(channel="DAPI", z_index="0", timepoint="0"),
        "img_000000001_DAPI_000.tif": planes(channel="DAPI", z_index="0", timepoint="1"),
    },
    "Leica matrix": {
        f"chamber/image--L00--S00--U{u:02d}--V02--J15--E00--O00--X00--Y01--T0000--Z00--C01.ome.tif": planes(
            f"C{u + 1:02d}", "X00--Y01", "1", z_index="0", timepoint="0"
        )
        for u in (0, 11)
    },
    "Leica matrix of short names": {
        "image--U01--V00--E02--X03--Y00--Z05--C00.ome.tif": planes("A02", "X03--Y00", "0", z_index="5"),
        "image--U01--V01--E02--X03--Y00--Z05--C00.ome.tif": planes("B02", "X03--Y00", "0", z_index="5"),
    },
    "Leica export": {
        "Experiment_Position001_t00_z00_ch00.tif": planes(
            site="1", channel="0", z_index="0", timepoint="0", image="Experiment"
        ),
        "Experiment_Position012_t10_z03_ch01.tif": planes(
            site="12", channel="1", z_index="3", timepoint="10", image="Experiment"
        ),
    },
    "Leica export of series": {
        "Series001_t0_z00_ch01.tif": planes(site="1", channel="1", z_index="0", timepoint="0"),
        "Series002_t0_z00_ch01.tif": planes(site="2", channel="1", z_index="0", timepoint="0"),
    },
    "Leica export by name": {
        "18h dTAG13_Merged_z00_ch00.tif": planes(image="18h dTAG13_Merged", channel="0", z_index="0"),
        "3h dTAG13_Merged_z01_ch00.tif": planes(image="3h dTAG13_Merged", channel="0", z_index="1"),
    },
    "Cytation": {
        "A1_02_1_1_DAPI_001.tif": planes("A01", "1", "DAPI", read="2", timepoint="1"),
        "A1_02_2_1_GFP_001.tif": planes("A01", "1", "GFP", read="2", timepoint="1"),
        "B10_-1_2_4_GFP_003.tif": planes("B10", "4", "GFP", read="-1", timepoint="3"),
    },
    "Cytation with z": {
        "E5_01_4_1Z0_Confocal CY5_001.tif": planes(
            "E05", "1", "Confocal CY5", z_index="0", read="1", timepoint="1"
        ),
        "E5_01_4_1Z1_Stitched[Channel_1 300,400]_001.tif": planes(
            "E05", "1", "Stitched[Channel_1 300,400]", z_index="1", read="1", timepoint="1"
        ),
    },
    "Cellomics": {
        "plate_O01f00d2.TIF": planes("O01", "0", "2"),
        "AS_09047_050428030001_O14f01d2.TIF": planes("O14", "1", "2"),
    },
    "OME-TIFFs that are named like others": {
        "x_B02_s1_w1.ome.tif": planes("B02", "1", "1"),
        "x_B02_s2_w1.ome.tif": planes("B02", "2", "1"),
    },
}

NAMED = tuple(Shape(what, images, "filenames") for what, images in BY_NAME.items())


@pytest.mark.parametrize("shape", [*IMAGEXPRESS, *NAMED], ids=str)
def test_every_shape_gives_its_planes(tmp_path: Path, shape: Shape) -> None:
    for number, name in enumerate((*shape.images, *shape.skipped)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(tmp_path / name, np.full((4, 5), number, np.uint16), metadata=None, ome=False)
    for name, text in shape.others.items():
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    dataset = open_dataset(tmp_path)
    assert dataset.layout == shape.layout
    found = dataset.planes.astype(str).drop(columns="page").set_index("path").to_dict("index")
    assert found == shape.images
    assert {problem.path for problem in dataset.problems} == set(shape.skipped)
    assert all(shape.skipped[problem.path] in problem.reason for problem in dataset.problems)
    assert dataset.channel_names == shape.channel_names
    for number, values in enumerate(shape.images.values()):
        assert dataset.read(**values).max() == number


def walked(*images: str) -> Folder:
    return Folder(Path("nowhere"), Walk(images=images))


def test_a_file_called_like_a_folder_of_imagexpress_is_no_sign_of_it() -> None:
    assert ImageXpress().find(walked("x/TimePoint_1.tif", "x/ZStep_1_B02_s1.tif")) is None


HOSTILE = ("a", "0", "_", "-", " ", "/", "\n", "é", "A1_", "A01_s1_", "_w1", "--W1", "W1F1T1", "Channel1-",
           "(fld 1 wv ", " - ", "A - 1(fld 1 wv a", " z 1", " time 1", "img_", "img_channel", "Pos1", "_ch1",
           "--U0--V0", "--J1", "A1_1_1_1_", "Z1", "12345678-")  # fmt: skip


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_name_takes_long_to_be_refused(name: str) -> None:
    pattern = re.compile(BUILT_IN[name], re.IGNORECASE)
    starts = ("", "A - 1(fld 1 wv ", "img_000000000_", "img_channel", "A1_1_1_1_", "image--", "x_A01_w")
    for start, part, end in product(starts, HOSTILE, ("", "!")):
        text = (start + part * 250)[: 250 - len(end)] + end
        since = time.process_time()
        pattern.fullmatch(text)
        assert time.process_time() - since < 0.05, text


def test_no_name_takes_imagexpress_long() -> None:
    for part in HOSTILE:
        folder = walked(f"TimePoint_1/{(part * 250)[:240]}.tif", "TimePoint_1/x_B02_s1_w1.tif")
        since = time.process_time()
        ImageXpress().find(folder)
        assert time.process_time() - since < 0.05, part


@pytest.mark.parametrize(
    "layout",
    [ImageXpress(), pytest.param(KnownPattern(), marks=pytest.mark.slow)],
    ids=lambda layout: layout.name,
)
def test_many_names_take_little_memory_and_time(layout: ImageXpress | KnownPattern) -> None:
    folder = walked(
        *(
            f"plate/TimePoint_{t}/x_{row}{column:02d}_s{site}_w{wave}{GUID}.tif"
            for t, row, column, site, wave in product(range(5), "ABCDEFGH", range(1, 13), range(25), range(4))
        )
    )
    tracemalloc.start()
    try:
        found = layout.find(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert len(found.files) == 48_000
    assert peak < 48_000 * 300
