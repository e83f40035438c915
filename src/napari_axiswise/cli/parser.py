"""The arguments of ``napari-axiswise``, read without importing what carries them out."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from ..executors.choice import EXECUTORS
from ..planning.sizes import CHECKED_UNITS, COMPARED_UNITS, ROUNDS
from ..recipes.options import Spelling, TextOption, text_options
from .terminal import safe

RECIPE_HELP = "a TOML file"

_TYPES: dict[Spelling, type] = {"whole number": int, "number": float}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command and its subcommands."""
    parser = _Parser("napari-axiswise", description="Run image analysis over plates and time-lapses.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(
        commands.add_parser(
            "run",
            help="run a recipe",
            description="Run a recipe without a window. Options override those of the recipe.",
            epilog="Exits with 0 only if every task is done, 1 if some task is not, 2 for wrong input, "
            "130 if interrupted.",
        )
    )
    _add_check(
        commands.add_parser(
            "check",
            help="report the planes of a dataset, and what is missing",
            description="Look at a plate before a run: the planes of each well, what is missing, what differs.",
            epilog="Exits with 0 only if nothing is missing and nothing differs, 1 otherwise, 2 for wrong input.",
        )
    )
    _add_axis_commands(
        plan=commands.add_parser(
            "plan",
            help="predict the time of a run for each axis",
            description="Run and measure a few units of a recipe, and predict the time of the whole run for each "
            "axis. Outputs are discarded.",
            epilog="Exits with 0, 1 if units of the pilot failed, 2 for wrong input, 130 if interrupted.",
        ),
        compare=commands.add_parser(
            "compare",
            help="run a sample by each axis, and measure",
            description="Run a sample by each axis in turn, and print the predicted and the measured times. "
            "Outputs are discarded.",
            epilog="Exits with 0 only if every task was done, 1 if some was not, 2 for wrong input, "
            "130 if interrupted.",
        ),
        check_axis=commands.add_parser(
            "check-axis",
            help="check whether the axis changes the results",
            description="Run a sample by several axes, and name the first step whose output differs.",
            epilog="Exits with 0 if the results are the same for all axes, 1 if they are not, 2 for wrong input, "
            "130 if interrupted.",
        ),
    )
    shown = commands.add_parser("show", help="open a result in napari")
    shown.add_argument("folder", help="the output folder of a run")
    return parser


class _Parser(argparse.ArgumentParser):
    """Parser whose errors are printable, although arguments may be names of files."""

    def error(self, message: str) -> NoReturn:
        """Print an error and exit."""
        super().error(safe(message))


class _Version(argparse.Action):
    """Prints the version; it is looked up only when somebody asks for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"napari-axiswise {version('napari-axiswise')}")
        parser.exit()


def option_flag(name: str, text: TextOption) -> str:
    """Return the flag of an option: ``--time-limit``."""
    return f"--{(text.key or name).replace('_', '-')}"


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help=RECIPE_HELP)
    for option, text in text_options():
        if text.help:
            words: dict[str, Any] = {"dest": option.name, "help": text.help}
            if option.name == "executor":
                words["choices"] = EXECUTORS
            else:
                words |= {"metavar": text.metavar, "type": _TYPES.get(text.spelling)}
            if text.spelling == "texts":
                words["nargs"] = "+"
            parser.add_argument(option_flag(option.name, text), **words)
    parser.add_argument("--resume", action="store_true", help="run only what is missing in the output folder")
    parser.add_argument("--csv", action="store_true", help="write tables as CSV files too")
    parser.add_argument(
        "--raw-csv",
        action="store_true",
        help="as --csv, and leave texts that a spreadsheet would run as formulas",
    )
    parser.add_argument("--verbose", action="store_true", help="print the traceback of every failure")
    parser.add_argument("--log", metavar="FILE", help="write progress, warnings and failures to a file too")


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", help="a folder, a file, or the address of an OME-Zarr")
    parser.add_argument("--pattern", help="how the files are named, as in '{well}_s{site}_w{channel}.tif'")
    parser.add_argument(
        "--axes", help="the components of the pages of files, as in 'timepoint 10, z_index 6'"
    )


def _add_axis_commands(
    plan: argparse.ArgumentParser, compare: argparse.ArgumentParser, check_axis: argparse.ArgumentParser
) -> None:
    for parser in (plan, compare, check_axis):
        parser.add_argument("recipe", help=f"{RECIPE_HELP}; its axis is not used")
        parser.add_argument(
            "--axes", nargs="+", metavar="AXIS", help="only these axes, as in: well timepoint well,timepoint"
        )
        parser.add_argument("--workers", type=int, metavar="N", help="number of workers")
    for parser in (plan, compare):
        parser.add_argument("--csv", metavar="FILE", help="write all columns of the table to a CSV file")
    _add_sample(compare, COMPARED_UNITS)
    _add_sample(check_axis, CHECKED_UNITS)
    check_axis.add_argument("--verbose", action="store_true", help="print the steps that are the same, too")
    compare.add_argument(
        "--rounds", type=int, default=ROUNDS, metavar="R", help=f"runs of each axis; {ROUNDS} by default"
    )


def _add_sample(parser: argparse.ArgumentParser, units: int) -> None:
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--units", type=int, default=units, metavar="N", help=f"units of the sample; {units} by default"
    )
    size.add_argument("--all", action="store_true", help="run everything, not a sample")
