"""Run functions of third-party plugins over a plate, unchanged, and print a table of them.

    python -m pip install --group plugins
    python docs/other_plugins.py [path/to/9987_Plate_3435]

The plugins know nothing about plates. This script only names their functions; the catalog reads everything else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import packages_distributions, version
from pathlib import Path

import napari_axiswise as aw

STEPS = {
    "smooth": ("napari_skimage.skimage_filter_widget:median_filter_widget", "raw"),
    "background": ("napari_skimage.skimage_restoration_widget:rolling_ball_restoration_widget", "smooth"),
    "mask": ("napari_skimage.skimage_threshold_widget:threshold_widget", "smooth"),
    "opened": ("napari_skimage.skimage_morphology_widget:binary_morphology_widget", "mask"),
    "objects": ("napari_skimage.skimage_label_widget:label_widget", "opened"),
    "peaks": ("napari_skimage.skimage_detection_widget:peak_local_max_widget", "smooth"),
    "blobs": ("napari_blob_detection._detect:laplacian_of_gaussian", "smooth"),
    "spots": ("napari_blob_detection:points_to_labels", ("blobs", "smooth")),
    "both": ("napari_labels_overlap._dock_widget:labels_overlap", ("objects", "spots")),
    "skeletons": ("napari_toska._labeled_skeletonization:generate_labeled_skeletonization", "objects"),
    "parts": ("napari_toska._labeled_skeletonization:parse_all_skeletons", "skeletons"),
    "measured": ("napari_toska._measurements:analyze_skeletons", ("skeletons", "parts")),
}
"""Function (its path in the catalog) and inputs of each step, by the step's name."""

PARAMS = {
    "background": {"radius": 10},
    "opened": {"method": "opening", "footprint_size": 1},
    "blobs": {"max_sigma": 6},
}
"""Parameters that differ from the plugin's defaults, which suit larger images."""


def find_plate(arguments: Sequence[str] = ()) -> Path:
    """Return the folder of the plate: the first argument, or the one that the tests use."""
    if arguments:
        return Path(arguments[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("AXISWISE_DATA") or beside) / "imagexpress" / "9987_Plate_3435"


def make_pipeline() -> aw.Pipeline:
    """Return one pipeline of all functions."""
    catalog = aw.Catalog.everything()
    return aw.Pipeline(
        catalog[path].step(PARAMS.get(name), name=name, inputs=inputs)
        for name, (path, inputs) in STEPS.items()
    )


def table_lines(pipeline: aw.Pipeline) -> list[str]:
    """Return a Markdown table: for each function, its plugin, version and kind of output."""
    lines = ["| Plugin | Function | Output |", "|---|---|---|"]
    distributions = packages_distributions()
    catalog = aw.Catalog.everything()
    for step in pipeline:
        offer = catalog[STEPS[step.name][0]]
        plugin = distributions[offer.path.partition(":")[0].partition(".")[0]][0]
        lines.append(f"| {plugin} {version(plugin)} | {offer.name} | {step.kind} |")
    return lines


def main() -> int:
    """Run the pipeline over a plate, and print the table and all failures."""
    pipeline = make_pipeline()
    result = aw.run(aw.open_dataset(find_plate(sys.argv[1:])), pipeline, axis="well")
    for value, failure in result.failures.items():
        print(f"{value}: {failure.error}\n{failure.traceback}", file=sys.stderr)
    print(*table_lines(pipeline), sep="\n")
    return len(result.failures)


if __name__ == "__main__":
    sys.exit(main())
