"""Hidden files and links: what is opened, and what is not followed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from image_files import reasons, write_images

from napari_axiswise import open_dataset


def test_hidden_files_are_skipped(tmp_path: Path) -> None:
    write_images(tmp_path, ["B02_s1.tif", "._B02_s1.tif", ".thumbs/B02_s2.tif"])
    dataset = open_dataset(tmp_path)
    assert (len(dataset), dataset.problems) == (1, ())


def test_a_link_to_a_file_outside_the_folder_is_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    write_images(inside, ["B02_s1.tif"])
    write_images(outside, ["B02_s2.tif"])
    (inside / "B02_s2.tif").symlink_to(outside / "B02_s2.tif")
    dataset = open_dataset(inside)
    assert dataset.components["site"] == ("1",)
    assert "link out of the folder" in reasons(dataset)["B02_s2.tif"]


def test_a_link_to_a_file_inside_the_folder_is_an_image_like_others(tmp_path: Path) -> None:
    written = write_images(tmp_path, ["B02_s1.tif"])
    (tmp_path / "B02_s2.tif").symlink_to(tmp_path / "B02_s1.tif")
    np.testing.assert_array_equal(open_dataset(tmp_path).read(site="2"), written["B02_s1.tif"])


@pytest.mark.parametrize("target", [".", "..", "b"])
def test_a_link_to_a_folder_is_not_followed(tmp_path: Path, target: str) -> None:
    write_images(tmp_path / "plate", ["a/B02_s1.tif", "b/B02_s2.tif"])
    (tmp_path / "plate" / "a" / "loop").symlink_to(tmp_path / "plate" / target, target_is_directory=True)
    dataset = open_dataset(tmp_path / "plate")
    assert len(dataset) == 2
    assert "not followed" in reasons(dataset)["a/loop"]


def test_a_folder_can_be_opened_through_a_link(tmp_path: Path) -> None:
    written = write_images(tmp_path / "real", ["B02_s1.tif"])
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    dataset = open_dataset(tmp_path / "link")
    np.testing.assert_array_equal(dataset.read(), written["B02_s1.tif"])
    assert dataset.problems == ()


def test_a_file_can_be_opened_through_a_link(tmp_path: Path) -> None:
    written = write_images(tmp_path / "real", ["cells.tif"])
    (tmp_path / "link.tif").symlink_to(tmp_path / "real" / "cells.tif")
    np.testing.assert_array_equal(open_dataset(tmp_path / "link.tif").read(), written["cells.tif"])


def test_a_folder_with_nothing_but_links_out_of_it_names_them(tmp_path: Path) -> None:
    """IDR/idr-metadata#649."""
    write_images(tmp_path / "store", ["1.tif"])
    (tmp_path / "plate").mkdir()
    (tmp_path / "plate" / "plate_A01.tif").symlink_to(tmp_path / "store" / "1.tif")
    with pytest.raises(ValueError, match=r"plate_A01\.tif: a link out of the folder"):
        open_dataset(tmp_path / "plate")
