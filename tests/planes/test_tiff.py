"""Which page of a TIFF is which plane, and which pages are listed as left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import napari_axiswise as aw
from napari_axiswise.core.errors import PlaneError
from napari_axiswise.planes import images
from napari_axiswise.planes.images import read_plane

Page = tuple[int, int, int]
"""Indices of channel, z and timepoint."""


def plane(value: int, shape: tuple[int, int] = (16, 16), dtype: Any = np.uint16) -> NDArray[Any]:
    return np.full(shape, value, dtype)


def write_pages(path: Path, pages: Iterable[NDArray[Any]], description: str = "", **options: Any) -> None:
    """Write pages one by one, the first with a description."""
    with tifffile.TiffWriter(path) as tiff:
        for number, pixels in enumerate(pages):
            own = description.encode() if description and not number else None
            tiff.write(pixels, description=own, metadata=None, **options)


def ome_xml(sizes: Page, blocks: str, order: str = "XYCZT", names: Sequence[str] = ()) -> str:
    c, z, t = sizes
    channels = "".join(f'<Channel ID="Channel:0:{n}" Name="{name}"/>' for n, name in enumerate(names))
    return (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint16" SizeX="16" SizeY="16" SizeC="{c}" '
        f'SizeZ="{z}" SizeT="{t}">{channels}{blocks}</Pixels></Image></OME>'
    )


def block(at: Page, page: int) -> str:
    c, z, t = at
    return f'<TiffData FirstC="{c}" FirstZ="{z}" FirstT="{t}" IFD="{page}" PlaneCount="1"/>'


def write_ome(path: Path, sizes: Page, pages: Sequence[Page], shift: int = 0, **options: Any) -> None:
    """Write an OME-TIFF whose page n is the plane ``pages[n]``."""
    xml = ome_xml(sizes, "".join(block(at, page) for page, at in enumerate(pages)), **options)
    write_pages(path, [plane(shift + value_of(at)) for at in pages], xml)


def value_of(at: Page) -> int:
    c, z, t = at
    return 100 * (c + 1) + 10 * (z + 1) + t + 1


def planes_of(dataset: aw.Dataset) -> list[NDArray[Any]]:
    return [dataset.index.read(row) for row in range(len(dataset))]


def left_out(dataset: aw.Dataset) -> int:
    """Return how many pages the problems of a dataset list as left out."""
    texts = [problem.reason for problem in dataset.problems]
    return sum(
        int(n.replace(",", "")) for text in texts for n in re.findall(r"([0-9,]+) pages? of .*left out", text)
    )


# ---------------------------------------------------------------------------- pages of all series


@dataclass(frozen=True)
class Pages:
    """A TIFF, the values of its planes in order, and the number of its pages that are left out."""

    write: Callable[[Path], None]
    planes: Sequence[int]
    others: int = 0


def _append(path: Path) -> None:
    for value in range(1, 6):
        tifffile.imwrite(path, plane(value), append=value > 1)


def _two_stacks(path: Path) -> None:
    with tifffile.TiffWriter(path) as tiff:
        for values in ((1, 2, 3), (4, 5)):
            tiff.write(np.stack([plane(value) for value in values]), photometric="minisblack")


def _halves(path: Path, flag: int) -> None:
    with tifffile.TiffWriter(path) as tiff:
        for value in (1, 2, 3):
            tiff.write(plane(value, (32, 32)), metadata=None)
            tiff.write(plane(100 + value), metadata=None, subfiletype=flag)


def _subifds(path: Path) -> None:
    with tifffile.TiffWriter(path) as tiff:
        for value in (1, 2, 3):
            tiff.write(plane(value, (64, 64)), metadata=None, subifds=1, tile=(16, 16))
            tiff.write(plane(100 + value, (32, 32)), metadata=None, subfiletype=1, tile=(16, 16))


IMAGEJ = "ImageJ=1.53\nimages=6\nslices=3\nframes=2\nhyperstack=true\n"

FILES = {
    # cgohlke/tifffile#30 and #191, imageio/imageio#558, ome/bioformats#3300
    "appended page by page": Pages(_append, range(1, 6)),
    "an image and its mask": Pages(
        lambda path: write_pages(path, [plane(7), plane(1, dtype=np.uint8)]), (7,), 1
    ),
    "a preview first": Pages(
        lambda path: write_pages(path, [plane(9, (8, 8)), *map(plane, (1, 2, 3))]), (1, 2, 3), 1
    ),
    "a preview last": Pages(
        lambda path: write_pages(path, [*map(plane, (1, 2, 3)), plane(9, (8, 8))]), (1, 2, 3), 1
    ),
    "a label in colour after the planes": Pages(
        lambda path: write_pages(path, [plane(1), plane(2), np.zeros((9, 9, 3), np.uint8)]), (1, 2), 1
    ),
    "smaller copies between": Pages(lambda path: _halves(path, 1), (1, 2, 3), 3),
    "smaller pages between, not marked as copies": Pages(lambda path: _halves(path, 0), (1, 2, 3), 3),
    "copies in SubIFDs": Pages(_subifds, (1, 2, 3)),
    "two stacks": Pages(_two_stacks, range(1, 6)),
    "an ImageJ stack with a preview after it": Pages(
        lambda path: write_pages(path, [*map(plane, range(1, 7)), plane(9, (8, 8))], IMAGEJ), range(1, 7), 1
    ),
    "an ImageJ stack that lacks pages": Pages(
        lambda path: write_pages(path, map(plane, range(1, 5)), IMAGEJ), range(1, 5)
    ),
}


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_every_page_is_a_plane_or_listed(tmp_path: Path, case: Pages) -> None:
    case.write(tmp_path / "plate_A01.tif")
    dataset = aw.open_dataset(tmp_path)
    assert [int(pixels.max()) for pixels in planes_of(dataset)] == list(case.planes)
    assert left_out(dataset) == case.others


def test_planes_that_an_imagej_stack_lacks_are_missing(tmp_path: Path) -> None:
    write_pages(tmp_path / "A01.tif", map(plane, range(1, 5)), IMAGEJ)
    dataset = aw.open_dataset(tmp_path)
    assert dataset.read(timepoint="2", z_index="1").max() == 4
    assert dataset.report().missing[["timepoint", "z_index"]].to_numpy().tolist() == [["2", "2"], ["2", "3"]]
    assert any("lacks 2" in problem.reason for problem in dataset.problems)


def test_more_pages_than_imagej_says_are_numbered(tmp_path: Path) -> None:
    write_pages(tmp_path / "A01.tif", map(plane, range(1, 8)), IMAGEJ)
    dataset = aw.open_dataset(tmp_path)
    assert dataset.components["page"] == tuple("1234567")
    assert any("numbered instead" in problem.reason for problem in dataset.problems)


def test_a_contiguous_stack_that_is_cut_short_lacks_its_last_planes(tmp_path: Path) -> None:
    path = tmp_path / "A01.tif"
    pixels = np.stack([plane(value) for value in (1, 2, 3, 4)])
    tifffile.imwrite(path, pixels, photometric="minisblack", truncate=True)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 2 * pixels[0].nbytes)
    dataset = aw.open_dataset(tmp_path)
    assert [int(one.max()) for one in planes_of(dataset)] == [1, 2]
    assert any("lacks 2" in problem.reason for problem in dataset.problems)


# ---------------------------------------------------------------------------------------- TiffData

FULL = [(c, 0, t) for t in range(4) for c in range(2)]

OME = {
    # AllenCellModeling/aicsimageio#47, mehta-lab/waveorder#25
    "another order than the DimensionOrder": ((2, 3, 1), [(c, z, 0) for c in range(2) for z in range(3)]),
    "channels the other way round": ((2, 1, 1), [(1, 0, 0), (0, 0, 0)]),
    "stopped early": ((2, 1, 10), FULL[:7]),
    "the first channel alone is missing": ((2, 1, 2), [(1, 0, 0), (1, 0, 1)]),
}


@pytest.mark.parametrize(("sizes", "pages"), OME.values(), ids=OME)
def test_tiffdata_says_which_page_is_which_plane(tmp_path: Path, sizes: Page, pages: Sequence[Page]) -> None:
    for number, well in enumerate(("A01", "A02")):
        write_ome(tmp_path / f"{well}.ome.tif", sizes, pages, 1000 * number)
    dataset = aw.open_dataset(tmp_path)
    assert len(dataset) == 2 * len(pages)
    for number, well in enumerate(("A01", "A02")):
        for at in pages:
            c, z, t = (str(index + 1) for index in at)
            pixels = dataset.read(well=well, channel=c, z_index=z, timepoint=t)
            assert pixels.max() == 1000 * number + value_of(at)


def test_planes_that_an_ome_tiff_lacks_are_missing_and_listed(tmp_path: Path) -> None:
    for well, pages in {"A01": FULL[:5], "A02": FULL, "A03": FULL[:5]}.items():
        write_ome(tmp_path / f"{well}.ome.tif", (2, 1, 4), pages)
    report = aw.open_dataset(tmp_path).report()
    assert (report.planes, report.planes_of_grid) == (18, 24)
    assert set(report.missing["well"].astype(str)) == {"A01", "A03"}
    assert {problem.path for problem in report.problems} >= {"A01.ome.tif", "A03.ome.tif"}


def test_pages_that_no_tiffdata_names_are_listed(tmp_path: Path) -> None:
    xml = ome_xml((1, 1, 2), block((0, 0, 0), 0) + block((0, 0, 1), 2))
    write_pages(tmp_path / "A01.ome.tif", map(plane, (1, 2, 3)), xml)
    dataset = aw.open_dataset(tmp_path)
    assert [int(pixels.max()) for pixels in planes_of(dataset)] == [1, 3]
    assert left_out(dataset) == 1


def test_an_ome_tiff_that_was_renamed_is_read_and_listed(tmp_path: Path) -> None:
    named = '<TiffData IFD="1"><UUID FileName="was.ome.tif">urn:uuid:1</UUID></TiffData>'
    write_pages(tmp_path / "A01.ome.tif", map(plane, (1, 2)), ome_xml((1, 1, 1), named))
    dataset = aw.open_dataset(tmp_path)
    assert dataset.read().max() == 2
    assert any("was.ome.tif" in problem.reason for problem in dataset.problems)


# ------------------------------------------------------------------- a dataset is the union of its files


@pytest.mark.parametrize("axis", ["timepoint", "channel", "z_index", "page"])
@pytest.mark.parametrize("short", [0, 1])
def test_a_dataset_has_what_all_its_files_have(tmp_path: Path, axis: str, short: int) -> None:
    """fmi-faim/faim-ipa#87: neither the first file nor another that is shorter decides for all."""
    counts = [3 if number == short else 5 for number in range(3)]
    letter = {"timepoint": "T", "channel": "C", "z_index": "Z"}.get(axis)
    for number, count in enumerate(counts, 1):
        pixels = np.stack([plane(10 * number + value) for value in range(1, count + 1)])
        how: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
        if letter:
            how = {"imagej": True, "metadata": {"axes": f"{letter}YX"}}
        tifffile.imwrite(tmp_path / f"plate_A0{number}.tif", pixels, **how)
    dataset = aw.open_dataset(tmp_path)
    assert dataset.components[axis] == tuple("12345")
    for number, count in enumerate(counts, 1):
        for value in range(1, count + 1):
            assert dataset.read(well=f"A0{number}", **{axis: str(value)}).max() == 10 * number + value
    missing = dataset.report().missing[["well", axis]].astype(str).to_numpy().tolist()
    assert missing == [[f"A0{short + 1}", "4"], [f"A0{short + 1}", "5"]]


