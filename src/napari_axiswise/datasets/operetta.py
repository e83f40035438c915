"""Opera Phenix and Operetta exports (Harmony): ``Images/Index.idx.xml`` beside ``r03c03f01p01-ch1sk1fk1fl1.tiff``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from .folder import Folder, file_name
from .index_file import LONGEST_QUOTE, Index, Record, find_planes, number, pixel_size
from .layout import FoundPlanes
from .xml import read_elements

_COMPANION = re.compile(
    r"(.*/)?(index\.[^/]*|[^/]*\.kw\.txt|(assaylayout|ffc_profile)/[^/]*|[^/]*flatfield[^/]*\.xml)",
    re.IGNORECASE | re.DOTALL,
)
_ROOT = re.compile(rb"<([\w.-]+:)?EvaluationInputData[\s>]")
_HEAD = 1 << 12
"""Bytes in which the first element of an index file begins."""

_TIMEPOINT = re.compile(r"ch[0-9]+sk([0-9]{1,9})")
_FIELDS = frozenset(
    (
        *("State", "URL", "Row", "Col", "FieldID", "PlaneID", "TimepointID", "ChannelID", "ChannelName"),
        *("ImageResolutionX", "ImageResolutionY", "PositionX", "PositionY", "PositionZ"),
        *("MeasurementTimeOffset", "AbsTime"),
    )
)


class Operetta:
    """Folders that Harmony exported, version 4 or later, nested in others or not.

    The index file tells the component values, except that a timepoint is what the names call it: they count
    from 1, the index file from 0. Where the folder holds several measurements, ``plate`` is a component.
    """

    name = "operetta"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes of a folder with ``Index.idx.xml`` or ``Index.xml`` files of Harmony."""
        paths = folder.named(lambda name: name in ("index.idx.xml", "index.xml"))
        indexes: dict[str, Index] = {
            path: _HarmonyIndex(folder.root / path) for path in paths if _is_harmony(folder.root / path)
        }
        return find_planes(folder, indexes, _COMPANION, lambda image: "in no index file")


def _is_harmony(path: Path) -> bool:
    """Return whether an index file is Harmony's: others call theirs ``Index.xml`` too."""
    try:
        with path.open("rb") as file:
            return _ROOT.search(file.read(_HEAD)) is not None
    except OSError:
        return False


class _HarmonyIndex:
    """An index file of Harmony.

    Up to version 5 each image has its resolution and the name of its channel; later these are in an entry
    per channel, ``Maps/Map/Entry``.
    """

    micrometers = 1e6

    def __init__(self, path: Path) -> None:
        self._path = path
        self.channel_names: dict[str, str] = {}
        self.pixel_size: tuple[float, float] | None = None

    def records(self) -> Iterator[Record]:
        """Yield what is said of each image."""
        fields: defaultdict[int, dict[str, str]] = defaultdict(dict)
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
                yield _record(below)

    def _describe(self, channel: str, fields: Mapping[str, str]) -> None:
        name = fields.get("ChannelName")
        if name and channel and channel not in self.channel_names:
            with suppress(ValueError):
                self.channel_names[number(channel)] = name
        self.pixel_size = self.pixel_size or pixel_size(
            fields.get("ImageResolutionY", ""), fields.get("ImageResolutionX", ""), self.micrometers
        )


def _record(fields: Mapping[str, str]) -> Record:
    def field(name: str) -> str:
        return fields.get(name, "")

    state = field("State")
    named = _TIMEPOINT.search(file_name(field("URL")))
    return Record(
        name=field("URL"),
        row=field("Row"),
        column=field("Col"),
        site=field("FieldID"),
        timepoint=named[1] if named else _next(field("TimepointID")),
        channel=field("ChannelID"),
        z_index=field("PlaneID"),
        y=field("PositionY"),
        x=field("PositionX"),
        z=field("PositionZ"),
        offset=field("MeasurementTimeOffset"),
        clock=field("AbsTime"),
        fault="" if state in ("Ok", "") else f"its state is {state[:LONGEST_QUOTE]} and not Ok",
    )


def _next(text: str) -> str:
    """Return the whole number after this one; another text as it is."""
    return str(int(text) + 1) if re.fullmatch("[0-9]{1,8}", text) else text
