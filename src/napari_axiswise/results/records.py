"""What a worker says of the work it did: where things are and how long they took, never pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..coordinator import Timed


@dataclass(frozen=True, eq=False)
class WrittenPlanes:
    """Planes of one step that were written, all of one shape and dtype.

    Parameters
    ----------
    step : str
        The step.
    names : tuple of str
        The components that its output has.
    routed_by : str, optional
        The component by which it chooses its function.
    codes : ndarray of int32, shape (planes, len(names))
        For each plane, the indices of its component values.
    shape : tuple of int
        (Y, X).
    dtype : str
        As numpy writes it.
    limits : tuple of float
        Lowest and highest value to show: the 0.1 and 99.9 percentiles of every fourth pixel each way.
    """

    step: str
    names: tuple[str, ...]
    routed_by: str | None
    codes: NDArray[np.int32] = field(repr=False)
    shape: tuple[int, int]
    dtype: str
    limits: tuple[float, float]


@dataclass(frozen=True)
class WrittenTable:
    """A table of one step, in a Parquet file.

    Parameters
    ----------
    step : str
        The step.
    path : str
        The file, relative to the output.
    rows : int
        How many.
    """

    step: str
    path: str
    rows: int


@dataclass(frozen=True, eq=False)
class TaskOutput(Timed):
    """What a task wrote, where, and how long it took.

    Parameters
    ----------
    axis_value : str
        The task.
    output : str
        The folder that everything is in.
    planes : sequence of WrittenPlanes
        The images and labels.
    tables : sequence of WrittenTable
        The tables and points.
    plane_count, unit_count : int
        Planes read, and calls of a step's function that came to an end.
    started, stopped : float
        Seconds since the epoch.
    reading, computing, writing : float
        Seconds spent on each.
    worker : str
        Process and thread that did it.
    """

    axis_value: str
    output: str
    planes: Sequence[WrittenPlanes]
    tables: Sequence[WrittenTable]
    plane_count: int
    unit_count: int
    started: float
    stopped: float
    reading: float
    computing: float
    writing: float
    worker: str
