"""Paths and addresses, which a path can look like."""

from __future__ import annotations

import json
import pickle
from pathlib import Path, PureWindowsPath

import pytest

from napari_axiswise.core.files import Address, as_address, check_local, full_address, hide_secrets

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


@pytest.mark.parametrize(
    ("full", "public"),
    [
        ("http://user:secret@host:80/p.zarr", "http://host:80/p.zarr"),
        ("https://token@host/p", "https://host/p"),
        ("https://u:p@ss@host/x@y", "https://host/x@y"),
        ("https://u:pa/ss@host/x", "https://host/x"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("s3://KEY:secret@bucket/x", "s3://KEY@bucket/x"),
        ("abfs://container@account/x", "abfs://container@account/x"),
        ("sftp://user:secret@host/x", "sftp://user@host/x"),
        ("zip://a::https://u:p@host/z", "zip://a::https://host/z"),
        ("simplecache::https://u:p@host/z", "simplecache::https://host/z"),
        ("https://host/p?X-Amz-Signature=ab&b=1", "https://host/p?b=1"),
        ("https://host/p?accessToken=x", "https://host/p"),
        ("https://host/p?b=1&sig=a%2F#f", "https://host/p?b=1#f"),
        ("https://host/p#access_token=1", "https://host/p"),
        ("https://host/p?monkey=2&design=3", "https://host/p?monkey=2&design=3"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
    ],
)
def test_an_address_shows_its_public_part_and_keeps_the_rest(full: str, public: str) -> None:
    address = Address(full)
    assert (str(address), repr(address), full_address(address)) == (public, repr(public), full)
    again = pickle.loads(pickle.dumps(address))
    assert (again, full_address(again), full_address(Address(again))) == (public, full, full)
    assert json.loads(json.dumps(address)) == public
    assert hide_secrets(f"401 at '{full}': no, {full}") == f"401 at '{public}': no, {public}"
