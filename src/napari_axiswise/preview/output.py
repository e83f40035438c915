"""StepPreview: the output of one step for the plane that is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.kinds import OutputKind
from ..core.text import format_seconds

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class StepPreview:
    """Output of a step for one plane.

    Parameters
    ----------
    step : str
        Name of the step; ``"raw"`` for the input plane.
    kind : OutputKind
        Kind of the output.
    key : str
        Identifies the output: equal keys mean equal outputs. Empty if the step failed.
    places : mapping
        Index of the value of each component of the output.
    data : ndarray, optional
        The plane, shape (Y, X), in a dtype that napari shows.
    rows : DataFrame, optional
        Rows of the plane, for tables and points.
    limits : tuple of float
        Contrast limits for an image.
    count : int, optional
        Number of objects, points or rows.
    seconds : float
        Duration of the calls of the step's function.
    error : str
        Why the output is missing or incomplete.
    is_known : bool
        Whether the output is left out because the caller has it already.
    """

    step: str
    kind: OutputKind
    key: str = ""
    places: Mapping[str, int] = field(default_factory=dict)
    data: NDArray[Any] | None = None
    rows: pd.DataFrame | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    count: int | None = None
    seconds: float = 0.0
    error: str = ""
    is_known: bool = False

    def __str__(self) -> str:
        if self.error:
            return self.error
        if self.count is None:
            return format_seconds(self.seconds)
        counted = f"{self.count:,} {self.kind.counted}{'' if self.count == 1 else 's'}"
        return f"{counted} · {format_seconds(self.seconds)}"


def with_image(preview: StepPreview, plane: NDArray[Any]) -> StepPreview:
    """Return a preview with an image added, in a dtype that napari shows, and no larger than needed."""
    if plane.dtype.kind == "b":
        return replace(preview, data=plane.view(np.uint8))
    if plane.dtype.kind == "c":
        plane = np.abs(plane)
    if plane.dtype.kind == "f":
        with np.errstate(over="ignore"):
            plane = plane.astype(np.float32, copy=False)
    sample = plane[::2, ::2]
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, (1, 99.8)).tolist() if sample.size else (0.0, 1.0)
    return replace(preview, data=plane, limits=(low, high if high > low else low + 1.0))


def count_labels(labels: NDArray[Any]) -> int:
    """Return the number of objects."""
    if labels.dtype == np.uint16:
        return int(np.count_nonzero(np.bincount(labels.ravel())[1:]))
    return int(np.count_nonzero(np.unique(labels)))
