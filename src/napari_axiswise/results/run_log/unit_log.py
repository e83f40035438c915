"""The part of the run log that a worker writes."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from numpy.typing import NDArray

from ...core.files import make_folder
from ..records import WrittenTable, WrittenThumbnails
from ..thumbnails import THUMBNAILS, encode_thumbnails
from .arrow import to_arrow
from .lines import ROWS, RUN_LOG, UNITS, LinesFile, append
from .records import UnitRecord

if TYPE_CHECKING:
    import pandas as pd


class UnitLog:
    """The part of the run log that one worker writes.

    Parameters
    ----------
    root : str
        The output folder.

    Attributes
    ----------
    worker : str
        The name of this worker.
    """

    def __init__(self, root: str) -> None:
        self.worker = worker_name()
        self._root = Path(root)
        self._file_name = quote(self.worker, safe="")
        self._file: LinesFile | None = None
        self._folders: set[Path] = set()

    def write_unit(self, record: UnitRecord) -> None:
        """Record the outcome of a unit."""
        self._write({"unit": record.to_json()})

    def write_block(self, block: Sequence[str]) -> None:
        """Record that a block is complete."""
        self._write({"block": list(block)})

    def write_rows(self, step: str, frame: pd.DataFrame) -> WrittenTable:
        """Write rows of a step's table, and return where they are."""
        path = self._folder(ROWS, step) / self._file_name
        data = to_arrow(frame)
        start = append(path, data)
        return WrittenTable(step, self._relative(path), start, start + len(data), len(frame))

    def write_thumbnails(
        self, step: str, names: tuple[str, ...], thumbnails: Mapping[tuple[int, ...], NDArray[Any]]
    ) -> WrittenThumbnails:
        """Write thumbnails of one shape and dtype, keyed by their codes, and return where they are."""
        path = self._folder(THUMBNAILS, step) / self._file_name
        data = encode_thumbnails(thumbnails)
        start = append(path, data)
        first = next(iter(thumbnails.values()))
        return WrittenThumbnails(
            step=step,
            names=names,
            shape=(first.shape[0], first.shape[1]),
            dtype=str(first.dtype),
            path=self._relative(path),
            start=start,
            stop=start + len(data),
        )

    def _write(self, values: Mapping[str, Any]) -> None:
        if self._file is None:
            self._file = LinesFile(self._folder(UNITS) / f"{self._file_name}.jsonl")
        self._file.write(values)

    def _folder(self, *names: str) -> Path:
        folder = self._root.joinpath(RUN_LOG, *names)
        if folder not in self._folders:
            make_folder(str(self._root), folder)
            self._folders.add(folder)
        return folder

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def worker_name() -> str:
    """Return machine, process and thread."""
    return f"{platform.node() or 'local'}:{os.getpid()}:{threading.get_ident()}"
