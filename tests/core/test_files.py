"""Paths and addresses, which a path can look like."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from napari_axiswise.core.files import as_address, check_local

ADDRESSES = (
    "https://example.org/a/plate.zarr",
    "s3://bucket",
    "gs://bucket/a",
    "memory://a",
    "file:///data/plate",
    "simplecache::s3://bucket/a",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_survives_being_taken_for_a_path(address: str) -> None:
    assert as_address(Path(address)) == as_address(address) == address
    assert as_address(str(PureWindowsPath(address))) == address
    for path in (address, Path(address)):
        with pytest.raises(
            ValueError, match=f"The copy cannot be at the address {address}:.*a disk of this computer"
        ):
            check_local(path, "The copy")


@pytest.mark.parametrize(
    "path",
    [
        "/data/plate",
        "data/a:b/c",
        "C:/data",
        "./s3:/a",
        Path("/data/plate"),
        r"C:\data",
        "~/a",
        "",
    ],
    ids=str,
)
def test_a_path_is_no_address(path: str | Path) -> None:
    assert as_address(path) == path
    check_local(path, "The copy")
