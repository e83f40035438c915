"""OME-XML: its images, their planes in files, and their wells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element as Node
from xml.etree.ElementTree import SubElement

import numpy as np
from numpy.typing import NDArray

from ...core.calibration import MICROMETERS, UNITS, Calibration
from ...core.text import printable
from ...core.wells import well_name
from ...planes.axes import Axes
from ...planes.ome_blocks import is_own, read_blocks, read_number, read_sizes
from ..header import ome_calibration
from ..xml import DEEPEST, Element, XmlError, read_elements

COMPANION = ".companion.ome"
"""Suffix of a file that contains an OME-XML only, in lower case."""

_LONGEST = 64 << 20
"""Maximum length of an OME-XML in a TIFF, in characters."""

Source = tuple[str, str]
"""Name and UUID of a file in an XML; either may be empty."""


@dataclass(frozen=True, eq=False)
class OmeImage:
    """``Image`` element of an OME-XML.

    Parameters
    ----------
    id : str
        Identifier that wells refer to.
    pixels : tuple of str
        Height, width and type of the planes, as written.
    axes : tuple of (str, int)
        Axes other than Y and X, slowest first.
    blocks : ndarray of int64, shape (blocks, 4)
        For each ``TiffData``: index of its source, first page, number of its first plane in the order of `axes`, and
        number of planes, or `ALL`.
    calibration : Calibration
        Calibration without positions.
    position : tuple of float, optional
        Stage position (y, x) in the unit of the calibration.
    problems : tuple of str
        Why the calibration lacks a size.
    """

    id: str
    pixels: tuple[str, str, str]
    axes: Axes
    blocks: NDArray[np.int64]
    calibration: Calibration
    position: tuple[float, float] | None
    problems: tuple[str, ...] = ()


@dataclass
class OmeXml:
    """Contents of an OME-XML.

    Parameters
    ----------
    images : list of OmeImage
        Images in order.
    wells : dict
        Plate, well and site of each image, by identifier. Sites are numbered from 1 in each well.
    sources : dict
        Index of each file that the XML names.
    uuid : str
        UUID of the file that contains the XML.
    elsewhere : str
        Other file that contains the metadata; empty if it is this one.
    problem : str
        Why the XML may be incomplete.
    """

    images: list[OmeImage] = field(default_factory=list)
    wells: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    sources: dict[Source, int] = field(default_factory=dict)
    uuid: str = ""
    elsewhere: str = ""
    problem: str = ""

    def is_own(self, source: Source, file: str) -> bool:
        """Return whether a source is the file that contains the XML, which may have been renamed."""
        return is_own(source, file, self.uuid)


def read_ome_xml(path: Path) -> OmeXml:
    """Read the OME-XML of a companion file or a TIFF. The result is empty if there is none."""
    found = OmeXml()
    try:
        is_companion = path.name.lower().endswith(COMPANION)
        _read(read_elements(path) if is_companion else _embedded(path), found)
    except XmlError as error:
        found.problem = f"its OME-XML cannot be read completely: {error}"
    return found


def _embedded(path: Path) -> Iterator[Element]:
    from defusedxml import DefusedXmlException, ElementTree
    from tifffile import TiffFile

    try:
        with TiffFile(path) as tiff:
            description = tiff.pages.first.description if tiff.is_ome else ""
        if len(description) > _LONGEST:
            raise XmlError(f"it is longer than {_LONGEST >> 20} MiB")
        root = ElementTree.fromstring(description, forbid_dtd=True) if description else None
    except DefusedXmlException as error:
        raise XmlError(f"it contains entities ({error})") from error
    except XmlError:
        raise
    except Exception as error:  # tifffile raises many types for damaged files
        raise XmlError(printable(f"{type(error).__name__}: {error}")) from error
    return iter(()) if root is None else _ended(root)


def _ended(node: Node, depth: int = 0) -> Iterator[Element]:
    """Yield elements in the order of `read_elements`: children before their parents."""
    if depth >= DEEPEST:
        raise XmlError(f"its elements are nested more than {DEEPEST} deep")
    yield from chain.from_iterable(_ended(child, depth + 1) for child in node)
    yield Element(node.tag.rpartition("}")[2], node.attrib, (node.text or "").strip(), depth)


def _read(elements: Iterable[Element], found: OmeXml) -> None:
    """Collect the contents of elements, which come after their children."""
    source, reference = ("", ""), ""
    blocks: list[tuple[int, Mapping[str, str]]] = []
    channels: list[Mapping[str, str]] = []
    positions: list[Mapping[str, str]] = []
    samples: list[tuple[int, str]] = []
    wells: dict[str, tuple[str, str]] = {}
    image: OmeImage | None = None
    for tag, attributes, text, _ in elements:
        match tag:
            case "UUID":
                source = (attributes.get("FileName", ""), text)
            case "TiffData":
                blocks.append((found.sources.setdefault(source, len(found.sources)), attributes))
                source = ("", "")
            case "Channel":
                channels.append(attributes)
            case "Plane" if not positions and "PositionX" in attributes and "PositionY" in attributes:
                positions.append(attributes)
            case "Pixels":
                image = _image(attributes, blocks, channels, positions)
                blocks, channels, positions = [], [], []
            case "Image" if image is not None:
                found.images.append(replace(image, id=attributes.get("ID", "")))
                image = None
            case "ImageRef":
                reference = attributes.get("ID", "")
            case "WellSample":
                samples.append((_number(attributes, "Index"), reference))
            case "Well":
                well = well_name(str(_number(attributes, "Row") + 1), str(_number(attributes, "Column") + 1))
                # The index of a sample counts through the whole plate; sites count within a well.
                wells |= {id: (well, str(site)) for site, (_, id) in enumerate(sorted(samples), 1) if id}
                samples = []
            case "Plate":
                plate = attributes.get("Name") or attributes.get("ID", "")
                found.wells |= {id: (plate, *where) for id, where in wells.items()}
                wells = {}
            case "BinaryOnly":
                found.elsewhere = attributes.get("MetadataFile", "")
            case "OME":
                found.uuid = attributes.get("UUID", "")
        if tag in ("WellSample", "Dataset"):
            reference = ""


def _image(
    attributes: Mapping[str, str],
    data: list[tuple[int, Mapping[str, str]]],
    channels: list[Mapping[str, str]],
    positions: list[Mapping[str, str]],
) -> OmeImage:
    """Return the image of a ``Pixels`` element, without its identifier."""
    try:
        axes = read_sizes(attributes, channels)
        blocks = read_blocks(axes, data)
    except ValueError as error:
        raise XmlError(str(error)) from error
    pixels = (attributes.get("SizeY", ""), attributes.get("SizeX", ""), attributes.get("Type", ""))
    calibration, problems = _calibration(attributes, channels)
    position = _position(positions[0], calibration.unit) if positions else None
    return OmeImage("", pixels, axes, blocks, calibration, position, problems)


def _number(attributes: Mapping[str, str], name: str) -> int:
    try:
        return read_number(attributes, name)
    except ValueError as error:
        raise XmlError(str(error)) from error


def _calibration(
    attributes: Mapping[str, str], channels: list[Mapping[str, str]]
) -> tuple[Calibration, tuple[str, ...]]:
    pixels: Any = Node("Pixels", dict(attributes))
    for channel in channels:
        SubElement(pixels, "Channel", dict(channel))
    return ome_calibration(pixels)


def _position(plane: Mapping[str, str], unit: str) -> tuple[float, float] | None:
    """Return the stage position (y, x) of a plane, or None if its unit is unknown."""
    place = []
    for axis in "YX":
        factor = MICROMETERS.get(UNITS.get(plane.get(f"Position{axis}Unit", ""), ""))
        try:
            place.append(float(plane[f"Position{axis}"]) * (factor or math.nan) / MICROMETERS[unit])
        except (ValueError, KeyError):
            return None
    return (place[0], place[1]) if all(map(math.isfinite, place)) else None
