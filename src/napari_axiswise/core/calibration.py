"""Pixel sizes, time steps, channel names and stage positions, as microscopes write them into metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

_T = TypeVar("_T")

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

    def step(self, axis: str) -> tuple[float, str]:
        """Return the distance between neighbours along an axis, and its unit; ``(1.0, "pixel")`` if it is unknown."""
        y, x = self.pixel_size or (None, None)
        steps = {
            "y": (y, self.unit),
            "x": (x, self.unit),
            "z_index": (self.z_step, self.unit),
            "timepoint": (self.time_step, "second"),
        }
        step, unit = steps.get(axis, (None, ""))
        return (step, unit) if step else (1.0, "pixel")

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

    @classmethod
    def from_untrusted(cls, values: object) -> Calibration:
        """Create a calibration from what may be the result of `to_json`, or an empty one if it is not."""
        try:
            known = cls.from_json(values)  # type: ignore[arg-type]
            lengths = [*(known.pixel_size or ()), known.z_step or 1.0, known.time_step or 1.0]
            places = [value for position in known.positions.values() for value in position]
            names = [
                *known.channel_names.values(),
                *known.channel_names,
                known.unit,
                *sum(known.positions, ()),
            ]
            is_sound = all(number(length) > 0 for length in lengths) and all(
                isinstance(n, str) for n in names
            )
            return known if is_sound and all(map(_is_finite, places)) else cls()
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            return cls()

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
    "Å": "angstrom",
    "\u212b": "angstrom",
    "angstrom": "angstrom",
    "pm": "picometer",
    "picometer": "picometer",
    "dm": "decimeter",
    "decimeter": "decimeter",
    "km": "kilometer",
    "kilometer": "kilometer",
    "in": "inch",
    "inch": "inch",
    "inches": "inch",
}
"""OME-Zarr's names for units of length, by the spellings of other software."""

MICROMETERS = {"picometer": 1e-6, "angstrom": 1e-4, "nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3,
               "centimeter": 1e4, "inch": 25_400.0, "decimeter": 1e5, "meter": 1e6, "kilometer": 1e9}  # fmt: skip
"""Length of units in micrometers, by their names in OME-Zarr."""

SECONDS = {"s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
           "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
           "us": 1e-6, "usec": 1e-6, "µsec": 1e-6, "μsec": 1e-6, "µs": 1e-6, "μs": 1e-6,
           "microsecond": 1e-6, "microseconds": 1e-6,
           "ns": 1e-9, "nsec": 1e-9, "nanosecond": 1e-9, "nanoseconds": 1e-9,
           "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
           "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0,
           "d": 86_400.0, "day": 86_400.0, "days": 86_400.0}  # fmt: skip
"""Length of units of time in seconds, by the spellings of other software."""

NO_UNITS = frozenset(("", "pixel", "pixels", "frame", "frames"))
"""Texts that stand for a quantity that was not calibrated, in lower case."""

Quantity = tuple[float, str]
"""A number from metadata, 0 where there is none, and its unit as it is spelled there."""


def calibrate(
    y: Quantity, x: Quantity, z: Quantity = (0.0, ""), t: Quantity = (0.0, "")
) -> tuple[Calibration, tuple[str, ...]]:
    """Return the calibration of sizes that have a unit each, and why some of them are left out.

    All lengths are converted to the unit of `y`. One whose unit is unknown is left out.

    Parameters
    ----------
    y, x, z : tuple of (float, str)
        Size of a pixel and distance between z planes, with their units.
    t : tuple of (float, str)
        Time between timepoints, with its unit.
    """
    problems = []
    for axis, (value, unit), known in (("y", y, UNITS), ("x", x, UNITS), ("z", z, UNITS), ("t", t, SECONDS)):
        if value > 0 and unit.lower() not in NO_UNITS and _spelled(unit, known) is None:
            problems.append(f"the unit {unit!r} of {axis} is unknown, so that its size is not used")
    seconds = _spelled(t[1], SECONDS)
    lengths = [value * MICROMETERS.get(_spelled(unit, UNITS) or "", 0.0) for value, unit in (y, x, z)]
    calibration = Calibration(time_step=t[0] * seconds if seconds and t[0] > 0 else None)
    if min(lengths[:2]) <= 0:
        return calibration, tuple(problems)
    unit = _spelled(y[1], UNITS) or "micrometer"
    sizes = [
        value if _spelled(own, UNITS) == unit else round(length / MICROMETERS[unit], 12)
        for (value, own), length in zip((y, x, z), lengths, strict=True)
    ]
    return replace(
        calibration, pixel_size=(sizes[0], sizes[1]), unit=unit, z_step=sizes[2] if lengths[2] > 0 else None
    ), tuple(problems)


def _spelled(unit: str, known: Mapping[str, _T]) -> _T | None:
    """Return what a unit stands for, if it is a whole word in lower case, singular and American spelling too."""
    if unit in known or len(unit) <= 2:
        return known.get(unit)
    word = unit.lower().rstrip(".").replace("metre", "meter")
    return known.get(word, known.get(word.removesuffix("s")))


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def number(text: object) -> float:
    """Parse a number from metadata. Return 0 for anything that is not a finite number, so that it counts as unknown."""
    try:
        value = float(str(text))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0
