"""The colours of the bars of a timeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.axes import axis_parts
from ...timeline.timeline import Timeline
from ..common.choices import Choice

STATUS = "status"
"""Colour bars by the status of their task, not by a component."""

MAX_COLOURS = 7
"""Number of values up to which each has its own colour; more share a colour scale."""

GRADES = 7
"""Number of colours on the scale."""


@dataclass(frozen=True, eq=False)
class BarColours:
    """Colour of each task of a run.

    Parameters
    ----------
    label : str
        The component that the colours stand for, or `STATUS`.
    groups : ndarray of int, shape (tasks,)
        The colour number of each task; all 0 for the status.
    names : tuple of str
        The value of each colour, or of the first and last colour of a scale. Empty for the status.
    is_scale : bool
        Whether the colours form a scale.
    """

    label: str
    groups: NDArray[np.intp]
    names: tuple[str, ...] = ()
    is_scale: bool = False

    @classmethod
    def of(cls, timeline: Timeline, components: Mapping[str, tuple[str, ...]], label: str) -> BarColours:
        """Return the colours of a run's tasks, by status or by a component of its axis."""
        count = len(timeline.axis_values)
        parts = axis_parts(timeline.axis, components)
        if label not in parts:
            return cls(STATUS, np.zeros(count, np.intp))
        part = parts.index(label)
        values = timeline.axis_values
        if len(parts) > 1:
            values = tuple(value.split(",")[part] for value in values)
        present = set(values)
        names = tuple(value for value in components.get(label, ()) if value in present) or tuple(
            dict.fromkeys(values)
        )
        numbers = {name: number for number, name in enumerate(names)}
        groups = np.fromiter((numbers.get(value, 0) for value in values), np.intp, count)
        if len(names) <= MAX_COLOURS:
            return cls(label, groups, names)
        return cls(label, groups * GRADES // len(names), (names[0], names[-1]), True)


def colour_choices(timeline: Timeline | None, components: Mapping[str, tuple[str, ...]]) -> list[Choice]:
    """Return the choices for the colours of a run's bars."""
    parts = () if timeline is None else axis_parts(timeline.axis, components)
    return [(name, name) for name in (STATUS, *parts)]
