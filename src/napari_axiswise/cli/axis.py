"""``napari-axiswise plan``, ``compare`` and ``check-axis``: which axis to split by, and whether it matters."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..core.events import TaskEvent
from ..core.text import format_seconds
from ..planning.check.api import AxisChecking
from ..planning.plan import AxisPlan, Plan
from ..planning.planner import planning
from ..planning.trials import Comparison, comparing
from ..recipes.recipe import Recipe
from ..results.csv_text import csv_text
from ..runs.plan import RunPlan
from .terminal import interrupted_by_sigterm, write, write_result

T = TypeVar("T")

WIDTH = 80
"""The width of tables, in characters."""

GAP = "  "
"""The gap between two columns of a table."""

MARKS = {True: "*", False: " "}
"""The mark in front of the recommended axis, and of the others."""


def plan(arguments: argparse.Namespace) -> int:
    """Print the predicted time of a run for each axis; return 0, or 1 if units of the pilot failed.

    Raises
    ------
    ValueError, OSError
        The recipe cannot be run.
    """
    result = _drain(planning(_run_plan(arguments), axes=arguments.axes), "the pilot", "unit")
    if arguments.csv:
        Path(arguments.csv).write_bytes(csv_text(result.table).encode())
    write_result("\n".join([str(result), *_plan_lines(result)]))
    return int(bool(result.pilot.failed) or not result.pilot.blocks)


def compare(arguments: argparse.Namespace) -> int:
    """Print the predicted and the measured time for each axis; return 0, or 1 if tasks were not done.

    Raises
    ------
    ValueError, OSError
        The recipe cannot be run, or not by one of the axes.
    """
    units = None if arguments.all else arguments.units
    events = comparing(_run_plan(arguments), axes=arguments.axes, units=units, rounds=arguments.rounds)
    result = _drain(events, "trials", "task")
    if arguments.csv:
        Path(arguments.csv).write_bytes(csv_text(result.table).encode())
    write_result("\n".join(_comparison_lines(result)))
    return int(any(trial.failed for trial in result.trials))


def check_axis(arguments: argparse.Namespace) -> int:
    """Print whether the axis changes the results of a recipe; return 0 only if it does not.

    Raises
    ------
    ValueError, OSError
        The recipe cannot be run, or there is nothing to compare.
    """
    checking = AxisChecking(
        _run_plan(arguments), axes=arguments.axes, units=None if arguments.all else arguments.units
    )
    result = _drain(checking.events(), f"by {', '.join(checking.axes)}", "task")
    write_result(str(result))
    differences = result.differences
    # Steps that are the same need no row.
    shown = differences if arguments.verbose else differences.query("differing > 0 or note != ''")
    if len(shown):
        write_result(shown.to_string(index=False, na_rep=""))
    return int(not result.same)


def _run_plan(arguments: argparse.Namespace) -> RunPlan:
    """Return the plan of a recipe, without its axis, on the number of workers of the command line."""
    plan = RunPlan(**Recipe.read(arguments.recipe).run_arguments()).without_axis()
    if plan.executor == "dask":
        # What is measured is this machine, whatever cluster the run is for.
        plan = replace(plan, executor="processes")
    return plan if arguments.workers is None else replace(plan, workers=arguments.workers)


def _drain(events: Generator[TaskEvent, None, T], name: str, unit: str) -> T:
    """Return the value of a generator, and show how many of its tasks are over. An interruption closes it."""
    bar = tqdm(desc=name, unit=unit, dynamic_ncols=True, leave=False, disable=not sys.stderr.isatty())
    if bar.disable:
        write(f"Measuring: {name} …")
    with interrupted_by_sigterm(), closing(events), logging_redirect_tqdm(), bar:
        while True:
            try:
                event = next(events)
            except StopIteration as done:
                value: T = done.value
                return value
            bar.update(int(event.is_outcome))


def _plan_lines(result: Plan) -> list[str]:
    """Return the table of a plan: each axis, its tasks, and what limits it or why it is not possible."""
    heads = ("  axis", "tasks", "planes per task", "time", "speed-up", "limited by")
    return ["", *_lines(heads, [_plan_row(row, result.recommended) for row in result.axes])]


def _plan_row(row: AxisPlan, recommended: str) -> tuple[str, ...]:
    name = f"{MARKS[row.axis == recommended]} {row.axis}"
    work = row.workload
    if work is None:
        return name, "–", "–", "–", "–", f"not possible: {row.note}"
    planes = number_range(int(work.planes.min()), int(work.planes.max()))
    speed_up = "–" if row.speed_up != row.speed_up else f"{row.speed_up:.1f}"
    return name, f"{len(work):,}", planes, format_seconds(row.seconds), speed_up, row.limit


def _comparison_lines(result: Comparison) -> list[str]:
    heads = ("  axis", "tasks", "predicted", "measured", "from", "to", "times fastest", "failed")
    rows = [
        (
            f"{MARKS[row['axis'] == result.fastest]} {row['axis']}",
            f"{row['tasks']:,}",
            *(format_seconds(row[name]) for name in ("predicted", "measured", "least", "most")),
            f"{row['times_fastest']:.2f}",
            str(row["failed"]),
        )
        for row in result.table.to_dict("records")
    ]
    lanes, rounds = result.plan.lanes, len(result.seconds(result.fastest))
    summary = (
        f"{result.units:,} unit{'s' if result.units != 1 else ''} along each axis, {rounds} time"
        f"{'s' if rounds != 1 else ''}, on {lanes} worker{'s' if lanes != 1 else ''}: "
        f"{result.fastest.replace(',', ' and ')} was the fastest."
    )
    return [summary, "", *_lines(heads, rows)]


def number_range(least: int, most: int) -> str:
    """Return a range of numbers: ``12`` or ``8–12``."""
    return f"{least:,}" if least == most else f"{least:,}–{most:,}"


def _lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: first column left-aligned, numbers right-aligned, last column wrapped."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    before = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    room = max(len(heads[-1]), WIDTH - before)
    lines = []
    for row in (heads, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [text.rjust(width) for text, width in zip(row[1:-1], widths[1:-1], strict=True)]
        first, *more = textwrap.wrap(row[-1], room) or [""]
        lines.append(GAP.join([*cells, first]).rstrip())
        lines += [" " * before + line for line in more]
    return lines
