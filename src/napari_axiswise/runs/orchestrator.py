"""The orchestrator: the values of an axis in a dataset, and the context of each task."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from enum import Enum
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.axes import axis_parts, is_axis, normalize_axis_value
from ..core.components import ComponentConfiguration, component_name
from ..datasets.dataset import Dataset
from ..planes.scratch import Scratch, temporary_path
from ..results.run_log.records import UnitRecord
from ..tasks.context import TaskContext
from .resume import FinishedWork

logger = logging.getLogger(__name__)


class Orchestrator:
    """Gives the coordinator the values of an axis in a dataset, and the context of each task.

    The values of all components are cached. If the folder changes, call `clear_component_cache`.

    Parameters
    ----------
    dataset : Dataset
        As `open_dataset` returns it.
    config : ComponentConfiguration
        Its axis splits the work into tasks; its defaults are those of the steps.
    output : path, optional
        The output folder. By default, a temporary folder that is deleted with the orchestrator.
    sharded : bool
        Whether the planes that tasks write will be packed into shards.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: ComponentConfiguration[Any],
        output: str | Path | None = None,
        sharded: bool = False,
    ) -> None:
        self._sharded = sharded
        self.config = config
        self._dataset = dataset
        self._keys = dataset.components
        self._given_output = output
        self._finished: FinishedWork | None = None
        # Not in the output folder, which may be deleted before a thread has seen the file.
        self._cancel_sign = temporary_path("cancelled")
        self._cancelled = str(self._cancel_sign)

    @property
    def dataset(self) -> Dataset:
        """The dataset as it was when the cache was filled."""
        return self._dataset

    @cached_property
    def _scratch(self) -> Scratch:
        return Scratch()

    @cached_property
    def readable(self) -> Dataset:
        """The dataset with its planes on disk, where workers can read them."""
        return self._dataset.on_disk()

    def prepare(self) -> Generator[None]:
        """Copy planes in memory to disk, where workers can read them, and yield repeatedly meanwhile."""
        self.readable = yield from self._dataset.copying()

    def stamp_files(self) -> None:
        """Make tasks fail that read a file which changes from now on."""
        self.readable = replace(self.readable, index=self.readable.index.stamped())

    def skip(self, finished: FinishedWork) -> None:
        """Leave finished units out of every context that is created from now on."""
        self._finished = finished

    @cached_property
    def _output(self) -> str:
        return str(self.output)

    @property
    def output(self) -> Path:
        """The output folder."""
        return Path(self._given_output) if self._given_output else self._scratch.path

    def get_component_keys(
        self, component: Enum | str, component_filter: Iterable[str | Sequence[str]] | None = None
    ) -> list[str]:
        """Return the values that a component has in the data, in natural order.

        Parameters
        ----------
        component : Enum member or str
            The component, or a product of several, ``"well,timepoint"``, whose values are the combinations that have
            planes.
        component_filter : iterable of str, optional
            Only these values; for a product ``"B02,1"`` or ``("B02", "1")``. Unknown values are ignored with a warning.

        Returns
        -------
        list of str
            Empty if the data do not have the component.
        """
        name = component_name(component) if isinstance(component, Enum) else component
        keys = self._values(name)
        if component_filter is None:
            return list(keys)
        selected = [component_filter] if isinstance(component_filter, str) else component_filter
        known = set(keys)
        parts = axis_parts(name, self._keys) if keys else (name,)
        wanted = dict.fromkeys(normalize_axis_value(parts, value, known) for value in selected)
        unknown = [value for value in wanted if value not in known]
        if unknown:
            logger.warning(
                "The filter for %r has %s, but the data have only %s.",
                name, ", ".join(unknown), ", ".join(keys) or "none",
            )  # fmt: skip
        elif not wanted:
            logger.warning("The filter for %r is empty; there are %s.", name, ", ".join(keys) or "none")
        return [key for key in keys if key in wanted]

    def create_context(self, axis_value: str) -> TaskContext:
        """Return the context of the task of one value of the multiprocessing axis.

        It has the planes that are not finished: none if an earlier run has finished the task.

        Raises
        ------
        KeyError
            The data do not have the value.
        """
        axis = component_name(self.config.multiprocessing_axis)
        if axis_value not in self._rows:
            values = ", ".join(self._values(axis)) or "none"
            raise KeyError(f"No {axis} {axis_value!r} in the data; there are {values}.")
        rows = self._rows[axis_value]
        finished: tuple[UnitRecord, ...] = ()
        if self._finished is not None:
            rows = rows[~self._finished.is_complete[rows]]
            finished = self._finished.units_to_skip(axis_value)
        group_by = self.config.default_group_by
        return TaskContext(
            axis=axis,
            axis_value=axis_value,
            index=self.readable.index,
            rows=rows,
            plane_shape=self._dataset.shape,
            variable=self.present(component_name(component) for component in self.config.default_variable),
            group_by=next(iter(self.present([component_name(group_by)])), None) if group_by else None,
            output=self._output,
            cancelled=self._cancelled,
            finished=finished,
            sharded=self._sharded,
            calibration=self._dataset.calibration,
        )

    def _values(self, axis: str) -> tuple[str, ...]:
        """Return the values of a component or product, or none if the data do not have it."""
        return self._dataset.index.axis_values(axis) if is_axis(axis, self._keys) else ()

    @cached_property
    def _rows(self) -> dict[str, NDArray[np.intp]]:
        """From axis value to the rows of its planes, computed once for all tasks."""
        axis = component_name(self.config.multiprocessing_axis)
        values = self._values(axis)
        if not values:
            return {}
        codes = self._dataset.index.axis_codes(axis)
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(values) + 1)).tolist()
        return {value: order[a:b] for value, (a, b) in zip(values, pairwise(starts), strict=True)}

    def present(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the names of those components that the data have.

        A configuration over a fixed Enum may name components that a dataset lacks. As defaults of steps, these are
        ignored.
        """
        return tuple(name for name in names if name in self._keys)

    def cancel(self) -> None:
        """Make running tasks stop after their current units."""
        try:
            self._cancel_sign.touch()
        except OSError as error:
            logger.warning("Tasks that run in threads cannot be stopped, and run to their end: %s", error)
        atexit.register(self._cancel_sign.unlink, missing_ok=True)

    def forget_cancelling(self) -> None:
        """Delete the file that makes tasks stop, once all of them have ended."""
        self._cancel_sign.unlink(missing_ok=True)

    def clear_component_cache(self) -> None:
        """Read the folder again."""
        if self._dataset.reopen is not None:
            self._dataset = self._dataset.reopen()
        for name in ("readable", "_rows"):
            self.__dict__.pop(name, None)
        self._keys = self._dataset.components
