"""Index 1,400,000 file names, compared with ``tifffile.TiffSequence``.

Each measurement runs in a new process. The memory is that of names and index, on top of the bare interpreter.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.tables import print_table, spread
from napari_axiswise.core.memory import peak_memory

ROUNDS = 3
WELLS = [f"{row}{column:02d}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25)]
SITES, CHANNELS, TIMEPOINTS = 9, 4, 102

PATTERN = r"plate_(?P<W>[A-Z][0-9]{2})_s(?P<S>[0-9]+)_w(?P<C>[0-9]+)_t(?P<T>[0-9]+)\.tif"


def make_names() -> list[str]:
    """Return sorted file names of 384 wells × 9 sites × 4 channels × 102 timepoints."""
    numbers = product(WELLS, range(1, SITES + 1), range(1, CHANNELS + 1), range(1, TIMEPOINTS + 1))
    return sorted(
        f"plate_{well}_s{site}_w{channel}_t{timepoint}.tif" for well, site, channel, timepoint in numbers
    )


def make_index(names: list[str]) -> object:
    """Return our index of the names."""
    from napari_axiswise.layouts.filenames import KnownPattern
    from napari_axiswise.layouts.folder import Folder, Walk
    from napari_axiswise.layouts.layout import make_planes

    found = KnownPattern().find(Folder(Path(), Walk(images=names)))
    assert found is not None
    planes, _ = make_planes(".", found, {})
    assert len(planes) == len(names)
    return planes


def make_sequence(names: list[str]) -> object:
    """Return tifffile's index of the names."""
    from tifffile import TiffSequence

    sequence = TiffSequence(
        names, pattern=PATTERN, categories={"W": {well: number for number, well in enumerate(WELLS)}}
    )
    assert sequence.shape == (len(WELLS), SITES, CHANNELS, TIMEPOINTS)
    return sequence


SIDES = {"napari-axiswise": make_index, "tifffile.TiffSequence": make_sequence}


def measure(side: str, bare: int) -> None:
    """Print the seconds and bytes of one side, imports included."""
    names = make_names()
    started = perf_counter()
    index = SIDES[side](names)
    print(perf_counter() - started, peak_memory() - bare, index is not None)


def main() -> None:
    bare = int(_output("-c", "from napari_axiswise.core.memory import peak_memory; print(peak_memory())")[0])
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    sizes: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(ROUNDS):
        for side in SIDES:
            took, size, _ = _output("-m", "benchmarks.index", side, str(bare))
            seconds[side].append(float(took))
            sizes[side].append(float(size) / 1e6)
    ours = np.median(seconds["napari-axiswise"])
    print_table(
        [
            f"{len(WELLS) * SITES * CHANNELS * TIMEPOINTS:,} names to an index",
            "seconds",
            "ratio",
            "MB, with the names",
        ],
        [
            [
                side,
                spread(seconds[side]),
                f"{np.median(seconds[side]) / ours:.2f}",
                spread(sizes[side], ".0f"),
            ]
            for side in SIDES
        ],
    )


def _output(*arguments: str) -> list[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        main()
