"""Check the files of a dataset: the sizes of all, the headers of many, the contents of a few."""

from __future__ import annotations

import filecmp
import os
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.errors import PlaneError
from ..layouts.header import read_header
from ..layouts.ome.image import describe_image
from ..layouts.ome.zarr_metadata import ZarrMetadata
from ..layouts.problem import Problem
from ..planes.images import ImageFiles
from ..planes.table import Planes
from ..planes.tiff import Axes
from ..planes.zarr_arrays import ZarrArrays, is_address

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
    """

    files: int = 0
    headers: int = 0
    problems: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        return f"{self.headers:,} of {self.files:,}" if self.files else "none, the pixels are in memory"


def inspect(index: Planes) -> Inspection:
    """Find files that are missing, empty, cut short, unreadable, or unlike the others.

    Reads the sizes of all files; the headers of `MOST_HEADERS` files spread over the dataset, and of files of
    unusual size; and compares the files of the channels in `MOST_COMPARED` places.
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
    root = index.root
    sizes = np.fromiter((_size(f"{root}{os.sep}{file}") for file in index.files), np.int64, len(index.files))
    problems = [
        Problem(
            index.files[row], "the file does not exist any more" if sizes[row] < 0 else "the file is empty"
        )
        for row in np.flatnonzero(sizes <= 0).tolist()
    ]
    rows = _files_to_read(sizes).tolist()
    traits = _Traits(_TRAITS)
    for row in rows:
        file = index.files[row]
        try:
            header = read_header(Path(root, file))
        except PlaneError as error:
            problems.append(Problem(file, str(error)))
            continue
        if header.damage:
            problems.append(Problem(file, header.damage))
        traits.found[file] = _traits(header.shape, header.dtype, header.calibration, header.page_axes)
    problems += traits.problems()
    problems += _duplicate_channels(index, sizes)
    return Inspection(len(index.files), len(rows), tuple(problems))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 (a Path for each of a million files is slow)
    except OSError:
        return -1


def _files_to_read(sizes: NDArray[np.int64]) -> NDArray[np.intp]:
    present = np.flatnonzero(sizes > 0)
    if len(present) <= MOST_HEADERS:
        return present
    values, counts = np.unique(sizes[present], return_counts=True)
    unusual = present[sizes[present] != values[np.argmax(counts)]]
    return np.union1d(_spread(present, MOST_HEADERS), _spread(unusual, MOST_HEADERS)).astype(np.intp)


def _spread(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Return at most `most` of the rows, evenly spread."""
    if len(rows) <= most:
        return rows
    places: NDArray[np.intp] = np.linspace(0, len(rows) - 1, most).astype(np.intp)
    return np.take(rows, places)


def _duplicate_channels(index: Planes, sizes: NDArray[np.int64]) -> Iterator[Problem]:
    """Yield a problem for each pair of channels with identical files."""
    channels = index.components.get("channel", ())
    if len(channels) < 2:
        return
    column = index.column("channel")
    places = [rows for rows in index.groups([n for n in index.names if n != "channel"]) if len(rows) > 1]
    compared = [places[number] for number in _spread(np.arange(len(places)), MOST_COMPARED)]
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
    rows = _spread(np.arange(len(index.files)), most).tolist()
    problems: list[Problem] = []
    traits = _Traits(_TRAITS)
    for row in rows:
        image = "".join(index.files[row].rpartition("/")[:2])
        try:
            described = describe_image(metadata, image)
        except (ValueError, PlaneError) as error:
            problems.append(Problem(image, str(error)))
            continue
        traits.found[image] = _traits(described.shape, described.dtype, described.calibration, described.axes)
    problems += traits.problems()
    return Inspection(len(index.files), len(rows), tuple(problems))