def test_files_may_have_their_axes_in_another_order(tmp_path: Path) -> None:
    values = np.arange(6).reshape(2, 3)
    for well, axes, own in (("A01", "TZ", values), ("A02", "ZT", values.T)):
        order = "XYZCT" if axes == "TZ" else "XYTCZ"
        pages = [(0, z, t) for t in range(2) for z in range(3)]
        pages = pages if axes == "TZ" else [(0, z, t) for z in range(3) for t in range(2)]
        assert own.size == len(pages)
        xml = ome_xml((1, 3, 2), "<TiffData/>", order)
        write_pages(tmp_path / f"{well}.ome.tif", [plane(value_of(at)) for at in pages], xml)
    dataset = aw.open_dataset(tmp_path)
    for well in ("A01", "A02"):
        for z in range(3):
            for t in range(2):
                pixels = dataset.read(well=well, z_index=str(z + 1), timepoint=str(t + 1))
                assert pixels.max() == value_of((0, z, t))


def test_channel_names_on_which_files_disagree_are_nobodys(tmp_path: Path) -> None:
    """ome/ome-zarr-py#225."""
    for well, names in {"A01": ("DAPI", "GFP"), "A02": ("GFP", "DAPI")}.items():
        write_ome(tmp_path / f"{well}.ome.tif", (2, 1, 1), [(0, 0, 0), (1, 0, 0)], names=names)
    dataset = aw.open_dataset(tmp_path)
    assert not dataset.channel_names
    assert any("GFP" in problem.reason and "DAPI" in problem.reason for problem in dataset.problems)


