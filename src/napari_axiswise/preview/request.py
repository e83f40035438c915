"""A request for a preview: the planes that its steps need, and no more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..core.text import format_bytes
from ..datasets.dataset import Dataset
from ..pipeline.pipeline import Pipeline
from ..planes.held import ArrayPlanes
from ..planes.table import Planes
from ..runs.plan import RunPlan

MOST_BYTES = 1 << 30
"""Bytes of the largest stack that is tried."""


@dataclass(frozen=True, eq=False)
class PreviewRequest:
    """What is to be tried. `of` makes it.

    Parameters
    ----------
    planes : Planes
        Those that the steps need.
    places : mapping
        From every component to the index of its value: the plane that is looked at.
    pipeline : Pipeline
        Configured.
    barred : mapping
        From names of steps that are not to be called to the reason.
    known : frozenset of str
        Keys of what needs not be sent again.
    with_raw : bool
        Whether the plane itself is wanted too.
    log : str
        A file in which the name of the step that is being called is written; empty for none.
    """

    planes: Planes
    places: Mapping[str, int]
    pipeline: Pipeline
    barred: Mapping[str, str] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    with_raw: bool = False
    log: str = ""

    @classmethod
    def of(cls, plan: RunPlan, places: Mapping[str, int], with_raw: bool = False) -> PreviewRequest:
        """Return the request for a plane of a dataset.

        Parameters
        ----------
        plan : RunPlan
            What to try, whatever its axis. Pixels of an array in memory are part of the request.
        places : mapping
            From component to the index of a value; left out, 0.
        with_raw : bool
            Whether the plane itself is wanted too.

        Raises
        ------
        ValueError
            There is no such plane, all steps are switched off, or there is too much to stack.
        """
        dataset, configured = plan.dataset, plan.configured
        places = {name: places.get(name, 0) for name in dataset.components}
        alone = enough_alone(configured, dataset.components)
        fixed = frozenset.intersection(*(alone[name] for name in configured.dataset_inputs))
        rows = _rows(dataset.index, {name: places[name] for name in fixed})
        if not len(rows):
            raise ValueError("No image was taken here.")
        size = len(rows) * math.prod(dataset.shape) * dataset.dtype.itemsize
        if size > MOST_BYTES:
            stacked = [name for name in dataset.components if name not in fixed]
            raise ValueError(
                f"The steps stack {' and '.join(stacked)}: {len(rows):,} planes, {format_bytes(size)}. "
                f"That is too much to be tried; up to {format_bytes(MOST_BYTES)} are."
            )
        planes = dataset.index.select(rows)
        if dataset.array is not None:
            planes = replace(planes, reader=ArrayPlanes(dataset.array, tuple(planes.pages.tolist())))
        return cls(planes, places, configured, _misfit(configured, dataset), with_raw=with_raw)


def enough_alone(pipeline: Pipeline, components: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """Return, for each input and step, the components of which the one value that is looked at is enough."""
    alone = dict.fromkeys(
        (*pipeline.dataset_inputs, *(step.name for step in pipeline)), frozenset(components)
    )
    for step in reversed(pipeline.steps):
        for name in step.inputs or ():
            alone[name] &= alone[step.name].difference(step.variable or ())
    return alone


def _rows(planes: Planes, places: Mapping[str, int]) -> NDArray[np.intp]:
    if len(places) == len(planes.names):
        row = planes.row([places[name] for name in planes.names])
        return np.array([] if row is None else [row], np.intp)
    rows = np.ones(len(planes), dtype=bool)
    for name, code in places.items():
        rows &= planes.column(name) == code
    return np.flatnonzero(rows)


def _misfit(pipeline: Pipeline, dataset: Dataset) -> dict[str, str]:
    """Return the first step that does not fit the data, and why; nothing where all do."""
    free = [name for name in dataset.components if name not in pipeline.stacked]
    for stop in range(1, len(pipeline) + 1) if free else ():
        part = Pipeline(pipeline.steps[:stop])
        try:
            part.check(dataset.components, free[0], dataset.labels)
        except ValueError as error:
            return {pipeline.steps[stop - 1].name: str(error)}
    return {}
