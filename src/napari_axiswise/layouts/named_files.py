"""Files of a folder by the names that an index file has for them, which may be spelled differently."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache

from ..planes.images import TIFF_SUFFIXES
from .folder import file_name

EXACT = 1 << 10
"""Likeness of a file whose path is exactly the one in the index file."""


class NamedFiles:
    """Files that the walk through a folder found, by name.

    Index files are often written before files are renamed, converted or moved to another machine. So letter case,
    ``.tif`` or ``.tiff`` and the folder of another machine do not matter, as long as only one file fits.

    Parameters
    ----------
    files : iterable of str
        Paths relative to the opened folder. No other file is ever returned.
    homes : iterable of str
        Folders of the index files: empty, or ending with ``/``. An index file does not find the files of another one.
    """

    def __init__(self, files: Iterable[str], homes: Iterable[str] = ("",)) -> None:
        self._files = {file: file for file in files}
        self._homes = sorted(homes, key=len, reverse=True)
        # Many records in a row are in one folder.
        self._folder_of = lru_cache(1 << 10)(self._find_folder)

    def find(self, above: str, name: str) -> tuple[Sequence[str], int]:
        """Return the files that fit a name best, and how well they do. A name with one file is that of the file.

        Parameters
        ----------
        above : str
            Folder of the index file: empty, or ending with ``/``.
        name : str
            Path relative to it, or a path on another machine.

        Returns
        -------
        files : sequence of str
            No file, the one that fits, or several that fit equally well.
        likeness : int
            `EXACT`, or a smaller number the fewer parts of the path agree.
        """
        exact = self._files.get(above + name)
        if exact is not None:  # a million times, in a large plate
            return (exact,), EXACT
        path = name.replace("\\", "/")
        inside = self._files.get(posixpath.normpath(above + path))
        if inside is not None:
            return (inside,), EXACT
        parts = [part.lower() for part in re.split("[/:]", path) if part not in ("", ".")]
        stem, suffix = posixpath.splitext(parts[-1] if parts else "")
        family = TIFF_SUFFIXES if suffix in TIFF_SUFFIXES else (suffix,)
        folders = tuple(parts[:-1])
        folder = self._folder_of(above, folders)
        for suffixes in (family, (".png",) if family is TIFF_SUFFIXES else ()):
            fits = [file for other in suffixes for file in self._by_name.get(stem + other, ())]
            fits = [file for file in fits if self._is_meant(file, above, folder, is_whole=not folders)]
            if fits:
                likeness = [(_common(file, folders), file.lower().endswith(suffix)) for file in fits]
                most = max(likeness)
                return [file for file, like in zip(fits, likeness, strict=True) if like == most], most[0]
        return (), 0

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Files by their names in lower case."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for file in self._files:
            found[file_name(file).lower()].append(file)
        return found

    @cached_property
    def _folders(self) -> set[str]:
        """Folders with files, in lower case, each also without its first parts."""
        folders = {file.rpartition("/")[0].lower() for file in self._files}
        return {
            "/".join(parts[start:])
            for f in folders
            for parts in [f.split("/")]
            for start in range(len(parts))
        }

    def _find_folder(self, above: str, folders: tuple[str, ...]) -> str | None:
        """Return the folder that a file has to be in, in lower case, or its last parts; None for any."""
        if not folders:
            beside = above.rstrip("/").lower()
            return beside if beside in self._folders else None
        tails = ("/".join(folders[start:]) for start in range(len(folders)))
        return next((tail for tail in tails if tail in self._folders), None)

    def _is_meant(self, file: str, above: str, folder: str | None, is_whole: bool) -> bool:
        """Return whether a file is in no other index file's folder, and in a folder of that name."""
        if next((home for home in self._homes if file.startswith(home)), above) != above:
            return False
        here = file.rpartition("/")[0].lower()
        return folder is None or here == folder or (not is_whole and here.endswith(f"/{folder}"))


def _common(file: str, folders: Sequence[str]) -> int:
    """Return how many of the last folders in a path agree with those of a file."""
    own = file.lower().split("/")[-2::-1]
    count = 0
    for one, other in zip(own, reversed(folders), strict=False):
        if one != other:
            break
        count += 1
    return count
