"""Draw ``images/predicted-and-measured.svg``: wall times predicted by a plan, and measured.

``python docs/which_axis.py [picture [most workers]]``. The step waits instead of computing, so that a machine with
two processors can measure eight workers.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import napari_axiswise as aw
from napari_axiswise.core.generators import exhaust
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate

PLATE = PlatePlan(wells=("B02", "B03", "B04"), sites=2, timepoints=8, channels=1, size=32)
AXES = ("site", "well", "timepoint")
WORKERS = (1, 2, 3, 4, 6, 8)
WAIT = 0.1
"""Seconds per plane."""

COLOURS = {"site": "#d55e00", "well": "#0072b2", "timepoint": "#009e73"}
MARKS = {
    "site": "M-5 -5h10v10h-10z",
    "well": "M0 -6l6 11h-12z",
    "timepoint": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
}

LEFT, TOP, WIDTH, HEIGHT = 70, 30, 520, 300
STYLE = """
  text { font-family: system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; fill: #24292f; font-size: 14px }
  .middle { text-anchor: middle }
  .end { text-anchor: end }
  .line { fill: none; stroke-width: 2 }
  .grid { stroke: #d0d7de }
"""


def wait(image: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the image after `WAIT` seconds."""
    time.sleep(WAIT)
    return image


@dataclass(frozen=True)
class Curve:
    """Seconds along an axis by the number of workers, as predicted by one plan and as measured."""

    axis: str
    predicted: Mapping[int, float]
    measured: Mapping[int, float]


def measure(workers: Sequence[int]) -> list[Curve]:
    """Plan once with one worker, then run along each axis with each number of workers."""
    steps = [aw.Step(wait)]
    with tempfile.TemporaryDirectory() as scratch:
        dataset = aw.open_dataset(write_plate(Path(scratch, "plate"), PLATE))
        with aw.LaneExecutor(1) as lanes:
            # Start the workers first, as `compare` does.
            aw.run(dataset, steps, axis="well", axis_filter=["B02"], executor=lanes)
            plan = exhaust(aw.planning(dataset, steps, axes=AXES, executor=lanes))
        tables = {
            count: aw.compare(dataset, steps, axes=AXES, workers=count, rounds=1).set_index("axis")
            for count in workers
        }
    return [
        Curve(
            axis,
            plan.scaling(axis, range(1, max(workers) + 1)).set_index("workers")["seconds"].to_dict(),
            {count: float(tables[count].loc[axis, "measured"]) for count in workers},
        )
        for axis in AXES
    ]


def drawing(curves: Sequence[Curve]) -> str:
    """Return the picture: for each axis, a line for the predicted times and marks for the measured ones."""
    most = max(max(curve.predicted) for curve in curves)
    longest = max(max([*curve.predicted.values(), *curve.measured.values()]) for curve in curves)
    step = max(1, round(longest / 5))

    def place(workers: float, seconds: float) -> tuple[float, float]:
        return LEFT + WIDTH * (workers - 1) / max(1, most - 1), TOP + HEIGHT * (
            1 - seconds / (1.08 * longest)
        )

    def shapes() -> Iterator[str]:
        for seconds in range(0, int(longest) + 1, step):
            x, y = place(1, seconds)
            yield f'<path class="grid" d="M{x:g} {y:.1f}h{WIDTH}"/>'
            yield f'<text class="end" x="{x - 14:g}" y="{y + 5:.1f}">{seconds} s</text>'
        for workers in range(1, most + 1):
            x, y = place(workers, 0)
            yield f'<text class="middle" x="{x:.1f}" y="{y + 24:.1f}">{workers}</text>'
        yield f'<text class="middle" x="{LEFT + WIDTH / 2:g}" y="{TOP + HEIGHT + 48}">workers</text>'
        for row, curve in enumerate(curves):
            colour = COLOURS[curve.axis]
            points = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in curve.predicted.items())
            yield f'<polyline class="line" stroke="{colour}" points="{points}"/>'
            x, y = LEFT + WIDTH - 190, TOP + 22 + 26 * row
            yield f'<path class="line" stroke="{colour}" d="M{x - 40} {y - 5}h32"/>'
            marks = [(x - 24, y - 5), *(place(*point) for point in curve.measured.items())]
            for left, top in marks:
                yield f'<path fill="{colour}" transform="translate({left:.1f} {top:.1f})" d="{MARKS[curve.axis]}"/>'
            yield f'<text x="{x}" y="{y}">by {curve.axis}, {tasks_of(curve.axis)} tasks</text>'

    lines = "\n  ".join(shapes())
    full_width, full_height = LEFT + WIDTH + 30, TOP + HEIGHT + 64
    title = "Wall time against the number of workers along three axes: lines as predicted, marks as measured"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full_width} {full_height}" role="img" '
        f'aria-label="{title}">\n  <style>{STYLE}  </style>\n'
        f'  <rect width="{full_width}" height="{full_height}" rx="10" fill="#f8f9fb"/>\n  {lines}\n</svg>\n'
    )


def tasks_of(axis: str) -> int:
    """Return the number of tasks along an axis."""
    return {"site": PLATE.sites, "well": len(PLATE.wells), "timepoint": PLATE.timepoints}[axis]


def main(arguments: Sequence[str]) -> None:
    """Measure, print the error of the predictions, and draw the picture."""
    most = int(arguments[1]) if len(arguments) > 1 else max(WORKERS)
    curves = measure([count for count in WORKERS if count <= most])
    for curve in curves:
        for workers, seconds in curve.measured.items():
            share = curve.predicted[workers] / seconds
            print(
                f"by {curve.axis}, {workers} workers: {seconds:.2f} s measured, predicted {share:.0%} of that"
            )
    picture = Path(
        arguments[0] if arguments else Path(__file__).parent / "images" / "predicted-and-measured.svg"
    )
    picture.write_text(drawing(curves), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
