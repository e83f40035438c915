"""Compare the outputs of several runs plane by plane and row by row."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import PlaneError
from ...core.kinds import OutputKind
from ...core.text import join_names
from ...pipeline.step import Step
from ...results.run_log.contents import RunLogContents
from ...runs.result import RunResult

if TYPE_CHECKING:
    import pandas as pd

Failures = Mapping[str, Mapping[frozenset[tuple[str, str]], str]]
"""Errors of units that failed, by step and unit."""


@dataclass(frozen=True)
class Difference:
    """Difference of the outputs of one step between two runs.

    Parameters
    ----------
    step, kind : str
        Name of the step, and kind of its output.
    axis, other_axis : str
        The axes of the runs; equal for two identical runs.
    compared : int
        Number of planes, or of rows of points or tables.
    differing : int
        Number of these that differ or are in one run only.
    pixels : int
        Number of pixels that differ, in planes that both runs have; for tables, values.
    size : int
        Number of pixels or values that were compared.
    largest : float
        Largest absolute difference; NaN if no numbers differ.
    note : str
        Further remarks.
    where : dict
        Component values of the plane with most differing pixels; may be empty.
    failures : str
        Failures that are the same in both runs, and tasks without a result. They are not differences.
    """

    step: str
    kind: str
    axis: str
    other_axis: str
    compared: int
    differing: int
    pixels: int
    size: int
    largest: float
    note: str
    where: Mapping[str, str]
    failures: str = ""

    @property
    def is_repetition(self) -> bool:
        """Whether the two runs have the same axis, so that the axis cannot cause a difference."""
        return self.axis == self.other_axis


@dataclass
class _Differences:
    """Differences of a pair of runs, counted so far."""

    compared: int = 0
    differing: int = 0
    pixels: int = 0
    size: int = 0
    largest: float = np.nan
    lone: list[int] = field(default_factory=lambda: [0, 0])
    notes: list[str] = field(default_factory=list)
    renumbered: int = 0
    most: tuple[int, float] = (-1, 0.0)
    where: Mapping[str, str] = field(default_factory=dict)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def add_planes(
        self, one: NDArray[Any] | None, other: NDArray[Any] | None, kind: OutputKind, where: Mapping[str, str]
    ) -> None:
        """Compare a plane of both runs; None if a run does not have it."""
        if one is None and other is None:
            return
        self.compared += 1
        if one is None or other is None:
            self.differing += 1
            self.lone[one is None] += 1
            return
        self.size += one.size
        if one.shape != other.shape:
            self.differing += 1
            self.note(f"shape {one.shape} and {other.shape}")
            return
        differs = differing_values(one, other)
        pixels = int(np.count_nonzero(differs))
        if one.dtype != other.dtype:
            self.note(f"{one.dtype} and {other.dtype}")
        elif not pixels:
            return
        self.differing += 1
        self.pixels += pixels
        largest = largest_difference(one[differs], other[differs])
        self.largest = _larger(self.largest, largest)
        if (pixels, np.nan_to_num(largest)) > self.most:
            self.most, self.where = (pixels, float(np.nan_to_num(largest))), where
        if not kind.has_intensities:
            self.renumbered += is_renumbered(one, other)


def compare_runs(
    steps: Sequence[Step], runs: Sequence[tuple[str, RunResult]], pairs: Sequence[tuple[int, int]]
) -> Generator[None, None, tuple[Difference, ...]]:
    """Compare the outputs of runs over the same dataset. Holds one plane of each run at a time.

    Parameters
    ----------
    steps : sequence of Step
        Steps to compare; their outputs must be kept.
    runs : sequence of pairs of str and RunResult
        Axis and result of each run.
    pairs : sequence of pairs of int
        Indices of the runs to compare with each other.

    Yields
    ------
    None
        After each plane or table.

    Returns
    -------
    tuple of Difference
        One for each step and each pair.
    """
    failures = [failures_of(Path(run.output)) for _, run in runs]
    found = []
    for step in steps:
        if step.output_kind.has_planes:
            tallies = yield from _compare_planes(step, [run for _, run in runs], pairs)
        else:
            tallies = yield from _compare_tables(step, [run for _, run in runs], pairs)
        for (first, second), tally in zip(pairs, tallies, strict=True):
            names = runs[first][0], runs[second][0]
            _note_lone(tally, step.output_kind, names)
            _note_failures(tally, step.name, names, (failures[first], failures[second]))
            failed = [_same_failures_text(step.name, (failures[first], failures[second]))]
            # Of two runs with the same axis, list only the first.
            failed += [_lost_tasks_text(step.name, *run) for run in dict([runs[second], runs[first]]).items()]
            if tally.differing and tally.renumbered == tally.differing:
                tally.note("the same objects with other label numbers")
            found.append(
                Difference(
                    step.name, step.kind, *names, tally.compared, tally.differing, tally.pixels, tally.size,
                    tally.largest, "; ".join(tally.notes), tally.where,
                    "; ".join(dict.fromkeys(filter(None, failed))),
                )
            )  # fmt: skip
    return tuple(found)


def differing_values(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where two arrays of one shape differ. NaN equals NaN."""
    differs = np.asarray(one != other)
    if one.dtype.kind in "fc" and other.dtype.kind in "fc":
        differs &= ~(np.isnan(one) & np.isnan(other))
    return differs


