"""What all subcommands share: exit codes, messages, and the end of a run by a signal."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.files import hide_secrets
from ..core.text import printable_lines

lines = logging.getLogger(f"{__name__}.lines")
lines.setLevel(logging.INFO)
lines.propagate = False  # they are printed already

ALL_DONE, NOT_ALL_DONE, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""


def safe(text: str) -> str:
    """Return a text that does not steer a terminal, and has no passwords of addresses."""
    return printable_lines(hide_secrets(text))


class PrintableFormatter(logging.Formatter):
    """Formatter of log records that contain names and errors from elsewhere."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record without characters that steer a terminal."""
        return safe(super().format(record))


def write(line: str) -> None:
    """Write a line to the standard error, which leaves the standard output to results, and to the log file.

    Names of files, values and errors may contain anything: what would steer the terminal is escaped.
    """
    print(safe(line), file=sys.stderr, flush=True)
    lines.info("%s", line)


def write_result(text: str) -> None:
    """Write a text to the standard output; see `write`."""
    print(safe(text), flush=True)


@contextmanager
def logging_to(file: str | None) -> Iterator[None]:
    """Print warnings while the context lasts, and write them and all lines of `write` to a file too.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    printed = logging.StreamHandler()
    printed.setFormatter(PrintableFormatter("%(levelname)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[printed])
    if file is None:
        yield
        return
    handler = logging.FileHandler(Path(file).expanduser(), encoding="utf-8")
    handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s: %(message)s"))
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
