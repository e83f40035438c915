"""Plates and times that only a folder or a prefix tells apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_files import reasons, write_images

import napari_axiswise as aw

WELLS = ("B02", "C03")
NAMES = {
    "tokens": "{}_s1_w1.tif",
    "yokogawa": "x_{}_T0001F001L01A01Z01C01.tif",
    "cellomics": "x_{}f00d0.tif",
    "incell": "{0[0]} - {0[1]}{0[2]}(fld 1 wv DAPI - DAPI).tif",
    "harmony": "r01c{0[2]}f01p01-ch1sk1fk1fl1.tiff",
    "wells only": "x_{}.tif",
    "scanr": "{}--W00026--P00001--Z00000--T00000--dapi.tif",
    "cytation": "{}_-1_1_1_GFP_001.tif",
}  # fmt: skip
HEADS = {
    "folders": (("one/", "two/"), "plate", ("one", "two")),
    "folders in folders": (("2024/p1/Images/", "2024/p2/Images/"), "plate", ("p1", "p2")),
    "folders of dates": (("2024-01-01/", "2024-01-02/"), "timepoint", ("2024-01-01", "2024-01-02")),
    "folders of hours": (("T6h/", "T24h/"), "timepoint", ("6", "24")),
    "folders of days": (("day 1/", "day 10/"), "timepoint", ("1", "10")),
}
TIMED = ("yokogawa", "harmony", "scanr", "cytation")
"""Names that have a timepoint of their own."""


def write_all(folder: Path, names: list[str]) -> aw.Dataset:
    written = write_images(folder, names)
    dataset = aw.open_dataset(folder)
    assert not reasons(dataset)
    assert len(dataset) == len(written)
    for row, path in enumerate(dataset.planes["path"]):
        assert (dataset.index.read(row) == written[path]).all()
    return dataset


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", NAMES)
def test_folders_are_plates_or_times(tmp_path: Path, name: str, head: str) -> None:
    folders, component, values = HEADS[head]
    dataset = write_all(tmp_path, [folder + NAMES[name].format(well) for folder in folders for well in WELLS])
    if component == "timepoint" and name in TIMED:
        component, values = "plate", tuple(folder.strip("/") for folder in folders)
    assert dataset.components[component] == values
    assert len(dataset.components["well"]) == 2


@pytest.mark.parametrize("text", ["{}_s1_w1.tif", "{}_T0001F001L01A01Z01C01.tif", "{}f00d0.tif"])
def test_prefixes_are_plates(tmp_path: Path, text: str) -> None:
    names = [f"{plate}_{text.format(well)}" for plate in ("exp_1", "exp_2") for well in WELLS]
    assert write_all(tmp_path, names).components["plate"] == ("exp_1", "exp_2")


def test_a_date_in_the_prefix_is_a_time(tmp_path: Path) -> None:
    names = [f"exp_{date}_{well}_s1.tif" for date in ("2024-01-31", "2024-02-01") for well in WELLS]
    dataset = write_all(tmp_path, names)
    assert dataset.components["timepoint"] == ("2024-01-31", "2024-02-01")
    assert "plate" not in dataset.components


@pytest.mark.parametrize(
    ("heads", "component", "values"),
    [
        (("one/", "two/"), "plate", ("one", "two")),
        (("2024/p1/Images/", "2024/p2/Images/"), "plate", ("1", "2")),
        (("2024-01-01/", "2024-01-02/"), "plate", ("2024-01-01", "2024-01-02")),
        (("day 1/", "day 10/"), "timepoint", ("1", "10")),
        (("exp_1_", "exp_2_"), "plate", ("1", "2")),
        (("20240101_", "20240102_"), "plate", ("20240101", "20240102")),
    ],
)
def test_plates_of_names_that_nobody_listed(
    tmp_path: Path, heads: tuple[str, ...], component: str, values: tuple[str, ...]
) -> None:
    dataset = write_all(tmp_path, [f"{head}{well}_t1_s1.tif" for head in heads for well in WELLS])
    assert dataset.pattern is not None
    assert dataset.components[component] == values
    assert dataset.components["well"] == WELLS


def test_a_folder_for_each_image(tmp_path: Path) -> None:
    dataset = write_all(tmp_path, [f"TP{t:02}/Images/x_B02f00d0.tif" for t in range(1, 11)])
    assert dataset.components["timepoint"] == tuple(map(str, range(1, 11)))


def test_a_time_and_a_plate(tmp_path: Path) -> None:
    names = [f"day{d}/p{p}_{well}_s1.tif" for d in (1, 2) for p in (1, 2) for well in WELLS]
    components = write_all(tmp_path, names).components
    assert (components["timepoint"], components["plate"]) == (("1", "2"), ("p1", "p2"))


def test_plates_of_imagexpress_in_one_folder(tmp_path: Path) -> None:
    names = [f"TimePoint_{t}/{p}_{well}_s1_w1.TIF" for t in (1, 2) for p in ("a", "b") for well in WELLS]
    dataset = write_all(tmp_path, names)
    assert dataset.layout == "imagexpress"
    assert dataset.components["plate"] == ("a", "b")
    assert dataset.components["timepoint"] == ("1", "2")


def test_a_pattern_that_leaves_the_plate_out(tmp_path: Path) -> None:
    write_images(tmp_path, [f"{plate}/{well}.tif" for plate in ("one", "two") for well in WELLS])
    dataset = aw.open_dataset(tmp_path, "{well}.tif")
    assert dataset.components["plate"] == ("one", "two")
    assert len(dataset) == 4


def test_wells_in_folders_of_their_own_are_no_plates(tmp_path: Path) -> None:
    assert "plate" not in write_all(tmp_path, [f"{well}/{well}_s1_w1.tif" for well in WELLS]).components


def test_two_files_of_one_head_are_one_plane(tmp_path: Path) -> None:
    write_images(
        tmp_path, ["p1/x_B02_s1_w1.tif", "p1/x_B02_s1_w1.tiff", "p2/x_B02_s1_w1.tif", "p2/x_B03_s1_w1.tif"]
    )
    dataset = aw.open_dataset(tmp_path)
    assert dataset.components["plate"] == ("p1", "p2")
    assert "a second file" in reasons(dataset)["p1/x_B02_s1_w1.tiff"]
