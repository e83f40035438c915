"""Shape, axes and pixel size of an image file, from its header."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.calibration import Calibration, Quantity, calibrate, number
from ..core.errors import PlaneError
from ..planes.axes import Axes
from ..planes.images import TIFF_SUFFIXES, is_cut_short
from ..planes.page_map import UNLABELLED, PageMap
from ..planes.reader import check_plane
from ..planes.tiff import check_tiff_page, map_pages, ome_root, open_tiff
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
    calibration : Calibration
        Calibration of the planes.
    axes : tuple of (str, int)
        Letters or components, and lengths, of the axes of the planes in the file, slowest first.
    pages : PageMap, optional
        Pages of a TIFF.
    problems : tuple of str
        What of the metadata and the pages is not used, and why.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    calibration: Calibration = field(default_factory=Calibration)
    axes: Axes = ()
    pages: PageMap | None = None
    problems: tuple[str, ...] = ()

    @property
    def damage(self) -> str:
        """Why pixels are incomplete; empty if they are complete."""
        return "" if self.pages is None else next(iter(self.pages.damaged.values()), "")


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

    if is_cut_short(str(path)):
        raise PlaneError(f"{path} is truncated: its end is missing. Copy or export it again.")
    properties = iio.improps(path)
    dtype = np.dtype(properties.dtype)
    return Header(check_plane(str(path), properties.shape, dtype), dtype)


def _read_tiff_header(path: Path) -> Header:
    with open_tiff(str(path)) as tiff:
        pages = map_pages(tiff, str(path))
        used = pages.places[..., 0]
        if not (used >= 0).any():
            raise PlaneError(f"{path} has no planes: {'; '.join(pages.problems)}.")
        page: Any = tiff.pages[int(used[used >= 0].min())]
        calibration, problems = _calibration(tiff)
        shape = check_tiff_page(str(path), page)
        return Header(
            shape, np.dtype(page.dtype), calibration, pages.extent, pages, (*pages.problems, *problems)
        )


def axis_components(axes: Axes) -> dict[str, int]:
    """Return axes of files as components with their numbers of values. Unlabelled axes are pages."""
    pages = iter(("page", *(f"page{number}" for number in range(2, len(UNLABELLED) + 1))))
    return {
        next(pages) if axis in UNLABELLED else AXIS_COMPONENTS.get(axis, axis): length
        for axis, length in axes
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
    """Return the calibration of an OME-TIFF, or of a TIFF written by MetaXpress or ImageJ, and why it lacks a size."""
    first = tiff.pages.first
    description = first.description
    if first.is_ome:
        root = ome_root(description)
        return ome_calibration(None if root is None else root.find("{*}Image/{*}Pixels"))
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
