"""Filters: functions from images to images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pipeline.stacks import works_on


def gaussian(image: NDArray[Any], sigma: float = 1.0) -> NDArray[np.floating[Any]]:
    """Smooth each plane with a Gaussian.

    Parameters
    ----------
    image : ndarray, shape (..., Y, X)
        One plane, or a stack. Only Y and X are smoothed.
    sigma : float
        Standard deviation, in pixels.

    Returns
    -------
    ndarray of float, shape (..., Y, X)
        The smoothed image, in the units of `image`.

    See Also
    --------
    skimage.filters.gaussian

    Examples
    --------
    >>> import numpy as np
    >>> spot = np.zeros((9, 9))
    >>> spot[4, 4] = 1
    >>> gaussian(spot, sigma=1).max().round(3)
    np.float64(0.159)
    """
    from skimage.filters import gaussian as smooth

    per_axis = (0.0,) * (image.ndim - 2) + (sigma, sigma)
    return np.asarray(smooth(image, sigma=per_axis, preserve_range=True))


@works_on()
def subtract_background(image: NDArray[Any], radius: float = 25.0) -> NDArray[Any]:
    """Subtract a smooth background with a white top-hat.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        Bright objects on a dark background.
    radius : float
        Radius of the largest object, in pixels. Objects that fit into a square of twice this size are kept.

    Returns
    -------
    ndarray, shape (Y, X)
        The image without background, in the units and dtype of `image`.

    See Also
    --------
    scipy.ndimage.white_tophat

    References
    ----------
    S. Beucher and C. Lantuéjoul, Use of watersheds in contour detection, 1979; the top-hat is due to
    F. Meyer, Contrast feature extraction, 1978.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((32, 32), 100.0)
    >>> image[15:18, 15:18] = 150
    >>> subtract_background(image, radius=8)[[0, 16], [0, 16]].tolist()
    [0.0, 50.0]
    """
    from scipy.ndimage import white_tophat

    size = 2 * round(radius) + 1
    return np.asarray(white_tophat(image, size=(size, size)))
