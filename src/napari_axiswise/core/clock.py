"""What time it is, by a clock that nobody sets: durations are right whatever is done to the machine's clock."""

from __future__ import annotations

import time

_BEGINNING = time.time() - time.perf_counter()


def now() -> float:
    """Return the seconds since the epoch, as they are if nobody has set the clock since this process began.

    Two processes that began before and after the clock was set differ by as much as it was set.
    """
    return _BEGINNING + time.perf_counter()
