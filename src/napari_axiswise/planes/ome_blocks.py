"""Blocks of an OME-XML: which pages of which files are which planes of an image."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.text import printable
from .axes import Axes

MOST_PLANES = 1 << 24
"""Maximum number of planes of an image, to detect damaged metadata."""

ALL = 0
"""Plane count of a block that covers all pages of its file."""


def read_sizes(pixels: Mapping[str, str], channels: Iterable[Mapping[str, str]]) -> Axes:
    """Return the axes of an image other than Y and X, slowest first.

    Parameters
    ----------
    pixels : mapping
        Attributes of its ``Pixels`` element.
    channels : iterable of mapping
        Attributes of its ``Channel`` elements.

    Raises
    ------
    ValueError
        The attributes are invalid.
    """
    samples = max((read_number(channel, "SamplesPerPixel", 1) for channel in channels), default=1) or 1
    sizes = {axis: read_number(pixels, f"Size{axis}", 1) for axis in "ZCT"}
    sizes["C"] = max(1, sizes["C"] // samples)
    order = pixels.get("DimensionOrder", "XYZCT")
    if sorted(order) != sorted("XYZCT"):
        raise ValueError(f"an image has the DimensionOrder {printable(order[:40])!r}")
    if not 0 < math.prod(sizes.values()) < MOST_PLANES:
        raise ValueError(f"an image claims to have {math.prod(sizes.values())} planes")
    return tuple((axis, sizes[axis]) for axis in reversed(order) if axis in sizes)


def read_blocks(axes: Axes, data: Sequence[tuple[int, Mapping[str, str]]]) -> NDArray[np.int64]:
    """Return the ``TiffData`` elements of an image as numbers.

    Parameters
    ----------
    axes : Axes
        Axes of the image, slowest first.
    data : sequence of (int, mapping)
        Index of the file and attributes of each element.

    Returns
    -------
    blocks : ndarray of int64, shape (elements, 4)
        Index of the file, first page, number of the first plane along `axes`, and number of planes, or `ALL`.

    Raises
    ------
    ValueError
        The attributes are invalid.
    """
    blocks = np.zeros((len(data), 4), np.int64)
    for row, (source, block) in enumerate(data):
        first = 0
        for axis, size in axes:
            index = read_number(block, f"First{axis}")
            if index >= size:
                raise ValueError(f"First{axis} is {index} in an image with Size{axis} {size}")
            first = first * size + index
        count = read_number(block, "PlaneCount", 1 if "IFD" in block else ALL)
        blocks[row] = source, read_number(block, "IFD"), first, count
    return blocks


def read_number(attributes: Mapping[str, str], name: str, missing: int = 0) -> int:
    """Return an attribute that is a whole number.

    Raises
    ------
    ValueError
        It is something else.
    """
    text = attributes.get(name)
    if text is None:
        return missing
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise ValueError(f"{name} is {printable(text[:40])!r}")
    return int(text)


def expand_blocks(blocks: NDArray[np.int64], total: int, pages: int) -> NDArray[np.int64]:
    """Return the page of each plane of an image, -1 where no block has one, shape (total,).

    Parameters
    ----------
    blocks : ndarray of int64, shape (blocks, 4)
        As of `read_blocks`, of one file. Of several blocks with the same plane, the last counts.
    total : int
        Number of planes of the image.
    pages : int
        Number of pages of the file.

    Raises
    ------
    ValueError
        The blocks have more planes than the image and the file together.
    """
    _, starts, firsts, counts = blocks.T
    counts = np.where(counts == ALL, total, counts)
    counts = np.clip(np.minimum(np.minimum(counts, total - firsts), pages - starts), 0, None)
    if counts.sum() > total + pages:
        raise ValueError("its OME-XML names its planes again and again")
    found = np.full(total, -1, np.int64)
    for start, first, count in zip(starts, firsts, counts, strict=True):
        found[first : first + count] = np.arange(start, start + count)
    return found


def is_own(source: tuple[str, str], file: str, uuid: str) -> bool:
    """Return whether the name and UUID of a source are those of a file, which may have been renamed."""
    name, own = source
    return name in ("", file) or (own != "" and own == uuid)
