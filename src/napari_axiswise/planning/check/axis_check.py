"""What came of running the same units along several axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.axes import axis_parts
from ...core.kinds import OutputKind
from ...core.text import join_names
from ...datasets.dataset import Dataset
from ...pipeline.pipeline import Pipeline
from ...runs.result import RunResult
from .comparison import Difference

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class AxisCheck:
    """What came of running the same units along several axes.

    Parameters
    ----------
    dataset : Dataset
        The whole; what was run is in each of the `results`.
    pipeline : Pipeline
        What was run: every step is kept.
    axes : tuple of str
        What was asked for, or chosen.
    results : dict
        From each axis that could be run along to the result.
    again : RunResult
        Of the first of these axes, once more.
    rows : tuple of Difference
        For each step and each pair of axes; and for the first axis and itself.
    refused : dict
        From each axis that was asked for and could not be run along to the first step that stacks a component of it.
    stacked : dict
        From each component that a step stacks, and which therefore cannot be the axis, to the first such step.
    units : int
        How many were run along each axis: planes, or the stacks that no choice of axis takes apart.
    all_units : int
        How many the dataset has.
    """

    dataset: Dataset
    pipeline: Pipeline
    axes: tuple[str, ...]
    results: dict[str, RunResult]
    again: RunResult
    rows: tuple[Difference, ...]
    refused: Mapping[str, str] = field(default_factory=dict)
    stacked: Mapping[str, str] = field(default_factory=dict)
    units: int = 0
    all_units: int = 0

    def __repr__(self) -> str:
        return f"<AxisCheck by {', '.join(self.axes)}: {'same' if self.same else f'not the same, {self.step!r}'}>"

    def __str__(self) -> str:
        if not self.step:
            first = "There is no answer to compare." if self._all_failed else self._told_same()
            return " ".join([first, *self._told_failures()])
        differing = next((step.name for step in self.pipeline if self._worst(step.name) is not None), "")
        told = self._told_stacked()
        if differing:
            # What comes first in the pipeline is told first.
            told.insert(0 if self.step == differing else len(told), self._told_difference(differing))
        return " ".join([*told, *self._told_failures()])

    @property
    def same(self) -> bool:
        """Whether the answer is the same along all axes that were asked for; where everything failed, there is none."""
        return not self.step and not self._all_failed

    @property
    def step(self) -> str:
        """The first step whose output differs, or that stacks an axis; empty where there is none."""
        blamed = {row.step for row in self.rows if row.differing} | {*self.refused.values()}
        return next((step.name for step in self.pipeline if step.name in blamed), "")

    @property
    def differences(self) -> pd.DataFrame:
        """A row per step and pair of axes: how many planes or rows differ, in how many pixels or values, by how much.

        The pair of an axis with itself is of two runs alike. A step that stacks an axis has a row without another
        axis.
        """
        import pandas as pd

        columns = ("step", "kind", "axis", "other_axis", "compared", "differing", "pixels", "largest", "note")
        rows = [
            [
                *(getattr(row, name) for name in columns[:-1]),
                "; ".join(filter(None, (row.note, row.failures))),
            ]
            for row in self.rows
        ]
        for axis, step in self.refused.items():
            note = f"{self._stacks(axis)}: split by {axis}, it could not be done"
            rows.append([step, self.pipeline[step].kind, axis, "", 0, 0, 0, np.nan, note])
        order = {step.name: number for number, step in enumerate(self.pipeline)}
        rows.sort(key=lambda row: order[row[0]])
        return pd.DataFrame(rows, columns=list(columns))

    def pair(self, step: str) -> Difference:
        """Return where a step differs first: between two runs alike, or else between the first pair that differs.

        Of a step that does not differ, it is the first pair.

        Raises
        ------
        KeyError
            No such step.
        """
        found = self._worst(step) or next((row for row in self.rows if row.step == step), None)
        if found is None:
            raise KeyError(
                f"No step {step!r} was compared; there are {', '.join(s.name for s in self.pipeline)}."
            )
        return found

    def pair_of_results(self, axis: str, other_axis: str) -> tuple[RunResult, RunResult]:
        """Return the results along two axes; of the first axis twice, those of the two runs along it.

        Raises
        ------
        KeyError
            Nothing was run along one of them.
        """
        for name in (axis, other_axis):
            if name not in self.results:
                raise KeyError(f"Nothing was run by {name!r}; there is {', '.join(self.results)}.")
        return self.results[axis], self.again if axis == other_axis else self.results[other_axis]

    def difference(self, step: str, axis: str, other_axis: str, **components: str) -> NDArray[Any]:
        """Return how one plane of a step differs between two axes, shape (Y, X).

        Parameters
        ----------
        step : str
            A step that made images or labels.
        axis, other_axis : str
            Two axes of `results`, or the first of them twice.
        **components : str
            Of the plane; see `RunResult.read`.

        Returns
        -------
        ndarray
            Of images: float, the one by `axis` minus the one by `other_axis`, 0 where both are NaN. Of labels: uint8,
            1 where they differ.

        Raises
        ------
        KeyError
            No such step, axis or value, or one of the runs has no such plane.
        ValueError
            A component is unknown or missing, the planes differ in shape, or the step made a table or points.
        """
        one, other = (result.read(step, **components) for result in self.pair_of_results(axis, other_axis))
        return subtract(one, other, self.pipeline[step].output_kind)

    @property
    def _all_failed(self) -> bool:
        return not any(row.compared for row in self.rows) and any(row.failures for row in self.rows)

    def _worst(self, step: str) -> Difference | None:
        differing = [row for row in self.rows if row.step == step and row.differing]
        return next((row for row in differing if row.is_repetition), next(iter(differing), None))

    def _told_same(self) -> str:
        count = f"{self.units:,} of {self.all_units:,}" if self.units < self.all_units else f"{self.units:,}"
        steps = f"{len(self.pipeline)} step{'s' if len(self.pipeline) > 1 else ''}"
        same = f"The answer is the same by {join_names(self.results)}: {count} units, {steps}."
        others = [f"{axis} (step {step!r} stacks it)" for axis, step in self.stacked.items()]
        return f"{same} Not an axis here: {', '.join(others)}." if others else same

    def _told_stacked(self) -> list[str]:
        told = [
            f"Step {step!r} {self._stacks(axis)}: split by {axis}, it could not be done."
            for axis, step in self.refused.items()
        ]
        return [*told, f"Split by {join_names(self.results, 'or')}."] if told else []

    def _stacks(self, axis: str) -> str:
        """Return which components of an axis the step stacks that keeps it from being one."""
        stacked = self.pipeline[self.refused[axis]].variable or ()
        parts = axis_parts(axis, self.dataset.components)
        return f"stacks {' and '.join(part for part in parts if part in stacked)}"

    def _told_difference(self, step: str) -> str:
        row = self.pair(step)
        kind = self.pipeline[step].output_kind
        is_number = kind.has_intensities or not kind.has_planes
        much = f", by up to {row.largest:.4g}" if np.isfinite(row.largest) and is_number else ""
        share = _percent(row.pixels, row.size) if row.pixels else ""
        many = f", in {row.pixels:,} pixels ({share})" if share and kind.has_planes else ""
        where = ", ".join(f"{name} {value}" for name, value in row.where.items())
        place = f" Most of it is in {where}." if where else ""
        noted = "; ".join(filter(None, (row.note, row.failures)))
        note = f" Besides: {noted}." if noted else ""
        count = f"{row.differing:,} of {row.compared:,} {kind.item}s differ"
        parts = axis_parts(row.other_axis, self.dataset.components)
        needed = parts if len(parts) > 1 else parts[0]
        hint = (
            " It keeps something from one unit to the next: let it compute from its unit alone, or stack what it "
            f"needs, as in variable={needed!r}."
        )
        if row.failures and not row.pixels:
            hint = ""
        if row.is_repetition:
            return (
                f"Step {step!r} ({row.kind}) is not reproducible: {count} even between two runs by {row.axis}{much}"
                f"{many}.{place} It draws random numbers without a seed, or depends on time or process: make the "
                f"generator within the function, as in numpy.random.default_rng(0).{note}"
            )
        return (
            f"Step {step!r} ({row.kind}) depends on the axis: {count} between {row.axis} and {row.other_axis}{much}"
            f"{many}.{place}{hint}{note}"
        )

    def _told_failures(self) -> list[str]:
        """Return what failed whatever the axis, which makes no difference."""
        row = next((row for row in self.rows if row.failures and row.step != self.step), None)
        return [f"Step {row.step!r}: {row.failures}."] if row else []


def subtract(one: NDArray[Any], other: NDArray[Any], kind: OutputKind) -> NDArray[Any]:
    """Return the difference of two planes: 0 where both are NaN; of labels, 1 where they differ.

    Raises
    ------
    ValueError
        They differ in shape.
    """
    if one.shape != other.shape:
        raise ValueError(f"Planes of shape {one.shape} and {other.shape} cannot be subtracted.")
    if not kind.has_intensities:
        return np.asarray(one != other, np.uint8)
    wide = complex if "c" in (one.dtype.kind, other.dtype.kind) else float
    with np.errstate(invalid="ignore"):
        apart = one.astype(wide) - other.astype(wide)
    same = (one == other) | (np.isnan(one.astype(wide)) & np.isnan(other.astype(wide)))
    return np.where(same, 0, apart)


def _percent(part: int, whole: int) -> str:
    share = part / whole
    return f"{share:.0%}" if share >= 0.01 else "less than 1%"
