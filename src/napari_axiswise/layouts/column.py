"""Columns of repeated texts, stored as one code per row."""

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
    """Column of texts that stores each distinct text once.

    Parameters
    ----------
    texts : sequence of str
        Distinct texts.
    codes : ndarray of int32, shape (rows,)
        Index of the text of each row.
    """

    texts: Sequence[str]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Column:
        """Create a column from one text per row."""
        encoder = ColumnEncoder()
        encoder.add(texts)
        return encoder.column()

    def __len__(self) -> int:
        return len(self.codes)


class ColumnEncoder:
    """Builder of a column from texts in chunks, so that only one chunk is in memory."""

    def __init__(self) -> None:
        numbers = count()
        self._codes: defaultdict[str, int] = defaultdict(lambda: next(numbers))
        self._pieces: list[NDArray[np.int32]] = []

    def add(self, texts: Iterable[str]) -> None:
        """Add rows at the end."""
        self._pieces.append(np.fromiter(map(self._codes.__getitem__, texts), np.int32))

    def column(self) -> Column:
        """Return the column of all added rows."""
        pieces = self._pieces or [np.zeros(0, np.int32)]
        return Column(tuple(self._codes), np.concatenate(pieces))


class Table:
    """Columns that are filled row by row.

    Parameters
    ----------
    names : sequence of str
        Names of the columns.
    """

    PIECE = 256
    """Rows that are kept as tuples: few enough not to trigger full garbage collections."""

    def __init__(self, names: Sequence[str]) -> None:
        self._encoders = {name: ColumnEncoder() for name in names}
        self._rows: list[tuple[str, ...]] = []

    def add(self, row: tuple[str, ...]) -> None:
        """Add a row with one text per column."""
        self._rows.append(row)
        if len(self._rows) >= self.PIECE:
            self._encode()

    def columns(self) -> dict[str, Column]:
        """Return all columns by name."""
        self._encode()
        return {name: encoder.column() for name, encoder in self._encoders.items()}

    def _encode(self) -> None:
        columns: Iterable[Any] = zip(*self._rows, strict=True) if self._rows else ()
        for encoder, texts in zip(self._encoders.values(), columns, strict=False):
            encoder.add(texts)
        self._rows.clear()
