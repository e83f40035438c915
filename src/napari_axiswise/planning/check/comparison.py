"""What the same steps gave in several runs, compared plane by plane and row by row."""

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
"""From step to the units that failed there, and why."""


@dataclass(frozen=True)
class Difference:
    """How much the outputs of one step differ between two runs.

    Parameters
    ----------
    step, kind : str
        The step, and what it makes.
    axis, other_axis : str
        What the runs were split by; the same for two runs alike.
    compared : int
        Planes, or rows of points or a table.
    differing : int
        Those of them that differ, or that only one of the runs has.
    pixels : int
        Pixels that differ, in planes that both have; of tables, values.
    size : int
        Pixels, or values, that were compared.
    largest : float
        The largest absolute difference; NaN where there is none between two numbers.
    note : str
        What else is to be said.
    where : dict
        The component values of the plane in which most pixels differ; empty where there is none.
    failures : str
        What failed in both runs alike, which is no difference, and tasks that came to nothing.
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
        """Whether the two runs were alike, so that a difference comes from no axis."""
        return self.axis == self.other_axis


@dataclass
class _Tally:
    """What is known of a pair of runs so far."""

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

    def take_planes(
        self, one: NDArray[Any] | None, other: NDArray[Any] | None, kind: OutputKind, where: Mapping[str, str]
    ) -> None:
        """Compare a plane of both runs; None for one that a run does not have."""
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
    """Compare what runs over the same dataset gave. Of planes, one of each run is held at a time.

    Parameters
    ----------
    steps : sequence of Step
        Those to compare, whose outputs were kept.
    runs : sequence of pairs of str and RunResult
        The runs, with what they were split by.
    pairs : sequence of pairs of int
        Which of them to compare with which.

    Yields
    ------
    None
        Now and then.

    Returns
    -------
    tuple of Difference
        For each step and each pair.
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
            told = [_told_alike(step.name, (failures[first], failures[second]))]
            # Of two runs alike, what the first came to will do.
            told += [_told_tasks(step.name, *run) for run in dict([runs[second], runs[first]]).items()]
            if tally.differing and tally.renumbered == tally.differing:
                tally.note("the same objects under other numbers")
            found.append(
                Difference(
                    step.name, step.kind, *names, tally.compared, tally.differing, tally.pixels, tally.size,
                    tally.largest, "; ".join(tally.notes), tally.where,
                    "; ".join(dict.fromkeys(filter(None, told))),
                )
            )  # fmt: skip
    return tuple(found)


