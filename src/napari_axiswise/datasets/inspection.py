"""Check the files of a dataset: the sizes of all, the headers of many, the contents of a few."""

from __future__ import annotations

import filecmp
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.errors import PlaneError
from ..core.files import is_address
from ..core.text import join_names
from ..layouts.header import read_header
from ..layouts.ome.image import describe_image
from ..layouts.ome.union import page_numbers
from ..layouts.ome.zarr_metadata import ZarrMetadata
from ..layouts.problem import Problem
from ..planes.axes import Axes, axes_text
from ..planes.images import ImageFiles
from ..planes.page_map import PageMap
from ..planes.reader import PlaneReader
from ..planes.table import Planes
from ..planes.zarr.arrays import ZarrArrays
from .headers import file_sizes, spread, unusual_sizes

MOST_HEADERS = 2_000
"""Maximum number of headers read, spread over the dataset; and as many again of files of unusual size."""

MOST_REMOTE = 20
"""Maximum number of images inspected behind an address."""

MOST_COMPARED = 500
"""Maximum number of places where the files of the channels are compared."""


@dataclass(frozen=True)
class Inspection:
    """Result of checking the files of a dataset.

    Parameters
    ----------
    files : int
        Number of files; 0 for a dataset in memory.
    headers : int
        Number of files whose header was read.
    problems : tuple of Problem
        Damaged, missing and unusual files.
    lost : mapping
        Files with planes that cannot be read: the numbers of these planes, or None for all.
    """

    files: int = 0
    headers: int = 0
    problems: tuple[Problem, ...] = ()
    lost: Mapping[str, frozenset[int] | None] = field(default_factory=dict)

    def readable(self, index: Planes) -> Planes:
        """Return the planes without those that were found to be unreadable."""
        codes = {code: self.lost[file] for code, file in enumerate(index.files) if file in self.lost}
        keep = ~np.isin(index.file_codes, list(codes))
        for code, pages in codes.items():
            if pages is not None:
                keep |= (index.file_codes == code) & ~np.isin(index.pages, list(pages))
        return index if keep.all() else index.select(keep)

    def __str__(self) -> str:
        return f"{self.headers:,} of {self.files:,}" if self.files else "none, the pixels are in memory"


def inspect(index: Planes) -> Inspection:
    """Find files that are missing, empty, cut short, unreadable, or unlike the others.

    Reads the sizes of all files; the headers of `MOST_HEADERS` files spread over the dataset, of as many that were not
    looked at on opening, and of files of unusual size; and compares the files of the channels in `MOST_COMPARED`
    places.
    """
    if isinstance(index.reader, ImageFiles):
        return _inspect_images(index)
    if isinstance(index.reader, ZarrArrays):
        return _inspect_arrays(index)
    return Inspection(len(index.files))


@dataclass
class _Traits:
    """The traits of files, by path: shape, type and so on, in the order of `names`."""

    names: Sequence[str]
    found: dict[str, tuple[Hashable, ...]] = field(default_factory=dict)

    def problems(self) -> Iterator[Problem]:
        """Yield a problem for each trait of a file that differs from that of most files."""
        for place, name in enumerate(self.names):
            counts = Counter(traits[place] for traits in self.found.values())
            if len(counts) < 2:
                continue
            usual = counts.most_common(1)[0][0]
            for path, traits in self.found.items():
                if traits[place] != usual:
                    reason = (
                        f"{name} {_trait_text(traits[place])}, where most files have {_trait_text(usual)}"
                    )
                    yield Problem(path, reason)


_TRAITS = ("planes of shape", "pixels of type", "a pixel size of", "axes")


def _traits(
    shape: tuple[int, int], dtype: np.dtype[Any], calibration: Calibration, axes: Axes
) -> tuple[Hashable, ...]:
    """Return the traits of a file, in the order of `_TRAITS`."""
    axes_text = ", ".join(f"{name} {length}" for name, length in axes) or "y, x only"
    return shape, str(dtype), calibration.pixel_size, axes_text


def _trait_text(trait: Hashable) -> str:
    if isinstance(trait, tuple):
        return " × ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in trait)
    return "unknown" if trait is None else str(trait)


def _inspect_images(index: Planes) -> Inspection:
    sizes = file_sizes(index.root, index.files)
    problems: list[Problem] = []
    lost: dict[str, frozenset[int] | None] = {}
    for row in np.flatnonzero(sizes <= 0).tolist():
        reason = "the file does not exist any more" if sizes[row] < 0 else "the file is empty"
        problems.append(Problem(index.files[row], reason))
        lost[index.files[row]] = None
    reader = cast("ImageFiles", index.reader)
    unseen = spread(_unseen_codes(index, reader), MOST_HEADERS)
    unseen_planes = _planes_of(index, unseen)
    rows = np.union1d(_files_to_read(sizes), unseen[sizes[unseen] > 0]).tolist()
    # A layout that numbers pages has metadata of its own about them.
    by_axes = reader.page_axes is not None
    traits = _Traits(_TRAITS)
    for row in rows:
        file = index.files[row]
        try:
            header = read_header(Path(index.root, file))
        except PlaneError as error:
            problems.append(Problem(file, str(error)))
            lost[file] = None
            continue
        reasons = header.problems if by_axes else ()
        problems += [Problem(file, reason) for reason in (header.damage, *reasons) if reason]
        if header.damage and header.pages is not None:
            lost[file] = _damaged_planes(header.pages, index.reader)
        if file in unseen_planes and header.pages is not None:
            axes = reader.page_axes or ()
            there = partial(header.pages.numbers, axes)
            lacking, surplus = _lost_planes(file, unseen_planes[file], header.axes, there, axes)
            problems += surplus
            lost[file] = None if lacking is None else lacking | (lost.get(file) or frozenset())
        traits.found[file] = _traits(
            header.shape, header.dtype, header.calibration, header.axes if by_axes else ()
        )
    problems += traits.problems()
    problems += _duplicate_channels(index, sizes)
    return Inspection(len(index.files), len(rows), tuple(problems), lost)


