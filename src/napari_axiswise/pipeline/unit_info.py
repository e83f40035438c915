"""UnitInfo: what a step's function may ask for about the planes that it gets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..core.calibration import MICROMETERS, Calibration
from ..core.components import is_projection
from .annotations import last_names, signature_of

UNIT = "unit"
"""The keyword-only parameter that gets a `UnitInfo`."""

SPACING = "spacing"
"""The keyword-only parameter that gets ``UnitInfo.spacing``."""


@dataclass(frozen=True)
class UnitInfo:
    """The component values and the sizes of the arrays that a function is called with.

    A function asks for it with a keyword-only parameter, ``unit: aw.UnitInfo``.

    Parameters
    ----------
    values : mapping
        From component to its value; for a stacked component, the tuple of values along its axis, without those that
        are missing.
    axes : tuple of str
        The axes of the array: the stacked components, then ``"y"`` and ``"x"``.
    spacing : tuple of (float or None), optional
        Size of a pixel along each axis, in µm; None for an axis without a known length, and for z-slices of which some
        are missing in between. None as a whole if the pixel size is unknown.
    time_step : float, optional
        Seconds between successive values of ``timepoint`` in the dataset.
    channel_names : mapping
        Names by value of the channel component.
    positions : mapping
        Stage position (y, x) of each (well, site) of the unit, in the dataset's unit of length.
    components : mapping
        From component to all its values in the dataset.

    Examples
    --------
    >>> import numpy as np
    >>> def speed(frames: np.ndarray, *, unit: aw.UnitInfo) -> dict[str, float]:
    ...     times = np.array(unit.values["timepoint"], float)
    ...     means = frames.mean(axis=(1, 2))
    ...     return {"speed": float(np.mean(np.diff(means) / np.diff(times)))}
    >>> result = aw.run("sample-plate", [aw.Step(speed, variable="timepoint")], axis="well", executor="serial")
    >>> len(result.table)  # two wells of two sites
    4
    """

    values: Mapping[str, str | tuple[str, ...]]
    axes: tuple[str, ...] = ("y", "x")
    spacing: tuple[float | None, ...] | None = None
    time_step: float | None = None
    channel_names: Mapping[str, str] = field(default_factory=dict)
    positions: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        components: Mapping[str, tuple[str, ...]],
        values: Mapping[str, str],
        stacked: Mapping[str, tuple[str, ...]],
        calibration: Calibration,
    ) -> UnitInfo:
        """Return the information about a unit.

        Parameters
        ----------
        components : mapping
            From component to all its values in the dataset.
        values : mapping
            The value of each component that is constant in the unit.
        stacked : mapping
            From each stacked component, in the order of the axes, to the values along it.
        calibration : Calibration
            That of the dataset.
        """
        everything: dict[str, str | tuple[str, ...]] = {**values, **stacked}
        wells, sites = (_as_tuple(everything.get(name, ())) for name in ("well", "site"))
        return cls(
            values=everything,
            axes=(*stacked, "y", "x"),
            spacing=_spacing(components, stacked, calibration),
            time_step=calibration.time_step,
            channel_names=dict(calibration.channel_names),
            positions={
                (well, site): place
                for (well, site), place in calibration.positions.items()
                if (not wells or well in wells) and (not sites or site in sites)
            },
            components=components,
        )


def _as_tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _spacing(
    components: Mapping[str, tuple[str, ...]],
    stacked: Mapping[str, tuple[str, ...]],
    calibration: Calibration,
) -> tuple[float | None, ...] | None:
    factor = MICROMETERS.get(calibration.unit)
    if factor is None or calibration.pixel_size is None:
        return None
    y, x = calibration.pixel_size
    slices = stacked.get("z_index", ())
    is_even = not slices or not missing_slices(components["z_index"], slices, from_first=False)
    step = calibration.z_step * factor if calibration.z_step is not None and is_even else None
    return (*(step if name == "z_index" else None for name in stacked), y * factor, x * factor)


def missing_slices(known: Sequence[str], stacked: Sequence[str], from_first: bool = True) -> tuple[str, ...]:
    """Return the z-slices of the dataset that a stack lacks before its last one.

    Parameters
    ----------
    known : sequence of str
        All values of ``z_index``, in order.
    stacked : sequence of str
        Those of the stack, in order.
    from_first : bool
        Whether to count from the first slice of the dataset rather than of the stack.
    """
    slices = [value for value in known if not is_projection("z_index", value)]
    if not set(stacked) <= set(slices):
        return ()
    start = 0 if from_first else slices.index(stacked[0])
    return tuple(value for value in slices[start : slices.index(stacked[-1])] if value not in stacked)


def asked_information(function: Callable[..., Any]) -> frozenset[str]:
    """Return which of ``unit`` and ``spacing`` a function asks for.

    A keyword-only parameter of that name asks if it is required or annotated. A function of another library that
    has such a parameter as an option, as scikit-image's have, keeps its default.
    """
    try:
        return _cached_information(function)
    except TypeError:  # it is not hashable
        return _read_information(function)


def _read_information(function: Callable[..., Any]) -> frozenset[str]:
    signature = signature_of(function)
    parameters = signature.parameters.values() if signature else ()
    return frozenset(one.name for one in parameters if one.name in (UNIT, SPACING) and _asks(one))


_cached_information = lru_cache(maxsize=64)(_read_information)


def _asks(parameter: inspect.Parameter) -> bool:
    if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
        return False
    if parameter.annotation is parameter.empty or parameter.name == SPACING:
        return parameter.default is parameter.empty or parameter.annotation is not parameter.empty
    return UnitInfo.__name__ in last_names(parameter.annotation)
