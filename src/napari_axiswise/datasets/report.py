"""Report: which planes a dataset has, which are missing, and which files look wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.text import join_names, printable
from ..core.wells import parse_well, plate_size, row_name
from ..layouts.problem import Problem
from ..planes.table import Planes, plane_keys
from .inspection import Inspection

if TYPE_CHECKING:
    import pandas as pd

MOST_LISTED = 100_000
"""Maximum number of missing planes that are listed. Beyond it they are only counted."""

LARGEST_GRID = 1 << 28
"""Maximum size of the grid of component values that is searched for missing planes."""

MOST_LINES = 20
"""Maximum number of missing groups, and of problems, in the text."""


@dataclass(frozen=True, eq=False)
class Report:
    """Completeness of a dataset: its planes, the missing ones, and problems with its files.

    A plane is missing if no plane has that combination of the component values that were found.

    Parameters
    ----------
    layout : str
        Layout of the dataset.
    index : Planes
        Table of its planes.
    shape : tuple of int
        (Y, X) of a plane.
    dtype : numpy.dtype
        Type of a pixel.
    calibration : Calibration
        Pixel size and other metadata.
    inspection : Inspection
        Result of the check of the files.
    skipped : tuple of Problem
        Files that were skipped when the dataset was opened.
    """

    layout: str
    index: Planes
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    calibration: Calibration
    inspection: Inspection
    skipped: tuple[Problem, ...] = ()

    @property
    def components(self) -> dict[str, tuple[str, ...]]:
        """Every component of the dataset, with its values in natural order."""
        return dict(self.index.components)

    @property
    def by(self) -> str:
        """The component that `coverage` has a row for each value of: ``"well"``, or else the first component."""
        names = self.index.components
        return "well" if "well" in names else next(iter(names), "")

    @property
    def planes(self) -> int:
        """Number of planes."""
        return len(self.index)

    @property
    def planes_of_grid(self) -> int:
        """Number of combinations of component values: the number of planes of a complete dataset."""
        return math.prod(map(len, self.index.components.values()))

    @property
    def is_complete(self) -> bool:
        """Whether no plane is missing and there are no problems."""
        return self.planes == self.planes_of_grid and not self.problems

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """Files that were skipped when the dataset was opened, and files that look wrong."""
        # A file that cannot be read at all has one problem, the latest.
        found = dict.fromkeys(self.inspection.problems)
        lost = {file for file, planes in self.inspection.lost.items() if planes is None}
        explained = lost.intersection(problem.path for problem in found)
        skipped = (
            problem for problem in self.skipped if problem.path not in explained and problem not in found
        )
        return (*skipped, *found)

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """A row per well: ``planes``, ``expected``, ``missing`` and ``share``, from 0 to 1."""
        import pandas as pd

        values = self.index.components.get(self.by, ())
        if not values:
            return pd.DataFrame({"planes": [], "expected": [], "missing": [], "share": []})
        planes = np.bincount(self.index.column(self.by), minlength=len(values))
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
        """Number of planes of each well, in the shape of the plate; 0 where there is no well."""
        import pandas as pd

        rows, columns = plate_size(self.index.components.get(self.by, ()))
        counts = np.zeros((rows, columns), np.int64)
        for well, count in self.coverage["planes"].items():
            place = parse_well(str(well))
            if place is not None:
                counts[place] += count
        return pd.DataFrame(
            counts, index=[row_name(row) for row in range(rows)], columns=range(1, columns + 1)
        )

    @cached_property
    def missing(self) -> pd.DataFrame:
        """The missing planes, at most `MOST_LISTED`: a row per plane, a column per component.

        `missing_of` returns those of one well.
        """
        return _missing_planes(self.index)

    def missing_of(self, value: str) -> pd.DataFrame:
        """Return the missing planes of one well, or of another value of the component `by`."""
        index = self.index
        values = index.components.get(self.by, ())
        if value not in values:
            return self.missing.iloc[:0]
        place = index.names.index(self.by)
        own = index.select(index.codes[:, place] == values.index(value))
        codes = own.codes.copy()
        codes[:, place] = 0
        return _missing_planes(replace(own, components={**own.components, self.by: (value,)}, codes=codes))

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Yield the lines of the report as text."""
        yield f"{self.layout} at {printable(self.index.root)}"
        yield "components: " + ", ".join(
            f"{name} {len(values)} ({join_names(values, '')})"
            for name, values in self.index.components.items()
        )
        yield f"pixels: {self._pixels()}"
        missing = self.planes_of_grid - self.planes
        yield f"planes: {self.planes:,} of {self.planes_of_grid:,}" + (
            f"; {missing:,} missing:" if missing else ""
        )
        yield from (f"  {line}" for line in self._missing_lines())
        yield from self._map_lines()
        yield f"files checked: {self.inspection}"
        yield f"problems: {len(self.problems):,}" if self.problems else "problems: none"
        yield from (f"  {problem}" for problem in self.problems[:MOST_LINES])
        if len(self.problems) > MOST_LINES:
            yield f"  and {len(self.problems) - MOST_LINES:,} more"

    def _pixels(self) -> str:
        calibration = self.calibration
        size, unit = calibration.pixel_size, calibration.unit
        parts = [f"{self.shape[0]} × {self.shape[1]} {self.dtype}"]
        if size is not None:
            parts.append(f"{size[0]:g} × {size[1]:g} {unit}")
        if calibration.z_step is not None:
            parts.append(f"z step {calibration.z_step:g} {unit}")
        if calibration.time_step is not None:
            parts.append(f"time step {calibration.time_step:g} s")
        return ", ".join(parts)

    def _missing_lines(self) -> Iterator[str]:
        """Yield a line per group of missing planes that differ only in their last component."""
        components = self.index.components
        several = [name for name, values in components.items() if len(values) > 1]
        if not len(self.missing) or not several:
            return
        *names, last = several
        # Enough rows to fill every group that is shown, and one more.
        most = MOST_LINES * len(components[last]) + 1
        rows = self.missing[several].iloc[:most].astype(str).itertuples(index=False, name=None)
        for number, (key, group) in enumerate(groupby(rows, key=lambda row: row[:-1])):
            if number == MOST_LINES:
                yield "and others"
                return
            values = [row[-1] for row in group]
            what = (
                f"every {last}"
                if len(values) == len(components[last])
                else f"{last} {join_names(values, '')}"
            )
            where = ", ".join(f"{name} {value}" for name, value in zip(names, key, strict=True))
            yield printable(f"{where}: {what}" if where else what)

    def _map_lines(self) -> Iterator[str]:
        """Yield the plate with one character per well: # if complete, else tenths of its planes; · for no well."""
        if self.by != "well" or any(parse_well(well) is None for well in self.coverage.index):
            return
        expected = int(self.coverage["expected"].iloc[0]) * len(self.index.components.get("plate", ("",)))
        yield f"wells: {len(self.coverage)} (# complete, 0–9 tenths of its planes, · no well):"
        columns = self.matrix.shape[1]
        yield "     " + "".join(str(column % 10) for column in range(1, columns + 1))
        for row, counts in self.matrix.iterrows():
            marks = ("·" if not n else "#" if n >= expected else str(n * 10 // expected) for n in counts)
            yield f"  {row!s:>2} " + "".join(marks)


def _missing_planes(planes: Planes) -> pd.DataFrame:
    import pandas as pd

    codes = missing_codes(planes)
    return pd.DataFrame(
        {
            name: pd.Categorical.from_codes(codes[:, place], categories=pd.Index(values), ordered=True)
            for place, (name, values) in enumerate(planes.components.items())
        }
    )


def missing_codes(planes: Planes) -> NDArray[np.int32]:
    """Return the component value indices of missing planes, shape (at most `MOST_LISTED`, components)."""
    lengths = [len(values) for values in planes.components.values()]
    keys = plane_keys(planes.codes, lengths)
    size = math.prod(lengths)
    if keys is None or size > LARGEST_GRID or size == len(planes):
        return np.zeros((0, len(lengths)), np.int32)
    is_missing = np.ones(size, dtype=bool)
    is_missing[keys] = False
    missing = np.flatnonzero(is_missing)[:MOST_LISTED]
    return np.stack(np.unravel_index(missing, lengths), axis=1).astype(np.int32)
