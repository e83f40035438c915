"""OME-TIFF in several files or images: what an XML names is opened where it is in the folder, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_axiswise import Dataset, open_dataset
from napari_axiswise.layouts.folder import Folder
from napari_axiswise.layouts.ome import xml as ome_xml
from napari_axiswise.layouts.ome.tiff import OmeTiff
from napari_axiswise.layouts.xml import PIECE

NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
SHAPE = (5, 6)


def ome(*parts: str, uuid: str = "") -> str:
    attribute = f' UUID="{uuid}"' if uuid else ""
    return f'<?xml version="1.0"?><OME xmlns="{NAMESPACE}"{attribute}>{"".join(parts)}</OME>'


def image(number: int, data: str, attributes: str = "", inside: str = "", **sizes: int) -> str:
    """Return an ``Image`` of planes of `SHAPE`; a size left out is 1, and the order is XYCZT."""
    told = {"SizeX": SHAPE[1], "SizeY": SHAPE[0], "SizeC": 1, "SizeZ": 1, "SizeT": 1} | sizes
    written = " ".join(f'{name}="{size}"' for name, size in told.items())
    return (
        f'<Image ID="Image:{number}"><Pixels ID="Pixels:{number}" DimensionOrder="XYCZT" Type="uint16" '
        f"{written} {attributes}>{inside}{data}</Pixels></Image>"
    )


def block(file: str = "", uuid: str = "urn:uuid:0", **attributes: int) -> str:
    """Return a ``TiffData``."""
    written = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    named = f'<UUID FileName="{file}">{uuid}</UUID>' if file else ""
    return f"<TiffData {written}>{named}</TiffData>"


def write(path: Path, values: Iterable[int], description: str | None = None) -> None:
    """Write a TIFF with a page of each value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path, ome=False) as tiff:
        for page, value in enumerate(values):
            text = (description or "").encode() if page == 0 else None
            tiff.write(np.full(SHAPE, value, np.uint16), description=text, metadata=None, contiguous=False)


def planes(dataset: Dataset) -> dict[tuple[str, ...], int]:
    """Return the pixels of every plane by its values, in the order of the components."""
    names = list(dataset.components)
    return {
        tuple(values): int(dataset.read(**dict(zip(names, values, strict=True))).max())
        for values in dataset.planes[names].astype(str).to_numpy().tolist()
    }


def reasons(dataset: Dataset) -> str:
    return "\n".join(map(str, dataset.problems))


def spread(folder: Path) -> None:
    """Two channels in two files, three z planes in each."""
    data = block("a.ome.tif", IFD=0, PlaneCount=1) + "".join(
        block(f"{'ab'[c]}.ome.tif", IFD=z, FirstZ=z, FirstC=c)
        for z, c in product(range(3), range(2))
        if z or c
    )
    (folder / "x.companion.ome").write_text(ome(image(0, data, SizeC=2, SizeZ=3)))
    write(folder / "a.ome.tif", [10, 11, 12])
    write(folder / "b.ome.tif", [20, 21, 22])


def plate(folder: Path) -> None:
    """Wells B03 and A11, with two images and one, in files of their own below a folder."""
    samples = {"1": ((1, 2, (7, "Image:1"), (4, "Image:0"))), "2": ((0, 10, (9, "Image:2")))}
    wells = "".join(
        f'<Well ID="Well:{id}" Row="{row}" Column="{column}">'
        + "".join(
            f'<WellSample ID="s{index}" Index="{index}"><ImageRef ID="{ref}"/></WellSample>'
            for index, ref in refs
        )
        + "</Well>"
        for id, (row, column, *refs) in samples.items()
    )
    places = '<Plane TheZ="0" TheC="0" TheT="0" PositionX="{}" PositionY="-2.5" {}/>'
    unit = 'PositionXUnit="mm" PositionYUnit="µm"'
    images = [
        image(
            number,
            block(f"tiles/{number}.tif", PlaneCount=2),
            'PhysicalSizeX="0.5" PhysicalSizeY="0.25" PhysicalSizeZ="2" TimeIncrement="1.5"',
            '<Channel ID="Channel:0" Name="DAPI"/><Channel ID="Channel:1" Name="GFP"/>'
            + places.format(number, "" if number == 2 else unit),
            SizeC=2,
        )
        for number in range(3)
    ]
    write(folder / "p.companion.ome", [0])
    (folder / "p.companion.ome").write_text(ome(f'<Plate ID="Plate:0" Name="p">{wells}</Plate>', *images))
    for number in range(3):
        write(folder / f"tiles/{number}.tif", [10 * number, 10 * number + 1])


