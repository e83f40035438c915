"""Wear: what functions leave behind in a worker, for which its process is replaced between two calls."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import psutil

from ..core.text import format_bytes

HANDLES_SHARE = 0.75
"""Share of the file handles of a process after which it is replaced."""

_INTERVAL = 1.0
"""Seconds between two looks at the memory, which take longer than an empty call."""


class Wear:
    """What a worker process holds after a call.

    Parameters
    ----------
    memory : int
        Bytes that it may hold; 0 for any number.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._handles = _most_handles()
        self._process = psutil.Process()
        self._looked = time.monotonic()

    def reason(self) -> str:
        """Return why the process should be replaced, as the end of a sentence; empty if it need not be."""
        if self._handles and _next_handle() > HANDLES_SHARE * self._handles:
            return f"has nearly all of its {self._handles} file handles open: a function does not close files"
        if self._memory and time.monotonic() - self._looked > _INTERVAL:
            self._looked = time.monotonic()
            held = self._process.memory_info().rss
            if held > self._memory:
                return (
                    f"holds {format_bytes(held)} between tasks, and its share is {format_bytes(self._memory)}: a "
                    "function keeps what it has computed, or its model needs fewer workers"
                )
        return ""


def _next_handle() -> float:
    """Return the lowest number of a file handle that is free."""
    try:
        handle = os.dup(0)
    except OSError:  # none is free
        return float("inf")
    os.close(handle)
    return handle


def _most_handles() -> int:
    """Return how many file handles this process may have; 0 if unknown or unlimited."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows

        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return max(0, most)
    return 0
