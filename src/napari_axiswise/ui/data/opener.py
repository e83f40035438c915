"""Opens datasets, and looks at their files, in a thread: a plate may have a million of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from qtpy.QtCore import QObject, Signal

from ...datasets.dataset import Dataset, PageAxes
from ...datasets.opening import open_dataset
from ...datasets.report import Report


class Opener(QObject):
    """What is opened one after the other; who asks anew does not want what was asked for before.

    Its threads end with the process, whatever they are at: nobody waits for a walk through a large disk.

    Attributes
    ----------
    opening : bool
        Whether a dataset is being opened.
    opened : Signal
        Emitted with a `Dataset`.
    reported : Signal
        Emitted with the `Report` of a dataset.
    failed : Signal
        Emitted with the error that kept a dataset from being opened.
    """

    opened = Signal(object)
    reported = Signal(object)
    failed = Signal(object)
    _made = Signal(int, str, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.opening = False
        self._wanted = 0
        self._made.connect(self._tell)

    def open(self, source: str | Path, axes: PageAxes | None = None) -> None:
        """Open a folder, a file or an address, and return at once."""
        self._start(partial(open_dataset, source, axes=axes), "opened")
        self.opening = True

    def call(self, function: Callable[[], Any]) -> None:
        """Have a function called whose result `opened` is emitted with, and return at once."""
        self._start(function, "opened")

    def report(self, dataset: Dataset) -> None:
        """Look at the files of a dataset, and return at once."""
        self._start(partial(_report, dataset), "reported")

    def forget(self) -> None:
        """Tell nobody of what is still under way."""
        self.opening = False
        self._wanted += 1

    def _start(self, function: Callable[[], Any], signal: str) -> None:
        self.forget()
        Thread(target=self._make, args=(function, signal, self._wanted), daemon=True).start()

    def _make(self, function: Callable[[], Any], signal: str, number: int) -> None:
        """Call a function in a thread of its own, and hand over what it gave."""
        try:
            made = function()
        except Exception as error:
            signal, made = "failed", error
        with suppress(RuntimeError):  # where the window is gone
            self._made.emit(number, signal, made)

    def _tell(self, number: int, signal: str, made: object) -> None:
        if number == self._wanted:
            self.opening = False
            getattr(self, signal).emit(made)


def _report(dataset: Dataset) -> Report:
    """Return the report of a dataset, with the tables made that it makes when it is first told."""
    report = dataset.report()
    str(report)
    return report