def several_images(folder: Path) -> None:
    data = [block(IFD=2 * number, PlaneCount=2) for number in range(3)]
    text = ome(*(image(number, data[number], SizeT=2) for number in range(3)))
    write(folder / "one.ome.tif", range(6), text)


def all_pages(folder: Path) -> None:
    """Two files that the XML gives wholly, without a word on their pages."""
    text = ome(image(0, block("a.ome.tif") + block("b.ome.tif", FirstT=2), SizeT=4))
    write(folder / "a.ome.tif", [1, 2], text)
    write(folder / "b.ome.tif", [3, 4])


def master(folder: Path) -> None:
    """A set whose members refer to the one that has the XML."""
    data = "".join(block(f"{name}.ome.tif", IFD=0, FirstT=t) for t, name in enumerate("mab"))
    write(folder / "m.ome.tif", [1], ome(image(0, data, SizeT=3)))
    for number, name in enumerate("ab", 2):
        only = ome(f'<BinaryOnly MetadataFile="m.ome.tif" UUID="urn:uuid:{name}"/>')
        write(folder / f"{name}.ome.tif", [number], only)


@dataclass(frozen=True)
class Case:
    """A folder or file, and its planes by their values."""

    write: Callable[[Path], None]
    components: tuple[str, ...]
    planes: dict[tuple[str, ...], int]
    source: str = "."

    def __str__(self) -> str:
        return f"{self.write.__name__}-{self.source}"


SPREAD = {("1", str(c), str(z)): 10 * c + z - 1 for c, z in product((1, 2), (1, 2, 3))}
PLATE = {
    (*where, "1", str(channel), "1"): value + channel - 1
    for channel in (1, 2)
    for where, value in {("B03", "1"): 0, ("B03", "2"): 10, ("A11", "1"): 20}.items()
}
IMAGES = {(str(n + 1), str(t + 1), "1", "1"): 2 * n + t for n, t in product(range(3), range(2))}
AXES = ("timepoint", "channel", "z_index")

