"""A wall clock that never jumps, so that durations stay right when the system clock is set."""

from __future__ import annotations

import time

_EPOCH = time.time() - time.perf_counter()


def now() -> float:
    """Return the seconds since the epoch, ignoring changes of the system clock since this process started.

    Processes that started before and after such a change disagree by its amount.
    """
    return _EPOCH + time.perf_counter()
