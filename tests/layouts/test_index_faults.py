"""Index files of Operetta and Yokogawa that are hostile, broken or huge."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from index_files import (
    LAYOUTS,
    MLF,
    MRF,
    NAMED,
    harmony,
    harmony_image,
    reasons,
    record,
    rows,
    write,
    yokogawa,
)

from napari_axiswise import open_dataset
from napari_axiswise.layouts.folder import Folder, Walk
from napari_axiswise.layouts.layout import Layout
from napari_axiswise.layouts.vendors.operetta import Operetta
from napari_axiswise.layouts.vendors.yokogawa import Yokogawa


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
    assert reasons(found)["2.tif"] == "is in MeasurementData.mlf, but not on disk"
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
    assert "not well formed or is truncated" in reasons(found)[index]


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


@pytest.mark.parametrize(
    "filler",
    [
        "<ChannelName>{}</ChannelName>",
        pytest.param("<!--{}-->", marks=pytest.mark.slow),
        pytest.param("<Image URL='{}'/>", marks=pytest.mark.slow),
    ],
)
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
    names = [f"plate_T0001F001L01A01Z01C01_{n:06d}.tif" for n in range(5_000)]
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
    assert problems[-1].reason == "and 5,000 more problems"
