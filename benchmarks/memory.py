"""Memory of the parent for 100, 1,000 and 10,000 tasks of one small plane each.

Each count runs in a new process, so that it has its own peak.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile

import napari_axiswise as aw
from benchmarks.tables import print_table
from napari_axiswise.core.memory import peak_memory
from napari_axiswise.functions import gaussian

TASKS = (100, 1_000, 10_000)


def write_planes(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        tifffile.imwrite(folder / f"t{number:05}.tif", np.full((16, 16), number, np.uint16))
    return folder


def run(folder: str) -> None:
    """Run a task for each file of a folder, and print the peak memory of this process before and after."""
    dataset = aw.open_dataset(folder, pattern="t{timepoint}.tif")
    before = peak_memory()
    result = aw.run(dataset, [aw.Step(gaussian, {"sigma": 1})], axis="timepoint")
    assert not result.missing
    print(before, peak_memory())


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        first = 0.0
        for count in TASKS:
            folder = write_planes(Path(scratch, str(count)), count)
            command = [sys.executable, "-m", "benchmarks.memory", folder]
            printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
            before, after = (int(size) / 1e6 for size in printed)
            first = first or after
            limit = 1.1 * first + 20
            rows.append([f"{count:,}", f"{before:.0f}", f"{after:.0f}", f"{limit:.0f}"])
    print_table(
        ["tasks", "dataset open, MB", "run finished, MB", "limit: 1.1 × that of 100 tasks + 20 MB"], rows
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(sys.argv[1])
    else:
        main()
