"""Thresholds: functions from images to masks, which are labels with one value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pipeline.stacks import works_on


def otsu_threshold(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the pixels above Otsu's threshold.

    Parameters
    ----------
    image : ndarray, shape (..., Y, X)
        One plane, or a stack, which has a single threshold.

    Returns
    -------
    ndarray of bool, shape (..., Y, X)
        The mask; all False for an image with a single value.

    See Also
    --------
    skimage.filters.threshold_otsu

    References
    ----------
    N. Otsu, A threshold selection method from gray-level histograms, IEEE Trans. Sys. Man. Cyber. 9, 62-66, 1979.

    Examples
    --------
    >>> import numpy as np
    >>> otsu_threshold(np.array([[1, 2, 2], [9, 8, 9]])).tolist()
    [[False, False, False], [True, True, True]]
    """
    from skimage.filters import threshold_otsu

    return np.asarray(image > threshold_otsu(image))


@works_on()
def local_threshold(image: NDArray[Any], block_size: int = 51, offset: float = 0.0) -> NDArray[np.bool_]:
    """Mark the pixels that are brighter than their surroundings.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        One plane.
    block_size : int
        Size of the surroundings, in pixels. An even number is increased by one.
    offset : float
        How much brighter a pixel has to be, in the units of `image`.

    Returns
    -------
    ndarray of bool, shape (Y, X)
        The mask.

    See Also
    --------
    skimage.filters.threshold_local

    Examples
    --------
    >>> import numpy as np
    >>> image = np.tile(np.linspace(0, 100, 64), (64, 1))  # uneven light
    >>> image[30:33, 25:28] += 20
    >>> local_threshold(image, offset=5)[31, [26, 36]].tolist()  # on the spot, and where it is brighter still
    [True, False]
    """
    from skimage.filters import threshold_local

    surroundings = threshold_local(image, block_size | 1)
    return np.asarray(image > surroundings + offset)
