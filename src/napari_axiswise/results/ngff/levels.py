"""Resolution levels of planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.kinds import PlaneKind

LARGEST = 512
"""Planes whose longer side has at most this many pixels have one level."""


def level_shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return (Y, X) of each level of a plane, largest first; each is half as long as the one before."""
    shapes = [shape]
    while max(shapes[-1]) > LARGEST and min(shapes[-1]) > 1:
        shapes.append((shapes[-1][0] // 2, shapes[-1][1] // 2))
    return shapes


def make_levels(plane: NDArray[Any], kind: PlaneKind) -> list[NDArray[Any]]:
    """Return the levels of a plane, all of one dtype.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        The pixels.
    kind : PlaneKind
        Pixels of images are averaged four by four, and rounded for integers. Labels and masks keep one pixel of four.

    Returns
    -------
    list of ndarray
        Of the shapes that `level_shapes` returns.
    """
    levels = [plane]
    for height, width in level_shapes((plane.shape[0], plane.shape[1]))[1:]:
        levels.append(_halve(levels[-1][: 2 * height, : 2 * width], kind.averages(plane.dtype)))
    return levels


def _halve(plane: NDArray[Any], is_averaged: bool) -> NDArray[Any]:
    if not is_averaged:
        return np.ascontiguousarray(plane[::2, ::2])
    small = plane.dtype.kind in "iu" and plane.dtype.itemsize <= 2
    exact = np.int32 if small else np.result_type(plane.dtype, np.float32)
    total = np.add(plane[::2, ::2], plane[::2, 1::2], dtype=exact)
    total += plane[1::2, ::2]
    total += plane[1::2, 1::2]
    if small:
        return np.asarray(((total + 2) >> 2).astype(plane.dtype))
    mean = total / 4
    return np.asarray((np.rint(mean) if plane.dtype.kind in "iu" else mean).astype(plane.dtype, copy=False))
