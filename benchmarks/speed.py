"""How close a run comes to the perfect split, and to other ways of spreading the same work, side by side.

All sides read the same planes, compute the same (blur, Otsu, label: about 50 ms a plane) and, where they write,
write the same bytes. They run one after the other, round after round, in one go; what is told is each side's
speed as a share of the perfect split's in the same round: two processes that were started and warmed up
beforehand, each a for-loop over every second plane.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

import numpy as np
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.executors.lanes import available_cores
from napari_axiswise.planes import Planes, read_plane
from napari_axiswise.processing import import_libraries
from napari_axiswise.results.writer import PlaneWriter

ROUNDS = 5
PLAN = PlatePlan(
    wells=("B02", "B03", "B04", "B05", "C02", "C03", "C04", "C05"), sites=1, timepoints=6, size=640
)


def segment(image: np.ndarray) -> np.ndarray:
    smooth = gaussian(image, sigma=2)
    return label(smooth > threshold_otsu(smooth)).astype(np.int32)


def work(planes: Planes, rows: Sequence[int], output: str) -> None:
    """Go through some planes in a for-loop: read, compute, write."""
    writer = PlaneWriter(output, planes.components)
    for row in rows:
        writer.write("nuclei", planes.names, planes.codes[row].tolist(), segment(planes.read(row)))


def read_and_segment(place: tuple[str, int]) -> np.ndarray:
    return segment(read_plane(*place))


def places(dataset: aw.Dataset) -> list[tuple[str, int]]:
    return [(dataset.index.path(row), int(dataset.index.pages[row])) for row in range(len(dataset))]


def sides(
    dataset: aw.Dataset, lanes: aw.LaneExecutor, pool: ProcessPoolExecutor
) -> dict[str, Callable[[], object]]:
    pipeline = aw.Pipeline([aw.Step(segment, name="nuclei", output="labels")])
    halves = [range(start, len(dataset), available_cores()) for start in range(available_cores())]

    def perfect_split() -> None:
        with tempfile.TemporaryDirectory() as output:
            for future in [pool.submit(work, dataset.index, half, output) for half in halves]:
                future.result()

    def for_loop() -> None:
        with tempfile.TemporaryDirectory() as output:
            work(dataset.index, range(len(dataset)), output)

    def dask_with(scheduler: str) -> object:
        import dask

        tasks = [dask.delayed(read_and_segment)(place) for place in places(dataset)]
        return dask.compute(*tasks, scheduler=scheduler, num_workers=available_cores())

    return {
        "perfect split": perfect_split,
        "axiswise by well": lambda: aw.run(dataset, pipeline, axis="well", executor=lanes),
        "axiswise by timepoint": lambda: aw.run(dataset, pipeline, axis="timepoint", executor=lanes),
        "pool that returns arrays": lambda: list(pool.map(read_and_segment, places(dataset))),
        "dask threads": lambda: dask_with("threads"),
        "dask processes": lambda: dask_with("processes"),
        "for-loop": for_loop,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = aw.open_dataset(write_plate(Path(folder), PLAN))
        started = perf_counter()
        read_and_segment(places(dataset)[0])
        read_and_segment(places(dataset)[0])
        print(f"{len(dataset)} planes of {PLAN.size}², a unit takes {(perf_counter() - started) * 500:.0f} ms; "
              f"{available_cores()} processors")  # fmt: skip
        context = multiprocessing.get_context("spawn")
        with aw.LaneExecutor() as lanes, ProcessPoolExecutor(available_cores(), mp_context=context) as pool:
            lanes.warm_up(import_libraries)
            made = sides(dataset, lanes, pool)
            shares: dict[str, list[float]] = {name: [] for name in made}
            for number in range(ROUNDS + 1):
                seconds = {}
                for name, side in made.items():
                    started = perf_counter()
                    side()
                    seconds[name] = perf_counter() - started
                if number:  # the first round warms everything up
                    for name, value in seconds.items():
                        shares[name].append(seconds["perfect split"] / value)
    print(f"{'':28} share of the perfect split's speed: median (lowest – highest of {ROUNDS} rounds)")
    for name, values in shares.items():
        print(f"{name:28} {np.median(values):5.2f}  ({min(values):.2f} – {max(values):.2f})")


if __name__ == "__main__":
    main()