def differing_values(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where two arrays of one shape differ. NaN is the same as NaN."""
    differs = np.asarray(one != other)
    if one.dtype.kind in "fc" and other.dtype.kind in "fc":
        differs &= ~(np.isnan(one) & np.isnan(other))
    return differs


def largest_difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the largest absolute difference of two arrays of numbers; NaN where there is none that is a number."""
    wide = complex if "c" in (one.dtype.kind, other.dtype.kind) else float
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(one.astype(wide) - other.astype(wide))
    known = apart[~np.isnan(apart)]
    return float(known.max()) if known.size else np.nan


def is_renumbered(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Return whether two label images have the same objects under other numbers."""
    if not np.array_equal(one == 0, other == 0):
        return False
    first, codes = np.unique(one, return_inverse=True)
    second, other_codes = np.unique(other, return_inverse=True)
    # As many pairs as there are objects in each: every object has one partner.
    pairs = np.unique(codes.ravel() * len(second) + other_codes.ravel())
    return len(first) == len(second) == len(pairs)


def failures_of(output: Path) -> Failures:
    """Return which units failed at which step of a run."""
    failures: dict[str, dict[frozenset[tuple[str, str]], str]] = {}
    for record in RunLogContents.read(output).units.values():
        for failure in record.failures:
            failures.setdefault(failure.step, {})[frozenset(record.unit.items())] = failure.error
    return failures


def _compare_planes(
    step: Step, runs: Sequence[RunResult], pairs: Sequence[tuple[int, int]]
) -> Generator[None, None, list[_Tally]]:
    tallies = [_Tally() for _ in pairs]
    outputs = [run.store.steps.get(step.name) for run in runs]
    # Runs whose planes have other components have none in common.
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
                tally.take_planes(planes[first], planes[second], step.output_kind, where)
            yield
    return tallies


def _read(run: RunResult, step: str, codes: Sequence[int]) -> NDArray[Any] | None:
    try:
        return run.store.read(step, codes)
    except (KeyError, PlaneError):
        return None


def _compare_tables(
    step: Step, runs: Sequence[RunResult], pairs: Sequence[tuple[int, int]]
) -> Generator[None, None, list[_Tally]]:
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


def compare_tables(one: pd.DataFrame, other: pd.DataFrame, components: Sequence[str]) -> _Tally:
    """Compare rows: those with the same component values, the first with the first, and so on."""
    by = [name for name in components if name in one.columns or name in other.columns]
    one, other = _by_unit(one, by), _by_unit(other, by)
    tally = _Tally(compared=len(one.index.union(other.index)))
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
    """Return rows with their component values and their number among those with the same as their index."""
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(
            columns=frame.columns.difference(by, sort=False),
            index=pd.MultiIndex.from_arrays([[] for _ in (*by, "row")]),
        )
    known = frame.reindex(columns=[*by, *(name for name in frame.columns if name not in by)])
    keys = [known[name].astype(str) for name in by]
    number = known.groupby(keys, sort=False).cumcount() if by else pd.Series(range(len(known)), known.index)
    index = pd.MultiIndex.from_arrays([*(key.to_numpy() for key in keys), number.to_numpy()])
    return known.drop(columns=by).set_axis(index)


def _compare_columns(one: NDArray[Any], other: NDArray[Any]) -> tuple[NDArray[np.bool_], float]:
    """Return where two columns differ, and the largest absolute difference."""
    if one.dtype.kind in "biufc" and other.dtype.kind in "biufc":
        differs = differing_values(one, other)
        return differs, largest_difference(one[differs], other[differs]) if differs.any() else np.nan
    pairs = zip(one.tolist(), other.tolist(), strict=True)
    # What is not equal to itself is a NaN.
    return np.array([not _equal(a, b) for a, b in pairs], bool), np.nan


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, (list, np.ndarray)) or isinstance(other, (list, np.ndarray)):
        return bool(np.array_equal(one, other))
    return bool(one is other or one == other or (one != one and other != other))


def _larger(one: float, other: float) -> float:
    return float(np.fmax(one, other))


def _note_lone(tally: _Tally, kind: OutputKind, names: tuple[str, str]) -> None:
    for name, count in zip(names, tally.lone, strict=True):
        if count:
            tally.note(f"{count} {kind.item}{'s' if count > 1 else ''} only by {name}")


def _note_failures(
    tally: _Tally, step: str, names: tuple[str, str], failures: tuple[Failures, Failures]
) -> None:
    """Note the units that failed; those that failed in one run only are a difference."""
    one, other = (told.get(step, {}) for told in failures)
    lone = {names[0]: one.keys() - other.keys(), names[1]: other.keys() - one.keys()}
    for name, units in lone.items():
        if units:
            tally.note(f"{_told_failures(units, {**other, **one})} only by {name}")
    # A unit that failed may have no plane or row that is missed.
    missed = max(0, max(map(len, lone.values())) - tally.differing)
    tally.compared += missed
    tally.differing += missed


def _told_alike(step: str, failures: tuple[Failures, Failures]) -> str:
    """Return what failed in both runs."""
    one, other = (told.get(step, {}) for told in failures)
    alike = one.keys() & other.keys()
    return f"{_told_failures(alike, one)} by both" if alike else ""


def _told_tasks(step: str, name: str, run: RunResult) -> str:
    """Return which tasks of a run came to nothing though no unit failed."""
    told = [
        f"{name} {value}: {event.error}"
        for value, event in run.failures.items()
        # The last is what the store tells of planes that do not fit into their image.
        if event.status == "lost" or event.result is None or event.error.startswith(f"Step {step!r} gave")
    ]
    more = f" (and {len(told) - 1} more by {name})" if len(told) > 1 else ""
    return f"{told[0]}{more}" if told else ""


def _told_failures(units: Any, errors: Mapping[frozenset[tuple[str, str]], str]) -> str:
    first = min(units, key=sorted)
    unit = ", ".join(f"{name} {value}" for name, value in sorted(first)) or "all planes"
    count = f"{len(units)} units" if len(units) > 1 else "1 unit"
    return f"{count} failed ({unit}: {errors[first]})"
