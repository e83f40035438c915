"""PreviewRequest: a pipeline, and the planes that it needs to show one plane."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.text import format_bytes
from ..datasets.dataset import Dataset
from ..pipeline.pipeline import Pipeline
from ..planes.arrays import ArrayPlanes
from ..planes.table import Planes
from ..runs.plan import RunPlan

MOST_BYTES = 1 << 30
"""Maximum size in bytes of a stack that a preview processes."""


@dataclass(frozen=True, eq=False)
class PreviewRequest:
    """Input of a preview. Use `of` to make one.

    Parameters
    ----------
    planes : Planes
        The planes that the steps need.
    places : mapping
        Index of the value of each component: the plane that is shown.
    pipeline : Pipeline
        The pipeline, with the run's settings filled in.
    barred : mapping
        Steps that must not be called, with the reasons.
    known : frozenset of str
        Keys of outputs that the caller has already.
    with_raw : bool
        Whether to return the input plane too.
    log : str
        File that the name of the step being called is written to; empty for none.
    calibration : Calibration
        That of the dataset, for functions that ask for it.
    """

    planes: Planes
    places: Mapping[str, int]
    pipeline: Pipeline
    barred: Mapping[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    with_raw: bool = False
    log: str = ""
    calibration: Calibration = field(default_factory=Calibration)

    @classmethod
    def of(cls, plan: RunPlan, places: Mapping[str, int], with_raw: bool = False) -> PreviewRequest:
        """Return a request for one plane of a dataset.

        Parameters
        ----------
        plan : RunPlan
            The dataset and the pipeline; its axis does not matter. The request holds the pixels of a dataset in memory.
        places : mapping
            Index of the value of each component; 0 for those left out.
        with_raw : bool
            Whether to return the input plane too.

        Raises
        ------
        ValueError
            There is no such plane, all steps are turned off, or a stack is too large.
        """
        dataset, configured = plan.dataset, plan.configured
        places = {name: places.get(name, 0) for name in dataset.components}
        fixed_for = fixed_components(configured, dataset.components)
        fixed = frozenset.intersection(*(fixed_for[name] for name in configured.dataset_inputs))
        rows = _rows(dataset.index, {name: places[name] for name in fixed})
        if not len(rows):
            raise ValueError("No image was taken here.")
        size = len(rows) * math.prod(dataset.shape) * dataset.dtype.itemsize
        if size > MOST_BYTES:
            stacked = [name for name in dataset.components if name not in fixed]
            raise ValueError(
                f"The steps process {' and '.join(stacked)} together: {len(rows):,} planes, {format_bytes(size)}. "
                f"That is too much for a preview; the limit is {format_bytes(MOST_BYTES)}."
            )
        planes = dataset.index.select(rows)
        if dataset.array is not None:
            planes = replace(planes, reader=ArrayPlanes(dataset.array, tuple(planes.pages.tolist())))
        return cls(
            planes,
            places,
            configured,
            _first_mismatch(configured, dataset),
            with_raw=with_raw,
            calibration=dataset.calibration,
        )


def fixed_components(
    pipeline: Pipeline, components: Mapping[str, Sequence[str]]
) -> dict[str, frozenset[str]]:
    """Return, for each input and step, the components of which only the value of the shown plane is needed."""
    fixed = dict.fromkeys(
        (*pipeline.dataset_inputs, *(step.name for step in pipeline)), frozenset(components)
    )
    for step in reversed(pipeline.steps):
        for name in step.inputs or ():
            fixed[name] &= fixed[step.name].difference(step.variable or ())
    return fixed


def _rows(planes: Planes, places: Mapping[str, int]) -> NDArray[np.intp]:
    if len(places) == len(planes.names):
        row = planes.row([places[name] for name in planes.names])
        return np.array([] if row is None else [row], np.intp)
    rows = np.ones(len(planes), dtype=bool)
    for name, code in places.items():
        rows &= planes.column(name) == code
    return np.flatnonzero(rows)


def _first_mismatch(pipeline: Pipeline, dataset: Dataset) -> dict[str, str]:
    """Return the first step that does not fit the data, with the reason; empty if all fit."""
    free = [name for name in dataset.components if name not in pipeline.stacked]
    for stop in range(1, len(pipeline) + 1) if free else ():
        part = Pipeline(pipeline.steps[:stop])
        try:
            dataset.check(part, free[0])
        except ValueError as error:
            return {pipeline.steps[stop - 1].name: str(error)}
    return {}
