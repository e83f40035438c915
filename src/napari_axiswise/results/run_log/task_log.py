"""The part of the run log that the parent writes."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...core.clock import now
from ...core.events import TaskEvent
from ...core.files import make_folder, path_below, write_atomically
from ..records import TaskOutput
from .description import read_description
from .lines import DESCRIPTION, LOCK, RUN_LOG, TASKS, LinesFile, read_lines
from .schema import ParentLine, RunLine, RunLogSchema, TaskLine

logger = logging.getLogger(__name__)


class TaskLog:
    """The part of the run log that the parent writes: the description of the run, and the outcome of each task.

    Parameters
    ----------
    root : Path
        The output folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
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
        if not os.path.lexists(path):
            return None
        try:
            return read_description(self._root).model_dump()
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} cannot be read: {error}. Start a new run in another folder.") from error

    def write_description(self, description: Mapping[str, Any]) -> None:
        """Write the description of the run."""
        make_folder(str(self._root), self._folder)
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
        for line in read_tasks(self._root, RunLogSchema(self._root, read_description(self._root)))[0]:
            if isinstance(line, RunLine):
                is_along_axis = line.run.axis == axis
            elif isinstance(line, TaskLine) and is_along_axis and line.task.status != "cancelled":
                ended.add(line.task.axis_value)
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
        make_folder(str(self._root), self._folder)
        try:
            # Old versions of filelock empty the file that a link leads to.
            with FileLock(path_below(self._root, self._folder / LOCK), timeout=0):
                yield
        except Timeout as error:
            raise FileExistsError(
                f"Another run is writing to {self._folder.parent}. Wait until it has ended, or choose another folder."
            ) from error


def read_tasks(root: Path, schema: RunLogSchema) -> tuple[list[ParentLine], list[str]]:
    """Return the lines for runs, tasks and ends, and those that are damaged, with the place and reason of each.

    Parameters
    ----------
    root : Path
        The output folder.
    schema : RunLogSchema
        The check of its records.
    """
    lines: list[ParentLine] = []
    damaged: list[str] = []
    if not os.path.lexists(root / RUN_LOG / TASKS):
        return lines, damaged
    try:
        for number, values in enumerate(read_lines(root, Path(RUN_LOG, TASKS)), 1):
            try:
                if values is None:
                    raise ValueError("it is no JSON object")
                line = schema.parent_line(values)
                lines += [line] if line is not None else []
            except ValueError as error:
                damaged.append(f"{TASKS}, record {number}: {error}")
    except OSError as error:
        damaged.append(f"{TASKS}: {error.strerror or error}")
    return lines, damaged
