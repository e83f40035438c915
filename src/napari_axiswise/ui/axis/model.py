"""The state of the axis panel: a plan, and what a comparison measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.axes import told_axis
from ...planning.plan import Plan
from ...planning.trials import Comparison
from .scaling import Scaling

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class AxisModel:
    """What the panel shows.

    Parameters
    ----------
    plan : Plan
        What was foreseen.
    scaling : Scaling
        Its curves.
    comparison : Comparison, optional
        Trials of the same work.
    """

    plan: Plan
    scaling: Scaling
    comparison: Comparison | None = None

    @classmethod
    def of(cls, made: Plan | Comparison) -> AxisModel:
        """Return what a plan or a comparison gives to see. For large plates that takes a second."""
        if isinstance(made, Plan):
            return cls(made, Scaling.of(made))
        return cls(made.plan, Scaling.of(made.plan, made), made)

    @property
    def told(self) -> str:
        """What there is to say of all axes together."""
        if self.comparison is None:
            return str(self.plan)
        made = self.comparison
        rounds = len(made.seconds(made.fastest))
        told = (
            f"Measured {rounds} time{'s' if rounds != 1 else ''} each on {made.units:,} units: "
            f"{told_axis(made.fastest)} was the fastest. What is predicted is of the same units."
        )
        return "\n".join((told, *self.plan.notes))

    @property
    def table(self) -> pd.DataFrame:
        """The numbers, a row for each axis."""
        table = self.plan.table
        if self.comparison is None:
            return table
        measured = self.comparison.table[["axis", "units", "measured", "least", "most", "rounds", "failed"]]
        return table.merge(measured, on="axis", how="left")
