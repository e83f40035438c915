"""The invariants of the design, for random plates, axes, faults and moments of cancelling."""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_axiswise as aw
from napari_axiswise.core.events import OUTCOMES
from napari_axiswise.results.run_log.contents import RunLogContents
from napari_axiswise.results.run_log.lines import RUN_LOG

AXES = ("well", "site", "timepoint")

FAULTS = ("raise", "kill")


@dataclass(frozen=True)
class Story:
    """A plate, its planes that cause faults, and a run over it."""

    lengths: tuple[int, int, int]
    missing: frozenset[int]
    faults: dict[int, str]
    axis: str
    then_along: str
    stacked: bool
    cancel_after: int | None

    @property
    def planes(self) -> list[tuple[int, dict[str, str]]]:
        """Number and component values of each plane."""
        places = [*np.ndindex(*self.lengths)]
        return [
            (number, {"well": f"A{well + 1:02}", "site": str(site + 1), "timepoint": str(timepoint + 1)})
            for number, (well, site, timepoint) in enumerate(places)
            if number not in self.missing
        ]


@st.composite
def stories(draw: Callable[..., object]) -> Story:
    lengths = draw(st.tuples(*[st.integers(1, 3)] * 3))
    count = int(np.prod(lengths))
    missing = draw(st.sets(st.integers(1, count), max_size=count // 3)) if count > 2 else set()
    stacked = draw(st.booleans())
    axes = (*AXES[::2], "timepoint,well") if stacked else (*AXES, "timepoint,well", "well,site,timepoint")
    return Story(
        lengths=lengths,
        missing=frozenset(missing),
        faults=draw(st.dictionaries(st.integers(0, count - 1), st.sampled_from(FAULTS), max_size=2)),
        axis=draw(st.sampled_from(axes)),
        then_along=draw(st.sampled_from(axes)),
        stacked=stacked,
        cancel_after=draw(st.none() | st.integers(0, 6)),
    )


def misbehave(plane: np.ndarray, marks: str) -> np.ndarray:
    """Cause the fault that the file named after the plane's number asks for, if there is one."""
    mark = Path(marks, str(plane[0, 0]))
    fault = mark.read_text() if mark.exists() else ""
    if fault == "raise":
        raise RuntimeError("as the story wants it")
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return plane * 2


def mean(stack: np.ndarray) -> np.ndarray:
    return stack.mean(axis=0)


def total(plane: np.ndarray) -> dict[str, object]:
    return {"total": float(plane.sum())}


def pipeline(story: Story, marks: Path) -> aw.Pipeline:
    steps = [
        aw.Step(misbehave, {"marks": str(marks)}, name="double", keep=True),
        aw.Step(total, name="total", output="table"),
    ]
    if story.stacked:
        steps.append(aw.Step(mean, name="mean", inputs="double", variable="site"))
    return aw.Pipeline(steps)


def write_planes(story: Story, folder: Path) -> aw.Dataset:
    folder.mkdir()
    for number, values in story.planes:
        name = "_".join(f"{values[axis]}" for axis in AXES)
        tifffile.imwrite(folder / f"{name}.tif", np.full((4, 5), number, np.uint16))
    return aw.open_dataset(folder, pattern="{well}_{site}_{timepoint}.tif")


def written(output: Path) -> dict[str, bytes]:
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and RUN_LOG not in path.relative_to(output).parts and path.name != "recipe.toml"
    }


def check_outcomes(events: list[aw.TaskEvent], run: aw.Run) -> None:
    """Invariant 2: exactly one outcome per planned task."""
    outcomes = Counter(event.axis_value for event in events if event.is_outcome)
    assert set(outcomes.values()) <= {1}
    result = run.result
    assert tuple(result.outcomes) == run.axis_values
    assert all(event.status in OUTCOMES for event in result.outcomes.values())
    assert all(value in outcomes or result.outcomes[value].status == "cancelled" for value in run.axis_values)


def check_neighbours(story: Story, run: aw.Run) -> None:
    """Invariant 5: tasks without a fault are done; those with a fault failed or are lost."""
    faults: dict[str, set[str]] = {value: set() for value in run.axis_values}
    for number, values in story.planes:
        if number in story.faults:
            faults[",".join(values[name] for name in story.axis.split(","))].add(story.faults[number])
    for value, event in run.result.outcomes.items():
        wanted = "lost" if "kill" in faults[value] else "failed" if faults[value] else "done"
        assert event.status == wanted, event.error


def check_writers(output: Path) -> None:
    """Invariant 4: no two units have written the same plane of a step."""
    planes = Counter(
        (planes.step, tuple(codes))
        for record in RunLogContents.read(output).units.values()
        for planes in record.planes
        for codes in planes.codes.tolist()
    )
    assert set(planes.values()) <= {1}


@pytest.fixture
def lanes() -> Iterator[aw.LaneExecutor]:
    with aw.LaneExecutor(2) as lanes:
        yield lanes


@pytest.mark.slow
@pytest.mark.timeout(240)
@settings(max_examples=25)
@given(story=stories())
def test_the_invariants_hold(lanes: aw.LaneExecutor, story: Story) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        marks, output = folder / "marks", folder / "output"
        marks.mkdir()
        dataset = write_planes(story, folder / "planes")
        for number, fault in story.faults.items():
            (marks / str(number)).write_text(fault)
        steps = pipeline(story, marks)

        run = aw.Run(dataset, steps, story.axis, executor=lanes, output=output)
        events = []
        with closing(run.events()) as happening:
            for event in happening:
                events.append(event)
                if len(events) == story.cancel_after:
                    break
        check_outcomes(events, run)
        if story.cancel_after is None or len(events) < story.cancel_after:
            check_neighbours(story, run)

        for mark in marks.iterdir():
            mark.unlink()
        resumed = aw.run(dataset, steps, story.then_along, executor=lanes, output=output, resume=True)
        assert not resumed.missing
        check_writers(output)

        # Invariant 1: bit-identical outputs, whatever happened before.
        aw.run(dataset, steps, "timepoint", executor="serial", output=folder / "whole")
        assert written(output) == written(folder / "whole")
