"""What all subcommands share: exit codes, messages, and the end of a run by a signal."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ALL_DONE, NOT_ALL_DONE, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
"""Exit codes."""


def write(line: str) -> None:
    """Write a line to the standard error, which leaves the standard output to results."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt: schedulers ask for their machine back with it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
