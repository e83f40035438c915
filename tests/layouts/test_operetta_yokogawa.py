"""Plates of Harmony and of Yokogawa: by their index files, which may be wrong, incomplete or hostile."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_axiswise import Dataset, open_dataset
from napari_axiswise.core.calibration import Calibration
from napari_axiswise.datasets import opening
from napari_axiswise.layouts.folder import Folder, Walk
from napari_axiswise.layouts.layout import FoundPlanes, Layout
from napari_axiswise.layouts.vendors.operetta import Operetta
from napari_axiswise.layouts.vendors.yokogawa import Yokogawa

LAYOUTS: tuple[Layout, ...] = (Operetta(), Yokogawa())
V5, V6 = (f"http://www.perkinelmer.com/PEHH/HarmonyV{version}" for version in (5, 6))
BTS = "http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"
IDX, MLF, MRF = "Images/Index.idx.xml", "MeasurementData.mlf", "MeasurementDetail.mrf"

Fields = Mapping[str, str]


def harmony_image(**fields: str) -> Fields:
    """Return the fields of an image of Harmony 5, at least those that the planes need."""
    told = {"State": "Ok", "Row": "3", "Col": "4", "FieldID": "1", "PlaneID": "1", "TimepointID": "0"}
    told |= {"ChannelID": "1"} | fields
    numbers = {key: int(told[key]) if told.get(key, "").isdecimal() else 0 for key in told}
    url = "r{Row:02d}c{Col:02d}f{FieldID:02d}p{PlaneID:02d}-ch{ChannelID}sk{sk}fk1fl1.tiff"
    return {"URL": url.format(**(dict.fromkeys(told, 0) | numbers), sk=numbers["TimepointID"] + 1)} | told


def harmony(
    images: Iterable[Fields], entries: Mapping[str, Fields] | None = None, namespace: str = V5
) -> str:
    """Return an index file of Harmony."""

    def children(fields: Fields) -> str:
        return "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in fields.items())

    maps = "".join(
        f"<Entry ChannelID={quoteattr(c)}>{children(fields)}</Entry>" for c, fields in (entries or {}).items()
    )
    records = "".join(f'<Image Version="1">{children(fields)}</Image>\n' for fields in images)
    return (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<EvaluationInputData xmlns="{namespace}">'
        "<Wells><Well><id>0304</id><Row>3</Row><Col>4</Col><Image id='a'/></Well></Wells>"
        f"<Maps><Map>{maps}</Map></Maps><Images>\n{records}</Images></EvaluationInputData>"
    )


def record(text: str, **attributes: str) -> str:
    """Return a record of Yokogawa; an attribute that is to be left out is given empty."""
    told = {"Type": "IMG", "Row": "2", "Column": "3", "FieldIndex": "1", "ZIndex": "1", "TimePoint": "1"}
    told |= {"Ch": "1", "X": "1.5", "Y": "2.5", "Z": "0.0"} | attributes
    written = " ".join(f"bts:{key}={quoteattr(value)}" for key, value in told.items() if value)
    return f"<bts:MeasurementRecord {written}>{escape(text)}</bts:MeasurementRecord>"


def yokogawa(records: Iterable[str]) -> str:
    """Return a MeasurementData.mlf."""
    body = "\n".join(records)
    return f'<bts:MeasurementData bts:Version="1.0" xmlns:bts="{BTS}">\n{body}\n</bts:MeasurementData>'


def write(folder: Path, texts: Mapping[str, str], images: Iterable[str] = ()) -> Folder:
    """Write text files, and images of a few pixels."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for image in images:
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / image, np.zeros((4, 5), np.uint16))
    return Folder(folder)


def rows(found: FoundPlanes | None) -> dict[str, dict[str, str]]:
    """Return the component values of each file."""
    assert found is not None
    return {
        file: {name: column.texts[column.codes[row]] for name, column in found.told.items()}
        for row, file in enumerate(found.files)
    }


