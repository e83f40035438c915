"""The state of the form: what can be chosen, and what is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

MOST_VALUES = 2_000
"""Values of the axis that are offered to choose from."""

Choice = tuple[str, str]
"""What is shown, and what it stands for."""


@dataclass(frozen=True)
class AxisForm:
    """Choices of axis, variable and group_by that always make a valid configuration.

    Parameters
    ----------
    components : mapping
        From component name to its values.
    axis : str
        The multiprocessing axis; empty where there are no components.
    variable : tuple of str
        Components that steps stack.
    group_by : str, optional
        Component that steps route by; None for none.
    values : tuple of str
        Values of the axis to run; empty for all.
    """

    components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    axis: str = ""
    variable: tuple[str, ...] = ()
    group_by: str | None = None
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, components: Mapping[str, tuple[str, ...]], previous: AxisForm) -> AxisForm:
        """Return the form for a dataset, with what was chosen before as far as it still can be."""
        several = [name for name, values in components.items() if len(values) > 1]
        default = "well" if "well" in several else next(iter(several or components), "")
        axis = previous.axis if previous.axis in components else default
        return cls(components, axis).choose(previous.variable, previous.group_by)

    def split_by(self, axis: str) -> AxisForm:
        """Return the form with another axis; what it was used for otherwise is given up."""
        return replace(self, axis=axis, values=()).choose(self.variable, self.group_by)

    def choose(self, variable: Sequence[str], group_by: str | None, values: Sequence[str] = ()) -> AxisForm:
        """Return the form with other choices, as far as they are valid."""
        stacked = tuple(name for name in variable if name in self.components and name != self.axis)
        valid = group_by in self.components and group_by != self.axis and group_by not in stacked
        known = self.components.get(self.axis, ())
        return replace(
            self,
            variable=stacked,
            group_by=group_by if valid else None,
            values=tuple(value for value in values if value in known),
        )

    @property
    def axis_choices(self) -> list[Choice]:
        """Every component, with the number of its values."""
        return [self._choice(name) for name in self.components]

    @property
    def variable_choices(self) -> list[Choice]:
        """Every component but the axis."""
        return [self._choice(name) for name in self.components if name != self.axis]

    @property
    def group_by_choices(self) -> list[Choice]:
        """Every component that is neither the axis nor stacked."""
        free = [name for name in self.components if name != self.axis and name not in self.variable]
        return [self._choice(name) for name in free]

    @property
    def value_choices(self) -> list[Choice]:
        """The values of the axis; none where there are too many to look through."""
        values = self.components.get(self.axis, ())
        return [(value, value) for value in values] if len(values) <= MOST_VALUES else []

    @property
    def task_count(self) -> int:
        """How many tasks a run would have."""
        return len(self.values or self.components.get(self.axis, ()))

    def _choice(self, name: str) -> Choice:
        return f"{name} ({len(self.components[name])})", name
