"""What an earlier run has finished, so that only what is missing is done."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.axes import axis_parts, join_values
from ..pipeline.pipeline import Pipeline
from ..planes.table import Planes
from ..results.records import TaskOutput, Work
from ..results.run_log.contents import RunLogContents
from ..results.run_log.records import UnitRecord


class FinishedWork:
    """The finished units in a run log, by the tasks of a run along any axis.

    Parameters
    ----------
    contents : RunLogContents
        The contents of the run log.
    planes : Planes
        All planes of the dataset.
    pipeline : Pipeline
        Configured. The components that no step stacks tell blocks apart.
    axis : str
        The multiprocessing axis, which may be a product.
    include_incomplete : bool
        Count in what is to be done again by a run that goes on: what units that failed had written by then, and
        units of which later steps need what was not kept, in blocks that are not complete.

    Attributes
    ----------
    is_complete : ndarray of bool, shape (planes,)
        Which planes are in blocks of which nothing is missing.
    """

    def __init__(
        self,
        contents: RunLogContents,
        planes: Planes,
        pipeline: Pipeline,
        axis: str,
        include_incomplete: bool = False,
    ) -> None:
        components = planes.components
        self._names = [name for name in components if name not in pipeline.stacked]
        self._lengths = [len(components[name]) for name in self._names]
        self._blocks = contents.blocks
        ranks = {name: {value: rank for rank, value in enumerate(components[name])} for name in self._names}
        codes = [
            [ranks[name][value] for name, value in zip(self._names, block, strict=True)]
            for block in contents.blocks
        ]
        complete = self._ravel(np.array(codes, np.int64).reshape(-1, len(self._names)))
        columns = [planes.names.index(name) for name in self._names]
        self.is_complete = np.isin(self._ravel(planes.codes[:, columns]), complete)
        values = planes.axis_values(axis)
        counts = np.bincount(planes.axis_codes(axis)[self.is_complete], minlength=len(values))
        self._plane_counts = dict(zip(values, counts.tolist(), strict=True))
        done = [
            record
            for record in contents.units.values()
            if include_incomplete
            or (not record.failures and (self._is_over(record) or _lasts(record, pipeline)))
        ]
        parts = axis_parts(axis, components)

        def value_of(record: UnitRecord) -> str:
            return join_values([record.unit[name] for name in parts])

        done.sort(key=lambda record: (value_of(record), record.stopped))
        self._units = {value: tuple(some) for value, some in groupby(done, value_of)}

    @property
    def axis_values(self) -> tuple[str, ...]:
        """The tasks of which units are told, in no order."""
        return tuple(self._units)

    def units_to_skip(self, axis_value: str) -> tuple[UnitRecord, ...]:
        """Return the finished units of a task in blocks of which something is missing."""
        return tuple(record for record in self._units.get(axis_value, ()) if not self._is_over(record))

    def _is_over(self, record: UnitRecord) -> bool:
        """Return whether a unit is in a block of which nothing is missing."""
        return tuple(record.unit[name] for name in self._names) in self._blocks

    def output(self, axis_value: str, root: str) -> TaskOutput | None:
        """Return what a task has written so far, or None if nothing.

        Parameters
        ----------
        axis_value : str
            The task.
        root : str
            The folder of the output.
        """
        records = self._units.get(axis_value)
        if not records:
            return None
        work = Work.total(record.work for record in records)
        return TaskOutput.of(
            axis_value, root, replace(work, plane_count=self._plane_counts.get(axis_value, 0))
        )

    def _ravel(self, codes: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
        """Return one number for the codes of each block."""
        return np.asarray(np.ravel_multi_index(tuple(codes.T.astype(np.int64)), self._lengths))


def _lasts(record: UnitRecord, pipeline: Pipeline) -> bool:
    """Return whether all that later steps need of a unit can be had from where it was written."""
    return all(
        pipeline[source].restorable
        for step in pipeline
        if step.name not in record.steps
        for source in step.inputs or ()
        if source in record.steps
    )
