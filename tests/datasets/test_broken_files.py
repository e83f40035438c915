"""Folders and files that cannot be opened or read: problems, and errors with advice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from image_files import reasons, write_images

from napari_axiswise import open_dataset
from napari_axiswise.core.errors import PlaneError


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
        "a pattern that is very long", ("B02.tif",), ("2,004 characters", "1,000"), "{well}" + "a" * 1998
    ),
    *(
        Refused(
            f"a pattern that would be compiled into a lot: {regex}",
            ("B02.tif",),
            ("repeats", "simpler"),
            regex,
        )
        for regex in (
            "{well:((a|b?){100}){100}}",
            "{well:(?x:((a|b?) {100}) {100})}",
            "{well:((a|b?)(?#){100}){100}}",
        )
    ),
    *(
        Refused(
            f"a pattern that takes for ever: {pattern}",
            (f"{name}.tif",),
            ("too long", repr(name[:20])[:-1]),
            pattern,
        )
        for pattern, name in (
            ("{plate}_{well}_{site}_{timepoint}_{z_index}_{channel}_{a}_{b}.png", "1_" * 60 + "b"),
            ("{well:(a|aa)+}b.tif", "a" * 60),
        )
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


def test_the_planes_that_a_later_file_lacks_are_missing(tmp_path: Path) -> None:
    for site, pages in ((1, 3), (2, 2)):
        tifffile.imwrite(
            tmp_path / f"B02_s{site}.tif",
            np.full((pages, 5, 6), site, np.uint16),
            imagej=True,
            metadata={"axes": "TYX"},
        )
    dataset = open_dataset(tmp_path)
    assert dataset.read(site="2", timepoint="2").max() == 2
    with pytest.raises(KeyError, match="site=2, timepoint=3"):
        dataset.read(site="2", timepoint="3")
    assert dataset.report().missing[["site", "timepoint"]].to_numpy().tolist() == [["2", "3"]]


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
        with pytest.raises(
            PlaneError, match=rf"photo\{suffix}.*Colour images.*each colour as a separate file"
        ):
            open_dataset(source)


def test_opening_a_file_that_is_not_an_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(PlaneError, match=r"notes\.txt is not an image"):
        open_dataset(tmp_path / "notes.txt")


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


# ------------------------------------------------------------------------------------- chains of pages


def _write_pages(path: Path, count: int) -> list[int]:
    """Write pages one by one. Return the offsets of their directories."""
    with tifffile.TiffWriter(path) as tiff:
        for value in range(1, count + 1):
            tiff.write(np.full((5, 6), value, np.uint16), metadata=None)
    with tifffile.TiffFile(path) as tiff:
        return [page.offset for page in tiff.pages]


@pytest.mark.parametrize("left", [0, 1], ids=["at the next page", "after its first byte"])
def test_a_file_that_ends_where_a_page_should_begin_is_a_problem(tmp_path: Path, left: int) -> None:
    path = tmp_path / "plate_A01.tif"
    offsets = _write_pages(path, 5)
    path.write_bytes(path.read_bytes()[: offsets[3] + left])
    dataset = open_dataset(tmp_path)
    assert dataset.components["page"] == ("1", "2", "3")
    assert reasons(dataset)["plate_A01.tif"].startswith("page 4 and those after it are lost")


@pytest.mark.parametrize("count", [3, 120])
def test_pages_in_a_circle_are_read_once(tmp_path: Path, count: int) -> None:
    path = tmp_path / "plate_A01.tif"
    offsets = _write_pages(path, count)
    content = bytearray(path.read_bytes())
    tags = int.from_bytes(content[offsets[-1] : offsets[-1] + 2], "little")
    end = offsets[-1] + 2 + 12 * tags
    content[end : end + 4] = offsets[1].to_bytes(4, "little")
    path.write_bytes(content)
    dataset = open_dataset(tmp_path)
    assert dataset.read(page=str(count)).max() == count
    assert len(dataset) == count
    assert f"page {count + 1} and those after it are lost" in reasons(dataset)["plate_A01.tif"]


def test_subifds_as_large_as_their_page_are_listed(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "plate_A01.tif") as tiff:
        tiff.write(np.full((6, 6), 1, np.uint16), subifds=1, metadata=None)
        tiff.write(np.full((6, 6), 2, np.uint16), metadata=None)
        tiff.write(np.full((6, 6), 3, np.uint16), subifds=1, metadata=None)
        tiff.write(np.full((3, 3), 4, np.uint16), subfiletype=1, metadata=None)
    dataset = open_dataset(tmp_path)
    assert [int(dataset.read(page=page).max()) for page in dataset.components["page"]] == [1, 3]
    assert reasons(dataset) == {
        "plate_A01.tif": "SubIFDs that are as large as their pages are left out: of 1"
    }


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_other_images_cut_short_count_as_missing(tmp_path: Path, suffix: str) -> None:
    for well in ("A01", "A02"):
        iio.imwrite(tmp_path / f"plate_{well}{suffix}", np.arange(4096, dtype=np.uint8).reshape(64, 64))
    path = tmp_path / f"plate_A02{suffix}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    dataset = open_dataset(tmp_path)
    assert "is truncated" in reasons(dataset)[path.name]
    assert dataset.report().missing["well"].tolist() == ["A02"]
