"""AxisCheck: the result of running the same units along several axes."""

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
    """Result of running the same units along several axes.

    Parameters
    ----------
    dataset : Dataset
        The whole dataset. Each of the `results` has the sample.
    pipeline : Pipeline
        The pipeline, with every step kept.
    axes : tuple of str
        The axes that were requested or chosen.
    results : dict
        Result of the run along each possible axis.
    again : RunResult
        Result of a second run along the first of these axes.
    rows : tuple of Difference
        One for each step and each pair of axes, and one for the two runs along the first axis.
    refused : dict
        For each requested axis that is not possible, the first step that processes a component of it together.
    stacked : dict
        For each component that cannot be the axis because a step processes it together, the first such step.
    units : int
        Number of units that were run along each axis: planes, or stacks that every axis leaves whole.
    all_units : int
        Number of units of the dataset.
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
            first = "There is no answer to compare." if self._all_failed else self._same_text()
            return " ".join([first, *self._failure_texts()])
        differing = next((step.name for step in self.pipeline if self._worst(step.name) is not None), "")
        sentences = self._stacked_texts()
        if differing:
            # Sentences are in the order of the steps.
            place = 0 if self.step == differing else len(sentences)
            sentences.insert(place, self._difference_text(differing))
        return " ".join([*sentences, *self._failure_texts()])

    @property
    def same(self) -> bool:
        """Whether the result is the same along all requested axes; False if everything failed."""
        return not self.step and not self._all_failed

    @property
    def step(self) -> str:
        """The first step whose output differs, or that rules out an axis; empty if there is none."""
        blamed = {row.step for row in self.rows if row.differing} | {*self.refused.values()}
        return next((step.name for step in self.pipeline if step.name in blamed), "")

    @property
    def differences(self) -> pd.DataFrame:
        """Table of differences: a row per step and pair of axes, with counts and the largest difference.

        The pair of an axis with itself compares two identical runs. A step that rules out an axis has a row without
        another axis.
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
            note = f"{self._stacked_text(axis)}, so {axis} cannot be the axis"
            rows.append([step, self.pipeline[step].kind, axis, "", 0, 0, 0, np.nan, note])
        order = {step.name: number for number, step in enumerate(self.pipeline)}
        rows.sort(key=lambda row: order[row[0]])
        return pd.DataFrame(rows, columns=list(columns))

    def pair(self, step: str) -> Difference:
        """Return the first difference of a step: between two identical runs, or else between two axes.

        If the step does not differ, the first pair is returned.

        Raises
        ------
        KeyError
            There is no such step.
        """
        found = self._worst(step) or next((row for row in self.rows if row.step == step), None)
        if found is None:
            raise KeyError(
                f"There is no step {step!r}. Steps are {', '.join(s.name for s in self.pipeline)}."
            )
        return found

    def pair_of_results(self, axis: str, other_axis: str) -> tuple[RunResult, RunResult]:
        """Return the results along two axes, or of the two runs along the first axis if it is given twice.

        Raises
        ------
        KeyError
            There was no run along one of them.
        """
        for name in (axis, other_axis):
            if name not in self.results:
                raise KeyError(f"There was no run by {name!r}, only by {', '.join(self.results)}.")
        return self.results[axis], self.again if axis == other_axis else self.results[other_axis]

    def difference(self, step: str, axis: str, other_axis: str, **components: str) -> NDArray[Any]:
        """Return the difference of one plane of a step between two axes, shape (Y, X).

        Parameters
        ----------
        step : str
            A step whose output is images or labels.
        axis, other_axis : str
            Two axes of `results`, or the first of them twice.
        **components : str
            Component values of the plane; see `RunResult.read`.

        Returns
        -------
        ndarray
            For images, float: the plane by `axis` minus the plane by `other_axis`, 0 where both are NaN. For labels,
            uint8: 1 where they differ.

        Raises
        ------
        KeyError
            The step, axis or value does not exist, or one of the runs lacks the plane.
        ValueError
            A component is unknown or missing, the planes differ in shape, or the output is a table or points.
        """
        one, other = (result.read(step, **components) for result in self.pair_of_results(axis, other_axis))
        return subtract(one, other, self.pipeline[step].output_kind)

    @property
    def _all_failed(self) -> bool:
        return not any(row.compared for row in self.rows) and any(row.failures for row in self.rows)

    def _worst(self, step: str) -> Difference | None:
        differing = [row for row in self.rows if row.step == step and row.differing]
        return next((row for row in differing if row.is_repetition), next(iter(differing), None))

    def _same_text(self) -> str:
        count = f"{self.units:,} of {self.all_units:,}" if self.units < self.all_units else f"{self.units:,}"
        steps = f"{len(self.pipeline)} step{'s' if len(self.pipeline) > 1 else ''}"
        same = f"The answer is the same by {join_names(self.results)}: {count} units, {steps}."
        others = [f"{axis} (step {step!r} processes it together)" for axis, step in self.stacked.items()]
        return f"{same} Not possible as an axis: {', '.join(others)}." if others else same

    def _stacked_texts(self) -> list[str]:
        sentences = [
            f"Step {step!r} {self._stacked_text(axis)}, so {axis} cannot be the axis."
            for axis, step in self.refused.items()
        ]
        return [*sentences, f"Split by {join_names(self.results, 'or')}."] if sentences else []

    def _stacked_text(self, axis: str) -> str:
        """Return which components of a refused axis are processed together."""
        stacked = self.pipeline[self.refused[axis]].variable or ()
        parts = axis_parts(axis, self.dataset.components)
        return f"processes {' and '.join(part for part in parts if part in stacked)} together"

    def _difference_text(self, step: str) -> str:
        row = self.pair(step)
        kind = self.pipeline[step].output_kind
        is_number = kind.has_intensities or not kind.has_planes
        much = f", by up to {row.largest:.4g}" if np.isfinite(row.largest) and is_number else ""
        share = _percent(row.pixels, row.size) if row.pixels else ""
        many = f", in {row.pixels:,} pixels ({share})" if share and kind.has_planes else ""
        where = ", ".join(f"{name} {value}" for name, value in row.where.items())
        place = f" The difference is largest in {where}." if where else ""
        noted = "; ".join(filter(None, (row.note, row.failures)))
        note = f" Also: {noted}." if noted else ""
        count = f"{row.differing:,} of {row.compared:,} {kind.item}s differ"
        parts = axis_parts(row.other_axis, self.dataset.components)
        needed = parts if len(parts) > 1 else parts[0]
        hint = (
            " It keeps state from one unit to the next. Compute from the unit alone, or process together what the step "
            f"needs, with variable={needed!r}."
        )
        if row.failures and not row.pixels:
            hint = ""
        if row.is_repetition:
            return (
                f"Step {step!r} ({row.kind}) is not reproducible: {count} even between two runs by {row.axis}{much}"
                f"{many}.{place} It draws random numbers without a seed, or depends on the time or the process. Create "
                f"the generator in the function, as in numpy.random.default_rng(0).{note}"
            )
        return (
            f"Step {step!r} ({row.kind}) depends on the axis: {count} between {row.axis} and {row.other_axis}{much}"
            f"{many}.{place}{hint}{note}"
        )

    def _failure_texts(self) -> list[str]:
        """Return failures that are the same for every axis, and therefore no difference."""
        row = next((row for row in self.rows if row.failures and row.step != self.step), None)
        return [f"Step {row.step!r}: {row.failures}."] if row else []


def subtract(one: NDArray[Any], other: NDArray[Any], kind: OutputKind) -> NDArray[Any]:
    """Return the difference of two planes, 0 where both are NaN; for labels, 1 where they differ.

    Raises
    ------
    ValueError
        The planes differ in shape.
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
