"""Accuracy of the plan along every axis of several plates, and its cost for a large plate.

After a pilot of a few units, every plate runs completely along each axis in turn.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np

import napari_axiswise as aw
from benchmarks.tables import print_machine, print_table
from napari_axiswise.core.generators import exhaust
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.functions import (
    PIPELINES,
    gaussian,
    measure_regions,
    otsu_threshold,
    project,
    split_touching,
)
from napari_axiswise.planes.table import Planes
from napari_axiswise.planning.blocks import Blocks
from napari_axiswise.planning.pilot import Pilot
from napari_axiswise.planning.planner import predict
from napari_axiswise.planning.sampling import spread
from napari_axiswise.runs.workers import WorkerLimit

ROUNDS = 5
PLANS = 3
LARGE = {"well": 384, "site": 9, "channel": 5, "timepoint": 27, "z_index": 3, "batch": 1}
PROJECTION = aw.Pipeline(
    [aw.Step(gaussian, {"sigma": 2}), aw.Step(project, name="movie", variable="timepoint")]
)


@dataclass(frozen=True)
class Plate:
    """A plate and its pipeline."""

    name: str
    plan: PlatePlan
    pipeline: aw.Pipeline


def uneven(image: np.ndarray) -> np.ndarray:
    """Segment nuclei, with more work for brighter images, so that the wells of the second channel differ."""
    for _ in range(1 + int(np.percentile(image, 99) // 300)):
        smooth = gaussian(image, 2.0)
    return split_touching(otsu_threshold(smooth))


PLATES = (
    Plate(
        "6 wells × 6 timepoints, nuclei",
        PlatePlan(("B02", "B03", "B04", "C02", "C03", "C04"), 1, 6, 2, 512),
        PIPELINES["Find and measure nuclei"](),
    ),
    Plate(
        "3 wells × 15 timepoints, nuclei",
        PlatePlan(("B02", "B03", "B04"), 1, 15, 1, 512),
        PIPELINES["Find and measure nuclei"](),
    ),
    Plate(
        "5 wells × 3 sites × 3 timepoints, uneven channels",
        PlatePlan(("B02", "B03", "B04", "B05", "B06"), 3, 3, 2, 384),
        aw.Pipeline(
            [
                aw.Step(uneven, name="nuclei", output="labels"),
                aw.Step(measure_regions, name="cells", inputs=("nuclei", "raw")),
            ]
        ),
    ),
    Plate(
        "3 wells × 3 sites × 8 timepoints, projected",
        PlatePlan(("B02", "B03", "B04"), 3, 8, 2, 512),
        PROJECTION,
    ),
)


def loss(made: aw.Comparison, recommended: str) -> float:
    """Return how much slower the recommended axis is than the best one: the median of the ratios of each round."""
    own = np.array(made.seconds(recommended))
    return max(float(np.median(own / np.array(made.seconds(axis)))) - 1 for axis in made.axes)


def compare_plates() -> None:
    """Print predicted and measured times."""
    rows, errors, losses = [], [], []
    for plate in PLATES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = write_plate(Path(scratch, "plate"), plate.plan)
            made = exhaust(aw.comparing(folder, plate.pipeline, units=None, rounds=ROUNDS))
        recommended = made.plan.recommended
        losses.append(loss(made, recommended))
        for row in made.table.to_dict("records"):
            errors.append(abs(row["predicted_share"] - 1))
            chosen = row["axis"] == recommended
            rows.append(
                [
                    plate.name,
                    f"{row['axis']}{' (recommended)' if chosen else ''}",
                    f"{row['tasks']}",
                    f"{row['predicted']:.2f}",
                    f"{row['measured']:.2f} ({row['least']:.2f} – {row['most']:.2f})",
                    f"{row['predicted_share']:.2f}",
                ]
            )
    print_table(["plate", "axis", "tasks", "predicted, s", "measured, s", "predicted / measured"], rows)
    print(
        f"Predicted and measured differ by {np.median(errors):.0%} in the median, {max(errors):.0%} at most."
    )
    shares = ", ".join(f"{part:.0%}" for part in losses)
    print(
        f"The recommended axis was slower than the best, round by round, by {shares} (one value per plate).",
        flush=True,
    )


def large_dataset() -> aw.Dataset:
    """Return a dataset of 1,400,000 planes without files."""
    lengths = list(LARGE.values())
    codes = np.stack(np.unravel_index(np.arange(np.prod(lengths)), lengths), axis=1).astype(np.int32)
    components = {name: tuple(str(number + 1) for number in range(length)) for name, length in LARGE.items()}
    files = tuple("_".join(map(str, place)) for place in product(*map(range, lengths)))
    index = Planes(
        components, codes, files, np.arange(len(files), dtype=np.int32), np.zeros(len(files), np.int32), ""
    )
    return aw.Dataset("benchmark", index, (2048, 2048), np.dtype(np.uint16))


def time_large_plan() -> None:
    """Print the time of a plan without its pilot."""
    dataset = large_dataset()
    pipeline = PIPELINES["Find and measure nuclei"]().configured((), None)
    took = []
    for _ in range(PLANS):
        began = perf_counter()
        blocks = Blocks.of(dataset.index, pipeline)
        chosen = tuple(spread(blocks, 16).tolist())
        limit = WorkerLimit.of(dataset, pipeline, 16)
        random = np.random.default_rng(0)
        pilot = Pilot(chosen, tuple(random.uniform(0.1, 0.2, 16).tolist()), between=0.002, computing=1.0)
        plan = predict(
            dataset, pipeline, blocks, pilot, limit, dict.fromkeys(dataset.components, ""), products=True
        )
        table = plan.table
        took.append(perf_counter() - began)
    began = perf_counter()
    for row in plan.axes:
        plan.scaling(row.axis)
        plan.most_workers(row.axis)
    curves = perf_counter() - began
    print(
        f"{len(dataset):,} planes, {len(table)} axes: a plan takes {np.median(took):.2f} s without its pilot, "
        f"all curves up to 10,000 workers {curves:.2f} s.",
        flush=True,
    )


def main() -> None:
    print_machine()
    compare_plates()
    time_large_plan()


if __name__ == "__main__":
    main()
