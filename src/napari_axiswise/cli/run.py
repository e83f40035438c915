"""``napari-axiswise run``: a recipe, without a window."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..core.events import OUTCOMES, TaskEvent
from ..core.text import format_seconds
from ..recipes.options import text_options
from ..recipes.recipe import Recipe
from ..runs.result import RunResult
from ..runs.run import Run
from ..runs.workers import warn_of_one_task
from .terminal import ALL_DONE, INTERRUPTED, NOT_ALL_DONE, interrupted_by_sigterm, write, write_result


def run(arguments: argparse.Namespace) -> int:
    """Run a recipe and return the exit code.

    Raises
    ------
    ValueError, OSError
        The recipe, or the options in its place, cannot be run.
    """
    with interrupted_by_sigterm():
        recipe = _adjusted(Recipe.read(arguments.recipe), arguments)
        run = Run(**recipe.run_arguments(), resume=arguments.resume)
        warn_of_one_task(run.dataset, run.axis)
        code = _execute(run, arguments.verbose)
        if arguments.csv or arguments.raw_csv:
            run.result.export_csv(raw=arguments.raw_csv)
        return code


class Progress:
    """The progress of a run: a bar on a terminal, one line per task elsewhere.

    Parameters
    ----------
    run : Run
        Before it runs.
    """

    def __init__(self, run: Run) -> None:
        self._axis = run.axis
        self._total = len(run.axis_values)
        self._running: set[str] = set()
        self._finished = 0
        self._failed = 0
        self._bar = tqdm(
            total=self._total,
            desc=f"by {run.axis}",
            unit="task",
            smoothing=0,  # tasks land in bursts, one a worker
            miniters=0,
            mininterval=0.5,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def update(self, event: TaskEvent) -> None:
        """Show an event."""
        if event.status == "started":
            self._running.add(event.axis_value)
        if event.is_outcome:
            self._finished += 1
            before = event.axis_value not in self._running
            if before and not self._bar.disable:
                # An earlier run did it, so it says nothing about the speed of this one.
                self._bar.initial += 1
            if event.status != "done":
                self._failed += 1
                self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
            if self._bar.disable:
                line = (
                    f"{self._axis} {event.axis_value} was done before"
                    if before
                    else _outcome_line(self._axis, event)
                )
                write(f"[{self._finished}/{self._total}] {line}")
        # Heartbeats move the clock, too.
        self._bar.update(int(event.is_outcome))


def _execute(run: Run, verbose: bool) -> int:
    """Run to the end or until interrupted, print the outcome, and return the exit code."""
    if not run.axis_values:
        raise ValueError(f"There is nothing to run: the data has none of the chosen values of {run.axis}.")
    write(str(run.dataset.report()))
    interrupted = False
    with Progress(run) as progress, logging_redirect_tqdm():
        try:
            with closing(run.events()) as events:
                for event in events:
                    progress.update(event)
        except KeyboardInterrupt:
            interrupted = True
    _report(run.result, verbose)
    if interrupted:
        write("Interrupted. Repeat the command with --resume to run the rest.")
        return INTERRUPTED
    return NOT_ALL_DONE if run.result.missing else ALL_DONE


def _report(result: RunResult, verbose: bool) -> None:
    """Write the failures to the standard error, and the summary to the standard output."""
    for failure in result.failures.values():
        write(_outcome_line(result.axis, failure))
        if verbose:
            write(failure.traceback)
    if result.failures and not verbose:
        write("Add --verbose to print tracebacks.")
    if result.unfinished:
        write(f"The output could not be finished: {result.unfinished}")
    statuses = [event.status for event in result.outcomes.values()]
    counts = [f"{statuses.count(status)} {status}" for status in OUTCOMES if status in statuses]
    tasks = f"{len(statuses)} task{'s' if len(statuses) != 1 else ''} by {result.axis}"
    write_result(f"{tasks}: {', '.join(counts)}. Results: {result.output}")


def _outcome_line(axis: str, event: TaskEvent) -> str:
    """Return one line about the outcome of a task."""
    line = f"{axis} {event.axis_value} {event.status}"
    if event.status != "done":
        return f"{line}: {next(iter(event.error.splitlines()), 'unknown reason')}"
    if event.started is None or event.stopped is None:
        return line
    return f"{line} in {format_seconds(event.stopped - event.started)}"


def _adjusted(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """Return a recipe with the options of the command line, and an output folder."""
    axis = arguments.axis or recipe.axis
    if axis != recipe.axis and recipe.axis_filter is not None and arguments.axis_filter is None:
        raise ValueError(
            f"The recipe runs only {recipe.axis} {', '.join(recipe.axis_filter)}, which does not apply to {axis}. "
            f"Give --only with the values of {axis} to run, or remove 'only' from the recipe."
        )
    given = {
        option.name: value
        for option, _ in text_options()
        if (value := getattr(arguments, option.name, None)) is not None
    }
    beside = Path(arguments.recipe).expanduser().absolute()
    output = recipe.output or str(beside.with_name(f"{beside.stem}-results"))
    if arguments.scheduler is not None:
        # A cluster has the workers that joined it, whatever number the recipe has for another place.
        given = {"workers": None} | given
    return replace(recipe, **{"output": output} | given)
