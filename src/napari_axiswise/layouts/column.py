"""The values of one component, a code per row: what a million rows say in few words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Column:
    """A column of texts, each of them held once.

    Parameters
    ----------
    texts : sequence of str
        The distinct texts.
    codes : ndarray of int32, shape (rows,)
        For each row, the index of its text.
    """

    texts: Sequence[str]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Column:
        """Return a column of these texts, one per row."""
        encoder = ColumnEncoder()
        encoder.add(texts)
        return encoder.column()

    def __len__(self) -> int:
        return len(self.codes)


class ColumnEncoder:
    """Makes a column from texts that come in pieces, so that no more than a piece of them is in memory."""

    def __init__(self) -> None:
        numbers = count()
        self._codes: defaultdict[str, int] = defaultdict(lambda: next(numbers))
        self._pieces: list[NDArray[np.int32]] = []

    def add(self, texts: Iterable[str]) -> None:
        """Add rows."""
        self._pieces.append(np.fromiter(map(self._codes.__getitem__, texts), np.int32))

    def column(self) -> Column:
        """Return what was added."""
        pieces = self._pieces or [np.zeros(0, np.int32)]
        return Column(tuple(self._codes), np.concatenate(pieces))


class Table:
    """Columns that are filled row by row.

    Parameters
    ----------
    names : sequence of str
        Of the columns.
    """

    PIECE = 256
    """Rows that are held as texts: too few for the garbage collector to look through all that there is."""

    def __init__(self, names: Sequence[str]) -> None:
        self._encoders = {name: ColumnEncoder() for name in names}
        self._rows: list[tuple[str, ...]] = []

    def add(self, row: tuple[str, ...]) -> None:
        """Add a row: a text per column."""
        self._rows.append(row)
        if len(self._rows) >= self.PIECE:
            self._encode()

    def columns(self) -> dict[str, Column]:
        """Return the columns by their names."""
        self._encode()
        return {name: encoder.column() for name, encoder in self._encoders.items()}

    def _encode(self) -> None:
        columns: Iterable[Any] = zip(*self._rows, strict=True) if self._rows else ()
        for encoder, texts in zip(self._encoders.values(), columns, strict=False):
            encoder.add(texts)
        self._rows.clear()
