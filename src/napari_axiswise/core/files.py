"""Paths and addresses, folders of an output, and files that are written atomically."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

PARTIAL: Final = ".partial"
"""Suffix of files that are still being written."""


def is_address(path: str) -> bool:
    """Return whether a text is a URL rather than a path."""
    return "://" in path


def as_address(path: str | Path) -> str | Path:
    """Restore the double slash of an address that was converted to a path."""
    # Path("s3://bucket") is s3:/bucket, and on Windows s3:\bucket. In C:\data, C is no scheme but a drive.
    scheme = re.match(r"((?:\w+::)*)([A-Za-z][A-Za-z0-9+.-]+):[/\\](?=[^/\\])", str(path))
    if not scheme:
        return path
    slashes = "///" if scheme[2] == "file" else "//"  # after these, an address of a file has no server
    rest = str(path)[scheme.end() :].replace("\\", "/")
    return f"{scheme[1]}{scheme[2]}:{slashes}{rest}"


def full_path(folder: Path, path: str) -> str:
    """Return the full path of one that is relative to a folder, and an address as it is."""
    return path if is_address(path) else str((folder / Path(path).expanduser()).resolve())


def local_path(address: str) -> Path | None:
    """Return the path of an address of a file of this computer, ``file://…``; None for other addresses."""
    parts = urlsplit(address)
    if parts.scheme not in ("file", "local"):
        return None
    server = "" if parts.netloc in ("", "localhost") else f"//{parts.netloc}"
    return Path(url2pathname(f"{server}{parts.path}"))


def check_local(path: str | os.PathLike[str], use: str) -> None:
    """Check that a folder is on this computer.

    Parameters
    ----------
    path : path
        The path.
    use : str
        What the folder is, for the message: ``"The output folder"``.

    Raises
    ------
    ValueError
        It is an address, for which a folder called ``s3:`` would be created.
    """
    address = str(as_address(os.fspath(path)))
    if is_address(address):
        raise ValueError(
            f"{use} cannot be at the address {address}: it has to be on a disk of this computer. Choose a path, and "
            "copy the folder from or to the address yourself."
        )


def make_folder(root: str, folder: Path) -> None:
    """Create a folder in the output folder, but never the output folder itself.

    Raises
    ------
    FileNotFoundError
        The output folder was deleted. It must not reappear with a part of its contents.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"The output folder {root} no longer exists. Run again.")
    folder.mkdir(parents=True, exist_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that readers never see a part of it."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