def largest_difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the largest absolute difference of two arrays of numbers, ignoring NaN; NaN if there is none."""
    wide = complex if "c" in (one.dtype.kind, other.dtype.kind) else float
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(one.astype(wide) - other.astype(wide))
    known = apart[~np.isnan(apart)]
    return float(known.max()) if known.size else np.nan


def is_renumbered(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Return whether two label images have the same objects with other label numbers."""
    if not np.array_equal(one == 0, other == 0):
        return False
    first, codes = np.unique(one, return_inverse=True)
    second, other_codes = np.unique(other, return_inverse=True)
    # If there are as many pairs as objects in each image, every object has one partner.
    pairs = np.unique(codes.ravel() * len(second) + other_codes.ravel())
    return len(first) == len(second) == len(pairs)


def failures_of(output: Path) -> Failures:
    """Return the units of a run that failed, by step."""
    failures: dict[str, dict[frozenset[tuple[str, str]], str]] = {}
    for record in RunLogContents.read(output).units.values():
        for failure in record.failures:
            failures.setdefault(failure.step, {})[frozenset(record.unit.items())] = failure.error
    return failures


def _compare_planes(
    step: Step, runs: Sequence[RunResult], pairs: Sequence[tuple[int, int]]
) -> Generator[None, None, list[_Differences]]:
    tallies = [_Differences() for _ in pairs]
    outputs = [run.store.steps.get(step.name) for run in runs]
    # Planes with different components are never the same plane.
    for names in dict.fromkeys(output.grid.names for output in outputs if output and output.written.any()):
        alike = [output if output is not None and output.grid.names == names else None for output in outputs]
        written = [output.written > 0 for output in alike if output is not None]
        components = runs[0].dataset.components
        for codes in np.argwhere(np.logical_or.reduce(written)).tolist():
            where = {name: components[name][code] for name, code in zip(names, codes, strict=True)}
            planes = [
                None if o is None else _read(r, step.name, codes) for r, o in zip(runs, alike, strict=True)
            ]
            for tally, (first, second) in zip(tallies, pairs, strict=True):
                tally.add_planes(planes[first], planes[second], step.output_kind, where)
            yield
    return tallies


def _read(run: RunResult, step: str, codes: Sequence[int]) -> NDArray[Any] | None:
    try:
        return run.store.read(step, codes)
    except (KeyError, PlaneError):
        return None


def _compare_tables(
    step: Step, runs: Sequence[RunResult], pairs: Sequence[tuple[int, int]]
) -> Generator[None, None, list[_Differences]]:
    frames = []
    for run in runs:
        frames.append(run.store.table(step.name))
        yield
    components = tuple(runs[0].dataset.components)
    tallies = []
    for first, second in pairs:
        tallies.append(compare_tables(frames[first], frames[second], components))
        yield
    return tallies