CASES = (
    Case(spread, AXES, SPREAD),
    Case(spread, AXES, SPREAD, "x.companion.ome"),
    Case(plate, ("well", "site", *AXES), PLATE),
    Case(plate, ("well", "site", *AXES), PLATE, "p.companion.ome"),
    Case(several_images, ("site", *AXES), IMAGES),
    Case(several_images, ("site", *AXES), IMAGES, "one.ome.tif"),
    Case(all_pages, AXES, {(str(t), "1", "1"): t for t in range(1, 5)}),
    Case(all_pages, AXES, {(str(t), "1", "1"): t for t in range(1, 5)}, "a.ome.tif"),
    Case(master, AXES, {(str(t), "1", "1"): t for t in (1, 2, 3)}),
    Case(master, AXES, {(str(t), "1", "1"): t for t in (1, 2, 3)}, "b.ome.tif"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_plane_is_the_one_that_the_xml_says(tmp_path: Path, case: Case) -> None:
    case.write(tmp_path)
    dataset = open_dataset(tmp_path / case.source)
    assert dataset.layout == "ome_tiff"
    assert tuple(dataset.components) == case.components
    assert planes(dataset) == case.planes
    assert dataset.problems == ()


def test_the_xml_tells_sizes_names_and_places(tmp_path: Path) -> None:
    plate(tmp_path)
    calibration = open_dataset(tmp_path).calibration
    assert (calibration.pixel_size, calibration.unit) == ((0.25, 0.5), "micrometer")
    assert (calibration.z_step, calibration.time_step) == (2, 1.5)
    assert calibration.channel_names == {"1": "DAPI", "2": "GFP"}
    # Image 2 has a position in the frame of the stage, which is no length.
    assert calibration.positions == {("B03", "1"): (-2.5, 0), ("B03", "2"): (-2.5, 1000)}


def test_a_set_that_tifffile_writes_has_the_same_planes(tmp_path: Path) -> None:
    stacks = np.arange(3 * 2 * 4 * 30, dtype=np.uint16).reshape(3, 2, 4, 5, 6)
    with tifffile.TiffWriter(tmp_path / "x.ome.tif") as tiff:
        for stack in stacks:
            tiff.write(stack, metadata={"axes": "TZYX"})
    dataset = open_dataset(tmp_path / "x.ome.tif")
    assert {name: len(values) for name, values in dataset.components.items()} == {
        "site": 3,
        "timepoint": 2,
        "channel": 1,
        "z_index": 4,
    }
    np.testing.assert_array_equal(dataset.read(site="2", timepoint="2", z_index="3"), stacks[1, 1, 2])


def test_two_companions_in_a_folder_are_two_images(tmp_path: Path) -> None:
    for name, value in (("a", 1), ("b", 2)):
        (tmp_path / f"{name}.companion.ome").write_text(ome(image(0, block(f"{name}.tif", IFD=0))))
        write(tmp_path / f"{name}.tif", [value])
    assert planes(open_dataset(tmp_path)) == {("a", "1", "1", "1"): 1, ("b", "1", "1", "1"): 2}
    assert planes(open_dataset(tmp_path / "b.companion.ome")) == {("1", "1", "1"): 2}


def test_single_images_are_left_to_their_names(tmp_path: Path) -> None:
    for site in "12":
        tifffile.imwrite(
            tmp_path / f"B02_s{site}_w1.ome.tif", np.zeros((3, 5, 6), np.uint16), metadata={"axes": "ZYX"}
        )
    assert OmeTiff().find(Folder(tmp_path)) is None
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "filenames"
    assert dataset.components["z_index"] == ("1", "2", "3")


def test_a_single_file_that_was_renamed_is_still_its_own(tmp_path: Path) -> None:
    uuid = "urn:uuid:11"
    text = ome(image(0, block("old.ome.tif", uuid, PlaneCount=2), SizeZ=2), uuid=uuid)
    write(tmp_path / "new.ome.tif", [1, 2], text)
    assert OmeTiff().find(Folder(tmp_path)) is None
    images = [image(n, block("old.ome.tif", uuid, IFD=n)) for n in range(2)]
    write(tmp_path / "new.ome.tif", [1, 2], ome(*images, uuid=uuid))
    assert planes(open_dataset(tmp_path)) == {("1", "1", "1", "1"): 1, ("2", "1", "1", "1"): 2}


def test_images_of_another_size_and_files_that_nobody_names_are_told(tmp_path: Path) -> None:
    images = [image(n, block("a.tif", IFD=n), **({"SizeX": 99} if n == 2 else {})) for n in range(3)]
    (tmp_path / "x.companion.ome").write_text(ome(*images))
    write(tmp_path / "a.tif", [0, 1, 2])
    write(tmp_path / "stray.tif", [9])
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 2
    assert "Image:2 has 5 × 99 × uint16, but most have 5 × 6 × uint16" in reasons(dataset)
    assert "stray.tif: no OME-XML names it" in reasons(dataset)


OUTSIDE = ("../secret.tif", "/etc/secret.tif", "sub/../../secret.tif", "C:\\secret.tif", "..\\secret.tif")


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_file_outside_of_the_folder_is_never_opened(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "secret.tif", [66])
    write(tmp_path / "data" / "a.tif", [1])
    data = block("a.tif", IFD=0) + block(name, FirstT=1)
    (tmp_path / "data" / "x.companion.ome").write_text(ome(image(0, data, SizeT=2)))
    opened: list[str] = []
    open_tiff = tifffile.TiffFile.__init__

    def note(self: tifffile.TiffFile, file: object, *args: object, **kwargs: object) -> None:
        opened.append(str(file))
        open_tiff(self, file, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(tifffile.TiffFile, "__init__", note)
    dataset = open_dataset(tmp_path / "data")
    assert planes(dataset) == {("1", "1", "1"): 1}
    assert "is outside of the opened folder" in reasons(dataset)
    assert set(opened) == {str(tmp_path / "data" / "a.tif")}


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "secret.tif", [66])
    write(tmp_path / "data" / "a.tif", [1])
    (tmp_path / "data" / "b.tif").symlink_to(tmp_path / "secret.tif")
    data = block("a.tif", IFD=0) + block("b.tif", IFD=0, FirstT=1)
    (tmp_path / "data" / "x.companion.ome").write_text(ome(image(0, data, SizeT=2)))
    dataset = open_dataset(tmp_path / "data")
    assert planes(dataset) == {("1", "1", "1"): 1}
    assert "'b.tif', which does not exist" in reasons(dataset)


def test_members_that_are_not_there_are_told_and_the_others_open(tmp_path: Path) -> None:
    spread(tmp_path)
    (tmp_path / "b.ome.tif").unlink()
    dataset = open_dataset(tmp_path)
    assert planes(dataset) == {key: value for key, value in SPREAD.items() if value < 20}
    assert reasons(dataset) == "x.companion.ome: it names the file 'b.ome.tif', which does not exist"


@pytest.mark.parametrize("name", ["A.OME.TIF", "a.ome.tiff", "D:\\export\\a.ome.tif"])
def test_members_that_are_spelled_differently_are_found(tmp_path: Path, name: str) -> None:
    write(tmp_path / "a.ome.tif", [1])
    write(tmp_path / "b.ome.tif", [2])
    data = block(name, IFD=0) + block("b.ome.tif", IFD=0, FirstT=1)
    (tmp_path / "x.companion.ome").write_text(ome(image(0, data, SizeT=2)))
    dataset = open_dataset(tmp_path)
    assert planes(dataset) == {("1", "1", "1"): 1, ("2", "1", "1"): 2}
    assert not dataset.problems


def test_a_member_that_two_names_fit_is_used_for_one(tmp_path: Path) -> None:
    write(tmp_path / "a.ome.tif", [1])
    data = block("C:\\p\\a.ome.tif", IFD=0) + block("C:\\q\\a.ome.tif", IFD=0, FirstT=1)
    (tmp_path / "x.companion.ome").write_text(ome(image(0, data, SizeT=2)))
    dataset = open_dataset(tmp_path)
    assert planes(dataset) == {("1", "1", "1"): 1}
    assert "fits a.ome.tif, as does" in reasons(dataset)


@dataclass(frozen=True)
class Hostile:
    """An OME-XML that is not to be believed, with a good image before it."""

    what: str
    bad: str
    says: str

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


HOSTILE = (
    Hostile("more planes than anyone has", image(1, "", SizeT=10**6, SizeZ=10**6), "1000000000000 planes"),
    Hostile(
        "sizes beyond 64 bits", image(1, "", SizeT=10**9 - 1, SizeZ=10**9 - 1, SizeC=10**9 - 1), "planes"
    ),
    Hostile("more pages than fit", image(1, block("b.tif", PlaneCount=10**6), SizeT=10**6), "1000001 planes"),
    Hostile("a page far off", image(1, block("b.tif", IFD=10**8)), "more than fit into it"),
    Hostile(
        "the same pages again and again",
        image(1, "".join(block("b.tif", PlaneCount=10) for _ in range(500)), SizeT=10),
        "b.tif has 5001 planes",
    ),
    Hostile("a first plane beyond the size", image(1, block("b.tif", FirstZ=5), SizeZ=3), "FirstZ is 5"),
    Hostile("a size that is no number", image(1, "", 'SizeQ="1" ').replace('"1"', '"x"', 1), "SizeC is 'x'"),
    Hostile("a size below nothing", image(1, "", SizeZ=-1), "SizeZ is '-1'"),
    Hostile("no size at all", image(1, "", SizeZ=0), "0 planes"),
    Hostile("an order of its own", image(1, "").replace("XYCZT", "XYQ"), "DimensionOrder"),
    Hostile("cut short", image(1, "").replace("</Image>", ""), "not well formed"),
    Hostile("deeply nested", "<a>" * 100 + "</a>" * 100, "nested"),
    Hostile("no file named", image(1, "<TiffData/>"), "without the name of their file"),
)


@pytest.mark.parametrize("case", HOSTILE, ids=str)
@pytest.mark.parametrize("embedded", [False, True], ids=["companion", "tiff"])
def test_claims_that_cannot_be_true_are_told_and_cost_nothing(
    tmp_path: Path, case: Hostile, embedded: bool
) -> None:
    good = image(0, block("a.ome.tif", IFD=0)) + image(9, block("b.tif", IFD=0))
    write(tmp_path / "b.tif", [2])
    # A piece of XML is either read as a whole or not at all.
    text = ome(good, " " * 2 * PIECE, case.bad)
    if embedded:
        write(tmp_path / "a.ome.tif", [1], text)
        if case.what in ("cut short", "no file named"):
            return  # read as a whole, or means the file itself
    else:
        write(tmp_path / "a.ome.tif", [1])
        (tmp_path / "x.companion.ome").write_text(text)
    dataset = open_dataset(tmp_path)
    assert planes(dataset) == {("1", "1", "1", "1"): 1, ("2", "1", "1", "1"): 2}
    assert case.says in reasons(dataset)


@pytest.mark.parametrize("embedded", [False, True], ids=["companion", "tiff"])
def test_entities_are_not_expanded(tmp_path: Path, embedded: bool) -> None:
    text = ome(image(0, block("a.tif")), image(1, block("b.tif"))).replace(
        "<OME", '<!DOCTYPE OME [<!ENTITY a "aaaa">]><OME', 1
    )
    write(tmp_path / ("a.ome.tif" if embedded else "a.tif"), [1], text if embedded else None)
    if not embedded:
        (tmp_path / "x.companion.ome").write_text(text)
    found = OmeTiff().find(Folder(tmp_path))
    if embedded:
        assert found is None
    else:
        assert found is not None
        assert not found.files
        assert "x.companion.ome: its OME-XML cannot be read completely: it contains" in reasons(
            open_dataset(tmp_path)
        )
    assert (
        "entities"
        in ome_xml.read_ome_xml(tmp_path / ("a.ome.tif" if embedded else "x.companion.ome")).problem
    )


def test_masters_that_refer_to_each_other_come_to_an_end(tmp_path: Path) -> None:
    for name, other in ("ab", "ba"):
        write(tmp_path / f"{name}.ome.tif", [1], ome(f'<BinaryOnly MetadataFile="{other}.ome.tif"/>'))
    assert OmeTiff().find(Folder(tmp_path)) is None


def test_a_companion_of_nothing_says_what_it_looked_for(tmp_path: Path) -> None:
    spread(tmp_path)
    for name in "ab":
        (tmp_path / f"{name}.ome.tif").unlink()
    for source in (tmp_path, tmp_path / "x.companion.ome"):
        with pytest.raises(
            ValueError, match=r"x\.companion\.ome: it names the file 'a\.ome\.tif', which does not exist"
        ):
            open_dataset(source)


def test_a_set_can_be_moved(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    plate(tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert planes(open_dataset(tmp_path / "there")) == PLATE
