"""Temporary folders: deleted by the process that made them, or after its death by the next one."""

from __future__ import annotations

import os
import re
import socket
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from threading import Thread
from uuid import uuid4

import psutil

_PREFIX = "napari-axiswise-"

_NAME = re.compile(rf"{_PREFIX}\w+-(?P<pid>\d+)-(?P<start>\d+)-([a-z0-9_]{{8}}|[a-z]+-[0-9a-f]{{32}})")
"""Names that `tempfile.mkdtemp` and `temporary_path` give."""


class Scratch:
    """A temporary folder, deleted together with the last object that refers to this one.

    A process that was forked deletes nothing. Folders of processes that were killed are deleted when the first one is
    made in the same place.

    Parameters
    ----------
    parent : Path, optional
        Where it is created. By default, in the system's temporary folder.

    Attributes
    ----------
    path : Path
        The folder.

    Raises
    ------
    OSError
        It cannot be created there.
    """

    def __init__(self, parent: Path | None = None) -> None:
        place = Path(tempfile.gettempdir()) if parent is None else parent
        try:
            self.path = Path(tempfile.mkdtemp(prefix=_own_prefix(os.getpid()), dir=place))
        except OSError as error:
            where = "the system's temporary folder" if parent is None else parent
            raise type(error)(
                f"No temporary folder can be created in {where} ({error.strerror or error}). "
                "Choose another place in the settings, or an output folder."
            ) from error
        self._finalizer = weakref.finalize(self, _delete, self.path, os.getpid())
        _sweep_once(place, os.getpid())

    def close(self) -> None:
        """Delete the folder now."""
        self._finalizer()


def temporary_path(name: str) -> Path:
    """Return the path of a file in the system's temporary folder, deleted after this process has died."""
    return Path(tempfile.gettempdir(), f"{_own_prefix(os.getpid())}{name}-{uuid4().hex}")


def _delete(folder: Path, owner: int) -> None:
    if os.getpid() != owner:
        return
    doomed = folder
    with suppress(OSError):
        # Moving it makes it disappear at once for workers that are still writing.
        grave = Path(tempfile.mkdtemp(prefix=_own_prefix(owner), dir=folder.parent))
        doomed = grave
        folder.rename(grave / folder.name)
    rmtree(doomed, ignore_errors=True)
    rmtree(folder, ignore_errors=True)


@cache
def _sweep_once(place: Path, process: int) -> None:
    """Delete folders of dead processes, in a thread, as they may be large."""
    left = list(_left_behind(place))
    if left:
        Thread(target=_remove, args=(left,), name="axiswise-sweep", daemon=True).start()


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir():
            rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def _left_behind(place: Path) -> Iterator[Path]:
    """Yield what processes of this user on this machine have made in a place, and nobody owns now."""
    for path in _listed(place):
        with suppress(OSError):  # another process may have deleted it meanwhile
            name = _NAME.fullmatch(path.name)
            is_ours = name and not path.is_symlink() and path.stat().st_uid == _user()
            if name and is_ours and _start(int(name["pid"])) != name["start"]:
                yield path


def _listed(place: Path) -> list[Path]:
    with suppress(OSError):
        return list(place.glob(f"{_PREFIX}{_machine()}-*"))
    return []


@cache
def _own_prefix(pid: int) -> str:
    return f"{_PREFIX}{_machine()}-{pid}-{_start(pid)}-"


@cache
def _machine() -> str:
    """Return a text for this machine, or this container, whose processes are all that can be asked for here."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 (no path)
    return sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _start(pid: int) -> str:
    """Return when a process started, in units of the system; empty if there is no such process."""
    try:
        # In ticks since the system started, which no change of the clock affects.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        pass
    try:
        return str(int(psutil.Process(pid).create_time() * 100))
    except psutil.Error:
        return ""