def test_a_file_that_changed_after_opening_is_refused_by_name(tmp_path: Path) -> None:
    for number in (1, 2):
        tifffile.imwrite(
            tmp_path / f"plate_A0{number}.tif", np.stack([plane(1), plane(2)]), photometric="minisblack"
        )
    dataset = aw.open_dataset(tmp_path)
    tifffile.imwrite(
        tmp_path / "plate_A02.tif", np.stack([plane(v) for v in range(5)]), photometric="minisblack"
    )
    with pytest.raises(PlaneError, match=r"plate_A02\.tif.*Q 5"):
        dataset.read(well="A02", page="1")


# --------------------------------------------------------------------------------- damaged and unread files


@pytest.mark.parametrize("content", ["empty", "cut short"])
def test_a_damaged_file_counts_as_missing(tmp_path: Path, content: str) -> None:
    for number in (1, 2, 3):
        tifffile.imwrite(tmp_path / f"plate_A0{number}.tif", plane(number, (64, 64)))
    damaged = tmp_path / "plate_A02.tif"
    with damaged.open("r+b") as file:
        file.truncate(0 if content == "empty" else damaged.stat().st_size - 2000)
    report = aw.open_dataset(tmp_path).report()
    assert (report.planes, report.planes_of_grid) == (2, 3)
    assert report.coverage["missing"].to_dict() == {"A01": 0, "A02": 1, "A03": 0}
    assert "plate_A02.tif" in {problem.path for problem in report.problems}


