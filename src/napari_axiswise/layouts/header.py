"""Shape, axes and pixel size of an image file, from its header."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.calibration import SECONDS, UNITS, Calibration, number
from ..core.errors import PlaneError
from ..planes.images import TIFF_SUFFIXES, tiff_damage
from ..planes.reader import check_plane
from ..planes.tiff import Axes, ome_pixels, page_axes
from .vendors.metaseries import pixel_calibration, read_settings

AXIS_COMPONENTS = {"T": "timepoint", "C": "channel", "Z": "z_index"}
"""Components of the labelled axes of a multi-page TIFF. Unlabelled axes become pages."""


@dataclass(frozen=True)
class Header:
    """Header of an image file.

    Parameters
    ----------
    shape : tuple of int
        Shape (Y, X) of a plane.
    dtype : numpy.dtype
        Data type of the pixels.
    axes : dict
        Components of the planes in the file and their numbers of values, slowest first.
    page_axes : tuple of (str, int)
        The file's own names and lengths of these axes.
    calibration : Calibration
        Calibration of the planes.
    damage : str
        Why the pixels are incomplete; empty if they are complete.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    axes: dict[str, int]
    page_axes: Axes = ()
    calibration: Calibration = field(default_factory=Calibration)
    damage: str = ""


def read_header(path: Path) -> Header:
    """Read the header of an image file.

    Raises
    ------
    PlaneError
        The file is not an image, is truncated, or is in colour.
    """
    try:
        return _read_tiff_header(path) if path.suffix.lower() in TIFF_SUFFIXES else _read_other_header(path)
    except PlaneError:
        raise
    except Exception as error:
        raise PlaneError(
            f"{path} is not an image that can be read ({type(error).__name__}: "
            f"{error}). Export it again, or move it out of the folder."
        ) from error


def _read_other_header(path: Path) -> Header:
    import imageio.v3 as iio

    properties = iio.improps(path)
    dtype = np.dtype(properties.dtype)
    return Header(check_plane(str(path), properties.shape, dtype), dtype, {})


def _read_tiff_header(path: Path) -> Header:
    from tifffile import TiffFile

    with TiffFile(path) as tiff:
        page = tiff.pages.first
        shape = check_plane(str(path), page.shape, np.dtype(page.dtype))
        axes = page_axes(tiff)
        damage = tiff_damage(page, path.stat().st_size)
        pages = math.prod(length for _, length in axes)
        if pages > path.stat().st_size:
            raise PlaneError(f"{path} claims to have {pages:,} pages, more than its bytes. Export it again.")
        calibration = ome_calibration(ome_pixels(page.description)) if tiff.is_ome else _calibration(tiff)
        return Header(shape, np.dtype(page.dtype), _components(axes), axes, calibration, damage)


def _components(axes: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return axes as components, without unlabelled axes of length 1."""
    pages = iter(("page", *(f"page{number}" for number in range(2, 20))))
    return {
        AXIS_COMPONENTS[axis] if axis in AXIS_COMPONENTS else next(pages): length
        for axis, length in axes
        if length > 1 or axis in AXIS_COMPONENTS
    }


def ome_calibration(pixels: Any) -> Calibration:
    """Return the calibration in the ``Pixels`` element of an OME-XML, which may be None."""
    if pixels is None:
        return Calibration()
    size = number(pixels.get("PhysicalSizeY", "0")), number(pixels.get("PhysicalSizeX", "0"))
    unit = UNITS.get(pixels.get("PhysicalSizeXUnit", "µm"), "pixel")
    same_unit = UNITS.get(pixels.get("PhysicalSizeZUnit", "µm"), "pixel") == unit
    z_step = number(pixels.get("PhysicalSizeZ", "0"))
    time_step = number(pixels.get("TimeIncrement", "0")) * SECONDS.get(
        pixels.get("TimeIncrementUnit", "s"), 0
    )
    names = {
        str(place): channel.get("Name", "") for place, channel in enumerate(pixels.findall("{*}Channel"), 1)
    }
    known = min(size) > 0 and unit != "pixel"
    return Calibration(
        pixel_size=size if known else None,
        unit=unit if known else "pixel",
        z_step=z_step if known and same_unit and z_step > 0 else None,
        time_step=time_step if time_step > 0 else None,
        channel_names={value: name for value, name in names.items() if name},
    )


def _calibration(tiff: Any) -> Calibration:
    """Return the calibration of a TIFF written by MetaXpress or ImageJ."""
    description = tiff.pages.first.description
    if description.startswith("<MetaData>"):
        return pixel_calibration(read_settings(description))
    # Other software writes the resolution of a print, not of the specimen.
    return _imagej_calibration(tiff) if tiff.is_imagej else Calibration()


def _imagej_calibration(tiff: Any) -> Calibration:
    page, metadata = tiff.pages.first, tiff.imagej_metadata
    unit = UNITS.get(str(metadata.get("unit", "")).replace("\\u00B5", "µ"), "pixel")
    per_unit = [
        page.tags[f"{axis}Resolution"].value if f"{axis}Resolution" in page.tags else (0, 1) for axis in "YX"
    ]
    time_step = number(metadata.get("finterval", 0))
    calibration = Calibration(time_step=time_step if time_step > 0 else None)
    if unit == "pixel" or not all(numerator and denominator for numerator, denominator in per_unit):
        return calibration
    size = (per_unit[0][1] / per_unit[0][0], per_unit[1][1] / per_unit[1][0])
    spacing = abs(number(metadata.get("spacing", 0)))
    return replace(calibration, pixel_size=size, unit=unit, z_step=spacing or None)
