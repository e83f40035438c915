"""What tests ask about processes: which are running, and whether something waits for them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

KEPT: set[int] = set()
"""Worker processes that outlive a test because others use them too."""


def child_processes() -> dict[psutil.Process, str]:
    """Return the running processes below this one with their command lines, without those that are kept."""
    running = {}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            line = " ".join(child.cmdline())
            if (
                child.status() != psutil.STATUS_ZOMBIE
                and "resource_tracker" not in line
                and child.pid not in KEPT
            ):
                running[child] = line
    return running


@contextmanager
def keep_new_processes(count: int) -> Iterator[None]:
    """Keep the processes that are started in a block, once there are so many of them."""
    before = set(child_processes())
    yield
    while len(started := set(child_processes()) - before) < count:
        time.sleep(0.01)
    KEPT.update(process.pid for process in started)


@contextmanager
def not_waiting_for(seconds: float) -> Iterator[None]:
    """Fail if the block waits for work that takes this many seconds."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds, f"it waited for something that takes {seconds:g} s"