def reasons(found: FoundPlanes | None) -> dict[str, str]:
    assert found is not None
    return {problem.path: problem.reason for problem in found.problems}


def values(
    well: str, site: str = "1", timepoint: str = "1", channel: str = "1", z_index: str = "1"
) -> dict[str, str]:
    return {"well": well, "site": site, "timepoint": timepoint, "channel": channel, "z_index": z_index}


@dataclass(frozen=True)
class Export:
    """An export, the planes that it has, and what else is told of it."""

    what: str
    layout: Layout
    texts: Mapping[str, str]
    planes: Mapping[str, Mapping[str, str]]
    others: Sequence[str] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    calibration: Calibration | None = None

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


NAMED = "r03c04f01p01-ch1sk1fk1fl1.tiff"
STACK = [
    harmony_image(
        PlaneID=str(plane),
        TimepointID=str(timepoint),
        PositionX="-0.0002",
        PositionY="0.0001",
        PositionZ=f"{2 * plane}E-06",
        MeasurementTimeOffset=str(1800 * timepoint + plane),
        ImageResolutionX="3E-07",
        ImageResolutionY="2E-07",
        ChannelName="DAPI & co",
    )
    for timepoint in (0, 1, 2)
    for plane in (1, 2, 3)
]
ENTRY = {"ChannelName": "Alexa 488", "ImageResolutionX": "5E-07", "ImageResolutionY": "5E-07"}

WRONG = {
    f"{number}.tif": wrong
    for number, wrong in enumerate(
        (
            ("Row", "0", "row 0 and column 4 are on no plate"),
            ("Row", "33", "row 33"),
            ("Row", "x", "'x' is not a whole number"),
            ("Col", "49", "column 49"),
            ("Col", "", "column unknown"),
            ("FieldID", "-1", "'-1'"),
            ("PlaneID", "9" * 4000, "9' is not a whole number of up to 9 digits"),
            ("TimepointID", "1.5", "'1.5'"),
            ("ChannelID", "٣", "'٣'"),
        )
    )
}
"""Fields that no image has, by the names of images, and what is told of them."""

