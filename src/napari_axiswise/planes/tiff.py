"""Axes of the pages of TIFF files, from their metadata."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tifffile import TiffFile

Axes = tuple[tuple[str, int], ...]
"""Letters and lengths of a file's axes without Y and X, slowest first."""


def page_axes(tiff: TiffFile) -> Axes:
    """Return the axes of the pages of a TIFF file; ``"Q"`` if they are unlabelled."""
    if not tiff.is_ome:
        series = tiff.series[0]
        return tuple(zip(series.axes[:-2], series.shape[:-2], strict=True))
    # tifffile's series would open other files that the XML names, wherever they are.
    pixels = ome_pixels(tiff.pages.first.description)
    pages = len(tiff.pages)
    if pixels is None:
        return (("Q", pages),)
    order = reversed(pixels.get("DimensionOrder", "XYZCT")[2:])
    axes = tuple((axis, int(pixels.get(f"Size{axis}", "1"))) for axis in order)
    return axes if math.prod(length for _, length in axes) == pages else (("Q", pages),)


def ome_pixels(description: str) -> Any:
    """Return the ``Pixels`` element of the first image of an OME-XML, or None if there is none."""
    from defusedxml import ElementTree

    try:
        return ElementTree.fromstring(description).find("{*}Image/{*}Pixels")
    except ElementTree.ParseError:
        return None


def check_same_order(found: Axes, expected: Axes) -> None:
    """Check that the pages of a file have the same order as those of the dataset's first file.

    The file may have fewer values of the slowest axis.

    Raises
    ------
    ValueError
        The order differs, so that page numbers would refer to other planes.
    """
    several = tuple(axis for axis in found if axis[1] > 1)
    wanted = tuple(axis for axis in expected if axis[1] > 1)
    tail = wanted[len(wanted) - len(several) :]
    same_names = [axis for axis, _ in several] == [axis for axis, _ in tail]
    first_may_differ = len(several) == len(wanted)
    if len(several) > len(wanted) or not same_names or several[first_may_differ:] != tail[first_may_differ:]:
        raise ValueError(
            f"its pages are {_axes_text(several)}, but those of the dataset's first file are {_axes_text(wanted)}"
        )


def _axes_text(axes: Axes) -> str:
    return " × ".join(f"{axis} {length}" for axis, length in axes) or "one"
