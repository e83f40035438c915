"""File ▸ Open Sample ▸ Axiswise: a plate to try things on."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

from ...datasets.opening import open_dataset
from ...datasets.synthetic import write_plate
from .reader import LayerData, dataset_layers

SAMPLE = "time-lapse-plate-1"
"""The name of the folder; another number when the images change."""


def sample_plate() -> Path:
    """Return the folder of the sample plate, written into the user's cache if it is not there yet."""
    folder = user_cache_path("napari-axiswise") / SAMPLE
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and moved into place: a plate is there whole or not at all.
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
