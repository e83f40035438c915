"""Headers of the files of a dataset: as many as fit a budget, and what they have in common."""

from __future__ import annotations

import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.errors import PlaneError
from ..core.text import join_names
from ..layouts.agreement import agreed_calibration
from ..layouts.header import Header, read_header
from ..layouts.layout import FilePlanes, FoundPlanes
from ..layouts.problem import Problem
from ..planes.axes import Axes, common_axes
from ..planes.images import TIFF_SUFFIXES, ImageFiles
from ..planes.tiff import open_tiff, page_offsets

MOST_FILES = 3_000
"""Number of files up to which all headers are read on opening."""

SAMPLE = 1_000
"""Number of headers that are read on opening of more files."""

LONGEST = 2.0
"""Seconds after which no more headers are read on opening."""

FIRST_TRIED = 10
"""Number of headers that are tried if one is enough."""

MOST_SIZES = 20_000
"""Maximum number of files whose size is looked at, to find unusual ones."""


@dataclass(frozen=True, eq=False)
class Headers:
    """Headers of files.

    Parameters
    ----------
    files : int
        Number of all files.
    found : mapping
        Headers by file.
    codes : mapping
        Indices of these files.
    unreadable : tuple of Problem
        Files whose header cannot be read.
    """

    files: int
    found: Mapping[str, Header]
    codes: Mapping[str, int] = field(default_factory=dict)
    unreadable: tuple[Problem, ...] = ()

    @property
    def unread(self) -> int:
        """Number of files whose header was not looked at."""
        return self.files - len(self.found) - len(self.unreadable)

    @cached_property
    def usual(self) -> Header:
        """The first header with the most common shape and type of planes, undamaged if there is one."""
        sound = [header for header in self.found.values() if not header.damage]
        headers = sound or list(self.found.values())
        kinds = Counter((header.shape, header.dtype) for header in headers)
        most = max(kinds, key=lambda kind: kinds[kind])
        return next(header for header in headers if (header.shape, header.dtype) == most)

    @cached_property
    def axes(self) -> Axes:
        """Axes of the planes of all files together."""
        return common_axes(header.axes for header in self.found.values())

    @cached_property
    def planes(self) -> FilePlanes:
        """Which planes along `axes` each file has. Files that were not looked at are expected to be like most."""
        own = {self.codes[file]: self._numbers(header) for file, header in self.found.items()}
        patterns = Counter(numbers.tobytes() for numbers in own.values())
        usual = patterns.most_common(1)[0][0]
        others = {code: numbers for code, numbers in own.items() if numbers.tobytes() != usual}
        return FilePlanes(np.frombuffer(usual, np.int32), others)

    @property
    def reader(self) -> ImageFiles:
        """Reader of the planes of all files."""
        if not self.unread:
            return ImageFiles(self.axes)
        return ImageFiles(self.axes, frozenset(self.planes.usual.tolist()), frozenset(self.found))

    def _numbers(self, header: Header) -> NDArray[np.int32]:
        """Return the numbers of the planes of a file along `axes`."""
        if header.pages is None:
            return np.arange(math.prod(length for _, length in header.axes), dtype=np.int32)
        return np.sort(header.pages.numbers(self.axes))

    def calibration(self, with_channels: bool) -> tuple[Calibration, list[Problem]]:
        """Return what the files agree on, and problems for what they do not.

        Parameters
        ----------
        with_channels : bool
            Whether the channels of the dataset are those within the files.
        """
        described = dict(self.found)
        if not with_channels:
            described = {
                file: replace(header, calibration=replace(header.calibration, channel_names={}))
                for file, header in described.items()
            }
        return agreed_calibration(described)

    @property
    def problems(self) -> list[Problem]:
        """Files that cannot be read or are damaged, and pages and metadata that are not used."""
        own = [
            Problem(file, reason)
            for file, header in self.found.items()
            for reason in (*filter(None, (header.damage,)), *header.problems)
        ]
        return [*self.unreadable, *own]


