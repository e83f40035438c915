"""What a step made of the plane that is looked at, as it goes back to whoever asked."""

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
    """What a step made of the plane.

    Parameters
    ----------
    step : str
        Its name; ``"raw"`` for the plane itself.
    kind : OutputKind
        What it makes.
    key : str
        The same for the same output; empty where the step failed.
    places : mapping
        From the components that the output has to the index of its value.
    data : ndarray, optional
        The plane, shape (Y, X), in a type that can be shown.
    rows : DataFrame, optional
        Of a table, and of points: the rows of the plane.
    limits : tuple of float
        Contrast limits that suit an image.
    count : int, optional
        Of objects, points or rows.
    seconds : float
        What the calls of its function took.
    error : str
        Why there is no output, or not all of it.
    is_known : bool
        Whether the output was left out, because it is known.
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


def show_image(shown: StepPreview, plane: NDArray[Any]) -> StepPreview:
    """Return a preview with an image, in a type that can be shown and is not larger than that needs."""
    if plane.dtype.kind == "b":
        return replace(shown, data=plane.view(np.uint8))
    if plane.dtype.kind == "c":
        plane = np.abs(plane)
    if plane.dtype.kind == "f":
        with np.errstate(over="ignore"):
            plane = plane.astype(np.float32, copy=False)
    some = plane[::2, ::2]
    some = some[np.isfinite(some)]
    low, high = np.percentile(some, (1, 99.8)).tolist() if some.size else (0.0, 1.0)
    return replace(shown, data=plane, limits=(low, high if high > low else low + 1.0))


def count_labels(labels: NDArray[Any]) -> int:
    """Return how many objects there are."""
    if labels.dtype == np.uint16:
        return int(np.count_nonzero(np.bincount(labels.ravel())[1:]))
    return int(np.count_nonzero(np.unique(labels)))