EXPORTS = (
    Export(
        "harmony 5 with planes and timepoints",
        Operetta(),
        {IDX: harmony(STACK), "Assaylayout/Unnamed.xml": "<AssayLayout/>", "notes.txt": "hello"},
        {
            f"Images/r03c04f01p0{z}-ch1sk{t}fk1fl1.tiff": values("C04", timepoint=str(t), z_index=str(z))
            for t in (1, 2, 3)
            for z in (1, 2, 3)
        },
        problems={"notes.txt": "not an image"},
        calibration=Calibration(
            pixel_size=(0.2, 0.3),
            unit="micrometer",
            z_step=2.0,
            time_step=1800.0,
            channel_names={"1": "DAPI & co"},
            positions={("C04", "1"): (-100.0, -200.0)},
        ),
    ),
    Export(
        "harmony 6 with entries per channel",
        Operetta(),
        {"Index.xml": harmony([harmony_image()], {"1": ENTRY, "": ENTRY}, V6)},
        {NAMED: values("C04")},
        calibration=Calibration((0.5, 0.5), "micrometer", channel_names={"1": "Alexa 488"}),
    ),
    Export(
        "harmony with times of day, and a timepoint by its number",
        Operetta(),
        {
            "Index.xml": harmony(
                harmony_image(TimepointID=str(t), AbsTime=f"2022-12-19T10:{t}0:26.58+01:00", URL=f"{t}.tif")
                for t in (0, 2, 3)
            )
        },
        {f"{t}.tif": values("C04", timepoint=str(t + 1)) for t in (0, 2, 3)},
        calibration=Calibration(time_step=600.0),
    ),
    Export(
        "a name that says sk where no timepoint is meant",
        Operetta(),
        {"Index.xml": harmony([harmony_image(URL="mask9.tif", TimepointID="1")])},
        {"mask9.tif": values("C04", timepoint="2")},
    ),
    Export(
        "images of harmony that cannot be used",
        Operetta(),
        {
            IDX: harmony(
                [
                    harmony_image(),
                    harmony_image(State="Missing", FieldID="2"),
                    harmony_image(FieldID="3"),
                    harmony_image(URL=""),
                    *(harmony_image(**{key: text}, URL=url) for url, (key, text, _) in WRONG.items()),
                ]
            )
        },
        {f"Images/{NAMED}": values("C04")},
        others=[
            "Images/r03c04f02p01-ch1sk1fk1fl1.tiff",
            "Images/extra.tif",
            *(f"Images/{url}" for url in WRONG),
        ],
        problems={
            "Images/r03c04f02p01-ch1sk1fk1fl1.tiff": "its state is Missing and not Ok",
            "Images/r03c04f03p01-ch1sk1fk1fl1.tiff": "is in Index.idx.xml, and not on disk",
            IDX: "a record names no file",
            "Images/extra.tif": "in no index file",
            **{f"Images/{url}": reason for url, (_, _, reason) in WRONG.items()},
        },
    ),
    Export(
        "several plates of harmony, one of them with two index files",
        Operetta(),
        {
            "a/Images/Index.idx.xml": harmony([harmony_image(URL="gone.tiff")]),
            "a/Images/Index.xml": harmony([harmony_image(PositionX="0", PositionY="0")]),
            "b/Index.xml": harmony([harmony_image()]),
            "c/Index.xml": harmony([]),
            "d/Index.xml": "<html/>",
        },
        {
            f"a/Images/{NAMED}": values("C04") | {"plate": "a/Images"},
            f"b/{NAMED}": values("C04") | {"plate": "b"},
        },
        problems={
            "a/Images/Index.idx.xml": "none of the 1 images in it can be used",
            "c/Index.xml": "it names no images",
        },
        calibration=Calibration(unit="micrometer"),
    ),
    Export(
        "yokogawa with a detail and a setting",
        Yokogawa(),
        {
            MLF: yokogawa(
                [
                    record("a.tif", Time="2023-09-18T13:58:44.4+02:00"),
                    record("b.tif", ZIndex="2", Z="3.0"),
                    record("c.tif", TimePoint="2", Time="2023-09-18T13:59:44.4+02:00"),
                    record("mip.tif", ZImageProcessing="Maximum"),
                    record("sum.tif", ZImageProcessing="Sum"),
                ]
            ),
            MRF: f'<b:MeasurementDetail xmlns:b="{BTS}" b:MeasurementSettingFileName="s.mes">'
            '<b:MeasurementChannel b:Ch="1" b:HorizontalPixelDimension="0.65" b:VerticalPixelDimension="0.325"/>'
            "</b:MeasurementDetail>",
            "s.mes": f'<b:S xmlns:b="{BTS}"><b:Channel b:Ch="1" b:Target="405" b:Fluorophore=""/>'
            '<b:Channel b:Ch="2" b:Fluorophore="GFP"/><b:Channel b:Ch="?" b:Target="1"/><b:Ch>1</b:Ch></b:S>',
            "geometry_parameter.xml": "<a/>",
            "x.wpi": "<a/>",
            "x.csv": "",
        },
        {
            "a.tif": values("B03"),
            "b.tif": values("B03", z_index="2"),
            "c.tif": values("B03", timepoint="2"),
            "mip.tif": values("B03", z_index="projection"),
            "sum.tif": values("B03", z_index="projection sum"),
        },
        problems={"x.csv": "not an image"},
        calibration=Calibration(
            (0.325, 0.65), "micrometer", 3.0, 60.0, {"1": "405", "2": "GFP"}, {("B03", "1"): (-2.5, 1.5)}
        ),
    ),
    Export(
        "the record wins over the name",
        Yokogawa(),
        {MLF: yokogawa([record("x_A01_T0001F001L01A01Z01C01.tif", TimePoint="2", Row="32", Column="48")])},
        {"x_A01_T0001F001L01A01Z01C01.tif": values("AF48", timepoint="2")},
    ),
    Export(
        "folders with slashes of both kinds, and images that were made PNG",
        Yokogawa(),
        {
            "p/" + MLF: yokogawa(
                [
                    record("Image\\a.tif"),
                    record("Image/b.tif", Ch="2"),
                    record("Image\\c.tif", Ch="3"),
                    record("Image/e.tif", Ch="4"),
                ]
            )
        },
        {
            "p/Image/a.tif": values("B03"),
            "p/Image/b.tif": values("B03", channel="2"),
            **({"p/Image\\c.tif": values("B03", channel="3")} if os.sep == "/" else {}),
        },
        others=["p/Image/e.png"],
    ),
    Export(
        "what was not acquired, and what is no record's",
        Yokogawa(),
        {
            MLF: yokogawa(
                [
                    record("a.tif"),
                    record("lost.tif", Ch="2"),
                    record("autofocus failed", Type="ERR", FieldIndex="", ZIndex="", Ch="", TimePoint="7"),
                ]
            )
        },
        {"a.tif": values("B03")},
        others=["DC_1.tif", "SC_2.tif", "other.tif"],
        problems={
            MLF: "Row 2, Column 3, TimePoint 7 was not acquired: autofocus failed",
            "lost.tif": "is in MeasurementData.mlf, and not on disk",
            "DC_1.tif": "a calibration image",
            "SC_2.tif": "a calibration image",
            "other.tif": "not in MeasurementData.mlf",
        },
    ),
    Export(
        "numbers that some leave out",
        Yokogawa(),
        {MLF: yokogawa([record("a.tif", ZIndex="", FieldIndex="", TimePoint="001")])},
        {"a.tif": {"well": "B03", "timepoint": "1", "channel": "1"}},
        calibration=Calibration(unit="micrometer", positions={("B03", "1"): (-2.5, 1.5)}),
    ),
    Export(
        "stage positions and times that are none",
        Yokogawa(),
        {MLF: yokogawa(record(f"{t}.tif", X="nan", Z="1e999", Time="now", TimePoint=str(t)) for t in (1, 2))},
        {"1.tif": values("B03"), "2.tif": values("B03", timepoint="2")},
        calibration=Calibration(),
    ),
)


