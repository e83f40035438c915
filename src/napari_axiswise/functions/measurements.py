"""Measurements: functions from images and labels to tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.text import join_names
from ..pipeline.stacks import works_on

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


ONLY_OF_PLANES = frozenset(
    {"eccentricity", "moments_hu", "moments_weighted_hu", "orientation", "perimeter", "perimeter_crofton"}
)
"""Properties that scikit-image has for objects of a plane, and not of a z-stack."""


def _check_properties(params: Mapping[str, Any]) -> str:
    """Return why objects of a z-stack cannot be measured; empty if they can."""
    properties = tuple(params.get("properties", PROPERTIES))
    wrong = [name for name in properties if name in ONLY_OF_PLANES]
    if not wrong or properties == PROPERTIES:
        return ""
    return f"{join_names(wrong)} of objects are known in single planes, and not in a z-stack. Leave them out."


@works_on("z_index", check=_check_properties)
def measure_regions(
    labels: NDArray[Any], image: NDArray[Any], properties: Sequence[str] = PROPERTIES
) -> DataFrame:
    """Measure the objects of a label image.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X) or (Z, Y, X)
        The objects.
    image : ndarray, shape of `labels`
        Image in which intensities are measured.
    properties : sequence of str
        Names of properties, as in scikit-image. Those that are known in single planes only are left out of the default
        for a z-stack.

    Returns
    -------
    DataFrame
        A row per object. Areas in pixels, or voxels of a z-stack; centroids as ``y`` and ``x``, after ``z`` in a
        z-stack, in pixels; intensities in the units of `image`.

    Raises
    ------
    ValueError
        A property is not known for objects of a z-stack.

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

    chosen = tuple(properties)
    if labels.ndim > 2:
        refusal = _check_properties({"properties": chosen})
        if refusal:
            raise ValueError(refusal)
        chosen = tuple(name for name in chosen if name not in ONLY_OF_PLANES)
    columns = regionprops_table(labels, image, properties=chosen)
    axes = "zyx"[-labels.ndim :]
    return pd.DataFrame(columns).rename(columns={f"centroid-{n}": axis for n, axis in enumerate(axes)})


@works_on("z_index")
def measure_translocation(
    nuclei: NDArray[Any], rings: NDArray[Any], image: NDArray[Any], percentile: float = 5.0
) -> DataFrame:
    """Measure the intensity ratio of each nucleus to the cytoplasm around it.

    One background value for the image is subtracted from both means before they are divided: a percentile of the
    pixels outside nuclei and rings, or of all pixels if there are none. The percentile should be low, as some of
    these pixels are cytoplasm.

    Parameters
    ----------
    nuclei : ndarray of int, shape (Y, X) or (Z, Y, X)
        The nuclei.
    rings : ndarray of int, shape of `nuclei`
        A part of the cytoplasm of each nucleus, with the same label: see `surround`.
    image : ndarray, shape of `nuclei`
        The channel of the protein.
    percentile : float
        Percentile that is the background, from 0 to 100.

    Returns
    -------
    DataFrame
        A row per nucleus: `label`; its centroid, as of `measure_regions`; `area` in pixels; ``nucleus_mean`` and
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
