"""Which values an axis has in the data, and what a worker needs to know of each."""

from __future__ import annotations

import atexit
import logging
import tempfile
import uuid
from collections.abc import Generator, Iterable, Sequence
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
from ..results.run_log.records import UnitRecord
from ..tasks.context import TaskContext
from .resume import FinishedWork

logger = logging.getLogger(__name__)


class Orchestrator:
    """Answers the coordinator's two questions about a dataset.

    The values of all components are cached when it is made; after the folder changed they change only once
    `clear_component_cache` was called.

    Parameters
    ----------
    dataset : Dataset
        As `open_dataset` returns it.
    config : ComponentConfiguration
        Its axis is what `create_context` splits by; its defaults are those of the steps.
    output : path, optional
        The folder that tasks write to. Left out, a scratch folder that lives as long as the orchestrator.
    sharded : bool
        Whether the planes that tasks write are to be put into shards.
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
        # Not in the output: that may be gone, or somebody's own, before a thread has seen the sign.
        self._cancel_sign = Path(tempfile.gettempdir(), f"napari-axiswise-cancelled-{uuid.uuid4().hex}")
        self._cancelled = str(self._cancel_sign)

    @property
    def dataset(self) -> Dataset:
        """The dataset as it was when the cache was filled."""
        return self._dataset

    @cached_property
    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="napari-axiswise-", ignore_cleanup_errors=True)

    @cached_property
    def readable(self) -> Dataset:
        """The dataset with its planes where workers can read them."""
        return self._dataset.on_disk()

    def prepare(self) -> Generator[None]:
        """Bring the planes to where workers can read them, yielding now and then."""
        self.readable = yield from self._dataset.copying()

    def skip(self, finished: FinishedWork) -> None:
        """Leave out of every context made from now on what is finished."""
        self._finished = finished

    @cached_property
    def _output(self) -> str:
        return str(self.output)

    @property
    def output(self) -> Path:
        """The folder that tasks write to."""
        return Path(self._given_output or self._scratch.name)

    def get_component_keys(
        self, component: Enum | str, component_filter: Iterable[str | Sequence[str]] | None = None
    ) -> list[str]:
        """Return the values that a component has in the data, in natural order.

        Parameters
        ----------
        component : Enum member or str
            The component; or a product of several, ``"well,timepoint"``, which has the values that there are
            planes of.
        component_filter : iterable of str, optional
            Only these values; of a product ``"B02,1"`` or ``("B02", "1")``. One that matches nothing gives no
            values and a warning; so does every value that is unknown among known ones.

        Returns
        -------
        list of str
            Empty where the data do not have the component.
        """
        name = component_name(component) if isinstance(component, Enum) else component
        keys = self._values(name)
        if component_filter is None:
            return list(keys)
        given = [component_filter] if isinstance(component_filter, str) else component_filter
        known = set(keys)
        parts = axis_parts(name, self._keys) if keys else (name,)
        wanted = dict.fromkeys(normalize_axis_value(parts, value, known) for value in given)
        unknown = [value for value in wanted if value not in known]
        if unknown:
            logger.warning(
                "The filter for %r has %s, which the data do not have; there are %s.",
                name, ", ".join(unknown), ", ".join(keys) or "none",
            )  # fmt: skip
        elif not wanted:
            logger.warning("The filter for %r is empty; there are %s.", name, ", ".join(keys) or "none")
        return [key for key in keys if key in wanted]

    def create_context(self, axis_value: str) -> TaskContext:
        """Return the context of the task of one value of the multiprocessing axis.

        Its planes are those of which something is to be done; none where an earlier run has finished it.

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
        )

    def _values(self, axis: str) -> tuple[str, ...]:
        """Return the values of a component or product; none where the data do not have it."""
        return self._dataset.index.axis_values(axis) if is_axis(axis, self._keys) else ()

    @cached_property
    def _rows(self) -> dict[str, NDArray[np.intp]]:
        """The rows of the planes of each value of the axis, sorted once for all tasks."""
        axis = component_name(self.config.multiprocessing_axis)
        values = self._values(axis)
        if not values:
            return {}
        codes = self._dataset.index.axis_codes(axis)
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(values) + 1)).tolist()
        return {value: order[a:b] for value, (a, b) in zip(values, pairwise(starts), strict=True)}

    def present(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of some component names that the data have.

        A configuration over a fixed Enum may name components that a dataset does not have; as defaults of
        steps they stand for nothing.
        """
        return tuple(name for name in names if name in self._keys)

    def cancel(self) -> None:
        """Ask running tasks to stop at the end of the unit that they are at."""
        self._cancel_sign.touch()
        atexit.register(self._cancel_sign.unlink, missing_ok=True)

    def forget_cancelling(self) -> None:
        """Take the sign to stop away, once no task is left that has to see it."""
        self._cancel_sign.unlink(missing_ok=True)

    def clear_component_cache(self) -> None:
        """Look at the folder again."""
        if self._dataset.reopen is not None:
            self._dataset = self._dataset.reopen()
        for name in ("readable", "_rows"):
            self.__dict__.pop(name, None)
        self._keys = self._dataset.components
