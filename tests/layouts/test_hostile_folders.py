"""Folders that mean harm, or that harm came to: an error or a listed problem, and the other planes open."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tifffile import imwrite

import napari_axiswise as aw
from napari_axiswise.core.errors import PlaneError
from napari_axiswise.layouts.folder import Folder
from napari_axiswise.layouts.vendors.imagexpress import ImageXpress
from napari_axiswise.layouts.vendors.operetta import Operetta
from napari_axiswise.layouts.xml import XmlError, read_elements

PLANE = np.arange(48, dtype=np.uint16).reshape(6, 8)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
@pytest.mark.parametrize(
    "name",
    [
        "new\nline",
        "turned\u202eabout",
        "smile 😀",
        os.fsdecode(b"not\xffutf8"),
        "a\\..\\b",
        " ",
    ],
)
def test_a_name_of_any_kind_can_be_opened_and_run(tmp_path: Path, name: str, lanes: aw.LaneExecutor) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    imwrite(folder / "plain.tif", PLANE)
    imwrite(folder / "other.tif", PLANE)
    (folder / "other.tif").rename(folder / f"{name}.tif")
    dataset = aw.open_dataset(folder)
    assert len(dataset) == 2
    output = tmp_path / "out"
    result = aw.run(
        dataset, aw.Pipeline([aw.Step(np.negative, name="neg")]), axis="image", output=output, executor=lanes
    )
    assert not result.failures
    for value in dataset.components["image"]:
        np.testing.assert_array_equal(result.read("neg", image=value), np.negative(PLANE))
    assert {path.name for path in tmp_path.iterdir()} == {"data", "out"}
    str(dataset.report()).encode()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_not_followed_out_or_around(tmp_path: Path) -> None:
    folder, secret = tmp_path / "data", tmp_path / "secret"
    for made in (folder / "below", secret):
        made.mkdir(parents=True)
    imwrite(secret / "B01_s1.tif", PLANE)
    imwrite(folder / "A01_s1.tif", PLANE)
    (folder / "A01_s2.tif").symlink_to(folder / "A01_s1.tif")
    (folder / "A02_s1.tif").symlink_to(secret / "B01_s1.tif")
    (folder / "A03_s1.tif").symlink_to("A03_s1.tif")
    (folder / "A04_s1.tif").symlink_to(folder / "nowhere.tif")
    (folder / "below" / "up").symlink_to(folder)
    (folder / "out").symlink_to(secret)
    os.mkfifo(folder / "A05_s1.tif")
    dataset = aw.open_dataset(folder)
    assert dataset.components == {"well": ("A01",), "site": ("1", "2")}
    told = {problem.path: problem.reason for problem in dataset.problems}
    assert set(told) == {"A02_s1.tif", "A03_s1.tif", "A04_s1.tif", "A05_s1.tif", "below/up", "out"}
    assert "link out of the folder" in told["A02_s1.tif"]
    assert told["A05_s1.tif"] == "neither a file nor a folder"


def test_a_plate_whose_first_files_are_empty_opens(tmp_path: Path) -> None:
    for site in range(1, 10):
        if site < 7:
            (tmp_path / f"A01_s{site}.tif").write_bytes(b"")
        else:
            imwrite(tmp_path / f"A01_s{site}.tif", PLANE)
    dataset = aw.open_dataset(tmp_path)
    assert dataset.shape == PLANE.shape
    assert sum("empty" in problem.reason for problem in dataset.report().problems) == 6


def write_claims(path: Path, pixels: int) -> None:
    """Write a TIFF whose header claims so many pixels along each axis."""
    imwrite(path, PLANE)
    data = bytearray(path.read_bytes())
    for tag in (256, 257):
        place = data.index(tag.to_bytes(2, "little"), 8)
        entry = (4).to_bytes(2, "little") + (1).to_bytes(4, "little") + pixels.to_bytes(4, "little")
        data[place + 2 : place + 12] = entry
    path.write_bytes(data)


@pytest.mark.parametrize("pixels", [10**6, 40_000])
def test_a_header_that_claims_too_much_costs_its_plane_and_no_memory(tmp_path: Path, pixels: int) -> None:
    write_claims(tmp_path / "A01_s1.tif", pixels)
    imwrite(tmp_path / "A02_s1.tif", PLANE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    dataset = aw.open_dataset(tmp_path)
    assert dataset.shape == PLANE.shape
    with pytest.raises(PlaneError, match=r"A01_s1\.tif"):
        dataset.read(well="A01")
    np.testing.assert_array_equal(dataset.read(well="A02"), PLANE)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


@pytest.mark.parametrize("pages", [30_000_000, 10**9])
def test_a_description_that_claims_many_pages_is_an_error(tmp_path: Path, pages: int) -> None:
    imwrite(
        tmp_path / "many.tif",
        np.zeros((8, 8), np.uint8),
        description=f'{{"shape": [{pages}, 8, 8]}}',
        metadata=None,
    )
    with pytest.raises((PlaneError, ValueError), match=r"many\.tif"):
        aw.open_dataset(tmp_path / "many.tif").read()


@pytest.mark.parametrize(
    "description", ["<MetaData>a & b</MetaData>", "ImageJ=1.53\nimages=1\nfinterval=foo\nunit=um"]
)
def test_a_description_that_is_damaged_costs_what_it_tells(tmp_path: Path, description: str) -> None:
    imwrite(tmp_path / "A01_s1.tif", PLANE, description=description, metadata=None)
    dataset = aw.open_dataset(tmp_path)
    assert dataset.calibration.time_step is None
    np.testing.assert_array_equal(dataset.read(), PLANE)


def test_companions_that_name_each_other_end(tmp_path: Path) -> None:
    for number in range(1500):
        (tmp_path / f"{number}.companion.ome").write_text(
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
            f'<BinaryOnly MetadataFile="{number + 1}.companion.ome" UUID="urn:uuid:1"/></OME>'
        )
    imwrite(tmp_path / "A01_s1.tif", PLANE)
    assert len(aw.open_dataset(tmp_path)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("what", ["text", "comment", "records"])
def test_an_index_of_a_gigabyte_takes_no_more_memory_than_its_rows(tmp_path: Path, what: str) -> None:
    path = tmp_path / "Index.idx.xml"
    imwrite(tmp_path / "r01c01f01p01-ch1sk1fk1fl1.tiff", PLANE)
    record = b"<Image><URL>r01c01f01p01-ch1sk1fk1fl1.tiff</URL><Row>1</Row><Col>1</Col></Image>"
    filling = {
        "text": b"x" * (1 << 20),
        "comment": b" " * (1 << 20),
        "records": b"<Other>y</Other>\n" * 61_681,
    }[what]
    with path.open("wb") as file:
        file.write(b"<EvaluationInputData><Images>" + record)
        file.write({"text": b"<State>", "comment": b"<!--", "records": b""}[what])
        for _ in range(1 << 10 if what != "records" else 1 << 6):
            file.write(filling)
        file.write({"text": b"</State>", "comment": b"-->", "records": b""}[what])
        file.write(b"</Images></EvaluationInputData>")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = Operetta().find(Folder(tmp_path))
    assert found is not None
    assert len(found.files) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@settings(max_examples=60)
@given(st.binary(max_size=400) | st.text(alphabet='<>/="& abc!?-[]', max_size=200).map(str.encode))
def test_xml_of_any_kind_is_elements_or_an_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "any.xml")
        path.write_bytes(data)
        with suppress(XmlError):
            assert list(read_elements(path))


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            ['"WaveName1", "DAPI"', '"WaveName', '"WaveName2",', "\x00", '"WaveName99999", "é"', "\n", '"']
        )
    ).map("\r\n".join)
)
def test_a_sheet_of_any_kind_gives_names_or_none(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "plate.HTD").write_bytes(text.encode("latin-1"))
        Path(folder, "plate_B02_s1_w1.tif").write_bytes(b"")
        found = ImageXpress().find(Folder(Path(folder)))
        assert found is not None
        assert all(value.isdecimal() for value in found.calibration.channel_names)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats()
    | st.sampled_from(["0", "..", "/etc", "A/1", "y", "uint16"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["plate", "wells", "path", "well", "images", "multiscales", "datasets", "axes", "name", "omero", "channels",
             "label", "shape", "data_type", "attributes", "ome", "coordinateTransformations", "type", "scale"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=100)
@given(root=JSON, well=JSON, image=JSON, array=JSON)
def test_metadata_of_any_kind_are_planes_or_an_error(
    root: object, well: object, image: object, array: object
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path, document in (("", root), ("A/1", well), ("A/1/0", image), ("A/1/0/0", array)):
            Path(folder, path).mkdir(parents=True, exist_ok=True)
            if path != "A/1/0/0" and isinstance(document, dict):
                document = {"attributes": {"ome": document}} | document
            Path(folder, path, "zarr.json").write_text(json.dumps(document))
        with suppress(ValueError, PlaneError):
            aw.open_dataset(folder)


OME = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><Image ID="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="8" SizeY="6" SizeZ="1" SizeC="1" SizeT="1" '
    'PhysicalSizeX="0.5" PhysicalSizeY="0.5" TimeIncrement="3"><Channel ID="Channel:0" Name="DAPI"/>'
    '<TiffData IFD="0" FirstZ="0" PlaneCount="1"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>'
    "</Pixels></Image></OME>"
)
PIECES = (
    "0",
    "-1",
    "1e9",
    "99999999999",
    '"',
    "<",
    ">",
    "/",
    "&amp;",
    "&x;",
    "é",
    "",
    "NaN",
    "../../etc/passwd",
    "XYCZT",
)


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """Return a text with some of its parts replaced."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 30)))
        text = text[:start] + draw(st.sampled_from(PIECES)) + text[stop:]
    return text


