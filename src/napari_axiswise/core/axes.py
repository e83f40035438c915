"""The multiprocessing axis as text: a component, or the product of several, of which each pair that exists is a task.

A product is written as the names of its components, joined by commas, ``"well,timepoint"``; a value of it as theirs,
``"B02,1"``. So an axis is one text wherever it goes: in events, in ledgers, in recipes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from .components import component_name, normalize_value

Axis = str | Enum | Sequence[str | Enum]
"""A component or a product of components, as a user says it."""

_BETWEEN = ","


def axis_name(axis: Axis) -> str:
    """Return the text of an axis.

    Parameters
    ----------
    axis : str, Enum member, or sequence of them
        A component, or the components of a product, in their order. A text stays as it is.

    Raises
    ------
    ValueError
        There is no component in it.
    """
    if isinstance(axis, str):
        return axis
    if isinstance(axis, Enum):
        return component_name(axis)
    if not axis:
        raise ValueError("An axis of no components has no tasks. Give a component, or several.")
    return _BETWEEN.join(component_name(part) if isinstance(part, Enum) else part for part in axis)


def axis_names(axes: Axis | Sequence[Axis]) -> list[str]:
    """Return the texts of several axes, each once.

    Parameters
    ----------
    axes : axis, or sequence of axes
        A single text is a single axis.

    Raises
    ------
    ValueError
        There is none.
    """
    listed = [axes] if isinstance(axes, (str, Enum)) else axes
    names = list(dict.fromkeys(map(axis_name, listed)))
    if not names:
        raise ValueError("axes=[]: name at least one axis, or leave axes out for all that are possible.")
    return names


def axis_parts(axis: str, components: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the components of an axis: one, or those of a product.

    Parameters
    ----------
    axis : str
        From `axis_name`. A component that is called just so goes first.
    components : mapping
        From each component of the data to its values.

    Raises
    ------
    ValueError
        The data have no such component, or a product has one twice. The message names it.
    """
    if axis in components:
        return (axis,)
    parts = tuple(part.strip() for part in axis.split(_BETWEEN))
    for part in parts:
        if part not in components:
            raise unknown_component(part, components)
        if parts.count(part) > 1:
            raise ValueError(f"The axis {axis!r} has {part!r} twice; give each component once.")
    return parts


def told_axis(axis: str) -> str:
    """Return an axis as it is shown: ``well × timepoint``."""
    return axis.replace(_BETWEEN, " × ")


def is_axis(axis: str, components: Mapping[str, Sequence[str]]) -> bool:
    """Return whether the data can be split by an axis."""
    try:
        return bool(axis_parts(axis, components))
    except ValueError:
        return False


def unknown_component(name: str, components: Mapping[str, Sequence[str]]) -> ValueError:
    """Return the error that the data have no such component, which says what they have."""
    listed = ", ".join(f"{name} ({len(values)})" for name, values in components.items())
    return ValueError(f"{name!r} is no component of this dataset; it has {listed}.")


def join_values(values: Sequence[str]) -> str:
    """Return the value of an axis that has these values of its components."""
    return _BETWEEN.join(values)


def value_codes(value: str, parts: Sequence[str], components: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return for each component of an axis the index of its value; empty where the text is no value of the axis.

    Parameters
    ----------
    value : str
        From `join_values`.
    parts : sequence of str
        From `axis_parts`.
    components : mapping
        From each component of the data to its values.
    """
    first, *rest = parts
    if not rest:
        return {first: components[first].index(value)} if value in components[first] else {}
    # More than one way to divide the text only where there are commas in values.
    places = [place for place, letter in enumerate(value) if letter == _BETWEEN]
    for place in places:
        own = value_codes(value[:place], (first,), components)
        others = value_codes(value[place + 1 :], rest, components) if own else {}
        if others:
            return own | others
    return {}


def normalize_axis_value(parts: Sequence[str], value: object, known: Collection[str] = ()) -> str:
    """Return the customary spelling of a value of an axis, part by part: ``"B02,1"`` for ``"b2,01"``.

    Parameters
    ----------
    parts : sequence of str
        The components of the axis.
    value : str or sequence of str
        Joined, or a value for each component. What has another number of parts stays as it is.
    known : collection of str
        Values of the product that stay as they are: there may be commas in the parts.
    """
    if len(parts) == 1:
        return normalize_value(parts[0], str(value))
    values = [str(one) for one in value] if isinstance(value, (tuple, list)) else str(value).split(_BETWEEN)
    if len(values) != len(parts) or join_values(values) in known:
        return join_values(values)
    return join_values([normalize_value(part, one) for part, one in zip(parts, values, strict=True)])
