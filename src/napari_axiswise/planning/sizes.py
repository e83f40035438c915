"""Default sample sizes of trials and checks."""

from __future__ import annotations

COMPARED_UNITS = 96
"""Number of units of the sample on which axes are compared."""

ROUNDS = 2
"""Number of times that each axis is run in a comparison."""

CHECKED_UNITS = 48
"""Maximum number of units of the sample on which axes are checked."""
