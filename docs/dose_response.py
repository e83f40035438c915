"""Measure a dose response, from the images of BBBC013 to Z′: ``python docs/dose_response.py [folder]``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import napari_axiswise as aw
from napari_axiswise.functions import (
    gaussian,
    measure_translocation,
    otsu_threshold,
    select,
    split_touching,
    subtract_background,
    surround,
)

PLATE_MAP = "1049_Metadata.csv"
DOSE, CONTROLS, ROWS = "SBS_Doses", "SBS_Controls", "rows"
PROTEIN, DNA = 0, 1
"""Indices of Channel1 and Channel2 in a stack of channels."""

HALVES = ("ABCD", "EFGH")
"""Rows of the plate: each half has one drug, in four replicates."""

# A typical nucleus is an ellipse of 12 × 20 pixels with an area of 180, equivalent to a diameter of 15.
LARGEST_NUCLEUS = 15.0  # radius: twice the typical one, so that even a large nucleus is not background
APART = 6  # smallest distance of two centres: half the 12 pixels of nuclei that touch along their long sides
SMALLEST_NUCLEUS = 45  # a quarter of the typical area; smaller objects are debris
RING_GAP = 1.0  # the edge of a nucleus is blurred over about two pixels, one of which is outside
RING_WIDTH = 5.0  # cytoplasm extends at least a third of a nucleus's diameter around it


def find_folder(arguments: Sequence[str] = ()) -> Path:
    """Return the folder of the images: the first argument, or the one that the tests use."""
    if arguments:
        return Path(arguments[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("AXISWISE_DATA") or beside) / "bbbc013"


def make_pipeline() -> aw.Pipeline:
    """Return the steps: nuclei from the DNA, a ring around each, and the protein in both."""
    return aw.Pipeline(
        [
            aw.Step(select, {"index": DNA}, name="dna", inputs="raw", variable="channel"),
            aw.Step(select, {"index": PROTEIN}, name="protein", inputs="raw", variable="channel"),
            aw.Step(subtract_background, {"radius": LARGEST_NUCLEUS}, name="flat", inputs="dna"),
            aw.Step(gaussian, {"sigma": 1.0}, name="smooth"),
            aw.Step(otsu_threshold, name="mask", keep=False),
            aw.Step(
                split_touching,
                {"min_distance": APART, "min_size": SMALLEST_NUCLEUS},
                name="nuclei",
                output="labels",
            ),
            aw.Step(surround, {"width": RING_WIDTH, "gap": RING_GAP}, name="rings", output="labels"),
            aw.Step(measure_translocation, name="cells", inputs=("nuclei", "rings", "protein")),
        ]
    )


def measure(dataset: Any, axis: str = "well", **options: Any) -> aw.RunResult:
    """Run the pipeline over a plate. `options` are passed to `aw.run`."""
    return aw.run(dataset, make_pipeline(), axis=axis, **options)


def by_well(cells: pd.DataFrame, plate_map: pd.DataFrame) -> pd.DataFrame:
    """Return a row per well: number of cells, median ratio, and the columns of the plate map."""
    # The median, because a few cells have almost no signal in the ring and therefore extreme ratios.
    measured = pd.concat([aw.well_values(cells, "count"), aw.well_values(cells, "ratio", "median")], axis=1)
    return aw.join_plate_map(measured.reset_index(), plate_map).set_index("well")


def read_controls(folder: Path) -> pd.DataFrame:
    """Return the plate map with a column for the half of the plate, that is, for the drug."""
    plate_map = aw.read_plate_map(folder / PLATE_MAP)
    return plate_map.assign(**{ROWS: plate_map.index.str[0].map(half_of)})


def dose_table(wells: pd.DataFrame) -> pd.DataFrame:
    """Return the mean and standard deviation over wells for each half of the plate and each dose."""
    half = wells.index.str[0].map(half_of).rename("rows")
    return wells.groupby([half, DOSE])["ratio"].agg(["count", "mean", "std"])


def half_of(row: str) -> str:
    """Return the rows of the half that contains a row."""
    return next(f"{rows[0]}–{rows[-1]}" for rows in HALVES if row in rows)


def z_prime_of(wells: pd.DataFrame, rows: str) -> float:
    """Return Z′ of the controls in the given rows."""
    ratio = wells.loc[wells.index.str[0].isin(list(rows)), "ratio"]
    role = aw.control_roles(wells, CONTROLS).loc[ratio.index]
    return aw.z_prime(ratio[role == "positive"], ratio[role == "negative"])


def main(arguments: Sequence[str]) -> None:
    """Measure, print the results, and write the plate map for *Plot* in the window."""
    folder = find_folder(arguments)
    result = measure(folder)
    print(result)
    wells = by_well(result.table, aw.read_plate_map(folder / PLATE_MAP))
    print(dose_table(wells).round(2).to_string())
    read_controls(folder).to_csv("plate-map.csv")
    for rows in HALVES:
        print(f"Z′ of rows {half_of(rows[0])}: {z_prime_of(wells, rows):.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
