"""What one image file says of itself: shape, axes, pixel size. No pixels are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..failures import PlaneError
from ..planes import TIFF_SUFFIXES
from ..tiff import Axes, ome_pixels, page_axes

AXIS_COMPONENTS = {"T": "timepoint", "C": "channel", "Z": "z_index"}
"""Components of the axes of a multi-page TIFF. Axes that nobody labelled are pages."""

_UNITS = {
    "um": "micrometer",
    "µm": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "micrometer": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "nm": "nanometer",
}


@dataclass(frozen=True)
class Header:
    """The header of an image file.

    Parameters
    ----------
    shape : tuple of int
        (Y, X).
    dtype : numpy.dtype
        Of a pixel.
    axes : dict
        From component to number of values, slowest first, for the planes within the file.
    page_axes : tuple of (str, int)
        The axes as the file has them.
    pixel_size : tuple of float, optional
        (Y, X), in `unit`.
    unit : str
        ``"micrometer"`` …, or ``"pixel"``.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    axes: dict[str, int]
    page_axes: Axes = ()
    pixel_size: tuple[float, float] | None = None
    unit: str = "pixel"


def read_header(path: Path) -> Header:
    """Return the header of an image file.

    Raises
    ------
    PlaneError
        The file is no image, is cut short, or is in colour. The message names it.
    """
    try:
        header = _read_tiff_header(path) if path.suffix.lower() in TIFF_SUFFIXES else _read_other_header(path)
    except PlaneError:
        raise
    except Exception as error:
        raise PlaneError(
            f"{path} is not an image that can be read ({type(error).__name__}: "
            f"{error}). Export it again, or move it out of the folder."
        ) from error
    if min(header.shape) < 1:
        raise PlaneError(f"{path} has a plane of shape {header.shape}; there is nothing to read.")
    return header


def _read_other_header(path: Path) -> Header:
    import imageio.v3 as iio

    properties = iio.improps(path)
    return Header(_plane_shape(path, properties.shape), np.dtype(properties.dtype), {})


def _plane_shape(path: Path, shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 2:
        raise PlaneError(
            f"{path} holds planes of shape {shape}, not (Y, X). Colour images are not supported: "
            "save each colour as a file of its own."
        )
    return shape[0], shape[1]


def _read_tiff_header(path: Path) -> Header:
    from tifffile import TiffFile

    with TiffFile(path) as tiff:
        page = tiff.pages.first
        shape = _plane_shape(path, page.shape)
        axes = page_axes(tiff)
        pixel_size, unit = _ome_pixel_size(page.description) if tiff.is_ome else _calibration(tiff)
        return Header(shape, np.dtype(page.dtype), _components(axes), axes, pixel_size, unit)


def _components(axes: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return axes as components; those of one value that nobody labelled are left out."""
    pages = iter(("page", *(f"page{number}" for number in range(2, 20))))
    return {
        AXIS_COMPONENTS[axis] if axis in AXIS_COMPONENTS else next(pages): length
        for axis, length in axes
        if length > 1 or axis in AXIS_COMPONENTS
    }


def _ome_pixel_size(description: str) -> tuple[tuple[float, float] | None, str]:
    pixels = ome_pixels(description)
    if pixels is None:
        return None, "pixel"
    size = float(pixels.get("PhysicalSizeY", "0")), float(pixels.get("PhysicalSizeX", "0"))
    unit = _UNITS.get(pixels.get("PhysicalSizeXUnit", "µm"), "pixel")
    return (size, unit) if min(size) > 0 else (None, "pixel")


def _calibration(tiff: Any) -> tuple[tuple[float, float] | None, str]:
    """Return the pixel size and its unit: MetaXpress writes XML, ImageJ a unit, others a resolution."""
    page = tiff.pages.first
    if page.description.startswith("<MetaData>"):
        from defusedxml import ElementTree

        root = ElementTree.fromstring(page.description)
        settings = {prop.get("id"): prop.get("value") for prop in root.iter("prop")}
        size = (
            float(settings.get("spatial-calibration-y") or 0),
            float(settings.get("spatial-calibration-x") or 0),
        )
        unit = _UNITS.get(settings.get("spatial-calibration-units") or "", "pixel")
        calibrated = settings.get("spatial-calibration-state", "on") == "on" and unit != "pixel"
        return (size, unit) if calibrated and min(size) > 0 else (None, "pixel")
    # What other software writes as a resolution is that of a print, not of the specimen.
    if not tiff.is_imagej:
        return None, "pixel"
    unit = _UNITS.get(str(tiff.imagej_metadata.get("unit", "")).replace("\\u00B5", "µ"), "pixel")
    per_unit = [
        page.tags[f"{axis}Resolution"].value if f"{axis}Resolution" in page.tags else (0, 1) for axis in "YX"
    ]
    if unit == "pixel" or not all(numerator and denominator for numerator, denominator in per_unit):
        return None, "pixel"
    return (per_unit[0][1] / per_unit[0][0], per_unit[1][1] / per_unit[1][0]), unit
