"""Order of components and of their values."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.components import natural_key

CANONICAL_ORDER = ("well", "site", "timepoint", "channel", "z_index")
"""Standard order of components, slowest first. Others come before them."""

MISSING_VALUE = "1"
"""Value of a component that is missing in a file's name but present in others: instruments omit single values."""


def in_natural_order(values: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct values in natural order."""
    return tuple(sorted(set(values), key=natural_key))


def in_canonical_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return component names in standard order, after all others in their given order."""
    names = list(dict.fromkeys(names))
    return (
        *(name for name in names if name not in CANONICAL_ORDER),
        *(name for name in CANONICAL_ORDER if name in names),
    )
