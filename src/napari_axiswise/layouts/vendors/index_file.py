"""Index files: XML with a record of each image of a plate, written beside the images."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, reduce
from itertools import pairwise
from typing import NamedTuple, Protocol

from ...core.calibration import Calibration
from ...core.text import join_names
from ...core.wells import parse_well, well_name
from ..column import Column, Table
from ..folder import Folder, file_name
from ..layout import FoundPlanes
from ..named_files import EXACT, NamedFiles
from ..problem import Problem, Problems
from ..values import MISSING_VALUE
from ..xml import XmlError

LONGEST_QUOTE = 120
"""Characters of a quoted text from a file in messages."""

_COMPONENTS = ("well", "site", "timepoint", "channel", "z_index")
_LARGEST = 1e12
_NUMBER = re.compile(r"[0-9]{1,9}")
_OUTSIDE = re.compile(r"/|[a-z][a-z0-9+.-]*:|(.*/)?\.\.(/|$)", re.IGNORECASE | re.DOTALL)


class Record(NamedTuple):
    """Record of one image in an index file, as texts that are empty where unknown.

    Parameters
    ----------
    name : str
        Path of the image, relative to the folder of the index file.
    row, column, site, timepoint, channel, z_index : str
        Numbers as written in the file.
    y, x, z : str
        Stage position, with y pointing up.
    offset : str
        Seconds since the first image.
    clock : str
        Date and time in ISO 8601.
    projection : str
        Value of ``z_index`` if the image is a projection.
    fault : str
        Why the image cannot be used.
    timeline : str
        Number of the timeline.
    """

    name: str
    row: str
    column: str
    site: str
    timepoint: str
    channel: str
    z_index: str
    y: str = ""
    x: str = ""
    z: str = ""
    offset: str = ""
    clock: str = ""
    projection: str = ""
    fault: str = ""
    timeline: str = ""


class Index(Protocol):
    """Index file, read record by record.

    Attributes
    ----------
    micrometers : float
        Micrometers per unit of length in the records.
    channel_names : mapping
        Names by channel; complete once all records have been read.
    pixel_size : tuple of float, optional
        Size of a pixel (Y, X) in micrometers; known once all records have been read.
    """

    micrometers: float
    channel_names: dict[str, str]
    pixel_size: tuple[float, float] | None

    def records(self) -> Iterator[Record]:
        """Yield the records. Raise XmlError where the file is damaged."""


def find_planes(
    folder: Folder, indexes: Mapping[str, Index], companions: re.Pattern[str], unnamed: Callable[[str], str]
) -> FoundPlanes | None:
    """Return the images that are both in an index file and in the folder, or None if there is no index file.

    Parameters
    ----------
    folder : Folder
        The folder. Files that its walk did not find are ignored, even if index files name them; see `NamedFiles`.
    indexes : mapping
        Index files by path. In each folder, the first one with planes is used. If several folders have planes,
        ``plate`` is a component.
    companions : re.Pattern
        Matches paths of other files that belong to the plate.
    unnamed : callable
        Returns why an image without a record is not used.
    """
    if not indexes:
        return None
    images = NamedFiles(folder.images, {path.removesuffix(file_name(path)) for path in indexes})
    rows = _Rows()
    problems = Problems()
    unused: list[Problem] = []
    calibrations: dict[str, Calibration] = {}
    for path, index in indexes.items():
        plate = path.rpartition("/")[0] or "."
        if plate in calibrations:
            continue
        reading = _Reading(path, plate, images, rows)
        before = len(rows)
        broken = reading.read(index)
        if len(rows) == before:
            unused.append(Problem(path, f"the index is not used: {broken or reading.why_empty()}"))
            continue
        problems.extend(reading.problems)
        if broken:
            problems.append(Problem(path, f"only the records before the damage are used: {broken}"))
        calibrations[plate] = reading.calibration(index)
    files, found = rows.used()
    if not files:
        return FoundPlanes((), {}, unused)
    problems.extend(unused)
    explained = {*files, *(problem.path for problem in problems)}
    problems.extend(Problem(image, unnamed(image)) for image in folder.images if image not in explained)
    problems.extend(
        Problem(other, "not an image") for other in folder.others if not companions.fullmatch(other)
    )
    columns, calibration = _of_plates(found, list(calibrations.values()))
    return FoundPlanes(files, columns, problems.with_count(), calibration)


def _of_plates(
    columns: dict[str, Column], calibrations: Sequence[Calibration]
) -> tuple[dict[str, Column], Calibration]:
    """Drop columns with a single value, and stage positions if there are several plates."""
    if len(set(columns["timeline"].texts)) == 1:
        columns = {name: column for name, column in columns.items() if name != "timeline"}
    if len(calibrations) == 1:
        return {name: columns[name] for name in columns if name != "plate"}, calibrations[0]
    return columns, replace(reduce(Calibration.merged_with, calibrations), positions={})


class _Rows:
    """Planes of all index files. A file is the plane of the record whose name fits it best, and of no other."""

    def __init__(self) -> None:
        self._files: list[str] = []
        self._table = Table(("plate", "timeline", *_COMPONENTS))
        self._row_of: dict[str, int] = {}
        self._likeness: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._withdrawn: set[int] = set()

    def __len__(self) -> int:
        return len(self._files) - len(self._withdrawn)

    def add(self, file: str, likeness: int, name: str, values: tuple[str, ...]) -> Sequence[str]:
        """Add a plane, and return the names of records that are not used because of it or instead of it."""
        row = self._row_of.get(file)
        if row is not None:
            before, other = self._likeness.get(file, EXACT), self._names.get(file, file)
            if likeness == before < EXACT:
                self._withdrawn.add(row)
                return [other, name]
            if likeness <= before:
                return [name]
            self._withdrawn.add(row)
        self._row_of[file] = len(self._files)
        self._files.append(file)
        self._table.add(values)
        if likeness < EXACT:
            self._likeness[file], self._names[file] = likeness, name
        else:
            self._likeness.pop(file, None)
        return [] if row is None else [other]

    def used(self) -> tuple[list[str], dict[str, Column]]:
        """Return the files and columns of the planes."""
        columns = self._table.columns()
        if not self._withdrawn:
            return self._files, columns
        kept = [row for row in range(len(self._files)) if row not in self._withdrawn]
        return [self._files[row] for row in kept], {
            name: Column(column.texts, column.codes[kept]) for name, column in columns.items()
        }


class _Reading:
    """Reader of one index file, which adds its planes to those of others."""

    def __init__(self, path: str, plate: str, images: NamedFiles, rows: _Rows) -> None:
        self._path, self._plate = path, plate
        self._name, self._above = file_name(path), path.removesuffix(file_name(path))
        self._images, self._rows = images, rows
        self.problems = Problems()
        # The first record of each key is enough, as there may be a million records.
        self._sites: dict[tuple[str, str], tuple[str, str]] = {}
        self._heights: dict[tuple[str, str], str] = {}
        self._offsets: dict[tuple[str, str], str] = {}
        self._clocks: dict[tuple[str, str], str] = {}

    def read(self, index: Index) -> str:
        """Add all records. Return why the rest cannot be read; empty if all were read."""
        try:
            for record in index.records():
                self._add(record)
        except XmlError as error:
            return str(error)
        return ""

    def why_empty(self) -> str:
        """Return why there are no planes although the file was read."""
        if not self.problems:
            return "it names no images"
        return f"none of the {self.problems.total} images in it can be used, the first: {self.problems[0]}"

    def calibration(self, index: Index) -> Calibration:
        """Return the calibration from the records and the index file."""
        scale = index.micrometers
        z_step = round(abs(_step(self._heights, _real)) * scale, 6)
        time_step = _step(self._offsets, _real) or _step(self._clocks, _seconds)
        positions = {
            (well, site or MISSING_VALUE): (round(-y * scale, 6), round(x * scale, 6))
            for (well, site), place in self._sites.items()
            if (y := _real(place[0])) is not None and (x := _real(place[1])) is not None
        }
        return Calibration(
            pixel_size=index.pixel_size,
            unit="micrometer" if index.pixel_size or z_step or positions else "pixel",
            z_step=z_step or None,
            time_step=time_step if time_step > 0 else None,
            channel_names=index.channel_names,
            positions=positions,
        )

    def _add(self, record: Record) -> None:
        fitting, likeness = self._images.find(self._above, record.name)
        image = fitting[0] if len(fitting) == 1 else None
        if record.fault:
            self.problems.append(Problem(image or self._path, record.fault))
            return
        if image is None:
            self.problems.append(self._absence(record.name, fitting))
            return
        try:
            well = _well(record.row, record.column)
            site, timepoint, channel = number(record.site), number(record.timepoint), number(record.channel)
            z_index, timeline = record.projection or number(record.z_index), number(record.timeline)
        except ValueError as error:
            self.problems.append(Problem(image, f"its record in {self._name} cannot be used: {error}"))
            return
        values = self._plate, timeline, well, site, timepoint, channel, z_index
        unused = self._rows.add(image, likeness, record.name, values)
        self.problems.extend(self._repetition(image, name, len(unused) > 1) for name in unused)
        if record.name in unused:
            return
        self._sites.setdefault((well, site), (record.y, record.x))
        if not record.projection:
            self._heights.setdefault((channel, z_index), record.z)
        self._offsets.setdefault(("", timepoint), record.offset)
        self._clocks.setdefault(("", timepoint), record.clock)

    def _repetition(self, image: str, name: str, ambiguous: bool) -> Problem:
        reason = (
            "several names there fit it, and none exactly"
            if ambiguous
            else "another name there fits it better"
        )
        if file_name(name) == file_name(image):
            reason = "it is in there more than once" if not ambiguous else reason
        return Problem(image, f"not used for {name[:LONGEST_QUOTE]} in {self._name}: {reason}")

    def _absence(self, name: str, fitting: Sequence[str]) -> Problem:
        slashed = name.replace("\\", "/")
        if fitting:
            reason = f"is in {self._name}, and fits several images: {join_names(fitting)}. Keep one of them"
            return Problem(self._above + file_name(slashed), reason)
        if not name:
            return Problem(self._path, "a record names no file")
        if _OUTSIDE.match(slashed):
            return Problem(self._path, f"names a file outside of the folder: {name[:LONGEST_QUOTE]}")
        return Problem(self._above + slashed, f"is in {self._name}, but not on disk")


@lru_cache(maxsize=1 << 12)
def number(text: str) -> str:
    """Return an integer without leading zeros. An empty text is returned unchanged.

    Raises
    ------
    ValueError
        The text is not an integer, or has too many digits.
    """
    if text and not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:LONGEST_QUOTE]!r} is not an integer of up to 9 digits")
    return str(int(text)) if text else text


def _real(text: str) -> float | None:
    """Return a number, or None if the text is not a plausible position or time."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= _LARGEST else None


