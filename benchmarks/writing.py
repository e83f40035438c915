"""Cost of saving results: the built-in nuclei pipeline with different steps saved.

All sides run the same functions over the same planes, one after the other in this process. They differ in what they
save. Every side logs its units. A unit takes about 50 ms.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import napari_axiswise as aw
from benchmarks.tables import print_machine, print_table, spread
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.functions import PIPELINES
from napari_axiswise.results.ngff import levels

ROUNDS = 7
PLAN = PlatePlan(wells=("B02", "B03"), sites=1, timepoints=4, channels=2, size=576)

NOTHING_SAVED = "nothing saved"


def pipeline(*kept: str) -> aw.Pipeline:
    """Return the nuclei pipeline with the given steps kept."""
    steps = PIPELINES["Find and measure nuclei"]()
    return aw.Pipeline(
        [
            aw.Step(
                step.function, step.params, name=step.name, inputs=step.inputs, output=step.output,
                keep=step.name in kept,
            )
            for step in steps
        ]
    )  # fmt: skip


@contextmanager
def without_levels() -> Iterator[None]:
    """Write planes without smaller levels."""
    with patch.object(levels, "LARGEST", PLAN.size):
        yield


SIDES = {
    NOTHING_SAVED: ((), nullcontext),
    "labels and table, without levels": (("nuclei", "measurements"), without_levels),
    "labels and table": (("nuclei", "measurements"), nullcontext),
    "image, labels and table, without levels": (("flat", "nuclei", "measurements"), without_levels),
    "image, labels and table": (("flat", "nuclei", "measurements"), nullcontext),
}


def seconds(dataset: aw.Dataset, name: str) -> tuple[float, float]:
    """Return the seconds of a side's tasks, and the part of them spent on writing."""
    kept, context = SIDES[name]
    with context():
        result = aw.run(dataset, pipeline(*kept), "well", executor="serial")
    assert not result.missing, result.failures
    return float(result.timings["seconds"].sum()), float(result.timings["writing"].sum())


def main() -> None:
    print_machine()
    with tempfile.TemporaryDirectory() as scratch:
        dataset = aw.open_dataset(write_plate(Path(scratch, "plate"), PLAN))
        costs: dict[str, list[tuple[float, float]]] = {name: [] for name in SIDES}
        started = perf_counter()
        for number in range(ROUNDS + 1):
            for name in SIDES:
                cost = seconds(dataset, name)
                if number:
                    costs[name].append(cost)
        print(f"{ROUNDS + 1} rounds in {perf_counter() - started:.0f} s")
    rows = []
    for name, own in costs.items():
        over = [
            100 * (cost / base - 1) for (cost, _), (base, _) in zip(own, costs[NOTHING_SAVED], strict=True)
        ]
        unit = [1000 * cost / len(dataset) for cost, _ in own]
        writing = [1000 * part / len(dataset) for _, part in own]
        rows.append([name, spread(unit, ".1f"), spread(writing, ".2f"), spread(over, ".0f")])
    print_table(["", "ms per unit", "writing, ms per unit", "% longer than nothing saved"], rows)


if __name__ == "__main__":
    main()
