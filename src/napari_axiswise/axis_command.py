"""The commands about the axis: whether it changes the answer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from .coordinator import TaskEvent
from .planning.axis_check import AxisCheck
from .planning.invariance import UNITS, AxisChecking
from .recipe import Recipe

if TYPE_CHECKING:
    # argparse has no public name for what add_subparsers returns.
    from argparse import _SubParsersAction

SAME, DIFFERENT = 0, 1
"""What ``check-axis`` exits with."""


def check_axis(arguments: argparse.Namespace) -> int:
    """Tell whether the axis changes the answer of a recipe; return 0 only when it does not.

    Raises
    ------
    ValueError, OSError
        The recipe cannot be run, or there is nothing to compare.
    """
    recipe = Recipe.read(arguments.recipe)
    run = recipe.run_arguments()
    checking = AxisChecking(
        run["dataset"],
        recipe.pipeline,
        arguments.axes,
        recipe.variable,
        recipe.group_by,
        # A sample is small, and a cluster's workers do not start anew for each task.
        executor=recipe.executor if recipe.executor != "dask" else "processes",
        workers=arguments.workers or recipe.workers,
        units=None if arguments.all else arguments.units,
    )
    check = _carried_out(checking)
    differences = check.differences
    print(check)
    # Of steps that are the same there is nothing to see.
    shown = differences if arguments.verbose else differences.query("differing > 0 or note != ''")
    if len(shown):
        print(shown.to_string(index=False, na_rep=""))
    return SAME if check.same else DIFFERENT


def _carried_out(checking: AxisChecking) -> AxisCheck:
    """Carry a check out, with a bar on a terminal."""
    found: list[AxisCheck] = []

    def events() -> Iterator[TaskEvent]:
        found.append((yield from checking.events()))

    with (
        tqdm(
            desc=f"by {', '.join(map(str, checking.axes))}", unit="task", disable=not sys.stderr.isatty()
        ) as bar,
        logging_redirect_tqdm(),
    ):
        for event in events():
            bar.total = checking.total
            bar.update(int(event.is_outcome))
    return found[0]


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {"check-axis": check_axis}
"""What carries out each command."""


def add_parsers(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to those of a parser."""
    checking = commands.add_parser(
        "check-axis",
        help="tell whether the axis changes the answer",
        description="Run a sample along several axes, and tell the first step whose output differs.",
        epilog="Exits with 0 when the answer is the same along all of them; 1 when it is not, 2 for wrong input.",
    )
    checking.add_argument("recipe", help="a TOML file")
    checking.add_argument(
        "--axes",
        nargs="+",
        metavar="AXIS",
        help="which to compare; unless said, up to four that are possible",
    )
    size = checking.add_mutually_exclusive_group()
    size.add_argument(
        "--units", type=int, default=UNITS, metavar="N", help=f"of the sample, at most; unless said, {UNITS}"
    )
    size.add_argument("--all", action="store_true", help="run everything instead of a sample")
    checking.add_argument("--workers", type=int, metavar="N", help="how many")
    checking.add_argument("--verbose", action="store_true", help="with the steps that are the same")
