"""The part of the run log that the parent writes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...core.clock import now
from ...core.events import TaskEvent
from ...core.files import write_atomically
from ..records import TaskOutput
from .lines import DESCRIPTION, LOCK, RUN_LOG, TASKS, LinesFile, read_lines

logger = logging.getLogger(__name__)


class TaskLog:
    """The part of the run log that the parent writes: the description of the run, and the outcome of each task.

    Parameters
    ----------
    root : Path
        The output folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / RUN_LOG
        self._tasks = LinesFile(self._folder / TASKS)

    def read_description(self) -> dict[str, Any] | None:
        """Return the description of the run, or None if no run was started yet.

        Raises
        ------
        ValueError
            The description cannot be read.
        """
        path = self._folder / DESCRIPTION
        if not path.exists():
            return None
        try:
            return dict(json.loads(path.read_bytes()))
        except ValueError as error:
            raise ValueError(f"{path} cannot be read: {error}. Start a new run in another folder.") from error

    def write_description(self, description: Mapping[str, Any]) -> None:
        """Write the description of the run."""
        self._folder.mkdir(exist_ok=True)
        write_atomically(self._folder / DESCRIPTION, json.dumps(description, indent=1).encode())

    def write_start(self, axis: str, values: Sequence[str], warnings: Sequence[str] = ()) -> None:
        """Record that a run starts, with its axis, the axis values of its tasks, and its warnings."""
        start = {"axis": axis, "values": list(values), "began": now(), "warnings": list(warnings)}
        self._tasks.write({"run": start})

    def write_outcome(self, event: TaskEvent) -> None:
        """Record the outcome of a task. If the disk is full, an error is logged and the run goes on."""
        task = {field.name: getattr(event, field.name) for field in fields(event) if field.name != "result"}
        planes = event.result.plane_count if isinstance(event.result, TaskOutput) else 0
        try:
            self._tasks.write({"task": task, "planes": planes})
        except OSError as error:
            logger.error("The outcome of task %s could not be recorded: %s", event.axis_value, error)

    def write_plane_counts(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Record at the end of a run how many planes of each step are written, missing, failed and pending."""
        self._tasks.write({"planes": counts})

    def write_end(self, error: str) -> None:
        """Record that the output is finished, or why it could not be. Without space for that, nothing is recorded."""
        with suppress(OSError):
            self._tasks.write({"end": {"error": error, "ended": now()}})

    def ended_values(self, axis: str) -> set[str]:
        """Return the axis values of the tasks that ended without being cancelled, in all runs along an axis."""
        ended: set[str] = set()
        is_along_axis = False
        for line in read_lines(self._folder / TASKS) if (self._folder / TASKS).exists() else ():
            if "run" in line:
                is_along_axis = line["run"]["axis"] == axis
            elif "task" in line and is_along_axis and line["task"]["status"] != "cancelled":
                ended.add(line["task"]["axis_value"])
        return ended

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the output against other runs while the context lasts.

        The operating system releases the lock when the process ends, however it ends.

        Raises
        ------
        FileExistsError
            Another run holds the lock.
        """
        self._folder.mkdir(exist_ok=True)
        try:
            with FileLock(self._folder / LOCK, timeout=0):
                yield
        except Timeout as error:
            raise FileExistsError(
                f"Another run is writing to {self._folder.parent}. Wait until it has ended, or choose another folder."
            ) from error
