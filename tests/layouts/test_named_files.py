"""Files of a folder by the names in an index file."""

from __future__ import annotations

from pathlib import Path

import pytest
from index_files import LAYOUTS, MLF, MRF, harmony, harmony_image, reasons, record, rows, write, yokogawa

from napari_axiswise.layouts.layout import Layout
from napari_axiswise.layouts.named_files import NamedFiles
from napari_axiswise.layouts.vendors.operetta import Operetta
from napari_axiswise.layouts.vendors.yokogawa import Yokogawa


@pytest.mark.parametrize(
    ("files", "above", "name", "found"),
    [
        # MannLabs/scPortrait#179, ome/bioformats#3278
        (["i/A.TIFF"], "i/", "a.tiff", ["i/A.TIFF"]),
        (["i/a.tif"], "i/", "a.tiff", ["i/a.tif"]),
        (["i/a.TIFF"], "i/", "a.tif", ["i/a.TIFF"]),
        (["i/a.png"], "i/", "a.tif", ["i/a.png"]),
        (["i/a.tif"], "i/", "a.png", []),
        (["a.tif", "A.TIF"], "", "A.TIF", ["A.TIF"]),
        (["a.tif", "a.tiff"], "", "A.TIFF", ["a.tiff"]),
        (["a.tif", "A.tif"], "", "A.TIF", ["a.tif", "A.tif"]),
        # ome/bioformats#4314
        (["i/a.tif"], "i/", "D:\\Export\\plate 7\\i\\a.tif", ["i/a.tif"]),
        (["i/a.tif"], "i/", "\\\\server\\share\\a.tif", ["i/a.tif"]),
        (["i/a.tif"], "i/", "D:a.tif", ["i/a.tif"]),
        (["p1/a.tif", "p2/a.tif"], "", "D:\\x\\p2\\a.tif", ["p2/a.tif"]),
        (["p1/a.tif", "p2/a.tif"], "", "D:\\x\\p3\\a.tif", ["p1/a.tif", "p2/a.tif"]),
        (["p1/b.tif", "p2/a.tif"], "", "D:\\x\\p1\\a.tif", []),
        # An index one level above the images, and one in a folder beside them.
        (["Images/a.tif"], "", "a.tif", ["Images/a.tif"]),
        (["p/Images/a.tif"], "p/", "a.tif", ["p/Images/a.tif"]),
        (["Images/a.tif"], "Measurement/", "../Images/a.tif", ["Images/a.tif"]),
        (["b.tif", "old/a.tif"], "", "a.tif", []),
        (["a.tif"], "", "../secret.tif", []),
        (["a.tif"], "", "", []),
    ],
)  # fmt: skip
def test_names_that_are_spelled_differently(
    files: list[str], above: str, name: str, found: list[str]
) -> None:
    assert list(NamedFiles(files, (above,)).find(above, name)[0]) == found


def test_an_index_file_does_not_find_the_images_of_another_one() -> None:
    files = NamedFiles(["p1/b.tif", "p2/a.tif", "c.tif"], ("p1/", "p2/", ""))
    assert not files.find("p1/", "D:\\a.tif")[0]
    assert not files.find("", "D:\\a.tif")[0]
    assert list(files.find("", "D:\\c.tif")[0]) == ["c.tif"]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_an_index_above_the_images_with_other_spellings(tmp_path: Path, layout: Layout) -> None:
    names = ["D:\\x\\Images\\a.tif", "b.TIFF"]
    texts = {
        MLF: yokogawa(record(name, FieldIndex=str(n)) for n, name in enumerate(names, 1)),
        "Index.xml": harmony(harmony_image(URL=name, FieldID=str(n)) for n, name in enumerate(names, 1)),
    }
    found = layout.find(write(tmp_path, texts, ["Images/A.TIF", "Images/b.tif"]))
    assert {file: values["site"] for file, values in rows(found).items()} == {
        "Images/A.TIF": "1",
        "Images/b.tif": "2",
    }


