"""Standard streams that are closed, full, or broken, which is no reason to end a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class LenientStream:
    """Text stream whose errors are ignored: what it cannot write is lost.

    Parameters
    ----------
    stream : text file
        The stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text if that is possible."""
        with suppress(OSError, ValueError):  # ValueError if it was closed
            return self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines if that is possible."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the stream if that is possible."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def open_closed_streams() -> None:
    """Open the null device in place of standard streams that are closed, so that no other file gets their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


@contextmanager
def lenient_streams() -> Iterator[None]:
    """Ignore errors of the standard output and the standard error while the context lasts, and at the end of Python."""
    open_closed_streams()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_lenient(stream, number) for number, stream in enumerate(before, 1))
    try:
        yield
    finally:
        for stream in before:
            _let_go(stream)
        sys.stdout, sys.stderr = before


def _lenient(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:  # it was closed when Python started
        stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    return cast(TextIO, LenientStream(stream))


def _let_go(stream: TextIO | None) -> None:
    """Flush a stream. If that fails, let Python flush it into nothing when it ends, instead of failing."""
    if stream is None:
        return
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError), open(os.devnull, "wb") as nothing:  # noqa: PTH123
            os.dup2(nothing.fileno(), stream.fileno())
