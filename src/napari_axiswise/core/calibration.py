"""What a microscope wrote about its images: sizes, times, names and places."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

POSITION_COMPONENTS = ("well", "site")
"""The components whose values say where on the stage a plane was taken."""


@dataclass(frozen=True)
class Calibration:
    """What is known of the planes of a dataset besides their component values.

    Parameters
    ----------
    pixel_size : tuple of float, optional
        (Y, X) size of a pixel, in `unit`.
    unit : str
        Of all lengths, as OME-Zarr writes it: ``"micrometer"``; ``"pixel"`` where nothing is known.
    z_step : float, optional
        Distance of two values of ``z_index``, in `unit`.
    time_step : float, optional
        Seconds between two values of ``timepoint``: the median.
    channel_names : mapping
        From values of the channel component to names.
    positions : mapping
        From (well, site) to the place of the site's centre or corner on the stage, (y, x) in `unit`, with y
        downwards as in an image. A microscope measures all from the same point, of the plate or of each well.
    """

    pixel_size: tuple[float, float] | None = None
    unit: str = "pixel"
    z_step: float | None = None
    time_step: float | None = None
    channel_names: Mapping[str, str] = field(default_factory=dict)
    positions: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        positions = [[*where, *position] for where, position in self.positions.items()]
        return {**asdict(self), "positions": positions}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Calibration:
        """Return what `to_json` was called of."""
        size = values["pixel_size"]
        positions = {(well, site): (y, x) for well, site, y, x in values["positions"]}
        return cls(**{**values, "pixel_size": size and (size[0], size[1]), "positions": positions})

    def over(self, other: Calibration) -> Calibration:
        """Return what is known here, and where nothing is, what `other` knows."""
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
"""Units of length as OME-Zarr writes them, by how others do."""

SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "millisecond": 1e-3, "min": 60.0, "minute": 60.0,
           "h": 3600.0, "hour": 3600.0}  # fmt: skip
"""Seconds in a unit of time, by how others write it."""


def number(text: object) -> float:
    """Return a number as somebody wrote it; 0 for what is none: it costs what it tells, and nothing else."""
    try:
        value = float(str(text))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0
