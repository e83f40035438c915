"""Stamps of files: by which a run notices that a file is not the one that it began with."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PlaneError

Stamps = NDArray[np.int64]
"""A row for each file: size, modification time in nanoseconds, and inode; -2 for that of a folder, -1 if it is gone."""

GONE = (-1, -1, -1)

_FOLDER = -2

# Some file systems number their files up to 2 ** 64.
_INODES = np.iinfo(np.int64).max


def stamp_files(paths: Iterable[str]) -> Stamps:
    """Return the stamps of files or folders."""
    return np.array([_stamp(path) for path in paths], np.int64).reshape(-1, 3)


def check_stamp(path: str, stamp: NDArray[np.int64]) -> None:
    """Check that a file is still the one that was stamped.

    Folders, such as those of Zarr arrays, are not checked: their times do not tell whether something in them changed.

    Raises
    ------
    PlaneError
        It has changed.
    """
    now = _stamp(path)
    if now[2] != _FOLDER and now not in (GONE, tuple(stamp.tolist())):  # reading says that it is gone
        raise PlaneError(
            f"{path} has changed during the run, so planes may not belong together. Put the earlier file back and "
            "resume, or start a new run once nothing writes to the folder."
        )


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 (100,000 Path objects cost time and memory)
    except OSError:
        return GONE
    inode = _FOLDER if stat.S_ISDIR(found.st_mode) else found.st_ino & _INODES
    return found.st_size, found.st_mtime_ns, inode
