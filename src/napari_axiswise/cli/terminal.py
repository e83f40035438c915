"""What all subcommands share: exit codes, messages, and the end of a run by a signal."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

lines = logging.getLogger(f"{__name__}.lines")
lines.setLevel(logging.INFO)
lines.propagate = False  # they are printed already

ALL_DONE, NOT_ALL_DONE, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""


def write(line: str) -> None:
    """Write a line to the standard error, which leaves the standard output to results, and to the log file."""
    print(line, file=sys.stderr, flush=True)
    lines.info("%s", line)


@contextmanager
def logging_to(file: str | None) -> Iterator[None]:
    """Print warnings while the context lasts, and write them and all lines of `write` to a file too.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    if file is None:
        yield
        return
    handler = logging.FileHandler(Path(file).expanduser(), encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    lines.addHandler(handler)
    try:
        yield
    finally:
        for logger in (logging.getLogger(), lines):
            logger.removeHandler(handler)
        handler.close()


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt: schedulers ask for their machine back with it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