@pytest.mark.parametrize("export", EXPORTS, ids=str)
def test_an_export_has_the_planes_that_its_index_file_tells(tmp_path: Path, export: Export) -> None:
    folder = write(tmp_path, export.texts, [*export.planes, *(o for o in export.others if "png" not in o)])
    for other in export.others:
        (tmp_path / other).touch()
    found = export.layout.find(folder)
    expected = dict(export.planes) | {o: values("B03", channel="4") for o in export.others if "png" in o}
    assert rows(found) == expected
    told = reasons(found)
    assert sorted(told) == sorted(export.problems)
    for path, reason in export.problems.items():
        assert reason in told[path]
    if export.calibration is not None:
        assert found is not None
        assert close(found.calibration) == close(export.calibration)


def close(calibration: Calibration) -> object:
    """Return what a calibration says, without the last digits."""
    size = calibration.pixel_size
    return {**calibration.to_json(), "pixel_size": size and tuple(round(length, 9) for length in size)}


@pytest.mark.parametrize(
    "name",
    ["../secret.tif", "..", "a/../../secret.tif", "..\\secret.tif", "/etc/secret.tif", "\\\\server\\secret.tif",
     "C:\\secret.tif", "c:secret.tif", "http://example.com/secret.tif", "file:///secret.tif"],
)  # fmt: skip
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_nothing_outside_of_the_folder_is_named(tmp_path: Path, layout: Layout, name: str) -> None:
    write(tmp_path, {}, ["secret.tif"])
    texts = {
        MLF: yokogawa([record("a.tif"), record(name, Ch="2")]),
        "Index.xml": harmony([harmony_image(URL="a.tif"), harmony_image(URL=name, FieldID="2")]),
    }
    found = layout.find(write(tmp_path / "plate", texts, ["a.tif"]))
    assert list(rows(found)) == ["a.tif"]
    index = MLF if layout.name == "yokogawa" else "Index.xml"
    assert f"names a file outside of the folder: {name}" in reasons(found)[index]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there, and names cannot hold everything")