def test_a_name_that_fits_two_images_is_a_problem_with_both(tmp_path: Path) -> None:
    images = [harmony_image(URL="D:\\a.tif"), harmony_image(URL="t1/b.tif", FieldID="2")]
    found = Operetta().find(
        write(tmp_path, {"Index.xml": harmony(images)}, ["t1/a.tif", "t2/a.tif", "t1/b.tif"])
    )
    assert list(rows(found)) == ["t1/b.tif"]
    assert "t1/a.tif and t2/a.tif" in reasons(found)["a.tif"]


@pytest.mark.parametrize(
    "names", [("D:\\p1\\a.tif", "p2/a.tif"), ("p2/a.tif", "D:\\p1\\a.tif")], ids=["first", "last"]
)
def test_an_image_is_the_plane_of_the_name_that_fits_best(tmp_path: Path, names: tuple[str, str]) -> None:
    sites = {"D:\\p1\\a.tif": "1", "p2/a.tif": "2"}
    texts = {"Index.xml": harmony(harmony_image(URL=name, FieldID=sites[name]) for name in names)}
    found = Operetta().find(write(tmp_path, texts, ["p2/a.tif"]))
    assert rows(found)["p2/a.tif"]["site"] == "2"
    assert "another name there fits it better" in reasons(found)["p2/a.tif"]


def test_an_image_that_two_names_fit_equally_is_no_plane(tmp_path: Path) -> None:
    names = ["D:\\p1\\a.tif", "D:\\p3\\a.tif", "b.tif"]
    texts = {"Index.xml": harmony(harmony_image(URL=name, FieldID=str(n)) for n, name in enumerate(names, 1))}
    found = Operetta().find(write(tmp_path, texts, ["a.tif", "b.tif"]))
    assert list(rows(found)) == ["b.tif"]
    assert found is not None
    told = [problem.reason for problem in found.problems if problem.path == "a.tif"]
    assert len(told) == 2
    assert all("several names there fit it" in reason for reason in told)


def test_an_image_with_two_records_is_the_plane_of_the_first(tmp_path: Path) -> None:
    texts = {MLF: yokogawa([record("a.tif"), record("a.tif", Ch="2")])}
    found = Yokogawa().find(write(tmp_path, texts, ["a.tif"]))
    assert rows(found)["a.tif"]["channel"] == "1"
    assert "more than once" in reasons(found)["a.tif"]


def test_companions_of_harmony_are_known(tmp_path: Path) -> None:
    index = harmony([harmony_image(URL="a.tif")])
    texts = {
        "Images/Index.idx.xml": index,
        "Images/Index.ref.xml": index,
        "FFC_Profile/FFC_Profile_Measurement 1.xml": "<a/>",
        "Images/FFC_Profile_Measurement 1.xml": "<a/>",
        "Assaylayout/plate.xml": "<a/>",
        "Images/flatfield_ch1.xml": "<a/>",
        "notes.xml": "<a/>",
    }
    found = Operetta().find(write(tmp_path, texts, ["Images/a.tif", "FFC_Profile/ch1.tif"]))
    assert list(rows(found)) == ["Images/a.tif"]
    assert reasons(found) == {"notes.xml": "not an image", "FFC_Profile/ch1.tif": "a flat-field image"}


def test_a_reference_index_is_used_where_it_is_the_only_one(tmp_path: Path) -> None:
    texts = {"Images/Index.ref.xml": harmony([harmony_image(URL="a.tif", ChannelName="DAPI")])}
    found = Operetta().find(write(tmp_path, texts, ["Images/a.tif"]))
    assert found is not None
    assert found.calibration.channel_names == {"1": "DAPI"}


def test_companions_of_yokogawa_are_found_in_other_spellings(tmp_path: Path) -> None:
    texts = {
        MLF: yokogawa([record("a.tif")]),
        MRF.upper(): '<MeasurementDetail MeasurementSettingFileName="D:\\x\\Setting.mes"></MeasurementDetail>',
        "setting.MES": '<S><Channel Ch="1" Target="GFP"/></S>',
    }
    found = Yokogawa().find(write(tmp_path, texts, ["a.tif"]))
    assert found is not None
    assert found.calibration.channel_names == {"1": "GFP"}
