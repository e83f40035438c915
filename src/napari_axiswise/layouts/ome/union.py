"""One table of planes from the images of a store, which may differ in their axes, names and sizes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.calibration import Calibration
from ...core.components import natural_key
from ...core.text import join_names
from ...planes.table import MOST_PLANES
from ...planes.tiff import Axes
from ..problem import Problem
from .image import ImageDescription

Described = Mapping[str, ImageDescription]
"""Images with known metadata, by path."""


def same_kind(described: Described, groups: Mapping[str, Hashable]) -> dict[str, str]:
    """Return why some images do not belong to the others: planes of another shape or type, and projections.

    Parameters
    ----------
    described : mapping
        The images.
    groups : mapping
        Well and acquisition of each image. Flat images beside stacks in the same one are taken for projections.
    """
    reasons = {}
    kinds = Counter((image.shape, image.dtype) for image in described.values())
    usual = max(kinds, key=lambda kind: kinds[kind])
    depths: dict[Hashable, int] = {}
    for path, image in described.items():
        depths[groups[path]] = max(depths.get(groups[path], 1), dict(image.axes).get("z", 1))
    for path, image in described.items():
        if (image.shape, image.dtype) != usual:
            own, most = (f"{shape} {dtype}" for shape, dtype in ((image.shape, image.dtype), usual))
            reasons[path] = f"has planes of shape {own}, where most images have {most}; open it separately"
        elif dict(image.axes).get("z", 1) < min(2, depths[groups[path]]):
            reasons[path] = "may be a projection of the stack beside it; open it separately"
    return reasons


def common_axes(images: Iterable[ImageDescription]) -> Axes:
    """Return the axes of all images together, with the largest lengths."""
    lengths: dict[str, int] = {}
    for image in sorted(images, key=lambda image: -len(image.axes)):
        for name, length in image.axes:
            lengths[name] = max(length, lengths.get(name, 1))
    return tuple(lengths.items())


def number_planes(
    images: Sequence[Axes], common: Axes, root: str
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the image of each plane, and the number of the plane along the common axes.

    Parameters
    ----------
    images : sequence of Axes
        Axes of each image.
    common : Axes
        Axes with the largest lengths.
    root : str
        The store, for messages.

    Raises
    ------
    ValueError
        There are more than `MOST_PLANES` planes.
    """
    counts = [math.prod(length for _, length in axes) for axes in images]
    lengths = tuple(length for _, length in common)
    most = max(sum(counts), math.prod(lengths))
    if most > MOST_PLANES:
        raise ValueError(f"{root} claims to have {most:,} planes, more than the limit of {MOST_PLANES:,}.")
    pages: dict[Axes, NDArray[np.int32]] = {}
    for axes in set(images):
        own = dict(axes)
        places = np.indices([own.get(name, 1) for name, _ in common]).reshape(len(common), -1)
        pages[axes] = np.asarray(np.ravel_multi_index(tuple(places), lengths), np.int32)
    file_codes = np.repeat(np.arange(len(images), dtype=np.int32), counts)
    return file_codes, np.concatenate([pages[axes] for axes in images])


def agreed_calibration(described: Described) -> tuple[Calibration, list[Problem]]:
    """Return what all images agree on, and a problem for what they do not: it is not known of the dataset."""
    problems: list[Problem] = []
    first = next(iter(described.values())).calibration
    has_size = _agree(
        "a pixel size of",
        {path: _rounded(i.calibration.pixel_size, i.calibration.unit) for path, i in described.items()},
        problems,
    )
    steps: dict[str, float | None] = {}
    for axis, name in (("z", "z_step"), ("t", "time_step")):
        having = {
            path: getattr(i.calibration, name)
            for path, i in described.items()
            if dict(i.axes).get(axis, 1) > 1
        } or {path: getattr(i.calibration, name) for path, i in described.items()}
        texts = {path: _rounded(step) for path, step in having.items()}
        is_known = _agree(f"a {name.replace('_', ' ')} of", texts, problems)
        steps[name] = next(iter(having.values())) if is_known else None
    names, unnamed = _agreed_names(described)
    calibration = Calibration(
        pixel_size=first.pixel_size if has_size else None,
        unit=first.unit if has_size else "pixel",
        z_step=steps["z_step"] if has_size else None,
        time_step=steps["time_step"],
        channel_names=names,
    )
    return calibration, [*problems, *unnamed]


def _agree(what: str, values: Mapping[str, str], problems: list[Problem]) -> bool:
    """Return whether the values of all images are the same and known. Add a problem if they differ."""
    (first_path, first), *_ = values.items()
    others = [path for path, value in values.items() if value != first]
    if others:
        problems.append(
            Problem(
                others[0],
                f"it has {what} {values[others[0]] or 'unknown length'}, but {first_path} {first or 'an unknown one'}. "
                f"{len(others):,} of {len(values):,} images differ from the latter, so it is not used",
            )
        )
    return bool(first) and not others


def _rounded(size: float | Sequence[float] | None, unit: str = "") -> str:
    """Return a size as a text, so that noise of numbers in single precision is no difference; empty if unknown."""
    if size is None:
        return ""
    return f"{' × '.join(f'{float(length):.5g}' for length in np.atleast_1d(size))} {unit}".strip()


def _agreed_names(described: Described) -> tuple[dict[str, str], list[Problem]]:
    """Return the names of channels that are the same in all images that have the channel."""
    used: dict[str, dict[str, str]] = {}
    for path, image in described.items():
        known = image.calibration.channel_names
        for number in range(1, dict(image.axes).get("c", 1) + 1):
            used.setdefault(str(number), {}).setdefault(known.get(str(number), ""), path)
    names: dict[str, str] = {}
    problems = []
    for channel, paths in sorted(used.items(), key=lambda item: natural_key(item[0])):
        if len(paths) == 1:
            names[channel] = next(iter(paths))
            continue
        told = [f"{name or 'without a name'} in {path}" for name, path in paths.items()]
        problems.append(
            Problem(
                list(paths.values())[1],
                f"channel {channel} is {join_names(told)}. It has no name in this dataset",
            )
        )
    return {channel: name for channel, name in names.items() if name}, problems