def test_links_are_followed_within_the_folder_only(tmp_path: Path) -> None:
    write(tmp_path, {}, ["secret.tif"])
    folder = write(
        tmp_path / "plate", {MLF: yokogawa(record(f"{n}.tif", Ch=n) for n in "123")}, ["1.tif", "real/x.tif"]
    )
    (tmp_path / "plate" / "2.tif").symlink_to(tmp_path / "secret.tif")
    (tmp_path / "plate" / "3.tif").symlink_to("real/x.tif")
    found = Yokogawa().find(folder)
    assert list(rows(found)) == ["1.tif", "3.tif"]
    assert reasons(found)["2.tif"] == "is in MeasurementData.mlf, and not on disk"
    assert folder.problems[0].path == "2.tif"


@pytest.mark.skipif(os.name == "nt", reason="names cannot hold everything there")
@pytest.mark.parametrize(
    "name", ["a\nb.tif", "\u202efit.a.tif", "🔬 plate.tif", "a&b<c>.tif", "C:x.tif", "a%20b.tif"]
)
def test_names_may_hold_anything(tmp_path: Path, name: str) -> None:
    texts = {
        "y/" + MLF: yokogawa([record(name), record("gone " + name, Ch="2")]),
        "o/Index.xml": harmony([harmony_image(URL=name)]),
    }
    folder = write(tmp_path, texts, ["y/" + name, "o/" + name])
    found = Yokogawa().find(folder)
    assert list(rows(found)) == ["y/" + name]
    assert found is not None
    assert all(str(problem).isprintable() for problem in found.problems)
    assert list(rows(Operetta().find(folder))) == ["o/" + name]


LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'

BROKEN = {
    "billion laughs": LAUGHS + "{}",
    "an external entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{}',
    "nothing in it": "",
    "garbage": "<EvaluationInputData>\x00\x01\ufffd",
    "only its head": "<EvaluationInputData><Images>",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=list(BROKEN))
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_an_index_without_planes_leaves_the_folder_to_others_and_is_a_problem(
    tmp_path: Path, layout: Layout, text: str
) -> None:
    name = MLF if layout.name == "yokogawa" else "Index.xml"
    index = yokogawa([record(NAMED)]) if name == MLF else harmony([harmony_image()]).partition("?>")[2]
    folder = write(tmp_path, {name: text.replace("{}", index)}, [NAMED])
    found = layout.find(folder)
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "filenames"
    told = {problem.path: problem.reason for problem in dataset.problems}
    # An empty Index.xml may be anybody's; a MeasurementData.mlf is Yokogawa's.
    if name == MLF or text:
        assert found is not None
        assert not found.files
        assert "the index is not used" in told[name]
    else:
        assert found is None


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_folder_without_an_index_is_not_ours(tmp_path: Path, layout: Layout) -> None:
    assert layout.find(write(tmp_path, {"Index.xml": "<html/>"}, ["a.tif"])) is None


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_an_index_that_is_cut_short_gives_what_comes_before(tmp_path: Path, layout: Layout) -> None:
    texts = {
        MLF: yokogawa(record(f"{n}.tif", FieldIndex=str(n)) for n in range(50)),
        "Index.xml": harmony(harmony_image(URL=f"{n}.tif", FieldID=str(n)) for n in range(50)),
    }
    halves = {name: text[: len(text) // 2] for name, text in texts.items()}
    found = layout.find(write(tmp_path, halves, [f"{n}.tif" for n in range(50)]))
    assert 15 < len(rows(found)) < 35
    index = MLF if layout.name == "yokogawa" else "Index.xml"
    assert "not well formed, or cut short" in reasons(found)[index]


def test_a_detail_that_cannot_be_read_costs_no_planes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    texts = {MLF: yokogawa([record("a.tif")]), MRF: "<a><b:c", "p/" + MRF: ""}
    assert list(rows(Yokogawa().find(write(tmp_path, texts, ["a.tif"])))) == ["a.tif"]
    assert MRF in caplog.text


def test_a_setting_outside_of_the_folder_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"s.mes": '<S><Channel Ch="1" Target="secret"/></S>'})
    texts = {
        MLF: yokogawa([record("a.tif")]),
        MRF: '<MeasurementDetail MeasurementSettingFileName="../s.mes"></MeasurementDetail>',
    }
    found = Yokogawa().find(write(tmp_path / "plate", texts, ["a.tif"]))
    assert found is not None
    assert not found.calibration.channel_names


