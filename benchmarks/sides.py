"""The same work, distributed in different ways: the built-in nuclei pipeline over every plane of a dataset.

Every way reads the same planes, calls the same functions, writes the same chunks of label planes, and finally all
rows as Parquet. Ours also writes image metadata and the run log. If workers return arrays, the parent writes each one
when it arrives.

A way is a context manager that starts its processes. It yields a function that does all the work, into an empty
folder.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import napari_axiswise as aw
from napari_axiswise.core.kinds import plane_kind
from napari_axiswise.executors.lanes import available_cores
from napari_axiswise.functions import (
    PIPELINES,
    gaussian,
    measure_regions,
    otsu_threshold,
    split_touching,
    subtract_background,
)
from napari_axiswise.planes.images import read_plane
from napari_axiswise.results.writer import PlaneWriter, Target
from napari_axiswise.tasks.process import import_libraries

if TYPE_CHECKING:
    from pandas import DataFrame

CORES = available_cores()

Work = Callable[[str], object]
Way = Callable[[aw.Dataset], AbstractContextManager[Work]]


class Job(NamedTuple):
    """A plane to analyse: its row in the dataset, its file and its page."""

    row: int
    path: str
    page: int


class Found(NamedTuple):
    """Labels and measurements of the plane of a row."""

    row: int
    labels: NDArray[np.int32]
    table: DataFrame


def analyse(job: Job) -> Found:
    image = read_plane(job.path, job.page)
    smooth = gaussian(subtract_background(image, radius=25.0), sigma=1.0)
    labels = split_touching(otsu_threshold(smooth))
    return Found(job.row, labels, measure_regions(labels, image))


def jobs(dataset: aw.Dataset) -> list[Job]:
    index = dataset.index
    return [Job(row, index.path(row), int(index.pages[row])) for row in range(len(dataset))]


class Output:
    """Write the labels of each plane at once, and the rows of all planes at the end."""

    def __init__(self, dataset: aw.Dataset, folder: str, table: str = "measurements") -> None:
        self._planes = dataset.index
        self._writer = PlaneWriter(folder, dataset.components, dataset.shape)
        self._path = Path(folder, "tables", f"{table}.parquet")
        self._tables: list[DataFrame] = []

    def add(self, found: Found) -> None:
        names, codes = self._planes.names, self._planes.codes[found.row].tolist()
        self._writer.write(Target("nuclei", names, plane_kind("labels")), codes, found.labels)
        values = {name: self._planes.components[name][code] for name, code in zip(names, codes, strict=True)}
        self._tables.append(found.table.assign(**values))

    def finish(self) -> None:
        import pandas as pd

        self._path.parent.mkdir(exist_ok=True)
        pd.concat(self._tables, ignore_index=True).to_parquet(self._path, index=False)


def write_all(output: Output, arriving: Iterable[Found]) -> None:
    for found in arriving:
        output.add(found)
    output.finish()


def loop_over_share(dataset: aw.Dataset, share: int, folder: str) -> None:
    """Process one share of the planes in a for-loop. Shares alternate direction, so that each has all channels."""
    todo, turn = jobs(dataset), 2 * CORES
    output = Output(dataset, folder, f"measurements {share}")
    write_all(output, map(analyse, todo[share::turn] + todo[turn - 1 - share :: turn]))


@contextmanager
def for_loop(dataset: aw.Dataset) -> Iterator[Work]:
    yield lambda folder: write_all(Output(dataset, folder), map(analyse, jobs(dataset)))


@contextmanager
def perfect_split(dataset: aw.Dataset) -> Iterator[Work]:
    with process_pool() as pool:

        def work(folder: str) -> None:
            for done in [pool.submit(loop_over_share, dataset, share, folder) for share in range(CORES)]:
                done.result()

        yield work


@contextmanager
def axiswise(dataset: aw.Dataset, axis: str) -> Iterator[Work]:
    pipeline = PIPELINES["Find and measure nuclei"]()
    with aw.LaneExecutor() as lanes:
        lanes.warm_up(import_libraries)
        yield lambda folder: aw.run(dataset, pipeline, axis=axis, executor=lanes, output=folder)


@contextmanager
def pool_of_processes(dataset: aw.Dataset) -> Iterator[Work]:
    with process_pool() as pool:

        def results() -> Iterator[Found]:
            for done in as_completed([pool.submit(analyse, job) for job in jobs(dataset)]):
                yield done.result()

        yield lambda folder: write_all(Output(dataset, folder), results())


@contextmanager
def joblib_processes(dataset: aw.Dataset) -> Iterator[Work]:
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    with Parallel(n_jobs=CORES, return_as="generator_unordered") as parallel:

        def results() -> Any:
            return parallel(delayed(analyse)(job) for job in jobs(dataset))

        yield lambda folder: write_all(Output(dataset, folder), results())
    # joblib keeps its processes for minutes otherwise.
    get_reusable_executor().shutdown(kill_workers=True)


@contextmanager
def dask_threads(dataset: aw.Dataset) -> Iterator[Work]:
    import dask

    def work(folder: str) -> None:
        output = Output(dataset, folder)
        # Threads share the memory of the parent, so each writes its own results.
        tasks = [dask.delayed(lambda job: output.add(analyse(job)))(job) for job in jobs(dataset)]
        dask.compute(*tasks, scheduler="threads", num_workers=CORES)
        output.finish()

    yield work


@contextmanager
def dask_processes(dataset: aw.Dataset) -> Iterator[Work]:
    import dask

    with process_pool() as pool:

        def results() -> Any:
            tasks = [dask.delayed(analyse)(job) for job in jobs(dataset)]
            return dask.compute(*tasks, scheduler="processes", pool=pool)

        yield lambda folder: write_all(Output(dataset, folder), results())


@contextmanager
def dask_distributed(dataset: aw.Dataset) -> Iterator[Work]:
    from distributed import Client, as_completed

    with Client(n_workers=CORES, threads_per_worker=1, dashboard_address=None) as client:

        def results() -> Iterator[Found]:
            for _, found in as_completed(client.map(analyse, jobs(dataset), pure=False), with_results=True):
                yield found

        yield lambda folder: write_all(Output(dataset, folder), results())


def process_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(CORES, mp_context=multiprocessing.get_context("spawn"))


PERFECT = "perfect split"

WAYS: dict[str, Way] = {
    PERFECT: perfect_split,
    "axiswise by well": partial(axiswise, axis="well"),
    "axiswise by timepoint": partial(axiswise, axis="timepoint"),
    "pool that returns arrays": pool_of_processes,
    "joblib": joblib_processes,
    "dask threads": dask_threads,
    "dask processes": dask_processes,
    "dask distributed": dask_distributed,
    "for-loop": for_loop,
}
