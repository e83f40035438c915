"""Numbers and lists in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def told_seconds(seconds: float) -> str:
    """Return a time as people say it: ``40 s``, ``3 min``, ``2.5 h``."""
    if not math.isfinite(seconds):
        return "–"
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
