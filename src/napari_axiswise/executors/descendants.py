"""Processes that a worker has started: forks, pools and daemons of functions, which are to end with it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil

MARK = "AXISWISE_MARK"
"""Environment variable by which a worker and all processes below it are known, whatever their session or parent is."""

_ROUNDS = 100
_PAUSE = 0.01


def kill_marked(mark: str) -> None:
    """Kill all processes with a mark, and those that they start meanwhile."""
    for _ in range(_ROUNDS):
        found = list(_marked(mark))
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        if not found:
            return
        time.sleep(_PAUSE)


def _marked(mark: str) -> Iterator[psutil.Process]:
    own = os.getpid()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            is_running = process.pid != own and process.status() != psutil.STATUS_ZOMBIE
            if is_running and process.environ().get(MARK) == mark:
                yield process
