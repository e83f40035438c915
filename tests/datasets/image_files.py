"""Small image files for the tests of datasets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tifffile

from napari_axiswise import Dataset


def write_images(
    folder: Path, names: Iterable[str], shape: tuple[int, int] = (5, 6)
) -> dict[str, np.ndarray]:
    """Write a small TIFF with different pixels under every name. Return the pixels by name."""
    written = {}
    for number, name in enumerate(names):
        written[name] = np.arange(number, number + np.prod(shape), dtype=np.uint16).reshape(shape)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / name, written[name], metadata=None)
    return written


def counts(dataset: Dataset) -> dict[str, int]:
    return {name: len(values) for name, values in dataset.components.items()}


def reasons(dataset: Dataset) -> dict[str, str]:
    return {problem.path: problem.reason for problem in dataset.problems}
