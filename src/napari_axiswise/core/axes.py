"""The multiprocessing axis as text: one component, or the product of several.

A product is written as the names of its components, joined by commas: ``"well,timepoint"``. Its values are written the
same way: ``"B02,1"``. Only combinations that exist in the data are values. An axis is thus a single string in events,
run logs and recipes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from .components import component_name, normalize_value

Axis = str | Enum | Sequence[str | Enum]
"""An axis as users may write it: a component, or a sequence of components for their product."""

_BETWEEN = ","


def axis_name(axis: Axis) -> str:
    """Return the text of an axis.

    Parameters
    ----------
    axis : str, Enum member, or sequence of them
        A component, or the components of a product in order. A string is returned unchanged.

    Raises
    ------
    ValueError
        The sequence is empty.
    """
    if isinstance(axis, str):
        return axis
    if isinstance(axis, Enum):
        return component_name(axis)
    if not axis:
        raise ValueError("axis=(): name at least one component to split by.")
    return _BETWEEN.join(component_name(part) if isinstance(part, Enum) else part for part in axis)


def axis_names(axes: Axis | Sequence[Axis]) -> list[str]:
    """Return the texts of several axes without duplicates.

    Parameters
    ----------
    axes : axis, or sequence of axes
        A single string is a single axis.

    Raises
    ------
    ValueError
        The sequence is empty.
    """
    sequence = [axes] if isinstance(axes, (str, Enum)) else axes
    names = list(dict.fromkeys(map(axis_name, sequence)))
    if not names:
        raise ValueError("axes=[]: name at least one axis, or leave axes out for all possible ones.")
    return names


def axis_parts(axis: str, components: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Split an axis into its components.

    Parameters
    ----------
    axis : str
        Text from `axis_name`. If a component has exactly this name, it is that component, not a product.
    components : mapping
        The values of each component of the dataset.

    Raises
    ------
    ValueError
        The dataset does not have a component, or a product has one twice. The message names it.
    """
    if axis in components:
        return (axis,)
    parts = tuple(part.strip() for part in axis.split(_BETWEEN))
    for part in parts:
        if part not in components:
            raise unknown_component(part, components)
        if parts.count(part) > 1:
            raise ValueError(f"The axis {axis!r} has {part!r} twice. Use each component once.")
    return parts


def axis_label(axis: str) -> str:
    """Return an axis as shown to users: ``well × timepoint``."""
    return axis.replace(_BETWEEN, " × ")


def is_axis(axis: str, components: Mapping[str, Sequence[str]]) -> bool:
    """Return whether a dataset with these components can be split by an axis."""
    try:
        return bool(axis_parts(axis, components))
    except ValueError:
        return False


def unknown_component(name: str, components: Mapping[str, Sequence[str]]) -> ValueError:
    """Return an error for a component that the dataset does not have."""
    counts = ", ".join(f"{name} ({len(values)})" for name, values in components.items())
    return ValueError(f"{name!r} is not a component of this dataset. Use one of: {counts}.")


def join_values(values: Sequence[str]) -> str:
    """Join the values of an axis's components into a value of the axis."""
    return _BETWEEN.join(values)


def value_codes(value: str, parts: Sequence[str], components: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Split a value of an axis into the index of each component's value. Return an empty dict for an invalid value.

    Parameters
    ----------
    value : str
        Text from `join_values`.
    parts : sequence of str
        Components from `axis_parts`.
    components : mapping
        The values of each component of the dataset.
    """
    first, *rest = parts
    if not rest:
        return {first: components[first].index(value)} if value in components[first] else {}
    # Values may contain commas themselves, so every comma is tried.
    commas = [index for index, character in enumerate(value) if character == _BETWEEN]
    for comma in commas:
        own = value_codes(value[:comma], (first,), components)
        others = value_codes(value[comma + 1 :], rest, components) if own else {}
        if others:
            return own | others
    return {}


def normalize_axis_value(parts: Sequence[str], value: object, existing: Collection[str] = ()) -> str:
    """Normalize each part of a value of an axis: ``"B02,1"`` for ``"b2,01"``.

    Parameters
    ----------
    parts : sequence of str
        The components of the axis.
    value : str or sequence of str
        Joined text, or a value for each component. With another number of parts it is only joined.
    existing : collection of str
        Values of the axis that are returned unchanged, as their parts may contain commas.
    """
    if len(parts) == 1:
        return normalize_value(parts[0], str(value))
    values = [str(one) for one in value] if isinstance(value, (tuple, list)) else str(value).split(_BETWEEN)
    if len(values) != len(parts) or join_values(values) in existing:
        return join_values(values)
    return join_values([normalize_value(part, one) for part, one in zip(parts, values, strict=True)])
