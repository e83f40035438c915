"""What there is of a dataset and what is not, before anything is run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.components import row_name
from ..layouts.problem import Problem, printable
from ..planes.table import Planes, plane_keys
from ..plates.wells import plate_size, well_place
from .dataset import Dataset
from .inspection import Inspection, inspect

if TYPE_CHECKING:
    import pandas as pd

MOST_LISTED = 100_000
"""Missing planes that are listed; beyond that they are counted."""

LARGEST_GRID = 1 << 28
"""Places of the largest grid that is gone through for what is missing."""

MOST_TOLD = 20
"""Missing planes and problems that the text tells one by one."""


@dataclass(frozen=True, eq=False)
class Report:
    """What a dataset has, what it lacks against the full grid of its component values, and what sticks out.

    Parameters
    ----------
    dataset : Dataset
        What it is about.
    inspection : Inspection
        What was found in looking at its files.
    """

    dataset: Dataset
    inspection: Inspection

    @property
    def by(self) -> str:
        """The component whose values `coverage` has a row for: the well, or else the first."""
        names = self.dataset.components
        return "well" if "well" in names else next(iter(names), "")

    @property
    def planes(self) -> int:
        """How many planes there are."""
        return len(self.dataset)

    @property
    def planes_of_grid(self) -> int:
        """How many there would be if every combination of the values of components had one."""
        return math.prod(map(len, self.dataset.components.values()))

    @property
    def is_complete(self) -> bool:
        """Whether no plane is missing and nothing sticks out."""
        return self.planes == self.planes_of_grid and not self.problems

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What was skipped in opening the dataset, and what sticks out in its files."""
        seen = {problem.path for problem in self.inspection.problems}
        skipped = (problem for problem in self.dataset.problems if problem.path not in seen)
        return (*skipped, *self.inspection.problems)

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """A row per well: ``planes``, ``expected``, ``missing`` and ``share``, from 0 to 1."""
        import pandas as pd

        values = self.dataset.components.get(self.by, ())
        if not values:
            return pd.DataFrame({"planes": [], "expected": [], "missing": [], "share": []})
        planes = np.bincount(self.dataset.index.column(self.by), minlength=len(values))
        expected = self.planes_of_grid // len(values)
        return pd.DataFrame(
            {
                "planes": planes,
                "expected": expected,
                "missing": expected - planes,
                "share": planes / expected,
            },
            index=pd.Index(values, name=self.by),
        )

    @cached_property
    def matrix(self) -> pd.DataFrame:
        """The numbers of planes as the plate has its wells: a row per row, a column per column; 0 where no well is."""
        import pandas as pd

        rows, columns = plate_size(self.dataset.components.get(self.by, ()))
        counts = np.zeros((rows, columns), np.int64)
        for well, count in self.coverage["planes"].items():
            place = well_place(str(well))
            if place is not None:
                counts[place] += count
        return pd.DataFrame(
            counts, index=[row_name(row) for row in range(rows)], columns=range(1, columns + 1)
        )

    @cached_property
    def missing(self) -> pd.DataFrame:
        """The planes that the full grid has and the dataset has not: a column per component.

        The first `MOST_LISTED` of them; `missing_of` has those of one well.
        """
        return self._listed(self.dataset.index)

    def missing_of(self, value: str) -> pd.DataFrame:
        """Return the missing planes of one well, or value of the component `by`."""
        index = self.dataset.index
        values = index.components.get(self.by, ())
        if value not in values:
            return self.missing.iloc[:0]
        place = index.names.index(self.by)
        own = index.select(index.codes[:, place] == values.index(value))
        codes = own.codes.copy()
        codes[:, place] = 0
        return self._listed(replace(own, components={**own.components, self.by: (value,)}, codes=codes))

    def _listed(self, planes: Planes) -> pd.DataFrame:
        import pandas as pd

        codes = missing_codes(planes)
        return pd.DataFrame(
            {
                name: pd.Categorical.from_codes(codes[:, place], categories=pd.Index(values), ordered=True)
                for place, (name, values) in enumerate(planes.components.items())
            }
        )

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Yield what the report says, line by line."""
        dataset = self.dataset
        yield f"{dataset.layout} at {printable(dataset.source)}"
        yield "components: " + ", ".join(
            f"{name} {len(values)} ({_few(values)})" for name, values in dataset.components.items()
        )
        yield f"pixels: {self._pixels()}"
        missing = self.planes_of_grid - self.planes
        yield f"planes: {self.planes:,} of {self.planes_of_grid:,}" + (
            f"; {missing:,} missing:" if missing else ""
        )
        yield from (f"  {line}" for line in self._missing_lines())
        yield from self._map_lines()
        yield f"looked at: {self.inspection}"
        yield f"problems: {len(self.problems):,}" if self.problems else "problems: none"
        yield from (f"  {problem}" for problem in self.problems[:MOST_TOLD])
        if len(self.problems) > MOST_TOLD:
            yield f"  and {len(self.problems) - MOST_TOLD:,} more"

    def _pixels(self) -> str:
        dataset = self.dataset
        size = dataset.pixel_size
        height, width = dataset.shape
        sized = "" if size is None else f", {size[0]:g} × {size[1]:g} {dataset.unit}"
        known = dataset.calibration
        steps = [f"z step {known.z_step:g} {known.unit}"] if known.z_step is not None else []
        steps += [f"time step {known.time_step:g} s"] if known.time_step is not None else []
        return ", ".join([f"{height} × {width} {dataset.dtype}{sized}", *steps])

    def _missing_lines(self) -> Iterator[str]:
        """Yield the missing planes, those that differ in their last component together."""
        components = self.dataset.components
        several = [name for name, values in components.items() if len(values) > 1]
        if not len(self.missing) or not several:
            return
        *names, last = several
        # As many as there can be in the groups that are told, and one more.
        most = MOST_TOLD * len(components[last]) + 1
        rows = self.missing[several].iloc[:most].astype(str).itertuples(index=False, name=None)
        for told, (key, group) in enumerate(groupby(rows, key=lambda row: row[:-1])):
            if told == MOST_TOLD:
                yield "and others"
                return
            values = [row[-1] for row in group]
            what = f"every {last}" if len(values) == len(components[last]) else f"{last} {_few(values)}"
            where = ", ".join(f"{name} {value}" for name, value in zip(names, key, strict=True))
            yield printable(f"{where}: {what}" if where else what)

    def _map_lines(self) -> Iterator[str]:
        """Yield the plate, a character per well: # is whole, a digit how many tenths there are, . no well."""
        if self.by != "well" or any(well_place(well) is None for well in self.coverage.index):
            return
        expected = int(self.coverage["expected"].iloc[0]) * len(self.dataset.components.get("plate", ("",)))
        yield f"wells: {len(self.coverage)} (# whole, 0–9 tenths of their planes, · none):"
        columns = self.matrix.shape[1]
        yield "     " + "".join(str(column % 10) for column in range(1, columns + 1))
        for row, counts in self.matrix.iterrows():
            marks = ("·" if not n else "#" if n >= expected else str(n * 10 // expected) for n in counts)
            yield f"  {row!s:>2} " + "".join(marks)


def make_report(dataset: Dataset) -> Report:
    """Return what there is of a dataset and what is not. See `Dataset.report`."""
    return Report(dataset, inspect(dataset))


def missing_codes(planes: Planes) -> NDArray[np.int32]:
    """Return the indices of component values of planes that are missing, shape (at most `MOST_LISTED`, components)."""
    lengths = [len(values) for values in planes.components.values()]
    keys = plane_keys(planes.codes, lengths)
    size = math.prod(lengths)
    if keys is None or size > LARGEST_GRID or size == len(planes):
        return np.zeros((0, len(lengths)), np.int32)
    is_missing = np.ones(size, dtype=bool)
    is_missing[keys] = False
    missing = np.flatnonzero(is_missing)[:MOST_LISTED]
    return np.stack(np.unravel_index(missing, lengths), axis=1).astype(np.int32)


def _few(values: Sequence[str], most: int = 8) -> str:
    shown = values if len(values) <= most else (*values[: most - 2], "…", values[-1])
    return printable(", ".join(shown))
