"""Yokogawa CellVoyager exports (CV7000, CV8000, CQ1, CQ3K): ``MeasurementData.mlf`` beside the images."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from ...core.components import PROJECTION
from ..folder import Folder, file_name
from ..layout import FoundPlanes
from ..named_files import NamedFiles
from ..xml import Element, XmlError, read_elements
from .index_file import LONGEST_QUOTE, Index, Record, find_planes, number, pixel_size

logger = logging.getLogger(__name__)

INDEX = "MeasurementData.mlf"
"""Name of the file with a record of each image."""

DETAIL = "MeasurementDetail.mrf"
"""Name of the file that describes the channels."""

_COMPANION = re.compile(
    r".*\.(mlf|mrf|mes|wpi|wpp|icr)|(.*/)?(geometry|crosstalk)_parameter\.xml", re.IGNORECASE | re.DOTALL
)
_CALIBRATION_IMAGE = re.compile(r"[DS]C_", re.IGNORECASE)
_WHERE = ("Row", "Column", "FieldIndex", "TimePoint", "ZIndex", "Ch")


class Yokogawa:
    """Folders written by Yokogawa's CellVoyager instruments, which may be nested in others.

    Component values come from the records, not from file names. If the folder contains several measurements, ``plate``
    is a component.
    """

    name = "yokogawa"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes of a folder with ``MeasurementData.mlf`` files."""
        paths = folder.named(lambda name: name == INDEX.lower())
        indexes: dict[str, Index] = {path: _MeasurementData(folder, path) for path in paths}
        return find_planes(folder, indexes, _COMPANION, _unnamed)


def _unnamed(image: str) -> str:
    is_calibration = _CALIBRATION_IMAGE.match(file_name(image))
    return "a calibration image" if is_calibration else f"not in {INDEX}"


class _MeasurementData:
    """``MeasurementData.mlf`` file."""

    micrometers = 1.0

    def __init__(self, folder: Folder, path: str) -> None:
        self._path = folder.root / path
        self._folder, self._above = folder, path.removesuffix(file_name(path))
        self._others = NamedFiles(folder.others, (self._above,))
        self.channel_names: dict[str, str] = {}
        self.pixel_size: tuple[float, float] | None = None

    def records(self) -> Iterator[Record]:
        """Yield the record of each image, after reading the channels."""
        setting = self._read_detail()
        self._read_setting(setting)
        for tag, attributes, text, _ in read_elements(self._path):
            if tag == "MeasurementRecord":
                yield _record(attributes, text)

    def _read_detail(self) -> str:
        """Read the pixel size, and return the name of the file with the settings."""
        setting = ""
        for tag, attributes, _, _ in self._beside(DETAIL):
            if tag == "MeasurementChannel":
                self.pixel_size = self.pixel_size or pixel_size(
                    attributes.get("VerticalPixelDimension", ""),
                    attributes.get("HorizontalPixelDimension", ""),
                    self.micrometers,
                )
            elif tag == "MeasurementDetail":
                setting = attributes.get("MeasurementSettingFileName", "")
        return setting

    def _read_setting(self, name: str) -> None:
        """Read the names of the channels: the fluorophore, or else the channel's target."""
        for tag, attributes, _, _ in self._beside(name):
            label = attributes.get("Fluorophore") or attributes.get("Target")
            if tag == "Channel" and label and attributes.get("Ch"):
                with suppress(ValueError):
                    self.channel_names.setdefault(number(attributes["Ch"]), label)

    def _beside(self, name: str) -> Iterator[Element]:
        """Yield the elements of a file in the same folder, as far as it exists and can be read."""
        fitting, _ = self._others.find(self._above, name)
        if len(fitting) != 1:
            return
        path = fitting[0]
        try:
            yield from read_elements(self._folder.root / path)
        except XmlError as error:
            logger.warning("%s is not used, or only in part: %s", path, error)


def _record(attributes: Mapping[str, str], name: str) -> Record:
    get = attributes.get
    processing = get("ZImageProcessing")
    return Record(
        name,
        get("Row", ""),
        get("Column", ""),
        get("FieldIndex", ""),
        get("TimePoint", ""),
        get("Ch", ""),
        get("ZIndex", ""),
        get("Y", ""),
        get("X", ""),
        get("Z", ""),
        "",
        get("Time", ""),
        _projection(processing) if processing else "",
        _error(attributes, name) if get("Type") == "ERR" else "",
        get("TimelineIndex", ""),
    )


def _projection(processing: str) -> str:
    """Return the ``z_index`` of a projection; there may be several kinds of projections."""
    kind = processing[:LONGEST_QUOTE].lower()
    return PROJECTION if kind == "maximum" else f"{PROJECTION} {kind}"


def _error(attributes: Mapping[str, str], text: str) -> str:
    """Return why an image was not acquired. Records of errors may be incomplete and name no file."""
    where = ", ".join(f"{key} {attributes[key][:LONGEST_QUOTE]}" for key in _WHERE if key in attributes)
    return f"{where} was not acquired: {text[:LONGEST_QUOTE]}"
