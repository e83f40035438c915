"""Run functions of other people's plugins over a plate, as they are, and print what they made of it.

    python -m pip install --group plugins
    python docs/other_plugins.py path/to/9987_Plate_3435

The plugins know nothing of plates, and this script nothing of the plugins but where their functions are: all
else is read by the catalog.
"""

from __future__ import annotations

import sys
from importlib.metadata import packages_distributions, version
from pathlib import Path

import napari_axiswise as aw

STEPS = {
    "smooth": ("napari_skimage.skimage_filter_widget:median_filter_widget", "raw"),
    "background": ("napari_skimage.skimage_restoration_widget:rolling_ball_restoration_widget", "smooth"),
    "mask": ("napari_skimage.skimage_threshold_widget:threshold_widget", "smooth"),
    "objects": ("napari_skimage.skimage_label_widget:label_widget", "mask"),
    "large": ("napari_skimage.skimage_morphology_widget:remove_small_objects_widget", "objects"),
    "peaks": ("napari_skimage.skimage_detection_widget:peak_local_max_widget", "smooth"),
    "blobs": ("napari_blob_detection._detect:laplacian_of_gaussian", "smooth"),
    "spots": ("napari_blob_detection:points_to_labels", ("blobs", "smooth")),
    "both": ("napari_labels_overlap._dock_widget:labels_overlap", ("large", "spots")),
    "skeletons": ("napari_toska._labeled_skeletonization:generate_labeled_skeletonization", "large"),
    "parts": ("napari_toska._labeled_skeletonization:parse_all_skeletons", "skeletons"),
    "measured": ("napari_toska._measurements:analyze_skeletons", ("skeletons", "parts")),
}
"""From the name of a step to its function, as the catalog has it, and its inputs."""

PARAMS = {"blobs": {"max_sigma": 6, "threshold": 0.02}, "large": {"max_size": 64}}
"""What the defaults of the plugins do not suit."""


def make_pipeline() -> aw.Pipeline:
    """Return all of them in one pipeline. The catalog tells what each takes and makes."""
    catalog = aw.Catalog.everything()
    return aw.Pipeline(
        catalog[path].step(PARAMS.get(name), name=name, inputs=inputs)
        for name, (path, inputs) in STEPS.items()
    )


def run_plugins(plate: Path) -> aw.RunResult:
    """Run them over a plate, a well at a time."""
    return aw.run(aw.open_dataset(plate), make_pipeline(), axis="well")


def table_lines(result: aw.RunResult) -> list[str]:
    """Return a table in Markdown: of each function, its plugin with the version, and what it made."""
    lines = ["| Plugin | Function | Made |", "|---|---|---|"]
    distributions = packages_distributions()
    for name, (path, _) in STEPS.items():
        (plugin,) = set(distributions[path.partition(".")[0].partition(":")[0]])
        lines.append(f"| {plugin} {version(plugin)} | `{path.rpartition(':')[2]}` | {name} |")
    return lines


def main() -> None:
    """Run them over the plate of the command line."""
    result = run_plugins(Path(sys.argv[1]))
    for value, failure in result.failures.items():
        print(f"{value}: {failure.error}\n{failure.traceback}")
    print("\n".join(table_lines(result)))


if __name__ == "__main__":
    main()
