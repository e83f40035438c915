"""The records of units, and their JSON form, which `RunLogSchema` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..records import Work, WrittenPlanes, WrittenTable, WrittenThumbnails

UnitKey = tuple[str, frozenset[tuple[str, str]]]
"""The identity of a unit: the first of its steps, and its component values."""

BlockKey = tuple[str, ...]
"""The component values of a block."""


@dataclass(frozen=True)
class UnitFailure:
    """The failure of a step on a unit.

    Parameters
    ----------
    step : str
        Name of the step.
    error, traceback : str
        The error in one line, and its traceback.
    """

    step: str
    error: str
    traceback: str


@dataclass(frozen=True)
class UnitRecord:
    """The outcome of one unit, through all steps of a segment.

    Parameters
    ----------
    steps : tuple of str
        Names of the steps.
    unit : dict
        From component name to value.
    planes : list of WrittenPlanes
        Images and labels that were written.
    tables : list of WrittenTable
        Tables and points that were written.
    failures : list of UnitFailure
        Empty if the unit is finished.
    calls : int
        Calls of functions that returned.
    started, stopped : float
        Seconds since the epoch.
    reading, computing, writing : float
        Seconds spent on each.
    worker : str
        Machine, process and thread.
    peak_memory : int
        Peak memory of the process during the unit, in bytes.
    thumbnails : list of WrittenThumbnails
        Thumbnails of the planes.
    """

    steps: tuple[str, ...]
    unit: dict[str, str]
    planes: list[WrittenPlanes]
    tables: list[WrittenTable]
    failures: list[UnitFailure]
    calls: int
    started: float
    stopped: float
    reading: float
    computing: float
    writing: float
    worker: str
    peak_memory: int
    thumbnails: list[WrittenThumbnails] = field(default_factory=list)

    @property
    def key(self) -> UnitKey:
        """The identity of the unit."""
        return unit_key(self.steps[0], self.unit)

    @property
    def work(self) -> Work:
        """The work on the unit, without its number of planes."""
        return Work(
            planes=self.planes,
            tables=self.tables,
            thumbnails=self.thumbnails,
            unit_count=self.calls,
            started=self.started,
            stopped=self.stopped,
            reading=self.reading,
            computing=self.computing,
            writing=self.writing,
            worker=self.worker,
            peak_memory=self.peak_memory,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        planes = [asdict(planes) | {"codes": planes.codes.tolist()} for planes in self.planes]
        return asdict(self) | {"planes": planes}


def unit_key(first_step: str, unit: Mapping[str, str]) -> UnitKey:
    """Return the identity of a unit."""
    return first_step, frozenset(unit.items())
