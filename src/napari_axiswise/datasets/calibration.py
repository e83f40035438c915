"""Moved."""

from ..calibration import POSITION_COMPONENTS, SECONDS, UNITS, Calibration

__all__ = ["POSITION_COMPONENTS", "SECONDS", "UNITS", "Calibration"]
