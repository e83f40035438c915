"""Segmentation: functions from masks to labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pipeline.stacks import works_on

MOST_PARTS = 1000
"""Number of parts up to which it is faster to process each part separately."""


@works_on("z_index")
def label_objects(mask: NDArray[Any], min_size: int = 20) -> NDArray[np.int32]:
    """Label the connected parts of a mask.

    Parameters
    ----------
    mask : ndarray, shape (Y, X) or (Z, Y, X)
        Nonzero in objects.
    min_size : int
        Minimum size of an object, in pixels, or voxels of a z-stack. Smaller ones are removed.

    Returns
    -------
    labels : ndarray of int32, shape of `mask`
        0 for the background, 1, 2, … for the objects.

    See Also
    --------
    skimage.measure.label

    Examples
    --------
    >>> import numpy as np
    >>> label_objects(np.array([[1, 1, 0, 1], [0, 0, 0, 1]], bool), min_size=1).tolist()
    [[1, 1, 0, 2], [0, 0, 0, 2]]
    """
    from skimage.measure import label

    return _number(label(np.asarray(mask) != 0), min_size)


@works_on()
def split_touching(mask: NDArray[Any], min_distance: int = 5, min_size: int = 20) -> NDArray[np.int32]:
    """Label the objects of a mask, and split round ones that touch.

    Uses a watershed of the smoothed distance to the background, seeded at its maxima.

    Parameters
    ----------
    mask : ndarray, shape (Y, X)
        Nonzero in objects.
    min_distance : int
        Minimum distance between the centres of two objects, in pixels.
    min_size : int
        Minimum size of an object, in pixels. Smaller ones are removed.

    Returns
    -------
    labels : ndarray of int32, shape (Y, X)
        0 for the background, 1, 2, … for the objects.

    See Also
    --------
    skimage.segmentation.watershed

    References
    ----------
    S. Beucher and C. Lantuéjoul, Use of watersheds in contour detection, 1979.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.ogrid[:40, :60]
    >>> mask = ((y - 20) ** 2 + (x - 20) ** 2 < 150) | ((y - 20) ** 2 + (x - 40) ** 2 < 150)
    >>> label_objects(mask).max(), split_touching(mask).max()
    (np.int32(1), np.int32(2))
    """
    from scipy.ndimage import gaussian_filter
    from skimage.feature import peak_local_max
    from skimage.measure import label
    from skimage.segmentation import watershed

    objects = np.asarray(mask) != 0
    parts = label(objects)
    distance = gaussian_filter(distance_to_background(parts), 1.0)
    # Without the threshold, an object of a single pixel with the lowest value would have no peak.
    peaks = peak_local_max(
        distance, min_distance=min_distance, threshold_abs=0.0, labels=parts, exclude_border=False
    )
    markers = np.zeros(objects.shape, dtype=np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return _number(watershed(-distance, markers, connectivity=2, mask=objects), min_size)


@works_on("z_index")
def surround(
    labels: NDArray[Any],
    width: float = 5.0,
    gap: float = 1.0,
    *,
    spacing: Sequence[float | None] | None = None,
) -> NDArray[np.int32]:
    """Return a ring around each object, with the label of the object.

    Rings of close objects meet halfway. No ring overlaps another object or its gap.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X) or (Z, Y, X)
        The objects. In a z-stack, a ring is a shell.
    width : float
        Width of the ring, in pixels along X.
    gap : float
        Distance between an object and its ring, in pixels, to leave out pixels that are mixed by blur.
    spacing : sequence of float, optional
        Size of a pixel along each axis, in any unit. Steps set it. A z-stack needs it.

    Returns
    -------
    labels : ndarray of int32, shape of `labels`
        0 in the objects, in the gaps and outside the rings.

    Raises
    ------
    ValueError
        `width` is not above 0, `gap` is below 0, or a z-stack has no known z step and pixel size.

    See Also
    --------
    skimage.segmentation.expand_labels

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.zeros((7, 7), int)
    >>> labels[3, 3] = 1
    >>> surround(labels, width=1, gap=1).tolist()[3]
    [0, 1, 0, 0, 0, 1, 0]
    """
    from skimage.segmentation import expand_labels

    if not (width > 0 and gap >= 0):
        raise ValueError(
            f"width={width}, gap={gap}: a ring needs a width above 0 and a gap of 0 or more, in pixels."
        )
    sides: float | list[float] = 1.0
    if labels.ndim > 2:
        known = [side for side in spacing or () if side is not None]
        if len(known) < labels.ndim:
            raise ValueError(
                "a shell around objects of a z-stack needs the pixel size and the z step, which the dataset does not "
                "have. Open it with its metadata, or process plane by plane (variable=())."
            )
        sides = [side / known[-1] for side in known]
    outer = expand_labels(labels, distance=gap + width, spacing=sides)
    inner = expand_labels(labels, distance=gap, spacing=sides)
    return np.where(inner == 0, outer, 0).astype(np.int32)


def distance_to_background(parts: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return the distance of each pixel in connected parts to the background.

    A few parts are processed one by one, which skips most of the background: the nearest background pixel is always
    adjacent to the part.

    Parameters
    ----------
    parts : ndarray of int, shape (Y, X)
        Labels from `skimage.measure.label`, with diagonal connectivity.

    Returns
    -------
    ndarray of float, shape (Y, X)
        Distance in pixels; 0 in the background.

    See Also
    --------
    scipy.ndimage.distance_transform_edt
    """
    from scipy.ndimage import distance_transform_edt, find_objects

    boxes = [
        tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box) for box in find_objects(parts)
    ]
    area = sum(parts[box].size for box in boxes)
    if len(boxes) > MOST_PARTS or area > parts.size // 2:
        return np.asarray(distance_transform_edt(parts != 0))
    distance = np.zeros(parts.shape)
    for number, box in enumerate(boxes, 1):
        # Boxes may overlap; parts do not.
        distance[box] += distance_transform_edt(parts[box] == number)
    return distance


def _number(labels: NDArray[Any], min_size: int) -> NDArray[np.int32]:
    """Remove small labels, and renumber the others in order."""
    sizes = np.bincount(labels.ravel())
    keep = sizes >= min_size
    keep[0] = False
    numbers = np.cumsum(keep, dtype=np.int32) * keep
    return np.asarray(numbers[labels], dtype=np.int32)
