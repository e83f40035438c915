"""What is known of the planes of one step, as tasks report them."""

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
"""Of a plane of an output: it is there; the dataset has no such plane; it has, but its task has not made it; its task
is not over. A plane that is black is ``"written"``."""

STATES: tuple[PlaneState, ...] = get_args(PlaneState)


@dataclass(frozen=True, slots=True)
class WrittenArray:
    """An array of planes: the largest level of an image or of labels.

    Parameters
    ----------
    codes : tuple of int
        Of the first of its planes that was reported. Those that choose the image are the same for all.
    shape : tuple of int
        (Y, X).
    dtype : str
        As numpy writes it.
    """

    codes: tuple[int, ...]
    shape: tuple[int, int]
    dtype: str


@dataclass
class StepOutput:
    """What is known of the planes of one step.

    Parameters
    ----------
    grid : ImageGrid
        Where they lie.
    kind : PlaneKind
        What they are.
    written : ndarray of int16, one axis per component of the output
        Which planes there are: 0 for none, otherwise one more than the index of its shape in `shapes`.
    shapes : list of tuple of int
        (Y, X) of the planes.
    arrays : dict
        From path to what is known of an array.
    limits : tuple of float
        Lowest and highest value to show, over all planes so far.
    """

    grid: ImageGrid
    kind: PlaneKind
    written: NDArray[np.int16]
    shapes: list[tuple[int, int]] = field(default_factory=list)
    arrays: dict[str, WrittenArray] = field(default_factory=dict)
    limits: tuple[float, float] = (float("inf"), float("-inf"))

    @classmethod
    def of(cls, grid: ImageGrid, kind: PlaneKind) -> StepOutput:
        """Return what is known before there is anything."""
        return cls(grid, kind, np.zeros(grid.lengths(grid.names), np.int16))

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """A type that all planes fit into."""
        return np.result_type(*{array.dtype for array in self.arrays.values()})

    def shape_of(self, codes: Sequence[int]) -> tuple[int, int] | None:
        """Return (Y, X) of a plane, or None where it was not written."""
        known = int(self.written[tuple(codes)])
        return self.shapes[known - 1] if known else None

    def states(self, index: Planes, axis: str, over: Collection[str]) -> NDArray[np.uint8]:
        """Return what became of each plane, as an index into `STATES`; an axis per component of the output.

        Parameters
        ----------
        index : Planes
            Of the dataset.
        axis : str
            The multiprocessing axis.
        over : collection of str
            The axis values whose tasks have ended of themselves.
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
    """Return how many planes there are of each state."""
    counts = np.bincount(states.ravel(), minlength=len(STATES))
    return dict(zip(STATES, counts.tolist(), strict=True))


def describe_step(step: StepOutput, states: NDArray[np.uint8]) -> dict[str, Any]:
    """Return what tells where the planes of a step are, and which are not there, as JSON knows it.

    Planes are told by their codes, for each of `names` the index of the value.
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