def read_headers(root: Path, files: Sequence[str]) -> Headers:
    """Read the headers of files, those of unusual size first, until the budget is spent.

    Raises
    ------
    PlaneError
        None of the headers can be read.
    """
    return _read(root, files, _in_order(root, files), enough=MOST_FILES)


def _read(root: Path, files: Sequence[str], order: Sequence[int], enough: int) -> Headers:
    start = time.monotonic()
    found: dict[str, Header] = {}
    codes: dict[str, int] = {}
    unreadable: list[Problem] = []
    error: PlaneError | None = None
    for code in order:
        if found and (len(found) >= enough or time.monotonic() - start > LONGEST):
            break
        file = files[code]
        try:
            found[file] = read_header(root / file)
            codes[file] = code
        except PlaneError as failure:
            unreadable.append(Problem(file, str(failure)))
            error = failure
    if not found:
        raise error or PlaneError(f"There are no files in {root}.")
    return Headers(len(files), found, codes, tuple(unreadable))


def first_header(root: Path, files: Sequence[str], known: Header | None = None) -> Headers:
    """Return one header for all files, of a layout that says itself which pages are planes.

    Parameters
    ----------
    root : Path
        The folder.
    files : sequence of str
        Its files.
    known : Header, optional
        The header, if the layout has read it.

    Raises
    ------
    PlaneError
        None of the first headers can be read.
    """
    if known is not None:
        return Headers(1, {files[0]: known}, {files[0]: 0})
    headers = _read(root, files, range(min(len(files), FIRST_TRIED)), enough=1)
    return replace(headers, files=len(headers.found) + len(headers.unreadable))


def unclaimed_pages(root: str, found: FoundPlanes) -> list[Problem]:
    """Return a problem for each file with pages that a layout did not claim, as far as the budget goes."""
    from tifffile import TiffFileError

    claimed: defaultdict[int, set[int]] = defaultdict(set)
    rows = np.arange(len(found.files)) if found.file_codes is None else found.file_codes
    pages = np.zeros(len(rows), np.int32) if found.pages is None else found.pages
    for file, page in zip(rows.tolist(), pages.tolist(), strict=True):
        claimed[file].add(page)
    problems = []
    start = time.monotonic()
    for code in _in_order(Path(root), found.files):
        file = found.files[code]
        if time.monotonic() - start > LONGEST:
            break
        if not file.lower().endswith(TIFF_SUFFIXES):
            continue
        try:
            with open_tiff(f"{root}{os.sep}{file}") as tiff:
                others = set(range(len(page_offsets(tiff)[0]))) - claimed[code]
        except (OSError, ValueError, TiffFileError):
            continue
        if others:
            numbers = join_names(str(page + 1) for page in sorted(others))
            problems.append(Problem(file, f"the metadata do not say which planes its pages {numbers} are"))
    return problems


def _in_order(root: Path, files: Sequence[str]) -> list[int]:
    """Return the indices of the files to read: all, or some of unusual size and then some spread over all."""
    if len(files) <= MOST_FILES:
        return list(range(len(files)))
    looked_at = spread(np.arange(len(files)), MOST_SIZES)
    sizes = file_sizes(str(root), [files[code] for code in looked_at])
    unusual = spread(looked_at[unusual_sizes(sizes)], SAMPLE // 2).tolist()
    others = set(unusual)
    return [
        *unusual,
        *(code for code in spread(looked_at, SAMPLE - len(unusual)).tolist() if code not in others),
    ]


def file_sizes(root: str, files: Sequence[str]) -> NDArray[np.int64]:
    """Return the sizes of files in bytes, -1 for those that do not exist."""
    return np.fromiter((_size(f"{root}{os.sep}{file}") for file in files), np.int64, len(files))


def unusual_sizes(sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which files have another size than most."""
    values, counts = np.unique(sizes, return_counts=True)
    return np.asarray(sizes != values[np.argmax(counts)])


def spread(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return at most `most` of the rows, evenly spread."""
    if len(rows) <= most:
        return rows
    places: NDArray[np.intp] = np.linspace(0, len(rows) - 1, most).astype(np.intp)
    return np.take(rows, places)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 (a Path for each of a million files is slow)
    except OSError:
        return -1
