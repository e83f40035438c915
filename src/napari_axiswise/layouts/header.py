"""Shape, axes and pixel size of an image file, from its header."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.calibration import Calibration, Quantity, calibrate, number
from ..core.errors import PlaneError
from ..planes.images import TIFF_SUFFIXES, check_tiff_page, tiff_damage
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
    problems : tuple of str
        What of the metadata is not used, and why.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    axes: dict[str, int]
    page_axes: Axes = ()
    calibration: Calibration = field(default_factory=Calibration)
    damage: str = ""
    problems: tuple[str, ...] = ()


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
        shape = check_tiff_page(str(path), page)
        axes = page_axes(tiff)
        damage = tiff_damage(page, path.stat().st_size)
        pages = math.prod(length for _, length in axes)
        if pages > path.stat().st_size:
            raise PlaneError(f"{path} claims to have {pages:,} pages, more than its bytes. Export it again.")
        calibration, problems = (
            ome_calibration(ome_pixels(page.description)) if tiff.is_ome else _calibration(tiff)
        )
        return Header(shape, np.dtype(page.dtype), _components(axes), axes, calibration, damage, problems)


def _components(axes: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return axes as components, without unlabelled axes of length 1."""
    pages = iter(("page", *(f"page{number}" for number in range(2, 20))))
    return {
        AXIS_COMPONENTS[axis] if axis in AXIS_COMPONENTS else next(pages): length
        for axis, length in axes
        if length > 1 or axis in AXIS_COMPONENTS
    }


def ome_calibration(pixels: Any) -> tuple[Calibration, tuple[str, ...]]:
    """Return the calibration in the ``Pixels`` element of an OME-XML, which may be None, and why it lacks a size."""
    if pixels is None:
        return Calibration(), ()

    def size(name: str, default_unit: str) -> Quantity:
        return number(pixels.get(name, "0")), str(pixels.get(f"{name}Unit", default_unit))

    sizes = {axis: size(f"PhysicalSize{axis}", "µm") for axis in "YXZ"}
    calibration, problems = calibrate(sizes["Y"], sizes["X"], sizes["Z"], size("TimeIncrement", "s"))
    names = {
        str(place): channel.get("Name", "") for place, channel in enumerate(pixels.findall("{*}Channel"), 1)
    }
    return replace(
        calibration, channel_names={value: name for value, name in names.items() if name}
    ), problems


def _calibration(tiff: Any) -> tuple[Calibration, tuple[str, ...]]:
    """Return the calibration of a TIFF written by MetaXpress or ImageJ, and why it lacks a size."""
    description = tiff.pages.first.description
    if description.startswith("<MetaData>"):
        return pixel_calibration(read_settings(description)), ()
    # Other software writes the resolution of a print, not of the specimen.
    return _imagej_calibration(tiff) if tiff.is_imagej else (Calibration(), ())


def _imagej_calibration(tiff: Any) -> tuple[Calibration, tuple[str, ...]]:
    """Return the calibration that ImageJ wrote. Each axis may have its own unit; that of the others is that of x."""
    tags, metadata = tiff.pages.first.tags, tiff.imagej_metadata

    def unit(name: str, default: str) -> str:
        return str(metadata.get(name, default)).replace("\\u00B5", "µ").replace("\\u00C5", "Å").strip()

    def size(name: str) -> float:
        numerator, denominator = tags[name].value if name in tags else (0, 1)
        return denominator / numerator if numerator and denominator else 0.0

    of_x = unit("unit", "")
    calibration, problems = calibrate(
        (size("YResolution"), unit("yunit", of_x)),
        (size("XResolution"), of_x),
        (abs(number(metadata.get("spacing", 0))), unit("zunit", of_x)),
        (number(metadata.get("finterval", 0)), unit("tunit", "sec")),
    )
    rate = number(metadata.get("fps", 0))
    if rate > 0 and not number(metadata.get("finterval", 0)) and number(metadata.get("frames", 1)) > 1:
        calibration = replace(calibration, time_step=1 / rate)
        problems += (f"it has no frame interval, so that {rate:g} frames per second are used",)
    return calibration, problems
