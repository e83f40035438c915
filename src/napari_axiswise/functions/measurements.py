"""Images and labels to tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pandas import DataFrame

PROPERTIES = (
    "label",
    "area",
    "centroid",
    "eccentricity",
    "solidity",
    "intensity_mean",
    "intensity_max",
    "intensity_min",
)


def measure_regions(
    labels: NDArray[Any], image: NDArray[Any], properties: Sequence[str] = PROPERTIES
) -> DataFrame:
    """Measure every object.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X)
        The objects.
    image : ndarray, shape (Y, X)
        Where intensities are measured.
    properties : sequence of str
        As scikit-image names them.

    Returns
    -------
    DataFrame
        A row per object. Areas in pixels; centroids as ``y`` and ``x`` in pixels; intensities in the units of
        `image`.

    See Also
    --------
    skimage.measure.regionprops_table
    """
    import pandas as pd
    from skimage.measure import regionprops_table

    columns = regionprops_table(labels, image, properties=tuple(properties))
    return pd.DataFrame(columns).rename(columns={"centroid-0": "y", "centroid-1": "x"})


def intensity_statistics(image: NDArray[Any]) -> DataFrame:
    """Describe the intensities of a unit as a whole.

    Parameters
    ----------
    image : ndarray, shape (..., Y, X)
        One plane or a stack.

    Returns
    -------
    DataFrame
        One row: mean, standard deviation, minimum, the 1st, 50th and 99th percentiles, and maximum, in the
        units of `image`.
    """
    import pandas as pd

    low, median, high = np.percentile(image, (1, 50, 99))
    return pd.DataFrame(
        [
            {
                "mean": float(image.mean()),
                "std": float(image.std()),
                "min": float(image.min()),
                "p01": float(low),
                "median": float(median),
                "p99": float(high),
                "max": float(image.max()),
            }
        ]
    )