@pytest.mark.parametrize("filler", ["<!--{}-->", "<ChannelName>{}</ChannelName>", "<Image URL='{}'/>"])
def test_a_huge_text_takes_no_memory(tmp_path: Path, filler: str) -> None:
    before, after = filler.split("{}")
    head, tail = harmony([harmony_image()]).split("</Images>")
    with (tmp_path / "Index.xml").open("w", encoding="utf-8") as file:
        file.write(head + before)
        for _ in range(100):
            file.write("x" * (1 << 20))
        file.write(after + "</Images>" + tail)
    folder = write(tmp_path, {}, [NAMED])
    tracemalloc.start()
    try:
        found = Operetta().find(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert list(rows(found)) == [NAMED]
    assert peak < 64 << 20


def test_many_records_take_little_memory_and_time(tmp_path: Path) -> None:
    names = [f"plate_T0001F001L01A01Z01C01_{n:06d}.tif" for n in range(20_000)]
    records = (record(n, FieldIndex=str(i % 9), ZIndex=str(i // 9)) for i, n in enumerate(names))
    write(tmp_path, {MLF: yokogawa(records)})
    folder = Folder(tmp_path, Walk(images=names, others=[MLF]))
    tracemalloc.start()
    try:
        found = Yokogawa().find(folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert list(found.files) == names
    assert peak < 500 * len(names)


VALID = {
    MLF: yokogawa([record("a.tif"), record("s\\b.tif", Ch="2")]).encode(),
    "Index.xml": harmony([harmony_image(URL="a.tif"), harmony_image(URL="s/b.tif", FieldID="2")]).encode(),
}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@given(data=st.data())
def test_no_index_file_makes_it_fail(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("fuzz")
    name = MLF if layout.name == "yokogawa" else "Index.xml"
    index = bytearray(VALID[name])
    pieces = st.one_of(
        st.binary(max_size=8),
        st.sampled_from(
            [b"../", b'"', b"<", b"99999999999", b"-1", b"<!DOCTYPE a>", b"&#0;", b"&#10;", b"nan"]
        ),
    )
    places = st.integers(0, len(index))
    for start, length, piece in data.draw(st.lists(st.tuples(places, st.integers(0, 9), pieces), max_size=6)):
        index[start : start + length] = piece
    folder = write(root, {}, ["a.tif", "s/b.tif"])
    (root / name).write_bytes(index)
    found = layout.find(folder)
    assert found is None or set(found.files) <= {"a.tif", "s/b.tif"}
    dataset = open_dataset(root)
    assert set(dataset.index.files) <= {"a.tif", "s/b.tif"}


def opened(monkeypatch: pytest.MonkeyPatch, path: Path) -> Dataset:
    monkeypatch.setattr(opening, "LAYOUTS", (*LAYOUTS, *opening.LAYOUTS))
    return open_dataset(path)


def test_a_plate_of_harmony_opens(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = opened(monkeypatch, shared_data / "operetta")
    assert dataset.layout == "operetta"
    assert {n: v for n, v in dataset.components.items() if n in ("well", "site", "channel", "timepoint")} == {
        "well": ("C03",),
        "site": ("1", "2"),
        "timepoint": ("1",),
        "channel": ("1",),
    }
    assert dataset.calibration.pixel_size == pytest.approx((1.1959521619, 1.1959521619))
    assert dataset.calibration.channel_names == {"1": "Fluorescein (FITC)"}
    assert dataset.calibration.positions == {
        ("C03", "1"): (-645.814, -645.814),
        ("C03", "2"): (-645.814, 645.814),
    }
    assert dataset.index.read(0).shape == dataset.shape == (1080, 1080)
    assert [problem.path for problem in dataset.problems] == ["LICENSE"]


def test_a_plate_of_yokogawa_opens(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = opened(monkeypatch, shared_data / "yokogawa")
    assert dataset.layout == "yokogawa"
    assert dataset.components["well"] == ("D08", "E03", "F08")
    counts = {name: len(dataset.components[name]) for name in ("site", "channel", "z_index")}
    assert counts == {"site": 4, "channel": 2, "z_index": 4}
    assert len(dataset.index) == 96
    calibration = dataset.calibration
    assert (calibration.pixel_size, calibration.z_step) == ((0.325, 0.325), 3.0)
    assert calibration.positions["D08", "3"] == (247.0, -567.1)
    assert [calibration.channel_names[channel] for channel in "12"] == ["405", "488"]
    assert sum(problem.reason == "a calibration image" for problem in dataset.problems) == 6
    assert not dataset.index.read(0).any()


def test_fast_sequences_keep_their_timepoints(tmp_path: Path) -> None:
    records = []
    for number in range(3):
        name = f"r01c01f01p01-ch1sk1fk{number + 1}fl1.tiff"
        tifffile.imwrite(tmp_path / name, np.full((4, 4), number, np.uint8))
        records.append(
            f"<Image><URL>{name}</URL><Row>1</Row><Col>1</Col><FieldID>1</FieldID><PlaneID>1</PlaneID>"
            f"<TimepointID>{number}</TimepointID><ChannelID>1</ChannelID></Image>"
        )
    (tmp_path / "Index.idx.xml").write_text(f"<EvaluationInputData>{''.join(records)}</EvaluationInputData>")
    dataset = open_dataset(tmp_path)
    assert dataset.components["timepoint"] == ("1", "2", "3")
    assert [int(dataset.read(timepoint=value)[0, 0]) for value in "123"] == [0, 1, 2]


def test_timelines_are_a_component_where_there_are_several(tmp_path: Path) -> None:
    records = []
    for timeline, timepoint in ((1, 1), (1, 2), (2, 1), (2, 2)):
        name = f"p_A01_T{timepoint:04d}F001L{timeline:02d}A01Z01C01.tif"
        tifffile.imwrite(tmp_path / name, np.full((4, 4), 10 * timeline + timepoint, np.uint8))
        records.append(
            f'<MeasurementRecord Type="IMG" Row="1" Column="1" TimePoint="{timepoint}" FieldIndex="1" ZIndex="1" '
            f'TimelineIndex="{timeline}" Ch="1">{name}</MeasurementRecord>'
        )
    (tmp_path / "MeasurementData.mlf").write_text(f"<MeasurementData>{''.join(records)}</MeasurementData>")
    dataset = open_dataset(tmp_path)
    assert dataset.components["timeline"] == ("1", "2")
    assert int(dataset.read(timeline="2", timepoint="1")[0, 0]) == 21


def test_a_million_absent_images_are_counted_and_not_all_listed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))
    record = (
        '<MeasurementRecord Type="IMG" Row="1" Column="1" TimePoint="1" FieldIndex="1" ZIndex="1" Ch="1">'
    )
    with (tmp_path / "MeasurementData.mlf").open("w") as file:
        file.write(f"<MeasurementData>{record}a.tif</MeasurementRecord>")
        file.writelines(f"{record}gone{number}.tif</MeasurementRecord>" for number in range(25_000))
        file.write("</MeasurementData>")
    problems = open_dataset(tmp_path).problems
    assert len(problems) == 20_001
    assert problems[-1].reason == "and 5,000 problems more"
