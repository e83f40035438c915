"""Pixel sizes, time steps, channel names and stage positions, as microscopes write them into metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

POSITION_COMPONENTS = ("well", "site")
"""The components whose values say where on the stage a plane was taken."""


@dataclass(frozen=True)
class Calibration:
    """Sizes, steps, channel names and stage positions of a dataset.

    Parameters
    ----------
    pixel_size : tuple of float, optional
        Size of a pixel, (Y, X), in `unit`.
    unit : str
        Unit of all lengths in OME-Zarr's spelling, such as ``"micrometer"``; ``"pixel"`` if unknown.
    z_step : float, optional
        Distance between successive values of ``z_index``, in `unit`.
    time_step : float, optional
        Median time between successive values of ``timepoint``, in seconds.
    channel_names : mapping
        Names by value of the channel component.
    positions : mapping
        Stage position (y, x) of each (well, site), in `unit`, with y pointing down as in an image. Positions refer to
        the centre or a corner of the site, and are relative to the same point of the plate or of each well.
    """

    pixel_size: tuple[float, float] | None = None
    unit: str = "pixel"
    z_step: float | None = None
    time_step: float | None = None
    channel_names: Mapping[str, str] = field(default_factory=dict)
    positions: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON types; see `from_json`."""
        positions = [[*key, *position] for key, position in self.positions.items()]
        return {**asdict(self), "positions": positions}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Calibration:
        """Create a calibration from the result of `to_json`."""
        size = values["pixel_size"]
        positions = {(well, site): (y, x) for well, site, y, x in values["positions"]}
        return cls(**{**values, "pixel_size": size and (size[0], size[1]), "positions": positions})

    def merged_with(self, other: Calibration) -> Calibration:
        """Return this calibration, with unknown values taken from `other`."""
        lengths = self if self.pixel_size is not None or other.pixel_size is None else other
        same_unit = "pixel" in (self.unit, other.unit) or self.unit == other.unit
        return replace(
            self,
            pixel_size=lengths.pixel_size,
            unit=lengths.unit if lengths.unit != "pixel" else other.unit,
            z_step=self.z_step if self.z_step is not None or not same_unit else other.z_step,
            time_step=self.time_step if self.time_step is not None else other.time_step,
            channel_names=self.channel_names or other.channel_names,
            positions=self.positions or (other.positions if same_unit else {}),
        )


UNITS = {
    "um": "micrometer",
    "µm": "micrometer",
    "μm": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "micrometer": "micrometer",
    "mm": "millimeter",
    "millimeter": "millimeter",
    "cm": "centimeter",
    "centimeter": "centimeter",
    "nm": "nanometer",
    "nanometer": "nanometer",
    "m": "meter",
    "meter": "meter",
}
"""OME-Zarr's names for units of length, by the spellings of other software."""

SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "millisecond": 1e-3, "min": 60.0, "minute": 60.0,
           "h": 3600.0, "hour": 3600.0}  # fmt: skip
"""Length of units of time in seconds, by the spellings of other software."""


def number(text: object) -> float:
    """Parse a number from metadata. Return 0 for anything that is not a finite number, so that it counts as unknown."""
    try:
        value = float(str(text))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0
