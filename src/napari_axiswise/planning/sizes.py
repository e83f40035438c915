"""How much trials run unless another amount is given."""

from __future__ import annotations

COMPARED_UNITS = 96
"""Units of the sample on which axes are compared."""

ROUNDS = 2
"""How often each axis is tried in a comparison."""

CHECKED_UNITS = 48
"""Units of the sample on which axes are checked, at most."""