def _damaged_planes(pages: PageMap, reader: PlaneReader) -> frozenset[int]:
    """Return the numbers of the planes of a file whose pixels are incomplete."""
    axes = reader.page_axes if isinstance(reader, ImageFiles) else None
    return frozenset(pages.damaged) if axes is None else pages.damaged_numbers(axes)


def _unseen_codes(index: Planes, reader: ImageFiles | ZarrArrays) -> NDArray[np.intp]:
    """Return the indices of the files that were not looked at on opening."""
    if reader.usual is None:
        return np.zeros(0, np.intp)
    return np.flatnonzero([file not in reader.looked_at for file in index.files])


def _planes_of(index: Planes, codes: NDArray[np.intp]) -> dict[str, frozenset[int]]:
    """Return the planes that the dataset has of some files, by file."""
    own = np.flatnonzero(np.isin(index.file_codes, codes))
    order = own[np.argsort(index.file_codes[own], kind="stable")]
    bounds = np.searchsorted(index.file_codes[order], codes)[1:]
    pages = np.split(index.pages[order], bounds) if len(codes) else []
    return {
        index.files[code]: frozenset(numbers.tolist())
        for code, numbers in zip(codes.tolist(), pages, strict=True)
    }


def _lost_planes(
    file: str, expected: frozenset[int], own: Axes, there: Callable[[], Iterable[int]], common: Axes
) -> tuple[frozenset[int] | None, list[Problem]]:
    """Return which planes a file lacks that was not looked at on opening, and a problem if it has others.

    Such a file is not read at all, as some of its planes would be lost: None.
    """
    lengths = dict(common)
    is_beyond = any(length > lengths.get(name, 1) for name, length in own)
    found = frozenset() if is_beyond else frozenset(there())
    surplus = [str(number + 1) for number in sorted(found - expected)]
    if is_beyond or surplus:
        planes = (
            f"planes {join_names(surplus)} of {axes_text(common)}" if surplus else f"planes {axes_text(own)}"
        )
        reason = (
            f"it has {planes}, which most files lack, and was not looked at on opening. Open it separately"
        )
        return None, [Problem(file, reason)]
    return expected - found, []


def _files_to_read(sizes: NDArray[np.int64]) -> NDArray[np.intp]:
    present = np.flatnonzero(sizes > 0)
    if len(present) <= MOST_HEADERS:
        return present
    unusual = present[unusual_sizes(sizes[present])]
    return np.union1d(spread(present, MOST_HEADERS), spread(unusual, MOST_HEADERS)).astype(np.intp)


def _duplicate_channels(index: Planes, sizes: NDArray[np.int64]) -> Iterator[Problem]:
    """Yield a problem for each pair of channels with identical files."""
    channels = index.components.get("channel", ())
    if len(channels) < 2:
        return
    column = index.column("channel")
    places = [rows for rows in index.groups([n for n in index.names if n != "channel"]) if len(rows) > 1]
    compared = [places[number] for number in spread(np.arange(len(places)), MOST_COMPARED)]
    duplicates: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for rows in compared:
        for first, second in _equal_pairs(rows, index, sizes):
            pair = int(column[first]), int(column[second])
            duplicates[pair].append(index.files[index.file_codes[second]])
    for (first, second), files in duplicates.items():
        yield Problem(
            files[0],
            f"channels {channels[first]} and {channels[second]} have identical files, here and in "
            f"{len(files)} of the {len(compared)} places compared",
        )


def _equal_pairs(
    rows: NDArray[np.intp], index: Planes, sizes: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    for number, first in enumerate(rows):
        for second in rows[number + 1 :]:
            one, other = int(index.file_codes[first]), int(index.file_codes[second])
            same_place = one == other and index.pages[first] == index.pages[second]
            if same_place or (
                one != other and sizes[one] == sizes[other] > 0 and _are_equal(index, one, other)
            ):
                yield int(first), int(second)


def _are_equal(index: Planes, one: int, other: int) -> bool:
    try:
        return filecmp.cmp(
            Path(index.root, index.files[one]), Path(index.root, index.files[other]), shallow=False
        )
    except OSError:
        return False


def _inspect_arrays(index: Planes) -> Inspection:
    metadata = ZarrMetadata(index.root)
    most = MOST_REMOTE if is_address(index.root) else MOST_HEADERS
    reader = cast("ZarrArrays", index.reader)
    unseen = spread(_unseen_codes(index, reader), most)
    unseen_planes = _planes_of(index, unseen)
    rows = np.union1d(spread(np.arange(len(index.files)), most), unseen).tolist()
    lost: dict[str, frozenset[int] | None] = {}
    problems: list[Problem] = []
    traits = _Traits(_TRAITS)
    for row in rows:
        file = index.files[row]
        image = "".join(file.rpartition("/")[:2])
        try:
            described = describe_image(metadata, image)
        except (ValueError, PlaneError) as error:
            problems.append(Problem(image, str(error)))
            lost[file] = None
            continue
        if file in unseen_planes:
            there = partial(page_numbers, described.axes, reader.page_axes)
            expected = unseen_planes[file]
            lost[file], surplus = _lost_planes(image, expected, described.axes, there, reader.page_axes)
            problems += surplus
        traits.found[image] = _traits(described.shape, described.dtype, described.calibration, described.axes)
    problems += traits.problems()
    return Inspection(len(index.files), len(rows), tuple(problems), lost)