def pixel_size(height: str, width: str, micrometers: float) -> tuple[float, float] | None:
    """Return the size of a pixel in micrometers, or None if the texts are not positive numbers."""
    y, x = _real(height), _real(width)
    return (y * micrometers, x * micrometers) if y and x and min(y, x) > 0 else None


@lru_cache(maxsize=1536)
def _well(row: str, column: str) -> str:
    """Return the name of a well.

    Raises
    ------
    ValueError
        No standard plate has the well.
    """
    row, column = number(row), number(column)
    well = well_name(row, column) if row and column and int(row) else ""
    if parse_well(well) is None:
        raise ValueError(f"no plate has row {row or 'unknown'} and column {column or 'unknown'}")
    return well


def _seconds(text: str) -> float | None:
    """Return a date and time in seconds since a fixed time."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _step(texts: Mapping[tuple[str, str], str], read: Callable[[str], float | None]) -> float:
    """Return the median increase of positions or times per value, or 0 if unknown.

    Parameters
    ----------
    texts : mapping
        Position or time of each (series, value). Only those of the same series are compared.
    read : callable
        Parses a text.
    """
    places = sorted(
        (series, int(value), place)
        for (series, value), text in texts.items()
        if value and (place := read(text)) is not None
    )
    steps = [
        (after - before) / (second - first)
        for (series, first, before), (same, second, after) in pairwise(places)
        if series == same
    ]
    return statistics.median(steps) if steps else 0.0
