"""Make the pictures of the gallery: three pipelines on real plates, ``python docs/gallery.py [output folder]``.

Each picture is drawn from the results of a pipeline, a plate and an axis. A picture is skipped if the images of its
plate are missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dose_response
import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

import napari_axiswise as aw
from napari_axiswise.functions import (
    gaussian,
    local_threshold,
    measure_regions,
    otsu_threshold,
    project,
    split_touching,
)

IMAGES = Path(__file__).parent / "images"

BLUE, ORANGE = (86, 180, 233), (230, 159, 0)
"""Outline colours that are safe for colour-blind readers."""

SCALE = 2
"""Picture pixels per image pixel."""

GAP = 6
"""Pixels between two parts of a picture."""


@dataclass(frozen=True)
class Entry:
    """One picture of the gallery.

    Parameters
    ----------
    folder : str
        Folder of the plate, relative to the folder of all data.
    pipeline : callable
        Returns the pipeline.
    axis : str
        Component that the run is split by.
    picture : callable
        Returns the picture of a result, of shape (Y, X, 3).
    values : tuple of str, optional
        Run only these values of the axis.
    """

    folder: str
    pipeline: Callable[[], aw.Pipeline]
    axis: str
    picture: Callable[[aw.RunResult], NDArray[np.uint8]]
    values: tuple[str, ...] | None = None


def dividing_nuclei() -> aw.Pipeline:
    """Segment nuclei frame by frame, with a local threshold because dividing nuclei are much brighter."""
    return aw.Pipeline(
        [
            aw.Step(gaussian, {"sigma": 1}, name="smooth"),
            aw.Step(local_threshold, {"block_size": 41, "offset": 6}, name="mask", keep=False),
            aw.Step(split_touching, {"min_distance": 5, "min_size": 25}, name="nuclei", output="labels"),
            aw.Step(measure_regions, name="cells", inputs=("nuclei", "raw")),
        ]
    )


def projected_nuclei() -> aw.Pipeline:
    """Segment nuclei in the maximum projection over z."""
    return aw.Pipeline(
        [
            aw.Step(project, {"method": "max"}, name="projection", variable="z_index", keep=True),
            aw.Step(gaussian, {"sigma": 2}, name="smooth", keep=False),
            aw.Step(otsu_threshold, name="mask", keep=False),
            aw.Step(split_touching, {"min_distance": 6, "min_size": 60}, name="nuclei", output="labels"),
            aw.Step(measure_regions, name="cells", inputs=("nuclei", "projection")),
        ]
    )


def picture_of_movie(result: aw.RunResult) -> NDArray[np.uint8]:
    """Draw six frames with the outlines of nuclei."""
    frames = [str(number) for number in (0, 5, 10, 15, 20, 25)]
    planes = {frame: result.dataset.read(timepoint=frame) for frame in frames}
    labels = {frame: result.read("nuclei", **where(result, timepoint=frame)) for frame in frames}
    return rows_of([outlined(planes[t], (labels[t], BLUE)) for t in frames], 3)


def picture_of_projection(result: aw.RunResult) -> NDArray[np.uint8]:
    """Draw all fields of view of the first channel."""
    fields = [
        {"well": well, "site": site}
        for well in result.dataset.components["well"]
        for site in result.dataset.components["site"]
    ]
    values = [where(result, without="z_index", channel="1", **field) for field in fields]
    return rows_of(
        [outlined(result.read("projection", **v), (result.read("nuclei", **v), BLUE)) for v in values], 2
    )


def picture_of_translocation(result: aw.RunResult) -> NDArray[np.uint8]:
    """Draw a crop of each well in the protein channel, with nuclei and the rings around them."""
    part = np.s_[200:440, 200:440]
    drawn = []
    for well in result.results:
        protein = result.dataset.read(well=well, channel="1")[part]
        nuclei, rings = (
            result.read(step, **where(result, "channel", well=well))[part] for step in ("nuclei", "rings")
        )
        drawn.append(outlined(protein, (rings, ORANGE), (nuclei, BLUE), brightest=120))
    return rows_of(drawn, 3)


ENTRIES = {
    "gallery-translocation.png": Entry(
        "bbbc013", dose_response.make_pipeline, "well", picture_of_translocation, ("A02", "A07", "A12")
    ),
    "gallery-movie.png": Entry("mitocheck/mitocheck-movie", dividing_nuclei, "timepoint", picture_of_movie),
    "gallery-projection.png": Entry(
        "imagexpress/9987_Plate_3434", projected_nuclei, "site", picture_of_projection
    ),
}


def where(result: aw.RunResult, without: str = "", **values: str) -> dict[str, str]:
    """Return the component values of a plane: `values`, and those of components with a single value."""
    single = {
        name: all_values[0] for name, all_values in result.dataset.components.items() if len(all_values) == 1
    }
    return {name: value for name, value in (single | values).items() if name != without}


def outlined(
    plane: NDArray[Any], *outlines: tuple[NDArray[Any], tuple[int, int, int]], brightest: float | None = None
) -> NDArray[np.uint8]:
    """Return an enlarged plane in grey with coloured outlines of labels."""
    low, high = np.percentile(plane, (1, 99.7))
    grey = np.clip((plane - low) / ((brightest or high) - low), 0, 1) ** 0.7 * 255
    picture = np.repeat(enlarged(grey.astype(np.uint8))[..., None], 3, axis=2)
    for labels, colour in outlines:
        picture[find_boundaries(enlarged(labels), mode="inner")] = colour
    return picture


def enlarged(plane: NDArray[Any]) -> NDArray[Any]:
    """Return a plane with each pixel repeated `SCALE` times along both axes."""
    return plane.repeat(SCALE, axis=0).repeat(SCALE, axis=1)


def rows_of(parts: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Arrange parts of equal size in rows, with gaps between them."""
    flat = [np.pad(part, ((0, GAP), (0, GAP), (0, 0)), constant_values=255) for part in parts]
    rows = [np.hstack(flat[start : start + columns]) for start in range(0, len(flat), columns)]
    return np.vstack(rows)[:-GAP, :-GAP]


def main(arguments: Sequence[str]) -> None:
    """Run each pipeline whose images exist, print a summary, and write its picture."""
    images = Path(arguments[0]) if arguments else IMAGES
    data = Path(os.environ.get("AXISWISE_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    for name, entry in ENTRIES.items():
        folder = data / entry.folder
        if not folder.is_dir():
            print(f"{name}: skipped, no images at {folder}")
            continue
        result = aw.run(folder, entry.pipeline(), axis=entry.axis, axis_filter=entry.values)
        print(f"{name}: {result}, {len(result.table)} cells")
        imageio.imwrite(images / name, entry.picture(result))


if __name__ == "__main__":
    main(sys.argv[1:])
