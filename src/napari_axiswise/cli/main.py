"""The command ``napari-axiswise``: dispatch to the module of each subcommand.

Nothing heavy is imported before the subcommand is known, so that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module

from ..executors.streams import lenient_streams
from .parser import make_parser
from .terminal import INTERRUPTED, WRONG_INPUT, logging_to, write

logger = logging.getLogger(__name__)

_COMMANDS = {
    "run": "run:run",
    "check": "check:check",
    "plan": "axis:plan",
    "compare": "axis:compare",
    "check-axis": "axis:check_axis",
    "show": "show:show",
}
"""The module and the function of each subcommand."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. Left out, those of the process.

    Returns
    -------
    int
        0 only if every task is done; 1 if some task is not; 2 for wrong input; 130 if interrupted.

    Raises
    ------
    SystemExit
        With 2 if the arguments are wrong; with 0 after ``--help`` and ``--version``.
    """
    arguments = make_parser().parse_args(argv)
    with lenient_streams():
        return _dispatch(arguments)


def _dispatch(arguments: Namespace) -> int:
    module, _, name = _COMMANDS[arguments.command].partition(":")
    try:
        with logging_to(getattr(arguments, "log", None)):
            code: int = getattr(import_module(f".{module}", __package__), name)(arguments)
    except (ValueError, OSError) as error:
        if getattr(arguments, "verbose", False):
            logger.exception("The traceback of the error:")
        write(f"napari-axiswise: {' '.join(str(error).split())}")
        return WRONG_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    return code