def test_of_many_files_those_of_unusual_size_are_read_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from napari_axiswise.datasets import headers

    monkeypatch.setattr(headers, "MOST_FILES", 10)
    monkeypatch.setattr(headers, "SAMPLE", 6)
    for number in range(1, 21):
        count = 5 if number == 14 else 2
        pixels = np.stack([plane(value) for value in range(count)])
        tifffile.imwrite(tmp_path / f"plate_A{number:02}.tif", pixels, photometric="minisblack")
    dataset = aw.open_dataset(tmp_path)
    assert len(dataset) == 19 * 2 + 5
    assert "14 of 20 files were not read" in caplog.text


# ------------------------------------------------------------------------------------------- any TIFF


@dataclass(frozen=True)
class Series:
    """Pages that are written together."""

    count: int
    shape: tuple[int, int]
    dtype: str
    flag: int
    subifds: int
    as_stack: bool


series = st.builds(
    Series,
    count=st.integers(1, 3),
    shape=st.sampled_from([(16, 16), (16, 32), (32, 32)]),
    dtype=st.sampled_from(["uint8", "uint16"]),
    flag=st.sampled_from([0, 0, 0, 1]),
    subifds=st.sampled_from([0, 0, 1]),
    as_stack=st.booleans(),
)
descriptions = st.sampled_from(["", "ImageJ", "OME", "OME with TiffData"])


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(series, min_size=1, max_size=4), description=descriptions, data=st.data())
def test_every_page_of_any_tiff_is_a_plane_or_listed(
    tmp_path_factory: pytest.TempPathFactory, parts: list[Series], description: str, data: st.DataObject
) -> None:
    total = sum(part.count for part in parts)
    order = data.draw(st.permutations(range(total)))
    path = tmp_path_factory.mktemp("any") / ("a.ome.tif" if "OME" in description else "a.tif")
    _write_any(path, parts, _description(description, total, order))
    with tifffile.TiffFile(path, is_ome=False) as tiff:
        pages = [page.asarray() for page in tiff.pages]
    dataset = aw.open_dataset(path)
    found = planes_of(dataset)
    values = [int(pixels.flat[0]) for pixels in found]
    assert len(set(values)) == len(values)
    for pixels, value in zip(found, values, strict=True):
        np.testing.assert_array_equal(pixels, pages[value - 1])
    assert len(found) + left_out(dataset) == len(pages)
    if description == "OME with TiffData":
        assert values == [page + 1 for page in order]


