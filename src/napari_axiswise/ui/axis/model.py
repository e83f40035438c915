"""The state of the axis panel: a plan, and what a comparison measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...core.axes import axis_label
from ...planning.plan import Plan
from ...planning.trials import Comparison
from .scaling import Scaling

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class AxisModel:
    """Plan of all axes, with the times that a comparison measured.

    Parameters
    ----------
    plan : Plan
        Predicted times.
    scaling : Scaling
        Predicted times against the number of workers.
    comparison : Comparison, optional
        Measured times of a sample.
    """

    plan: Plan
    scaling: Scaling
    comparison: Comparison | None = None

    @classmethod
    def of(cls, result: Plan | Comparison) -> AxisModel:
        """Return the model of a plan or comparison. This takes about a second for large plates."""
        if isinstance(result, Plan):
            return cls(result, Scaling.of(result))
        return cls(result.plan, Scaling.of(result.plan, result), result)

    @property
    def summary(self) -> str:
        """The recommendation in words."""
        if self.comparison is None:
            return str(self.plan)
        fastest, units = self.comparison.fastest, self.comparison.units
        rounds = len(self.comparison.seconds(fastest))
        text = (
            f"Fastest axis: {axis_label(fastest)}, measured {rounds} time{'s' if rounds != 1 else ''} "
            f"on a sample of {units:,} units. Predicted times are for the same sample."
        )
        return "\n".join((text, *self.plan.notes))

    @property
    def table(self) -> pd.DataFrame:
        """The numbers, one row per axis."""
        table = self.plan.table
        if self.comparison is None:
            return table
        measured = self.comparison.table[["axis", "units", "measured", "least", "most", "rounds", "failed"]]
        return table.merge(measured, on="axis", how="left")
