"""Process the tasks of a small dataset in this process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_axiswise import Dataset, Orchestrator, Pipeline, Step, TaskOutput, open_dataset, process_task
from napari_axiswise.core.errors import TaskError
from napari_axiswise.results.store import ResultStore

WELLS, SITES, TIMEPOINTS = ("B02", "B03"), ("1", "2"), ("1", "2", "3")
SHAPE = (5, 6)

Values = tuple[str, str, str]


def pixels(well: str, site: str, timepoint: str) -> np.ndarray:
    """The pixels of a plane, different for every plane."""
    random = np.random.default_rng([ord(letter) for letter in f"{well}/{site}/{timepoint}"])
    return random.integers(0, 1000, SHAPE).astype(np.int32)


def open_planes(folder: Path, missing: Iterable[Values] = ()) -> Dataset:
    """Write 2 wells, 2 sites and 3 timepoints, without the planes that are `missing`."""
    for values in set(product(WELLS, SITES, TIMEPOINTS)) - set(missing):
        folder.mkdir(exist_ok=True)
        tifffile.imwrite(folder / "{}_s{}_t{}.tif".format(*values), pixels(*values))
    return open_dataset(folder)


@dataclass
class Done:
    """The results of the tasks of a run."""

    store: ResultStore
    outputs: dict[str, TaskOutput] = field(default_factory=dict)
    errors: dict[str, TaskError] = field(default_factory=dict)
    misfits: list[str] = field(default_factory=list)

    def read(self, step: str, **values: str) -> np.ndarray:
        return self.store.read(step, self.store.codes(step, values))

    def names(self, step: str) -> tuple[str, ...]:
        return self.store.steps[step].grid.names

    def has(self, step: str, **values: str) -> bool:
        try:
            self.read(step, **values)
        except KeyError:
            return False
        return True


def process(
    dataset: Dataset,
    steps: Sequence[Step],
    output: Path,
    variable: Sequence[str] = (),
    group_by: str | None = None,
    axis: str = "well",
) -> Done:
    """Process every task in this process."""
    done = Done(ResultStore(output, dataset.components, dataset.shape))
    orchestrator = Orchestrator(dataset, dataset.configuration(axis, variable, group_by), output=output)
    for value in orchestrator.get_component_keys(axis):
        try:
            done.outputs[value] = process_task(orchestrator.create_context(value), Pipeline(steps))
        except TaskError as error:
            done.errors[value] = error
            done.outputs[value] = error.result
        done.misfits += filter(None, [done.store.add(done.outputs[value])])
    return done


def shape_of(image: np.ndarray) -> dict[str, Any]:
    return {"shape": "x".join(map(str, image.shape)), "total": int(image.sum())}
