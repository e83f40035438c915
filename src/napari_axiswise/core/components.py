"""Components of a dataset, and which of them a run is split by.

A *component* is what tells two planes apart: well, site, channel, z_index, timepoint, batch, … Components
are members of an Enum, so that a typing mistake is an error at once; any Enum of strings will do, and
nothing in this package knows which components there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from .wells import well_name

T = TypeVar("T", bound=Enum)


class StandardComponents(Enum):
    """Components of a plate that was imaged in several channels, planes and timepoints."""

    SITE = "site"
    CHANNEL = "channel"
    Z_INDEX = "z_index"
    TIMEPOINT = "timepoint"
    WELL = "well"


class TimeSeriesComponents(Enum):
    """Components of a plate that was followed over time, one plane deep."""

    WELL = "well"
    SITE = "site"
    CHANNEL = "channel"
    TIMEPOINT = "timepoint"


def component_name(component: Enum) -> str:
    """Return the name under which datasets know `component`: its value, or its name where that is no string."""
    return component.value if isinstance(component.value, str) else component.name.lower()


def natural_key(text: str) -> tuple[tuple[bool, int, str], ...]:
    """Return a sort key that puts ``"2"`` before ``"10"``, numbers before words, and well Z01 before AA01."""
    well = re.fullmatch(r"([A-Z]{1,2})([0-9]+)", text)
    if well:
        return ((True, len(well[1]), well[1]), (False, int(well[2]), well[2]))
    # Python refuses to read numbers of thousands of digits, which metadata may have.
    parts = re.findall(r"[0-9]{1,1000}|[^0-9]+", text)
    return tuple((False, int(part), part) if part[0] in "0123456789" else (True, 0, part) for part in parts)


def normalize_value(component: str, text: str) -> str:
    r"""Return the customary spelling of a component's value.

    Wells become ``A01``; whole numbers lose their leading zeros; bytes that are no text, which names of files
    may hold, become ``\xff``; all else stays as it is.
    """
    text = text.strip()
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if component == "well":
        well = re.fullmatch(r"([A-Za-z]{1,2})[-_ ]?([0-9]{1,3})", text)
        if well:
            return well_name(well[1], well[2])
    return str(int(text)) if re.fullmatch(r"[0-9]{1,1000}", text) else text


@dataclass(frozen=True)
class ComponentConfiguration(Generic[T]):
    """Which component the work is split by, and what the steps of a pipeline use when they do not say.

    Parameters
    ----------
    all_components : iterable of Enum members
        Every component of the data. Kept as a tuple in the Enum's definition order.
    multiprocessing_axis : Enum member
        The component that tasks are made of: one task for each of its values.
    default_variable : iterable of Enum members
        Components that a step stacks, in this order; empty is "plane by plane".
    default_group_by : Enum member, optional
        The component by whose value a step picks its function; None is "no grouping".

    Raises
    ------
    ValueError
        A component is no member of `all_components`, the axis is used as a variable or to group by, or a
        component is both variable and grouped by. The message names the component.
    """

    all_components: tuple[T, ...]
    multiprocessing_axis: T
    default_variable: tuple[T, ...] = ()
    default_group_by: T | None = None

    def __post_init__(self) -> None:
        given = set(self.all_components)
        ordered = [member for kind in _kinds(self.all_components) for member in kind if member in given]
        object.__setattr__(self, "all_components", tuple(ordered))
        variable = self.default_variable
        listed = (variable,) if isinstance(variable, (Enum, str)) else tuple(variable)
        object.__setattr__(self, "default_variable", listed)
        self._check()

    def _check(self) -> None:
        axis, variable, group_by = self.multiprocessing_axis, self.default_variable, self.default_group_by
        names = ", ".join(_describe(component) for component in self.all_components) or "none at all"
        for role, component in (
            ("the multiprocessing axis", axis),
            *(("a variable component", component) for component in variable),
            *(("the component to group by", component) for component in (group_by,) if component is not None),
        ):
            if component not in self.all_components:
                hint = "" if isinstance(component, Enum) else " Give the member of the Enum, not its value."
                raise ValueError(
                    f"{_describe(component)} cannot be {role}: the components are {names}.{hint}"
                )
        for component in variable:
            if component is axis:
                raise ValueError(
                    f"{_describe(component)} is the multiprocessing axis and cannot be a variable component too: "
                    "a task holds one of its values only. Choose another axis, or another variable."
                )
            if variable.count(component) > 1:
                raise ValueError(
                    f"{_describe(component)} is given twice as a variable component; give it once."
                )
        if group_by is axis:
            raise ValueError(
                f"{_describe(axis)} is the multiprocessing axis and cannot be grouped by too. "
                "Choose another axis, or group by another component."
            )
        if group_by is not None and group_by in variable:
            raise ValueError(
                f"{_describe(group_by)} is a variable component and cannot be grouped by too: "
                "a unit that stacks it has all its values. Leave it out of one of the two."
            )


def _kinds(components: Iterable[Enum]) -> list[type[Enum]]:
    """Return the Enums that `components` are members of, first seen first."""
    return list(dict.fromkeys(type(component) for component in components))


def _describe(component: object) -> str:
    return repr(component_name(component)) if isinstance(component, Enum) else repr(component)


class ComponentConfigurationFactory:
    """Makes a `ComponentConfiguration` for an Enum of components.

    Examples
    --------
    >>> config = aw.ComponentConfigurationFactory.create_configuration(
    ...     aw.StandardComponents, multiprocessing_axis=aw.StandardComponents.WELL
    ... )
    >>> config.default_variable, config.default_group_by
    ((<StandardComponents.SITE: 'site'>,), <StandardComponents.CHANNEL: 'channel'>)
    """

    @staticmethod
    def create_configuration(
        component_enum: type[T],
        multiprocessing_axis: T,
        default_variable: Sequence[T] | T | None = None,
        default_group_by: T | None = None,
    ) -> ComponentConfiguration[T]:
        """Return a configuration over all members of `component_enum`.

        Parameters
        ----------
        component_enum : Enum class
            All components of the data.
        multiprocessing_axis : member of `component_enum`
            The component to split the work by.
        default_variable : member or sequence of members, optional
            Left out: the first remaining member in definition order. ``[]`` is "plane by plane".
        default_group_by : member, optional
            Left out: the second remaining member in definition order. A default never takes what was
            given for the other role: then the next member that is free is used.

        Returns
        -------
        ComponentConfiguration
            Validated and frozen.

        Raises
        ------
        ValueError
            See `ComponentConfiguration`.
        """
        remaining = [member for member in component_enum if member is not multiprocessing_axis]
        if isinstance(default_variable, (Enum, str)):
            default_variable = [default_variable]
        if default_variable is None:
            default_variable = [member for member in remaining if member is not default_group_by][:1]
        if default_group_by is None:
            candidates = (*remaining[1:], *remaining[:1])
            default_group_by = next((c for c in candidates if c not in default_variable), None)
        return ComponentConfiguration(
            all_components=tuple(component_enum),
            multiprocessing_axis=multiprocessing_axis,
            default_variable=tuple(default_variable),
            default_group_by=default_group_by,
        )