def _description(kind: str, total: int, order: Sequence[int]) -> str:
    if kind == "ImageJ":
        return f"ImageJ=1.53\nimages={total}\nframes={total}\nhyperstack=true\n"
    if kind == "OME":
        return ome_xml((1, 1, total), "<TiffData/>")
    if kind:
        return ome_xml((1, 1, total), "".join(block((0, 0, t), page) for t, page in enumerate(order)))
    return ""


def _write_any(path: Path, parts: Sequence[Series], description: str) -> None:
    """Write series of pages; page n, from 1, has the value n in all pixels."""
    value = 0
    with tifffile.TiffWriter(path) as tiff:
        for part in parts:
            pixels = np.stack([plane(value + n, part.shape, part.dtype) for n in range(1, part.count + 1)])
            how: dict[str, Any] = {
                "subfiletype": part.flag,
                "subifds": part.subifds,
                "photometric": "minisblack",
            }
            stacks = [pixels] if part.as_stack and not part.subifds else list(pixels)
            for stack in stacks:
                own = description.encode() if description and not value else None
                metadata = None if description or not part.as_stack else {}
                tiff.write(stack, description=own, metadata=metadata, **how)
                for _ in range(part.subifds):
                    tiff.write(stack[..., ::2, ::2], subfiletype=1, metadata=None, photometric="minisblack")
                value += 1 if stack.ndim == 2 else len(stack)


def test_a_page_is_read_by_its_number_without_axes(tmp_path: Path) -> None:
    write_pages(tmp_path / "a.tif", [plane(9, (8, 8)), plane(1)])
    assert read_plane(str(tmp_path / "a.tif"), 0).shape == (8, 8)
    assert read_plane(str(tmp_path / "a.tif"), 1).shape == (16, 16)


@pytest.mark.parametrize("bigtiff", [False, True])
def test_late_pages_are_found_without_a_walk(
    tmp_path: Path, bigtiff: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of a long file cost a walk through all pages before it, for every plane."""
    path = tmp_path / "long.tif"
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as writer:
        for value in range(50):
            writer.write(np.full((4, 4), value, np.uint8), contiguous=False, metadata=None)
    assert [int(read_plane(str(path), page).max()) for page in (0, 49)] == [0, 49]
    monkeypatch.setattr(images, "page_offsets", None)
    assert [int(read_plane(str(path), page).max()) for page in range(50)] == list(range(50))
    with pytest.raises(PlaneError, match="it has no page 51"):
        read_plane(str(path), 50)
