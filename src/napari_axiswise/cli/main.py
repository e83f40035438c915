"""The command ``napari-axiswise``: runs without a window, and a window for what they gave."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import TracebackType

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from ..core.events import OUTCOMES, TaskEvent
from ..datasets.opening import open_dataset, read_axes
from ..executors.choice import EXECUTORS
from ..recipes.recipe import Recipe
from ..runs.result import RunResult
from ..runs.run import Run
from ..runs.workers import warn_of_one_task
from . import axis as axis_command

logger = logging.getLogger(__name__)

ALL_DONE, NOT_ALL_DONE, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
"""What the command exits with."""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says.

    Parameters
    ----------
    argv : sequence of str, optional
        Left out, the arguments of the process.

    Returns
    -------
    int
        0 only when every task is done; 1 when some task is not; 2 for wrong input; 130 when interrupted.

    Raises
    ------
    SystemExit
        With 2, where the arguments are wrong; with 0, after ``--help``.
    """
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        return _COMMANDS[arguments.command](arguments)
    except (ValueError, OSError) as error:
        if getattr(arguments, "verbose", False):
            logger.exception("What went wrong, in full:")
        _tell(f"napari-axiswise: {' '.join(str(error).split())}")
        return WRONG_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED


def run(arguments: argparse.Namespace) -> int:
    """Run a recipe and return the exit code.

    Raises
    ------
    ValueError, OSError
        The recipe, or what the options make of it, cannot be run.
    """
    # A scheduler that wants its machine back asks by SIGTERM.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        planned = _adjusted(Recipe.read(arguments.recipe), arguments).run_arguments()
        if arguments.resume:
            planned["resume"] = True
        run = Run(**planned)
        warn_of_one_task(run.dataset, run.axis)
        code = _execute(run, arguments.verbose)
        if arguments.csv:
            run.result.export_csv()
        return code
    finally:
        signal.signal(signal.SIGTERM, before)


def check(arguments: argparse.Namespace) -> int:
    """Tell what a dataset has and what it lacks; return 0 only when nothing is missing and nothing sticks out.

    Raises
    ------
    ValueError, OSError
        There is no dataset.
    """
    axes = None if arguments.axes is None else read_axes(arguments.axes)
    report = open_dataset(arguments.source, arguments.pattern, axes).report()
    print(report)
    return ALL_DONE if report.is_complete else NOT_ALL_DONE


def show(arguments: argparse.Namespace) -> int:
    """Open napari with the result in a folder; return the exit code when the window is closed.

    Raises
    ------
    ValueError, OSError
        The folder has no result.
    """
    try:
        # By name: of this command, only `show` needs a window.
        import_module("napari_axiswise.ui.viewer.window").open_window(arguments.folder)
    except ImportError as error:
        # napari tells on further lines how to install a Qt binding for itself.
        cause = str(error).partition("\n")[0].rstrip(".")
        _tell(f"napari-axiswise: show needs napari with Qt ({cause}): pip install 'napari-axiswise[all]'")
        return WRONG_INPUT
    return ALL_DONE


_COMMANDS = {"run": run, "check": check, "show": show, **axis_command.COMMANDS}


