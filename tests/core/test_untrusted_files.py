"""Files that others may have made are opened only if they are ordinary files in their folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_axiswise.core.files import find_links, open_regular, parse_json, path_below, read_regular


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_regular(path, 5) == b"12345"
    with pytest.raises(OSError, match="larger than the limit of 4 bytes"):
        read_regular(path, 4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices of Unix")
def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="a pipe or a device"):
            open_regular(path)


@pytest.mark.parametrize(
    "text", [b'{"a": [1, "[[[", "\\"]"]}', b"[" * 64 + b"]" * 64, b"[" + b"[],{}," * 200 + b"1]"]
)
def test_json_of_usual_depth_is_read(text: bytes) -> None:
    assert parse_json(text)


@pytest.mark.parametrize(
    "text",
    [b"[" * 65 + b"]" * 65, b'{"a":' * 100_000, b'["' + b'\\"' * 200_000 + b"[" * 100, b"\xff", b"", b"[1"],
)
def test_json_that_is_deep_or_damaged_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"in each other|Expecting|Unterminated|decode"):
        parse_json(text)


def test_paths_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "top/in").mkdir(parents=True)
    (tmp_path / "by_link").symlink_to(tmp_path / "top")
    for root in (tmp_path / "top", tmp_path / "by_link"):
        assert path_below(root, "in/new") == root / "in/new"
        assert path_below(root, root / "in") == root / "in"
        for path in ("../other", "in/../../other", "/etc", tmp_path, "in/..", "a\0b"):
            with pytest.raises(OSError, match="link, or is not in"):
                path_below(root, path)
    (tmp_path / "top/link").symlink_to(tmp_path / "top/in")
    (tmp_path / "top/loop").symlink_to(tmp_path / "top/loop")
    for path in ("link", "link/file", "loop"):
        with pytest.raises(OSError, match="link"):
            path_below(tmp_path / "top", path)
    assert sorted(path.name for path in find_links(tmp_path / "top")) == ["link", "loop"]
