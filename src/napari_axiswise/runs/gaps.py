"""Gaps: units of a run whose stacks lack values that other units have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core.components import is_projection
from ..core.text import join_names, quote_names
from ..pipeline.pipeline import Pipeline
from ..planes.table import Planes

MOST_UNITS = 8
"""Maximum number of units that a message names."""


def find_gaps(planes: Planes, pipeline: Pipeline) -> list[str]:
    """Return a message for each component whose values are not complete in all stacks of a pipeline.

    A function gets a stack that lacks a frame as it is, only shorter, so a speed over the gap is twice as high.

    Parameters
    ----------
    planes : Planes
        The planes of the run.
    pipeline : Pipeline
        Configured.
    """
    variables: dict[tuple[str, ...], list[str]] = {}
    for step in pipeline:
        variables.setdefault(step.variable or (), []).append(step.name)
    return [
        message
        for variable, steps in variables.items()
        for component in variable
        if (message := _describe_gaps(planes, variable, component, steps))
    ]


def _describe_gaps(planes: Planes, variable: Sequence[str], component: str, steps: Sequence[str]) -> str:
    """Return a message about the stacks that lack values of a component; empty if there are none."""
    names = [name for name in planes.names if name not in variable]
    groups, first = planes.distinct(names)
    values = planes.components[component]
    pairs = np.unique(groups * len(values) + planes.column(component))
    there, codes = np.divmod(pairs, len(values))
    # A projection beside z-slices is not one of them.
    expected = np.array(
        [code for code in np.unique(codes) if not is_projection(component, values[code])], np.int64
    )
    counts = np.bincount(there[np.isin(codes, expected)], minlength=len(first))
    short = np.flatnonzero((counts < len(expected)) & (counts > 0))
    if not len(short):
        return ""
    units = []
    for group in short[:MOST_UNITS]:
        unit = ", ".join(
            f"{name} {planes.components[name][planes.column(name)[first[group]]]}" for name in names
        )
        lacking = np.setdiff1d(expected, codes[there == group])
        units.append(
            f"{unit or 'all planes'} lacks {component} {join_names(values[code] for code in lacking)}"
        )
    units += [f"{len(short) - MOST_UNITS:,} more"] if len(short) > MOST_UNITS else []
    return (
        f"{'Step' if len(steps) == 1 else 'Steps'} {quote_names(steps)} "
        f"{'stacks' if len(steps) == 1 else 'stack'} {component}, and {len(short):,} of {len(first):,} stacks are "
        f"shorter than others: {'; '.join(units)}. A function that needs to know gets the values with the "
        "keyword-only parameter `unit`."
    )
