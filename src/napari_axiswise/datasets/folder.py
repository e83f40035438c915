"""A folder as a list of files, walked once, never left."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..planes import IMAGE_SUFFIXES
from .dataset import Problem


@dataclass(frozen=True)
class Folder:
    """The files below a folder.

    Parameters
    ----------
    root : Path
        The folder, resolved.
    images : sequence of str
        Image files by their suffix, as paths relative to `root` with ``/`` between the parts, sorted.
    others : sequence of str
        All other files, likewise.
    problems : tuple of Problem
        What was not looked at.
    """

    root: Path
    images: Sequence[str]
    others: Sequence[str]
    problems: tuple[Problem, ...]


def list_folder(path: Path) -> Folder:
    """Return the files below `path`.

    Hidden files are passed over. Links that lead out of the folder are not followed, nor are links to
    folders, so that no cycle is walked.
    """
    root = path.resolve()
    images: list[str] = []
    others: list[str] = []
    problems: list[Problem] = []
    for relative, is_link in _walk(root, "", problems):
        if is_link and not (root / relative).resolve().is_relative_to(root):
            problems.append(Problem(relative, "a link that leads out of the folder; copy the file into it"))
        elif relative.lower().endswith(IMAGE_SUFFIXES):
            images.append(relative)
        else:
            others.append(relative)
    return Folder(root, sorted(images), sorted(others), tuple(problems))


def _walk(root: Path, below: str, problems: list[Problem]) -> Iterator[tuple[str, bool]]:
    try:
        entries = list(os.scandir(root / below))
    except OSError as error:
        problems.append(Problem(below or ".", f"the folder cannot be listed: {error.strerror or error}"))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        relative = f"{below}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, f"{relative}/", problems)
        elif entry.is_symlink() and entry.is_dir():
            problems.append(Problem(relative, "a link to a folder; links to folders are not followed"))
        else:
            yield relative, entry.is_symlink()


def file_name(relative: str) -> str:
    """Return the last part of a relative path."""
    return PurePosixPath(relative).name