class Progress:
    """How far a run is: a bar on a terminal, a line for each task elsewhere.

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

    def take(self, event: TaskEvent) -> None:
        """Show what happened."""
        if event.status == "started":
            self._running.add(event.axis_value)
        if event.is_outcome:
            self._finished += 1
            before = event.axis_value not in self._running
            if before and not self._bar.disable:
                # It was done by an earlier run, and says nothing of how fast this one is.
                self._bar.initial += 1
            if event.status != "done":
                self._failed += 1
                self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
            if self._bar.disable:
                told = (
                    f"{self._axis} {event.axis_value} was done before" if before else _told(self._axis, event)
                )
                _tell(f"[{self._finished}/{self._total}] {told}")
        # A heartbeat moves the clock.
        self._bar.update(int(event.is_outcome))


def _execute(run: Run, verbose: bool) -> int:
    """Run to the end, or until interrupted; tell what became of it, and return the exit code."""
    if not run.axis_values:
        raise ValueError(f"There is nothing to run: no value of {run.axis} is asked for that the data has.")
    _tell(str(run.dataset.report()))
    interrupted = False
    with Progress(run) as progress, logging_redirect_tqdm():
        try:
            with closing(run.events()) as events:
                for event in events:
                    progress.take(event)
        except KeyboardInterrupt:
            interrupted = True
    _report(run.result, verbose)
    if interrupted:
        _tell("Interrupted. The same command with --resume goes on from here.")
        return INTERRUPTED
    done = all(event.status == "done" for event in run.result.outcomes.values())
    return ALL_DONE if done else NOT_ALL_DONE


def _report(result: RunResult, verbose: bool) -> None:
    """Tell the failures, then the summary, which alone goes to the standard output."""
    for failure in result.failures.values():
        _tell(_told(result.axis, failure))
        if verbose:
            _tell(failure.traceback)
    if result.failures and not verbose:
        _tell("With --verbose, tracebacks are told too.")
    statuses = [event.status for event in result.outcomes.values()]
    counts = [f"{statuses.count(status)} {status}" for status in OUTCOMES if status in statuses]
    tasks = f"{len(statuses)} task{'s' if len(statuses) != 1 else ''} by {result.axis}"
    print(f"{tasks}: {', '.join(counts)}. Results: {result.output}", flush=True)


def _told(axis: str, event: TaskEvent) -> str:
    """Return one line about the outcome of a task."""
    told = f"{axis} {event.axis_value} {event.status}"
    if event.status != "done":
        return f"{told}: {next(iter(event.error.splitlines()), 'no reason is known')}"
    if event.started is None or event.stopped is None:
        return told
    return f"{told} in {event.stopped - event.started:.1f} s"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _adjusted(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """Return a recipe with what the options say instead, and a folder to write to."""
    axis = arguments.axis or recipe.axis
    if axis != recipe.axis and recipe.axis_filter is not None and arguments.only is None:
        raise ValueError(
            f"The recipe runs {recipe.axis} {', '.join(recipe.axis_filter)} only, which says nothing of {axis}. "
            f"Say with --only which values of {axis} to run, or take 'only' out of the recipe."
        )
    beside = Path(arguments.recipe).expanduser().absolute()
    given = {
        "axis": arguments.axis,
        "axis_filter": arguments.only,
        "executor": arguments.executor,
        "workers": arguments.workers,
        "scheduler": arguments.scheduler,
        "time_limit": arguments.time_limit,
        "output": arguments.output or recipe.output or str(beside.with_name(f"{beside.stem}-results")),
    }
    if arguments.scheduler is not None and arguments.workers is None:
        # A cluster has the workers that joined it, whatever number the recipe has for another place.
        recipe = replace(recipe, workers=None)
    return replace(recipe, **{name: value for name, value in given.items() if value is not None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("napari-axiswise", description="Run image analysis over plates.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    running = commands.add_parser(
        "run",
        help="run a recipe",
        description="Run a recipe without a window. Options override what the recipe says.",
        epilog="Exits with 0 only when every task is done; 1 when some task is not, 2 for wrong input, "
        "130 when interrupted.",
    )
    running.add_argument("recipe", help="a TOML file")
    running.add_argument("--axis", help="the component to split by; several with commas: well,timepoint")
    running.add_argument("--only", nargs="+", metavar="VALUE", help="only these values of the axis")
    running.add_argument("--executor", choices=EXECUTORS, help="where the tasks run")
    running.add_argument("--workers", type=int, metavar="N", help="how many")
    running.add_argument("--scheduler", help="of a cluster")
    running.add_argument("--time-limit", type=float, metavar="SECONDS", help="that a task may take")
    running.add_argument(
        "--output", metavar="FOLDER", help="where to write; unless said, RECIPE-results beside the recipe"
    )
    running.add_argument("--resume", action="store_true", help="run only what is not done yet in the output")
    running.add_argument("--csv", action="store_true", help="write tables as CSV files too")
    running.add_argument("--verbose", action="store_true", help="with the traceback of every failure")

    checking = commands.add_parser(
        "check",
        help="tell what a plate has, and what is missing",
        description="Look at a plate before a run: planes of each well, what is missing, what sticks out.",
        epilog="Exits with 0 only when nothing is missing and nothing sticks out; 1 otherwise, 2 for wrong input.",
    )
    checking.add_argument("source", help="a folder, a file, or the address of an OME-Zarr")
    checking.add_argument("--pattern", help="how the files are named, as in '{well}_s{site}_w{channel}.tif'")
    checking.add_argument("--axes", help="what the pages of files are, as in 'timepoint 10, z_index 6'")

    axis_command.add_parsers(commands)

    showing = commands.add_parser("show", help="open a result in napari")
    showing.add_argument("folder", help="the output of a run")
    return parser
