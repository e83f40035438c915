"""The table of planes, and reading one plane of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from image_files import reasons, write_images

from napari_axiswise import open_dataset


def test_the_table_of_planes_has_a_row_per_plane_and_a_column_per_component(plate: Path) -> None:
    dataset = open_dataset(plate)
    planes = dataset.planes
    assert isinstance(planes, pd.DataFrame)
    assert len(planes) == len(dataset) == 2 * 2 * 3 * 2
    assert list(planes.columns) == ["well", "site", "timepoint", "channel", "path", "page"]
    assert not planes.duplicated(["well", "site", "timepoint", "channel"]).any()
    for name, values in dataset.components.items():
        assert tuple(planes[name].cat.categories) == values
        assert planes[name].cat.ordered
    assert all((plate / path).is_file() for path in planes["path"])


def test_the_table_of_planes_is_in_natural_order(tmp_path: Path) -> None:
    write_images(tmp_path, [f"{well}_s{site}.tif" for well in ("B10", "B02") for site in (10, 9, 1)])
    planes = open_dataset(tmp_path).planes
    rows = list(zip(planes["well"], planes["site"], strict=True))
    assert rows == [("B02", "1"), ("B02", "9"), ("B02", "10"), ("B10", "1"), ("B10", "9"), ("B10", "10")]


def test_the_table_of_planes_has_the_values_of_a_component_called_page(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((3, 5, 6), np.uint16), photometric="minisblack")
    dataset = open_dataset(tmp_path)
    assert tuple(dataset.planes["page"].astype(str)) == dataset.components["page"] == ("1", "2", "3")


def test_the_table_of_planes_has_the_values_of_a_component_called_path(tmp_path: Path) -> None:
    write_images(tmp_path, ["left_1.tif", "right_1.tif"])
    dataset = open_dataset(tmp_path, "{path}_{site}.tif")
    assert dataset.components["path"] == ("left", "right")
    assert tuple(dataset.planes["path"].astype(str)) == ("left", "right")


def test_components_of_one_value_may_be_left_out_of_read(tmp_path: Path) -> None:
    written = write_images(tmp_path, ["TimePoint_1/x_B02_s1_w1.tif", "TimePoint_1/x_B02_s2_w1.tif"])
    dataset = open_dataset(tmp_path)
    short = dataset.read(site="2")
    full = dataset.read(well="B02", site="2", timepoint="1", channel="1")
    np.testing.assert_array_equal(short, written["TimePoint_1/x_B02_s2_w1.tif"])
    np.testing.assert_array_equal(short, full)
    np.testing.assert_array_equal(dataset.read(well="b2", site=2), full)  # type: ignore[arg-type]


@dataclass(frozen=True)
class WrongRead:
    given: dict[str, str]
    error: type[Exception]
    parts: tuple[str, ...]


WRONG_READS = (
    WrongRead({"plate": "1"}, ValueError, ("'plate'", "well", "timepoint")),
    WrongRead({"well": "C04"}, KeyError, ("C04", "B02", "B03")),
    WrongRead({"well": "B02"}, ValueError, ("2 planes", "well=B02", "site")),
    WrongRead({}, ValueError, ("3 planes", "well", "site")),
    WrongRead({"well": "B03", "site": "2"}, KeyError, ("no plane", "well=B03", "site=2")),
)


@pytest.mark.parametrize("case", WRONG_READS, ids=lambda case: str(case.given))
def test_an_unknown_or_ambiguous_plane_is_an_error(tmp_path: Path, case: WrongRead) -> None:
    write_images(tmp_path, ["B02_s1_t1.tif", "B02_s2_t1.tif", "B03_s1_t1.tif"])
    dataset = open_dataset(tmp_path)
    for ask in (dataset.read, dataset.find):
        with pytest.raises(case.error) as caught:
            ask(**case.given)
        assert all(text in str(caught.value) for text in case.parts), str(caught.value)


def test_two_files_for_one_plane_are_a_problem_that_names_both(tmp_path: Path) -> None:
    written = write_images(tmp_path, ["a/B02_s1.tif", "a/B02_s1.tiff", "a/B02_s01.tif", "b/B02_s2.tif"])
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 2
    np.testing.assert_array_equal(dataset.read(site="1"), written["a/B02_s01.tif"])
    problems = reasons(dataset)
    assert set(problems) == {"a/B02_s1.tif", "a/B02_s1.tiff"}
    for reason in problems.values():
        assert "a/B02_s01.tif" in reason
        assert "well=B02, site=1" in reason
        assert "pattern" in reason
