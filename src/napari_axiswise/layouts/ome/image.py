"""Axes, largest level and calibration of an OME-Zarr image, from its metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core.calibration import Calibration, calibrate
from ...core.errors import PlaneError
from ...planes.axes import Axes
from ...planes.reader import check_plane
from ...planes.table import MOST_PLANES
from .zarr_metadata import Attributes, ZarrMetadata

UNSAFE = re.compile(r"(^|/)\.{0,2}(/|$)|[\\:\x00]")
"""Matches unsafe paths in a store: empty parts, parts that lead upwards, drives, backslashes."""


@dataclass(frozen=True)
class ImageDescription:
    """Path and shape of the largest level of an image, its calibration, and what is wrong with its units."""

    level: str
    axes: Axes
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    calibration: Calibration
    position: tuple[float, float]
    problems: tuple[str, ...] = ()


def describe_image(metadata: ZarrMetadata, path: str) -> ImageDescription:
    """Read the metadata of an image.

    Raises
    ------
    ValueError
        The image has no metadata, or invalid metadata.
    """
    described = describe_images(metadata, [path])[path]
    if isinstance(described, Exception):
        raise described
    return described


def describe_images(
    metadata: ZarrMetadata, paths: Sequence[str]
) -> dict[str, ImageDescription | ValueError | PlaneError]:
    """Read the metadata of many images at once. Return the error of `describe_image` for those it raises for."""
    attributes = metadata.attributes(paths)
    described: dict[str, ImageDescription | ValueError | PlaneError] = {}
    levels: dict[str, str] = {}
    for path in paths:
        try:
            levels[path] = _level(attributes.get(path, {}))
        except ValueError as error:
            described[path] = error
    arrays = metadata.arrays([path + level for path, level in levels.items()])
    for path, level in levels.items():
        array = arrays[path + level]
        try:
            if isinstance(array, ValueError):
                raise array
            described[path] = _describe(f"{metadata.root}/{path}", level, attributes[path], *array)
        except (ValueError, PlaneError) as error:
            described[path] = error
    return described


def _level(attributes: Attributes) -> str:
    """Return the path of the largest level of an image."""
    multiscales = mappings(attributes.get("multiscales"))
    datasets = mappings(multiscales[0].get("datasets")) if multiscales else []
    if not datasets:
        raise ValueError("the image has no metadata")
    level = str(datasets[0].get("path", ""))
    if UNSAFE.search(level):
        raise ValueError(f"its array {level!r} is outside of the image")
    return level


def _describe(
    path: str, level: str, attributes: Attributes, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> ImageDescription:
    multiscales = mappings(attributes.get("multiscales"))
    datasets = mappings(multiscales[0].get("datasets"))
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
    calibration, problems = _calibration(attributes, multiscales[0], dict(zip(names, scale, strict=True)))
    # A shift along an axis in another unit than the pixel size.
    size = calibration.pixel_size or (scale[-2], scale[-1])
    position = tuple(
        s * (known / raw if raw else 1.0) for s, known, raw in zip(shift[-2:], size, scale[-2:], strict=True)
    )
    return ImageDescription(
        level,
        tuple(zip(names[:-2], shape[:-2], strict=True)),
        check_plane(path + level, shape[-2:], dtype),
        dtype,
        calibration,
        (position[0], position[1]),
        problems,
    )


def _calibration(
    attributes: Attributes, multiscale: Attributes, scale: Mapping[str, float]
) -> tuple[Calibration, tuple[str, ...]]:
    """Return the calibration of an image, and why sizes are left out of it.

    Parameters
    ----------
    attributes, multiscale : mapping
        Metadata of the image.
    scale : mapping
        Scale of its largest level by axis.
    """
    units = {axis.get("name"): axis.get("unit") for axis in mappings(multiscale.get("axes"))}
    y, x, z, t = ((scale.get(name, 0.0), str(units.get(name) or "")) for name in "yxzt")
    calibration, problems = calibrate(y, x, z, t)
    channels = mappings(mapping(attributes.get("omero")).get("channels"))
    names = {str(number): str(c["label"]) for number, c in enumerate(channels, 1) if c.get("label")}
    return replace(calibration, channel_names=names), problems


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
