"""Built-in pipelines."""

from __future__ import annotations

from ..pipeline.pipeline import Pipeline
from ..pipeline.step import Step
from .filters import gaussian, subtract_background
from .labels import split_touching
from .measurements import intensity_statistics, measure_regions
from .thresholds import otsu_threshold


def nuclei_pipeline() -> Pipeline:
    """Return a pipeline that finds and measures bright round objects, such as nuclei."""
    return Pipeline(
        [
            Step(subtract_background, {"radius": 25.0}, name="flat"),
            Step(gaussian, {"sigma": 1.0}, name="smooth"),
            Step(otsu_threshold, name="mask"),
            Step(split_touching, name="nuclei", output="labels"),
            Step(measure_regions, name="measurements", inputs=("nuclei", "raw")),
        ]
    )


def background_pipeline() -> Pipeline:
    """Return a pipeline that subtracts the background and smooths."""
    return Pipeline(
        [
            Step(subtract_background, {"radius": 25.0}, name="flat"),
            Step(gaussian, {"sigma": 1.0}, name="smooth"),
        ]
    )


def intensity_pipeline() -> Pipeline:
    """Return a pipeline that summarizes the intensities of every plane."""
    return Pipeline([Step(intensity_statistics, name="intensities", inputs=("raw",))])


PIPELINES = {
    "Find and measure nuclei": nuclei_pipeline,
    "Even out the background": background_pipeline,
    "Intensity statistics": intensity_pipeline,
}
"""Pipelines that the widget offers, by their label."""
