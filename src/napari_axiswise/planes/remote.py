"""Files at addresses that fsspec knows: ``https://…``, ``s3://…`` and others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..core.errors import PlaneError, error_message, missing_package

PATIENCE: Final = 60.0
"""Seconds to wait for a server that does not answer."""

WITH_EXTRA = ("http", "https", "s3")
"""Protocols whose packages come with the extra ``remote``."""

_ABSENT = (FileNotFoundError, PermissionError)
"""Errors of missing files. Buckets that cannot be listed answer that access is forbidden."""


def read_files(root: str, names: Sequence[str]) -> list[bytes | None]:
    """Return the contents of files below an address, all read at once; None for those that do not exist.

    Raises
    ------
    MissingPackage
        The package for the protocol is not installed.
    PlaneError
        The protocol is unknown, or a file cannot be read.
    """
    files, base = _open(root)
    # By place: `cat` answers by paths that lack the protocol, for s3 and others.
    paths = [f"{base}/{name}" for name in names]
    # Others have time limits of their own, if any.
    patience = {"timeout": PATIENCE + len(names)} if files.async_impl else {}
    try:
        contents = files.cat_ranges(paths, None, None, on_error="return", **patience)
    except Exception as error:
        raise _unreadable(root, error) from error
    for name, content in zip(names, contents, strict=True):
        if isinstance(content, BaseException) and not isinstance(content, _ABSENT):
            raise _unreadable(f"{root}/{name}", content) from content
    return [content if isinstance(content, bytes) else None for content in contents]


def _open(root: str) -> tuple[Any, str]:
    """Return the file system of an address, and the address as the file system writes it."""
    try:
        from fsspec.core import url_to_fs

        files, base = url_to_fs(root)
    except ImportError as error:
        install = "napari-axiswise[remote]" if root.partition(":")[0] in WITH_EXTRA else ""
        raise missing_package(root, "a package of fsspec", install, error) from error
    except Exception as error:
        raise _unreadable(root, error) from error
    return files, base.rstrip("/")


def _unreadable(address: str, error: BaseException) -> PlaneError:
    return PlaneError(
        f"{address} cannot be read ({error_message(error)}). Check the address, your credentials and the network."
    )
