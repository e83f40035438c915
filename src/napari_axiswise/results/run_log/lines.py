"""The files of the run log: their names, and files of JSON lines that only grow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from errno import ENOSPC
from pathlib import Path
from typing import Any, Final

from ...core.files import open_regular, parse_json, path_below

RUN_LOG: Final = "ledger"
"""The folder of the run log in the output."""

DESCRIPTION: Final = "run.json"
"""The file of the run log that describes what is run."""

TASKS: Final = "tasks.jsonl"
"""The file of the run log that the parent appends to."""

UNITS: Final = "units"
"""The folder of the run log with the records of units and blocks."""

ROWS: Final = "rows"
"""The folder of the run log with rows of tables and points."""

LOCK: Final = "lock"
"""The file of the run log that is locked while a run goes on."""


LARGEST_LINE: Final = 16 << 20
"""Maximum length in bytes of a line that is read as one."""

LARGEST_LOG: Final = 4 << 30
"""Maximum size in bytes of a file of lines."""


class LinesFile:
    """A file of JSON lines that only grows.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, values: Mapping[str, Any]) -> None:
        """Append a line.

        Raises
        ------
        OSError
            The line could not be written in full. `read_lines` skips what there is of it.
        """
        # A new line comes first, as the last line may be incomplete.
        append(self._path, b"\n" + json.dumps(values).encode())


def read_lines(root: Path, path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the lines of a file of the run log; None for each that is no JSON object.

    Parameters
    ----------
    root : Path
        The output folder.
    path : Path
        The file, relative to it.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with open_regular(path_below(root, path), LARGEST_LOG) as lines:
        while line := lines.readline(LARGEST_LINE):
            if line.isspace():
                continue
            try:
                values = parse_json(line)
            except ValueError:
                values = None
            yield values if isinstance(values, dict) else None


def append(path: Path, data: bytes) -> int:
    """Append bytes to a file in one write, and return the offset at which they begin.

    Raises
    ------
    OSError
        Not all bytes could be written.
    """
    with path.open("ab", buffering=0) as file:
        start = file.seek(0, os.SEEK_END)
        if file.write(data) < len(data):
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(path))
    return start
