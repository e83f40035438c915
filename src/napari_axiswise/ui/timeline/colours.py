"""By what the bars of a timeline can be coloured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.axes import axis_parts
from ...timeline.timeline import Timeline
from ..common.choices import Choice

STATUS = "status"
"""The choice that is no component."""

MOST_COLOURS = 7
"""Values up to which each has a colour of its own; more are told by a scale from the first to the last."""

GRADES = 7
"""How many colours such a scale has."""


@dataclass(frozen=True, eq=False)
class BarColours:
    """What colour each task has.

    Parameters
    ----------
    label : str
        What is told by colour.
    groups : ndarray of int, shape (tasks,)
        The number of each task's colour; all 0 where it is the status that is told.
    names : tuple of str
        What the colours stand for; of a scale, those of its first and last. None for the status.
    is_scale : bool
        Whether colours are grades of a scale.
    """

    label: str
    groups: NDArray[np.intp]
    names: tuple[str, ...] = ()
    is_scale: bool = False

    @classmethod
    def of(cls, timeline: Timeline, components: Mapping[str, tuple[str, ...]], label: str) -> BarColours:
        """Return the colours of a run's tasks by the status, or by a component of its axis."""
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
        if len(names) <= MOST_COLOURS:
            return cls(label, groups, names)
        return cls(label, groups * GRADES // len(names), (names[0], names[-1]), True)


def colour_choices(timeline: Timeline | None, components: Mapping[str, tuple[str, ...]]) -> list[Choice]:
    """Return what the bars of a run can be coloured by."""
    parts = () if timeline is None else axis_parts(timeline.axis, components)
    return [(name, name) for name in (STATUS, *parts)]
