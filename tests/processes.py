"""What tests ask of processes: which there are, and whether something waits for them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


def child_processes() -> dict[psutil.Process, str]:
    """Return the processes below this one that still run, with their command lines."""
    running = {}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            line = " ".join(child.cmdline())
            if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in line:
                running[child] = line
    return running


@contextmanager
def not_waiting_for(seconds: float) -> Iterator[None]:
    """Fail if what is inside waits for work that takes so long. How fast it is, benchmarks tell."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds, f"it waited for what takes {seconds:g} s"
