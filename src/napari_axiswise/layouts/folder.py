"""A folder as lists of files, walked once when they are asked for, never left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..planes.images import IMAGE_SUFFIXES
from .problem import Problem

ZARR_METADATA = frozenset(("zarr.json", ".zgroup", ".zattrs", ".zarray"))
"""Files by which a folder tells that it is part of a Zarr store."""


@dataclass(frozen=True)
class Walk:
    """What a walk through a folder found, as paths with ``/`` between the parts, sorted.

    Parameters
    ----------
    images : sequence of str
        Image files by their suffix.
    others : sequence of str
        All other files.
    stores : sequence of str
        Folders that are Zarr stores. They are not walked through.
    problems : sequence of Problem
        What was not looked at.
    """

    images: Sequence[str] = ()
    others: Sequence[str] = ()
    stores: Sequence[str] = ()
    problems: Sequence[Problem] = ()


class Folder:
    """The files below a folder.

    Hidden files are passed over. Links that lead out of the folder are not followed, nor are links to
    folders, so that no cycle is walked.

    Parameters
    ----------
    path : Path
        The folder.
    walk : Walk, optional
        What is in it; left out, it is walked through when somebody asks.
    """

    def __init__(self, path: Path, walk: Walk | None = None) -> None:
        self.root = path.resolve()
        if walk is not None:
            self.__dict__["walk"] = walk

    @cached_property
    def walk(self) -> Walk:
        """All that is below the folder."""
        images: list[str] = []
        others: list[str] = []
        stores: list[str] = []
        problems: list[Problem] = []
        for relative, entry in _walk(self.root, stores, problems):
            if entry.is_symlink() and not _leads_to_below(entry, self.root):
                problems.append(
                    Problem(relative, "a link that leads out of the folder; copy the file into it")
                )
            elif not entry.is_file():
                problems.append(Problem(relative, "neither a file nor a folder"))
            elif relative.lower().endswith(IMAGE_SUFFIXES):
                images.append(relative)
            else:
                others.append(relative)
        for found in (images, others, stores):
            found.sort()
        if images:
            told = "a Zarr store, which is not looked into; open it on its own"
            problems += [Problem(store, told) for store in stores]
        return Walk(images, others, stores, problems)

    @property
    def images(self) -> Sequence[str]:
        """Image files by their suffix."""
        return self.walk.images

    @property
    def others(self) -> Sequence[str]:
        """All other files."""
        return self.walk.others

    @property
    def problems(self) -> Sequence[Problem]:
        """What was not looked at; nothing where nobody asked what there is."""
        return self.walk.problems if "walk" in self.__dict__ else ()

    @property
    def is_store(self) -> bool:
        """Whether the folder is a Zarr store, and not to be walked through."""
        return any((self.root / name).is_file() for name in ZARR_METADATA)

    def named(self, fits: Callable[[str], bool]) -> list[str]:
        """Return the files that are no images and whose name, in lower case and without folders, fits."""
        return [other for other in self.others if fits(file_name(other).lower())]


def _walk(root: Path, stores: list[str], problems: list[Problem]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield the files below a folder, depth first."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(f"{root}/{below}") as found:
                entries = list(found)
        except OSError as error:
            problems.append(Problem(below or ".", f"the folder cannot be listed: {error.strerror or error}"))
            continue
        if below and any(entry.name in ZARR_METADATA for entry in entries):
            stores.append(below.rstrip("/"))
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            relative = below + entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(relative + "/")
            elif entry.is_symlink() and _leads_to_a_folder(entry):
                problems.append(Problem(relative, "a link to a folder; links to folders are not followed"))
            else:
                yield relative, entry


def _leads_to_a_folder(link: os.DirEntry[str]) -> bool:
    try:
        return link.is_dir()
    except OSError:
        return False


def _leads_to_below(link: os.DirEntry[str], root: Path) -> bool:
    try:
        return Path(link.path).resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a cycle of links
        return False


def file_name(relative: str) -> str:
    """Return the last part of a relative path."""
    return relative.rpartition("/")[2]
