"""One table of planes from the images of a store, which may differ in their axes, names and sizes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...planes.axes import Axes
from ...planes.table import MOST_PLANES
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
    pages = {axes: page_numbers(axes, common) for axes in set(images)}
    file_codes = np.repeat(np.arange(len(images), dtype=np.int32), counts)
    return file_codes, np.concatenate([pages[axes] for axes in images])


def page_numbers(axes: Axes, common: Axes) -> NDArray[np.int32]:
    """Return the numbers of the planes of an image along common axes that include its own."""
    own = dict(axes)
    places = np.indices([own.get(name, 1) for name, _ in common]).reshape(len(common), -1)
    lengths = tuple(length for _, length in common)
    return np.asarray(np.ravel_multi_index(tuple(places), lengths), np.int32)
