"""What needs a package that is not installed says so, and how to get it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import napari_axiswise as aw
from napari_axiswise.core.errors import MissingPackage, missing_package
from napari_axiswise.planes.reader import plane_errors


def test_the_message_names_what_to_install() -> None:
    cause = ImportError("No module named 'distributed'.\nInstall it like this.")
    assert str(missing_package("x.czi", "bioio", "napari-axiswise[bioio]")) == (
        'x.czi needs bioio, which is not installed: pip install "napari-axiswise[bioio]".'
    )
    assert str(missing_package("x", "Dask", "", cause)) == (
        "x needs Dask, which is not installed (No module named 'distributed'). Install it."
    )
    assert str(missing_package("x", "Dask", "y", ImportError())).count("(") == 0


@pytest.mark.parametrize(
    ("address", "missing", "message"),
    [
        ("s3://bucket/plate.zarr", "s3fs", r's3fs.*pip install "napari-axiswise\[remote\]"'),
        ("https://127.0.0.1:9/plate.zarr", "fsspec.implementations.http", r"napari-axiswise\[remote\]"),
        ("s3://bucket/plate.zarr", "fsspec.core", r"napari-axiswise\[remote\]"),
        ("gs://bucket/plate.zarr", "gcsfs", r"gcsfs.*\. Install it"),
    ],
)
def test_an_address_names_the_package_of_its_protocol(
    monkeypatch: pytest.MonkeyPatch, address: str, missing: str, message: str
) -> None:
    fsspec = pytest.importorskip("fsspec.registry")
    monkeypatch.setattr(fsspec, "_registry", {})
    monkeypatch.setattr(fsspec, "registry", {})
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingPackage, match=f"{address} needs .*{message}"):
        aw.open_dataset(address)


def test_a_file_whose_codec_is_missing_is_not_called_damaged() -> None:
    with (
        pytest.raises(MissingPackage, match=r"a\.tif needs a package.*No module named 'codec'"),
        plane_errors("a.tif"),
    ):
        raise ModuleNotFoundError("No module named 'codec'")


@pytest.mark.parametrize("name", ["map.xlsx", "map.xls", "map.ods"])
def test_a_workbook_is_no_plate_map_and_says_to_use_csv(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04\x14\x00\x06\x00")
    with pytest.raises(ValueError, match=rf"{name} is not a text file\. Save the sheet as CSV"):
        aw.read_plate_map(path)
