"""Offers of scikit-image functions: filters, segmentation, morphology, restoration and measurement."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .offer import Offer
from .source import package_folder, reexported_functions

SUBPACKAGES = ("filters", "segmentation", "morphology", "restoration", "measure")

_IMAGES = re.compile(r"(label_)?(image|img|field)|labels|data|ar|seed|gimage|image0(_mask)?")
"""Names of first parameters that are images. Others are coordinates, footprints and moments."""

_NOT_OFFERED = {
    # They take a colour axis last.
    "mark_boundaries", "quickshift", "felzenszwalb", "slic",
    # They return an array that is not an image: thresholds, moments, a line.
    "threshold_multiotsu", "moments", "moments_central", "inertia_tensor", "profile_line",
    # They need a kernel, an outline, a function or a model.
    "correlate_sparse", "filter_forward", "filter_inverse", "richardson_lucy", "wiener", "unsupervised_wiener",
    "active_contour", "cycle_spin", "denoise_invariant", "calibrate_denoiser", "ransac",
    # They draw with matplotlib.
    "try_all_threshold",
}  # fmt: skip


def scikit_image_offers() -> Iterator[Offer]:
    """Yield an offer for each function whose first parameter is an image, with a few exceptions.

    The offer of a function that returns neither an image nor a table has the reason why it cannot be a step.
    """
    for subpackage in SUBPACKAGES:
        module = f"skimage.{subpackage}"
        folder = package_folder(module)
        for function in reexported_functions(folder) if folder else ():
            elsewhere = function.home.parent.name in SUBPACKAGES and function.home.parent != folder
            first = function.parameters[0][0] if function.parameters else ""
            if (
                elsewhere
                or function.deprecated
                or function.name in _NOT_OFFERED
                or not _IMAGES.fullmatch(first)
            ):
                continue
            source = f"scikit-image · {subpackage}"
            yield Offer(f"{module}:{function.name}", function.name, source, function.about)
