"""Axes, largest level and calibration of an OME-Zarr image, from its metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.calibration import SECONDS, UNITS, Calibration
from ...planes.reader import check_plane
from ...planes.table import MOST_PLANES
from ...planes.tiff import Axes
from .zarr_metadata import Attributes, ZarrMetadata

UNSAFE = re.compile(r"(^|/)\.{0,2}(/|$)|[\\:\x00]")
"""Matches unsafe paths in a store: empty parts, parts that lead upwards, drives, backslashes."""


@dataclass(frozen=True)
class ImageDescription:
    """Path and shape of the largest level of an image, and its calibration."""

    level: str
    axes: Axes
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    calibration: Calibration
    position: tuple[float, float]


def describe_image(metadata: ZarrMetadata, path: str) -> ImageDescription:
    """Read the metadata of an image.

    Raises
    ------
    ValueError
        The image has no metadata, or invalid metadata.
    """
    attributes = metadata.attributes([path]).get(path, {})
    multiscales = mappings(attributes.get("multiscales"))
    datasets = mappings(multiscales[0].get("datasets")) if multiscales else []
    if not datasets:
        raise ValueError("the image has no metadata")
    level = str(datasets[0].get("path", ""))
    if UNSAFE.search(level):
        raise ValueError(f"its array {level!r} is outside of the image")
    shape, dtype = metadata.array(path + level)
    if math.prod(shape[:-2]) > MOST_PLANES:
        raise ValueError(f"its array claims to have {math.prod(shape[:-2]):,} planes")
    names = _axis_names(multiscales[0].get("axes"), len(shape))
    scale = [
        own * shared
        for own, shared in zip(
            _transformation(datasets[0], "scale", len(shape), 1.0),
            _transformation(multiscales[0], "scale", len(shape), 1.0),
            strict=True,
        )
    ]
    shift = _transformation(datasets[0], "translation", len(shape), 0.0)
    return ImageDescription(
        level,
        tuple(zip(names[:-2], shape[:-2], strict=True)),
        check_plane(f"{metadata.root}/{path}{level}", shape[-2:], dtype),
        dtype,
        _calibration(attributes, multiscales[0], dict(zip(names, scale, strict=True))),
        (shift[-2], shift[-1]),
    )


def _calibration(attributes: Attributes, multiscale: Attributes, scale: Mapping[str, float]) -> Calibration:
    """Return the calibration of an image.

    Parameters
    ----------
    attributes, multiscale : mapping
        Metadata of the image.
    scale : mapping
        Scale of its largest level by axis.
    """
    units = {str(axis.get("name")): str(axis.get("unit", "")) for axis in mappings(multiscale.get("axes"))}
    unit = UNITS.get(units.get("y", ""), "pixel")
    has_size = unit != "pixel" and min(scale["y"], scale["x"]) > 0
    channels = mappings(mapping(attributes.get("omero")).get("channels"))
    return Calibration(
        pixel_size=(scale["y"], scale["x"]) if has_size else None,
        unit=unit,
        z_step=scale.get("z") if has_size and UNITS.get(units.get("z", "")) == unit else None,
        time_step=SECONDS.get(units.get("t", ""), 0.0) * scale.get("t", 0.0) or None,
        channel_names={
            str(number): str(channel["label"])
            for number, channel in enumerate(channels, 1)
            if channel.get("label")
        },
    )


def _axis_names(axes: object, count: int) -> list[str]:
    """Return the names of axes; the oldest versions of the format imply them."""
    entries = axes if isinstance(axes, list) else list("tczyx")[-count:]
    names = [str(axis.get("name") if isinstance(axis, dict) else axis) for axis in entries]
    if len(names) != count or names[-2:] != ["y", "x"] or len(set(names)) != count:
        raise ValueError(
            f"its axes are {', '.join(names)} for an array with {count} axes; the last two must be y, x"
        )
    return names


def _transformation(holder: Mapping[str, Any], kind: str, count: int, default: float) -> list[float]:
    for transformation in mappings(holder.get("coordinateTransformations")):
        values = transformation.get(kind)
        if (
            transformation.get("type") == kind
            and isinstance(values, list)
            and len(values) == count
            and all(isinstance(value, (int, float)) and np.isfinite(value) for value in values)
        ):
            return [float(value) for value in values]
    return [default] * count


def mapping(document: object) -> Mapping[str, Any]:
    """Return a mapping from metadata, or an empty one if the value is something else."""
    return document if isinstance(document, dict) else {}


def mappings(entries: object) -> list[Mapping[str, Any]]:
    """Return the mappings in a list from metadata, or an empty list if the value is something else."""
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
