"""Sample plate of File ▸ Open Sample ▸ Axiswise."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from ...datasets.opening import open_dataset
from ...datasets.synthetic import write_plate
from .reader import LayerData, dataset_layers

SAMPLE = "time-lapse-plate-1"
"""Folder name. Increase the number when the images change."""


def sample_plate() -> Path:
    """Return the folder of the sample plate. Write it to the user's cache if it does not exist."""
    folder = user_cache_path("napari-axiswise") / SAMPLE
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Write under a temporary name, then move: the plate is either complete or absent.
        unfinished = Path(tempfile.mkdtemp(dir=folder.parent))
        write_plate(unfinished)
        try:
            unfinished.replace(folder)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def make_sample_plate() -> list[LayerData]:
    """Return the layers of the sample plate."""
    return dataset_layers(open_dataset(sample_plate()))
