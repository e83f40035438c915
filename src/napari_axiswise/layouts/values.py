"""Component values as everyone writes them: one spelling for the same well, site or timepoint."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.components import natural_key

CANONICAL_ORDER = ("well", "site", "timepoint", "channel", "z_index")
"""Components with a customary place, slowest first; all others come before them."""

MISSING_VALUE = "1"
"""The value of a component that other files name and this one does not: what instruments leave out is a single."""

PROJECTION = "projection"
"""The z_index of a projection that lies beside its z planes."""


def in_natural_order(values: Iterable[str]) -> tuple[str, ...]:
    """Return distinct values in natural order."""
    return tuple(sorted(set(values), key=natural_key))


def in_canonical_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return component names, those without a customary place first, as they came."""
    names = list(dict.fromkeys(names))
    return (
        *(name for name in names if name not in CANONICAL_ORDER),
        *(name for name in CANONICAL_ORDER if name in names),
    )