def compare_tables(one: pd.DataFrame, other: pd.DataFrame, components: Sequence[str]) -> _Differences:
    """Compare the rows of two tables that have the same component values, in order."""
    by = [name for name in components if name in one.columns or name in other.columns]
    one, other = _by_unit(one, by), _by_unit(other, by)
    tally = _Differences(compared=len(one.index.union(other.index)))
    both = one.index.intersection(other.index)
    tally.lone = [len(one) - len(both), len(other) - len(both)]
    lone_columns = [str(name) for name in one.columns.symmetric_difference(other.columns)]
    differs = np.full(len(both), bool(lone_columns))
    if len(both):
        one, other = one.loc[both], other.loc[both]
        if lone_columns:
            tally.note(f"only one has the column {', '.join(lone_columns)}")
        changed = []
        for name in (name for name in one.columns if name in other.columns):
            here, largest = _compare_columns(one[name].to_numpy(), other[name].to_numpy())
            tally.pixels += int(np.count_nonzero(here))
            tally.size += len(here)
            tally.largest = _larger(tally.largest, largest)
            differs |= here
            if here.any():
                changed.append(str(name))
        if changed:
            tally.note(f"in {join_names(changed)}")
    tally.differing = int(np.count_nonzero(differs)) + sum(tally.lone)
    return tally


def _by_unit(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return rows indexed by component values and their number among rows with the same values."""
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(
            columns=frame.columns.difference(by, sort=False),
            index=pd.MultiIndex.from_arrays([[] for _ in (*by, "row")]),
        )
    ordered = frame.reindex(columns=[*by, *(name for name in frame.columns if name not in by)])
    keys = [ordered[name].astype(str) for name in by]
    number = (
        ordered.groupby(keys, sort=False).cumcount() if by else pd.Series(range(len(ordered)), ordered.index)
    )
    index = pd.MultiIndex.from_arrays([*(key.to_numpy() for key in keys), number.to_numpy()])
    return ordered.drop(columns=by).set_axis(index)


def _compare_columns(one: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[np.bool_], float]:
    """Return where two columns differ, and the largest absolute difference."""
    if one.dtype.kind in "biufc" and other.dtype.kind in "biufc":
        differs = differing_values(one, other)
        return differs, largest_difference(one[differs], other[differs]) if differs.any() else np.nan
    pairs = zip(one.tolist(), other.tolist(), strict=True)
    return np.array([not _equal(a, b) for a, b in pairs], bool), np.nan


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, (list, np.ndarray)) or isinstance(other, (list, np.ndarray)):
        return bool(np.array_equal(one, other))
    return bool(one is other or one == other or (one != one and other != other))  # NaN


def _larger(one: float, other: float) -> float:
    return float(np.fmax(one, other))


def _note_lone(tally: _Differences, kind: OutputKind, names: tuple[str, str]) -> None:
    for name, count in zip(names, tally.lone, strict=True):
        if count:
            tally.note(f"{count} {kind.item}{'s' if count > 1 else ''} only by {name}")


def _note_failures(
    tally: _Differences, step: str, names: tuple[str, str], failures: tuple[Failures, Failures]
) -> None:
    """Count units that failed in one run only as differences, and note them."""
    one, other = (failed.get(step, {}) for failed in failures)
    lone = {names[0]: one.keys() - other.keys(), names[1]: other.keys() - one.keys()}
    for name, units in lone.items():
        if units:
            tally.note(f"{_failures_text(units, {**other, **one})} only by {name}")
    # A failed unit may have had no plane or row to compare.
    missed = max(0, max(map(len, lone.values())) - tally.differing)
    tally.compared += missed
    tally.differing += missed


def _same_failures_text(step: str, failures: tuple[Failures, Failures]) -> str:
    """Return the failures that both runs share, as text."""
    one, other = (failed.get(step, {}) for failed in failures)
    alike = one.keys() & other.keys()
    return f"{_failures_text(alike, one)} by both" if alike else ""


def _lost_tasks_text(step: str, name: str, run: RunResult) -> str:
    """Return the tasks of a run without a result though no unit failed, as text."""
    lost = [
        f"{name} {value}: {event.error}"
        for value, event in run.failures.items()
        # The last is the error of planes that do not fit into their image.
        if event.status == "lost" or event.result is None or event.error.startswith(f"Step {step!r} gave")
    ]
    more = f" (and {len(lost) - 1} more by {name})" if len(lost) > 1 else ""
    return f"{lost[0]}{more}" if lost else ""


def _failures_text(units: Any, errors: Mapping[frozenset[tuple[str, str]], str]) -> str:
    first = min(units, key=sorted)
    unit = ", ".join(f"{name} {value}" for name, value in sorted(first)) or "all planes"
    count = f"{len(units)} units" if len(units) > 1 else "1 unit"
    return f"{count} failed ({unit}: {errors[first]})"
