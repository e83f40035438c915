"""The finished units of an earlier run, which a resumed run skips."""

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
        Configured. Blocks are identified by the components that no step stacks.
    axis : str
        The multiprocessing axis, which may be a product.
    include_incomplete : bool
        Include units that a resumed run repeats: those that failed after they wrote something, and those in incomplete
        blocks whose outputs were not kept although later steps need them.

    Attributes
    ----------
    is_complete : ndarray of bool, shape (planes,)
        Whether each plane is in a complete block.
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
            or (not record.failures and (self._is_complete(record) or _is_restorable(record, pipeline)))
        ]
        parts = axis_parts(axis, components)

        def value_of(record: UnitRecord) -> str:
            return join_values([record.unit[name] for name in parts])

        done.sort(key=lambda record: (value_of(record), record.stopped))
        self._units = {value: tuple(records) for value, records in groupby(done, value_of)}

    @property
    def axis_values(self) -> tuple[str, ...]:
        """Axis values of the tasks with finished units, in no order."""
        return tuple(self._units)

    def units_to_skip(self, axis_value: str) -> tuple[UnitRecord, ...]:
        """Return the finished units of a task that are in incomplete blocks."""
        return tuple(record for record in self._units.get(axis_value, ()) if not self._is_complete(record))

    def _is_complete(self, record: UnitRecord) -> bool:
        """Return whether a unit is in a complete block."""
        return tuple(record.unit[name] for name in self._names) in self._blocks

    def output(self, axis_value: str, root: str) -> TaskOutput | None:
        """Return the output of a task so far, or None if it has no finished units.

        Parameters
        ----------
        axis_value : str
            Axis value of the task.
        root : str
            The output folder.
        """
        records = self._units.get(axis_value)
        if not records:
            return None
        work = Work.total(record.work for record in records)
        return TaskOutput.of(
            axis_value, root, replace(work, plane_count=self._plane_counts.get(axis_value, 0))
        )

    def _ravel(self, codes: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
        """Return one number per block, from its codes."""
        return np.asarray(np.ravel_multi_index(tuple(codes.T.astype(np.int64)), self._lengths))


def _is_restorable(record: UnitRecord, pipeline: Pipeline) -> bool:
    """Return whether all outputs of a unit that later steps need can be read from disk."""
    return all(
        pipeline[source].restorable
        for step in pipeline
        if step.name not in record.steps
        for source in step.inputs or ()
        if source in record.steps
    )
