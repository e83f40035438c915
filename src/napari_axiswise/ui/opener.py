"""Opens datasets, and looks at their files, in a thread: a plate may have a million of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.qt.threading import create_worker
from psygnal import Signal

from ..datasets.dataset import Dataset, PageAxes
from ..datasets.opening import open_dataset
from ..datasets.report import Report


class Opener:
    """What is opened one after the other; who asks anew does not want what was asked for before.

    Attributes
    ----------
    opening : bool
        Whether a dataset is being opened.
    opened : psygnal.Signal
        Emitted with a `Dataset`.
    reported : psygnal.Signal
        Emitted with the `Report` of a dataset.
    failed : psygnal.Signal
        Emitted with the error that kept a dataset from being opened.
    """

    opened = Signal(Dataset)
    reported = Signal(Report)
    failed = Signal(Exception)

    def __init__(self) -> None:
        self.opening = False
        self._wanted = 0

    def open(self, source: str | Path, axes: PageAxes | None = None) -> None:
        """Open a folder, a file or an address, and return at once."""
        self._start(partial(open_dataset, source, axes=axes), self.opened.emit)
        self.opening = True

    def report(self, dataset: Dataset) -> None:
        """Look at the files of a dataset, and return at once."""
        self._start(partial(_report, dataset), self.reported.emit)

    def forget(self) -> None:
        """Tell nobody of what is still under way."""
        self.opening = False
        self._wanted += 1

    def _start(self, function: Callable[[], Any], emit: Callable[[Any], Any]) -> None:
        self.forget()
        number = self._wanted

        def tell(emit: Callable[[Any], Any], made: Any) -> None:
            if number == self._wanted:
                self.opening = False
                emit(made)

        worker = create_worker(function, _start_thread=False, _ignore_errors=True)
        worker.returned.connect(partial(tell, emit))
        worker.errored.connect(partial(tell, self.failed.emit))
        worker.start()


def _report(dataset: Dataset) -> Report:
    """Return the report of a dataset, with the tables made that it makes when it is first told."""
    report = dataset.report()
    str(report)
    return report


def read_axes(text: str) -> PageAxes:
    """Return what a user says that the axes before Y and X are.

    Raises
    ------
    ValueError
        It is neither names nor names with lengths.
    """
    parts = [part.split() for part in text.split(",") if part.strip()]
    if all(len(part) == 1 for part in parts):
        return [name for (name,) in parts]
    if all(len(part) == 2 and part[1].isdecimal() for part in parts):
        return {name: int(length) for name, length in parts}
    raise ValueError(
        f"{text!r} says no axes. Give a name for each, 'timepoint, z_index', or a name and a length, "
        "'timepoint 10, z_index 6'."
    )


def as_address(path: str | Path) -> str | Path:
    """Return an address as it was before it was taken for a path, which has no double slashes."""
    scheme = re.match(r"([a-z][a-z0-9+]+):/(?=[^/])", str(path))
    return f"{scheme[1]}://{str(path)[scheme.end() :]}" if scheme else path
