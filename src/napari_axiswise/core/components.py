"""Components of a dataset, and the configuration that says which of them a run is split by.

A *component* distinguishes planes from each other: well, site, channel, z_index, timepoint, batch, … Components are
members of an Enum, so that a typo is an error at once. Any Enum of strings can be used; this package does not assume
particular components.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from .wells import well_name

T = TypeVar("T", bound=Enum)

PROJECTION = "projection"
"""Value of z_index for a projection stored beside its z-slices."""


_PROJECTED = re.compile(
    rf"{PROJECTION}(?: .*)?|[mas]ip|edf|z?(?:(?:max|min)(?:imum)?|mean|average|avg|sum|median|std?|sd)?"
    r"[-_ ]?(?:intensity)?[-_ ]?(?:ip|proj|projection)|max(?:imum)?|mean|average|avg|sum|median",
    re.IGNORECASE,
)
"""Names of projections: ``MIP``, ``MaxProj``, ``zproj``, and `PROJECTION` with a second word."""


class StandardComponents(Enum):
    """Components of a plate imaged in several channels, z-slices and timepoints."""

    SITE = "site"
    CHANNEL = "channel"
    Z_INDEX = "z_index"
    TIMEPOINT = "timepoint"
    WELL = "well"


class TimeSeriesComponents(Enum):
    """Components of a plate imaged over time, without z-slices."""

    WELL = "well"
    SITE = "site"
    CHANNEL = "channel"
    TIMEPOINT = "timepoint"


def component_name(component: Enum) -> str:
    """Return the name of a component in datasets: its value, or its lower-case name if the value is not a string."""
    return component.value if isinstance(component.value, str) else component.name.lower()


def is_projection(component: str, value: str) -> bool:
    """Return whether a value of a component marks a projection, which is never stacked with z-slices.

    There may be several kinds: ``"projection"`` is the maximum, others have a second word, ``"projection mean"``. File
    names have words of their own, such as ``"MIP"``.
    """
    return component == "z_index" and _PROJECTED.fullmatch(value) is not None


def natural_key(text: str) -> tuple[tuple[bool, int, str], ...]:
    """Return a sort key for natural order: ``"2"`` before ``"10"``, numbers before words, well Z01 before AA01."""
    well = re.fullmatch(r"([A-Z]{1,2})([0-9]+)", text)
    if well:
        return ((True, len(well[1]), well[1]), (False, int(well[2]), well[2]))
    # Python refuses to parse numbers of thousands of digits, which broken metadata may contain.
    parts = re.findall(r"[0-9]{1,1000}|[^0-9]+", text)
    return tuple((False, int(part), part) if part[0] in "0123456789" else (True, 0, part) for part in parts)


def normalize_value(component: str, text: str) -> str:
    r"""Normalize the spelling of a component's value.

    Wells become ``A01``, integers lose leading zeros, and undecodable bytes in file names become ``\xff``. Other values
    only lose spaces around them.
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
    """Component that a run is split by, and defaults for the steps of its pipeline.

    Parameters
    ----------
    all_components : iterable of Enum members
        All components of the dataset. Stored as a tuple in the Enum's definition order.
    multiprocessing_axis : Enum member
        The component to split by: there is one task for each of its values.
    default_variable : iterable of Enum members
        Components that a step stacks, in this order. Empty means plane by plane.
    default_group_by : Enum member, optional
        The component whose value selects a step's function. None means no grouping.

    Raises
    ------
    ValueError
        A component is not in `all_components`, the axis is also variable or grouped by, or a component is both
        variable and grouped by. The message names the component.
    """

    all_components: tuple[T, ...]
    multiprocessing_axis: T
    default_variable: tuple[T, ...] = ()
    default_group_by: T | None = None

    def __post_init__(self) -> None:
        members = set(self.all_components)
        ordered = [member for enum in _enums(self.all_components) for member in enum if member in members]
        object.__setattr__(self, "all_components", tuple(ordered))
        variable = self.default_variable
        as_tuple = (variable,) if isinstance(variable, (Enum, str)) else tuple(variable)
        object.__setattr__(self, "default_variable", as_tuple)
        self._check()

    def _check(self) -> None:
        axis, variable, group_by = self.multiprocessing_axis, self.default_variable, self.default_group_by
        names = ", ".join(_describe(component) for component in self.all_components) or "none"
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


def _enums(components: Iterable[Enum]) -> list[type[Enum]]:
    """Return the Enums of `components`, in order of first appearance."""
    return list(dict.fromkeys(type(component) for component in components))


def _describe(component: object) -> str:
    return repr(component_name(component)) if isinstance(component, Enum) else repr(component)


class ComponentConfigurationFactory:
    """Factory of `ComponentConfiguration` objects with default components.

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
        """Create a configuration with all members of `component_enum`.

        Parameters
        ----------
        component_enum : Enum class
            All components of the dataset.
        multiprocessing_axis : member of `component_enum`
            The component to split by.
        default_variable : member or sequence of members, optional
            Defaults to the first remaining member in definition order. ``[]`` means plane by plane.
        default_group_by : member, optional
            Defaults to the second remaining member in definition order. A default never repeats the argument for the
            other role: the next free member is used instead.

        Returns
        -------
        ComponentConfiguration
            A valid, frozen configuration.

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
