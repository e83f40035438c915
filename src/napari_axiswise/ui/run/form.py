"""The choices of axis and components, and what can be chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...core.axes import axis_parts, is_axis
from ...recipes.options import RunOptions
from ..common.choices import Choice

MOST_VALUES = 2_000
"""The list of axis values is empty if there are more than this."""


@dataclass(frozen=True)
class AxisForm:
    """A choice of axis, variable and group_by that is always a valid configuration.

    Parameters
    ----------
    components : mapping
        The values of each component of the dataset.
    axis : str
        The component to split by, or several, ``"well,timepoint"``. Empty without a dataset.
    variable : tuple of str
        Components that steps process together.
    group_by : str, optional
        Component by whose value steps pick their function.
    values : tuple of str
        Values of the axis to run; empty for all.
    combinations : tuple of str
        All values of an axis of several components. `components` does not say which combinations exist.
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
        """Return the form for a dataset, with as many of the previous choices as are valid.

        Parameters
        ----------
        components : mapping
            The values of each component of the dataset.
        previous : AxisForm
            The previous choices.
        combinations : tuple of str
            The values of the previous axis in the dataset, if it is an axis of several components.
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

    @classmethod
    def of_options(cls, options: RunOptions) -> AxisForm:
        """Return the form that a recipe wants, for a dataset that is not open yet."""
        return cls(
            axis=options.axis,
            variable=options.variable,
            group_by=options.group_by,
            values=options.axis_filter or (),
        )

    def split_by(self, axis: str, combinations: tuple[str, ...] = ()) -> AxisForm:
        """Return the form with another axis. Its components are removed from the other choices.

        Parameters
        ----------
        axis : str
            A component, or several.
        combinations : tuple of str
            The values of an axis of several components.
        """
        form = replace(self, axis=axis, values=(), combinations=combinations)
        return form.choose(self.variable, self.group_by)

    def choose(self, variable: Sequence[str], group_by: str | None, values: Sequence[str] = ()) -> AxisForm:
        """Return the form with other choices. Invalid ones are dropped."""
        free = [name for name in self.components if name not in self.parts]
        together = tuple(name for name in variable if name in free)
        valid = group_by in free and group_by not in together
        valid_values = set(self.axis_values)
        return replace(
            self,
            variable=together,
            group_by=group_by if valid else None,
            values=tuple(value for value in values if value in valid_values),
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """The components of the axis."""
        return axis_parts(self.axis, self.components) if self.axis else ()

    @property
    def axis_values(self) -> tuple[str, ...]:
        """All values of the axis."""
        return self.components.get(self.axis, self.combinations)

    @property
    def axis_choices(self) -> list[Choice]:
        """Every component with its number of values, and the axis if it has several components."""
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
        """Every component that is neither in the axis nor processed together."""
        free = [name for name in self.components if name not in (*self.parts, *self.variable)]
        return [self._choice(name) for name in free]

    @property
    def value_choices(self) -> list[Choice]:
        """The values of the axis; empty if there are more than `MOST_VALUES`."""
        values = self.axis_values
        return [(value, value) for value in values] if len(values) <= MOST_VALUES else []

    @property
    def task_count(self) -> int:
        """The number of tasks of a run."""
        return len(self.values or self.axis_values)

    def _choice(self, name: str) -> Choice:
        return f"{name} ({len(self.components[name])})", name
