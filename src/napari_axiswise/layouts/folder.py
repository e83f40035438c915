"""Folders as lists of files. A folder is walked once, when needed, and never left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..planes.images import IMAGE_SUFFIXES
from .problem import Problem

ZARR_METADATA = frozenset(("zarr.json", ".zgroup", ".zattrs", ".zarray"))
"""Names of files that mark a folder as a part of a Zarr store."""


@dataclass(frozen=True)
class Walk:
    """Files that a walk through a folder found, as sorted relative paths with ``/``.

    Parameters
    ----------
    images : sequence of str
        Files with the suffix of an image.
    others : sequence of str
        All other files.
    stores : sequence of str
        Folders that are Zarr stores, which are not walked.
    problems : sequence of Problem
        Files and folders that were skipped.
    """

    images: Sequence[str] = ()
    others: Sequence[str] = ()
    stores: Sequence[str] = ()
    problems: Sequence[Problem] = ()


class Folder:
    """Files in a folder and its subfolders.

    Hidden files are skipped. Links out of the folder and links to folders are not followed, to avoid cycles.

    Parameters
    ----------
    path : Path
        The folder.
    walk : Walk, optional
        Contents of the folder. By default it is walked when first needed.
    """

    def __init__(self, path: Path, walk: Walk | None = None) -> None:
        self.root = path.resolve()
        if walk is not None:
            self.__dict__["walk"] = walk

    @cached_property
    def walk(self) -> Walk:
        """Contents of the folder and its subfolders."""
        images: list[str] = []
        others: list[str] = []
        stores: list[str] = []
        problems: list[Problem] = []
        for relative, entry in _walk(self.root, stores, problems):
            if entry.is_symlink() and not _leads_to_below(entry, self.root):
                problems.append(Problem(relative, "a link out of the folder; copy the file into it"))
            elif not entry.is_file():
                problems.append(Problem(relative, "neither a file nor a folder"))
            elif relative.lower().endswith(IMAGE_SUFFIXES):
                images.append(relative)
            else:
                others.append(relative)
        for found in (images, others, stores):
            found.sort()
        if images:
            reason = "a Zarr store, which is skipped; open it separately"
            problems += [Problem(store, reason) for store in stores]
        return Walk(images, others, stores, problems)

    @property
    def images(self) -> Sequence[str]:
        """Files with the suffix of an image."""
        return self.walk.images

    @property
    def others(self) -> Sequence[str]:
        """All other files."""
        return self.walk.others

    @property
    def problems(self) -> Sequence[Problem]:
        """Files and folders that were skipped; empty if the folder has not been walked."""
        return self.walk.problems if "walk" in self.__dict__ else ()

    @property
    def is_store(self) -> bool:
        """Whether the folder is a Zarr store, which must not be walked."""
        return any((self.root / name).is_file() for name in ZARR_METADATA)

    def named(self, fits: Callable[[str], bool]) -> list[str]:
        """Return the other files whose names, in lower case and without folders, satisfy a condition."""
        return [other for other in self.others if fits(file_name(other).lower())]


def _walk(root: Path, stores: list[str], problems: list[Problem]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield the files in a folder and its subfolders, depth first."""
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