@settings(max_examples=60)
@given(damaged(OME), st.booleans())
def test_ome_xml_of_any_kind_is_planes_or_an_error(text: str, companion: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if companion:
            Path(folder, "set.companion.ome").write_text(text, encoding="utf-8")
        imwrite(
            Path(folder, "a.ome.tif"), PLANE, metadata=None, description=None if companion else text.encode()
        )
        with suppress(ValueError, PlaneError):
            dataset = aw.open_dataset(folder)
            assert all(
                (Path(folder) / file).is_relative_to(folder) and ".." not in file
                for file in dataset.index.files
            )
            with suppress(ValueError, KeyError, PlaneError):
                dataset.read()


@settings(max_examples=60)
@given(
    damaged("ImageJ=1.53t\nimages=4\nframes=2\nslices=2\nhyperstack=true\nunit=um\nspacing=2\nfinterval=3\n")
    | damaged('{"shape": [1, 6, 8], "axes": "ZYX"}')
    | damaged(
        '<MetaData><prop id="spatial-calibration-x" type="float" value="0.5"/><prop id="z" value="1"/></MetaData>'
    )
)
def test_a_description_of_any_kind_costs_what_it_tells(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        imwrite(Path(folder, "a.tif"), PLANE, metadata=None, description=text.encode("utf-8"))
        with suppress(ValueError, PlaneError):
            dataset = aw.open_dataset(folder)
            assert len(dataset) < 100
            with suppress(ValueError, PlaneError):
                dataset.read()
