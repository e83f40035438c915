"""Opera Phenix and Operetta exports (Harmony): ``Images/Index.idx.xml`` beside ``r03c03f01p01-ch1sk1fk1fl1.tiff``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ...core.files import open_regular
from ..folder import Folder, file_name
from ..layout import FoundPlanes
from ..xml import read_elements
from .index_file import LONGEST_QUOTE, Index, Record, find_planes, number, pixel_size

_COMPANION = re.compile(
    r"(.*/)?(index\.[^/]*|[^/]*\.kw\.txt|(assaylayout|ffc_profile|flatfield[^/]*)/[^/]*|[^/]*(flatfield|ffc_)[^/]*\.(xml|txt))",
    re.IGNORECASE | re.DOTALL,
)
INDEXES = ("index.idx.xml", "index.ref.xml", "index.xml")
"""Names of index files, in lower case. The first one that can be used counts."""

_ROOT = re.compile(rb"<([\w.-]+:)?EvaluationInputData[\s>]")
_HEAD = 1 << 12
"""Bytes to search for the first element of an index file."""

_TIMEPOINT = re.compile(r"ch[0-9]+sk([0-9]{1,9})")
_SHORT_NUMBER = re.compile(r"[0-9]{1,8}")
_FIELDS = frozenset(
    (
        *("State", "URL", "Row", "Col", "FieldID", "PlaneID", "TimepointID", "ChannelID", "ChannelName"),
        *("ImageResolutionX", "ImageResolutionY", "PositionX", "PositionY", "PositionZ"),
        *("MeasurementTimeOffset", "AbsTime"),
    )
)


class Operetta:
    """Folders exported by Harmony 4 or later, which may be nested in others.

    Component values come from the index file. It counts timepoints from 0, but file names count from 1; the values are
    those of the names. If the folder contains several measurements, ``plate`` is a component.
    """

    name = "operetta"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes of a folder with Harmony's ``Index.idx.xml``, ``Index.ref.xml`` or ``Index.xml`` files."""
        paths = folder.named(lambda name: name in INDEXES)
        indexes: dict[str, Index] = {
            path: _HarmonyIndex(folder.root / path) for path in paths if _is_harmony(folder.root / path)
        }
        return find_planes(folder, indexes, _COMPANION, _unnamed)


def _unnamed(image: str) -> str:
    return "a flat-field image" if _COMPANION.fullmatch(image) else "not in an index file"


def _is_harmony(path: Path) -> bool:
    """Return whether a file is Harmony's. Other software also writes files named ``Index.xml``."""
    try:
        with open_regular(path) as file:
            return _ROOT.search(file.read(_HEAD)) is not None
    except OSError:
        return False


class _HarmonyIndex:
    """Index file of Harmony.

    Up to version 5, each image has its resolution and the name of its channel. Later versions have one entry per
    channel, ``Maps/Map/Entry``.
    """

    micrometers = 1e6

    def __init__(self, path: Path) -> None:
        self._path = path
        self.channel_names: dict[str, str] = {}
        self.pixel_size: tuple[float, float] | None = None

    def records(self) -> Iterator[Record]:
        """Yield the record of each image."""
        fields: defaultdict[int, dict[str, str]] = defaultdict(dict)
        first: int | None = None
        for tag, attributes, text, depth in read_elements(self._path):
            if tag in _FIELDS:
                fields[depth][tag] = text
                continue
            below = fields.pop(depth + 1, None)
            if below is None:
                continue
            if tag == "Entry":
                self._describe(attributes.get("ChannelID", ""), below)
            elif tag == "Image":
                self._describe(below.get("ChannelID", ""), below)
                if first is None:
                    first = _first_timepoint(below)
                yield _record(below, first)

    def _describe(self, channel: str, fields: Mapping[str, str]) -> None:
        name = fields.get("ChannelName")
        if name and channel and channel not in self.channel_names:
            with suppress(ValueError):
                self.channel_names[number(channel)] = name
        self.pixel_size = self.pixel_size or pixel_size(
            fields.get("ImageResolutionY", ""), fields.get("ImageResolutionX", ""), self.micrometers
        )


def _first_timepoint(fields: Mapping[str, str]) -> int:
    """Return the difference between the timepoint in a file's name and that in the index file."""
    named = _TIMEPOINT.search(file_name(fields.get("URL", "")))
    counted = fields.get("TimepointID", "")
    return int(named[1]) - int(counted) if named and _SHORT_NUMBER.fullmatch(counted) else 1


def _record(fields: Mapping[str, str], first: int) -> Record:
    def field(name: str) -> str:
        return fields.get(name, "")

    state = field("State")
    return Record(
        name=field("URL"),
        row=field("Row"),
        column=field("Col"),
        site=field("FieldID"),
        timepoint=_counted_from(first, field("TimepointID")),
        channel=field("ChannelID"),
        z_index=field("PlaneID"),
        y=field("PositionY"),
        x=field("PositionX"),
        z=field("PositionZ"),
        offset=field("MeasurementTimeOffset"),
        clock=field("AbsTime"),
        fault="" if state in ("Ok", "") else f"its state is {state[:LONGEST_QUOTE]}, not Ok",
    )


def _counted_from(first: int, text: str) -> str:
    """Shift an integer to another start. Return other texts unchanged."""
    return str(max(0, int(text) + first)) if _SHORT_NUMBER.fullmatch(text) else text
