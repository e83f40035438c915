"""Stamps of files: by which a run notices that a file is not the one that it began with."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PlaneError

Stamps = NDArray[np.int64]
"""A row for each file: size, modification time, inode, and change time (ctime), times in nanoseconds.

The inode of a folder is -2. All is -1 if the file is gone.
"""

GONE = (-1, -1, -1, -1)

_FOLDER = -2

# Some file systems number their files up to 2 ** 64.
_INODES = np.iinfo(np.int64).max


def stamp_files(paths: Iterable[str]) -> Stamps:
    """Return the stamps of files or folders."""
    return np.array([_stamp(path) for path in paths], np.int64).reshape(-1, 4)


def check_stamp(path: str, stamp: NDArray[np.int64]) -> None:
    """Check that a file is still the one that was stamped.

    Folders, such as those of Zarr arrays, are not checked: their times do not tell whether something in them changed.

    Raises
    ------
    PlaneError
        It has changed.
    """
    now = _stamp(path)
    if now[2] == _FOLDER or now == GONE:  # reading says that it is gone
        return
    size, modified, inode, changed = stamp.tolist()
    # exFAT, sshfs and others give a file another inode whenever they look it up again. A file that was put in its place
    # also has another change time, and so does a file whose permissions were changed.
    if now[:2] != (size, modified) or (now[2] != inode and now[3] != changed):
        raise PlaneError(
            f"{path} has changed during the run, so planes may not belong together. Put the earlier file back and "
            "resume, or start a new run once nothing writes to the folder."
        )


def _stamp(path: str) -> tuple[int, int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 (100,000 Path objects cost time and memory)
    except OSError:
        return GONE
    inode = _FOLDER if stat.S_ISDIR(found.st_mode) else found.st_ino & _INODES
    return found.st_size, found.st_mtime_ns, inode, found.st_ctime_ns
