"""Measurements: functions from images and labels to tables."""

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
    """Measure the objects of a label image.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X)
        The objects.
    image : ndarray, shape (Y, X)
        Image in which intensities are measured.
    properties : sequence of str
        Names of properties, as in scikit-image.

    Returns
    -------
    DataFrame
        A row per object. Areas in pixels; centroids as ``y`` and ``x``, in pixels; intensities in the units of
        `image`.

    See Also
    --------
    skimage.measure.regionprops_table

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.zeros((8, 8), int)
    >>> labels[2:4, 2:5] = 1
    >>> table = measure_regions(labels, labels * 10.0)
    >>> {name: table[name].tolist() for name in ("label", "area")}
    {'label': [1], 'area': [6.0]}
    """
    import pandas as pd
    from skimage.measure import regionprops_table

    columns = regionprops_table(labels, image, properties=tuple(properties))
    return pd.DataFrame(columns).rename(columns={"centroid-0": "y", "centroid-1": "x"})


def measure_translocation(
    nuclei: NDArray[Any], rings: NDArray[Any], image: NDArray[Any], percentile: float = 5.0
) -> DataFrame:
    """Measure the intensity ratio of each nucleus to the cytoplasm around it.

    One background value for the image is subtracted from both means before they are divided: a percentile of the
    pixels outside nuclei and rings, or of all pixels if there are none. The percentile should be low, as some of
    these pixels are cytoplasm.

    Parameters
    ----------
    nuclei : ndarray of int, shape (Y, X)
        The nuclei.
    rings : ndarray of int, shape (Y, X)
        A part of the cytoplasm of each nucleus, with the same label: see `surround`.
    image : ndarray, shape (Y, X)
        The channel of the protein.
    percentile : float
        Percentile that is the background, from 0 to 100.

    Returns
    -------
    DataFrame
        A row per nucleus: `label`; its centroid, ``y`` and ``x``, in pixels; `area` in pixels; ``nucleus_mean`` and
        ``ring_mean``, in the units of `image` above the background; and their `ratio`. NaN for the mean of a ring
        without pixels, and for the ratio if the ring is not brighter than the background.

    Raises
    ------
    ValueError
        The arrays differ in shape, or `percentile` is not from 0 to 100.

    See Also
    --------
    skimage.measure.regionprops_table

    Examples
    --------
    >>> import numpy as np
    >>> nuclei, rings = np.zeros((9, 9), int), np.zeros((9, 9), int)
    >>> rings[2:7, 2:7] = 1
    >>> rings[3:6, 3:6] = 0
    >>> nuclei[3:6, 3:6] = 1
    >>> image = 10.0 + 40 * nuclei + 20 * rings
    >>> measure_translocation(nuclei, rings, image)["ratio"].tolist()
    [2.0]
    """
    if not nuclei.shape == rings.shape == image.shape:
        raise ValueError(
            f"nuclei {nuclei.shape}, rings {rings.shape} and image {image.shape} differ in shape: give those of one "
            "plane."
        )
    outside = image[(nuclei == 0) & (rings == 0)]
    background = np.percentile(outside if outside.size else image, percentile)
    properties = ("label", "centroid", "area", "intensity_mean")
    table = measure_regions(nuclei, image, properties).rename(columns={"intensity_mean": "nucleus_mean"})
    around = measure_regions(rings, image, ("label", "intensity_mean")).set_index("label")["intensity_mean"]
    table["nucleus_mean"] -= background
    table["ring_mean"] = table["label"].map(around).astype(float) - background
    table["ratio"] = table["nucleus_mean"] / table["ring_mean"].where(table["ring_mean"] > 0)
    return table


def intensity_statistics(image: NDArray[Any]) -> DataFrame:
    """Summarize the intensities of a plane or a stack.

    Parameters
    ----------
    image : ndarray, shape (..., Y, X)
        One plane or a stack.

    Returns
    -------
    DataFrame
        One row: mean, standard deviation, minimum, the 1st, 50th and 99th percentiles, and maximum, in the units of
        `image`.

    Examples
    --------
    >>> import numpy as np
    >>> intensity_statistics(np.arange(101.0).reshape(1, 101))["mean"].item()
    50.0
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
