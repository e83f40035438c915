"""The written planes of one step, and the state of every plane."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..core.grid import ImageGrid
from ..core.kinds import PlaneKind
from ..planes.table import Planes

PlaneState = Literal["written", "missing", "failed", "pending"]
"""State of an output plane: it was written; the dataset has no such plane; its task ended without writing it; its task
has not ended."""

STATES: tuple[PlaneState, ...] = get_args(PlaneState)


@dataclass(frozen=True, slots=True)
class WrittenArray:
    """An array of planes: the full-resolution level of an image or of labels.

    Parameters
    ----------
    codes : tuple of int
        Codes of the first reported plane. Those of the components that select the array are the same for all planes.
    shape : tuple of int
        (Y, X).
    dtype : str
        Name of the NumPy dtype.
    """

    codes: tuple[int, ...]
    shape: tuple[int, int]
    dtype: str


@dataclass
class StepOutput:
    """The planes of one step that were written so far.

    Parameters
    ----------
    grid : ImageGrid
        The grid they lie in.
    kind : PlaneKind
        Kind of the output.
    written : ndarray of int16, one axis per component of the output
        0 for each plane that was not written, otherwise 1 + the index of its shape in `shapes`.
    shapes : list of tuple of int
        (Y, X) of the planes.
    arrays : dict
        From path to array.
    limits : tuple of float
        Contrast limits over all planes so far.
    """

    grid: ImageGrid
    kind: PlaneKind
    written: NDArray[np.int16]
    shapes: list[tuple[int, int]] = field(default_factory=list)
    arrays: dict[str, WrittenArray] = field(default_factory=dict)
    limits: tuple[float, float] = (float("inf"), float("-inf"))

    @classmethod
    def of(cls, grid: ImageGrid, kind: PlaneKind) -> StepOutput:
        """Create the output of a step without any planes."""
        return cls(grid, kind, np.zeros(grid.lengths(grid.names), np.int16))

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """A dtype that holds the values of all planes."""
        return np.result_type(*{array.dtype for array in self.arrays.values()})

    def shape_of(self, codes: Sequence[int]) -> tuple[int, int] | None:
        """Return (Y, X) of a plane, or None if it was not written."""
        number = int(self.written[tuple(codes)])
        return self.shapes[number - 1] if number else None

    def states(self, index: Planes, axis: str, over: Collection[str]) -> NDArray[np.uint8]:
        """Return the state of each plane as an index into `STATES`, with an axis per component of the output.

        Parameters
        ----------
        index : Planes
            The planes of the dataset.
        axis : str
            The multiprocessing axis.
        over : collection of str
            The axis values of tasks that ended without being cancelled.
        """
        of_tasks = np.array(
            [STATES.index("failed" if value in over else "pending") for value in index.axis_values(axis)],
            np.uint8,
        )
        states = np.full(self.written.shape, STATES.index("missing"), np.uint8)
        states[tuple(index.column(name) for name in self.grid.names)] = of_tasks[index.axis_codes(axis)]
        states[self.written > 0] = STATES.index("written")
        return states


def count_states(states: NDArray[np.uint8]) -> dict[str, int]:
    """Return the number of planes in each state."""
    counts = np.bincount(states.ravel(), minlength=len(STATES))
    return dict(zip(STATES, counts.tolist(), strict=True))


def describe_step(step: StepOutput, states: NDArray[np.uint8]) -> dict[str, Any]:
    """Return where the planes of a step are, and which are not written, as JSON values.

    A plane is given by its codes: for each of `names`, the index of the value.
    """
    grid = step.grid
    others = {shape for shape in step.shapes if shape != grid.plane_shape}
    return {
        "kind": step.kind.name,
        "folder": grid.folder,
        "names": grid.names,
        "routed_by": grid.routed_by,
        "shapes": [
            {"shape": shape, "planes": np.argwhere(step.written == step.shapes.index(shape) + 1).tolist()}
            for shape in sorted(others)
        ],
        **{
            state: np.argwhere(states == number).tolist()
            for number, state in enumerate(STATES)
            if state != "written"
        },
    }
