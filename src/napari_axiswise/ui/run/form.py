"""The state of the form: what can be chosen, and what is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...core.axes import axis_parts, is_axis
from ..common.choices import Choice

MOST_VALUES = 2_000
"""Values of the axis that are offered to choose from."""


@dataclass(frozen=True)
class AxisForm:
    """Choices of axis, variable and group_by that always make a valid configuration.

    Parameters
    ----------
    components : mapping
        From component name to its values.
    axis : str
        The multiprocessing axis, which may be a product; empty where there are no components.
    variable : tuple of str
        Components that steps stack.
    group_by : str, optional
        Component that steps route by; None for none.
    values : tuple of str
        Values of the axis to run; empty for all.
    combinations : tuple of str
        All values of the axis, where that is a product: `components` does not tell which there are.
    """

    components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    axis: str = ""
    variable: tuple[str, ...] = ()
    group_by: str | None = None
    values: tuple[str, ...] = ()
    combinations: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        components: Mapping[str, tuple[str, ...]],
        previous: AxisForm,
        combinations: tuple[str, ...] = (),
    ) -> AxisForm:
        """Return the form for a dataset, with what was chosen before as far as it still can be.

        Parameters
        ----------
        components : mapping
            Of the dataset.
        previous : AxisForm
            What was chosen before.
        combinations : tuple of str
            The values that its axis has in the dataset, if that is a product; none where it has no such axis.
        """
        several = [name for name, values in components.items() if len(values) > 1]
        default = "well" if "well" in several else next(iter(several or components), "")
        if previous.axis in components:
            form = cls(components, previous.axis)
        elif combinations and is_axis(previous.axis, components):
            form = cls(components, previous.axis, combinations=combinations)
        else:
            form = cls(components, default)
        return form.choose(previous.variable, previous.group_by)

    def split_by(self, axis: str, combinations: tuple[str, ...] = ()) -> AxisForm:
        """Return the form with another axis; what its components were used for otherwise is given up.

        Parameters
        ----------
        axis : str
            A component, or a product of several.
        combinations : tuple of str
            The values of a product.
        """
        form = replace(self, axis=axis, values=(), combinations=combinations)
        return form.choose(self.variable, self.group_by)

    def choose(self, variable: Sequence[str], group_by: str | None, values: Sequence[str] = ()) -> AxisForm:
        """Return the form with other choices, as far as they are valid."""
        free = [name for name in self.components if name not in self.parts]
        stacked = tuple(name for name in variable if name in free)
        valid = group_by in free and group_by not in stacked
        known = set(self.axis_values)
        return replace(
            self,
            variable=stacked,
            group_by=group_by if valid else None,
            values=tuple(value for value in values if value in known),
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """The components of the axis: one, those of a product, or none."""
        return axis_parts(self.axis, self.components) if self.axis else ()

    @property
    def axis_values(self) -> tuple[str, ...]:
        """All values of the axis."""
        return self.components.get(self.axis, self.combinations)

    @property
    def axis_choices(self) -> list[Choice]:
        """Every component, with the number of its values; and the product that is the axis, if one is."""
        choices = [self._choice(name) for name in self.components]
        if len(self.parts) > 1:
            choices.append((f"{' × '.join(self.parts)} ({len(self.combinations)})", self.axis))
        return choices

    @property
    def variable_choices(self) -> list[Choice]:
        """Every component that is not in the axis."""
        return [self._choice(name) for name in self.components if name not in self.parts]

    @property
    def group_by_choices(self) -> list[Choice]:
        """Every component that is neither in the axis nor stacked."""
        free = [name for name in self.components if name not in (*self.parts, *self.variable)]
        return [self._choice(name) for name in free]

    @property
    def value_choices(self) -> list[Choice]:
        """The values of the axis; none where there are too many to look through."""
        values = self.axis_values
        return [(value, value) for value in values] if len(values) <= MOST_VALUES else []

    @property
    def task_count(self) -> int:
        """How many tasks a run would have."""
        return len(self.values or self.axis_values)

    def _choice(self, name: str) -> Choice:
        return f"{name} ({len(self.components[name])})", name
