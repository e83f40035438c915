"""Built-in steps: functions of arrays, most of them thin wrappers of scipy or scikit-image."""

from __future__ import annotations

from .filters import gaussian, subtract_background
from .labels import label_objects, split_touching, surround
from .measurements import intensity_statistics, measure_regions, measure_translocation
from .pipelines import PIPELINES
from .projections import project, select
from .thresholds import local_threshold, otsu_threshold

__all__ = [
    "PIPELINES",
    "gaussian",
    "intensity_statistics",
    "label_objects",
    "local_threshold",
    "measure_regions",
    "measure_translocation",
    "otsu_threshold",
    "project",
    "select",
    "split_touching",
    "subtract_background",
    "surround",
]
