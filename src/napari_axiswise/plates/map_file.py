"""Read a plate map from a CSV file."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..core.components import normalize_value
from ..core.files import open_regular
from ..core.text import quote_names
from ..core.wells import parse_well, well_name

WELL = "well"

LARGEST = 4_000_000
"""Maximum size of a plate map in bytes: more than 2000 for each of 1536 wells."""

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_WHOLE = r"[+-]?[0-9]{1,18}"
_MISSING = ("na", "n/a", "nan")
_ACCEPTED_FORMS = (
    "It needs a column 'well' with A01, A02, …; or columns 'row' and 'column'; or the shape of a plate, with "
    "1, 2, … in the first row and A, B, … in the first column."
)


def read_plate_map(path: str | os.PathLike[str]) -> pd.DataFrame:
    r"""Read a plate map, the content of each well, from a CSV file.

    The file has one of three forms. Case is ignored.

    - A row per well, with a column ``well`` (A1, a01, A01).
    - A row per well, with columns ``row`` (A or 1) and ``column`` (1 or 01).
    - The shape of a plate: 1, 2, … in the first row and A, B, … in the first column. The values are one property,
      named after the file.

    The delimiter is the comma, semicolon or tab, whichever is most frequent in the first row. The encoding is UTF-8,
    with or without a byte order mark, or else Latin-1.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    DataFrame
        Indexed by `well`, A01 … AF48, in the order of the file, with a column per property. A column of numbers is
        numeric; with semicolons or tabs as delimiters, numbers may have a decimal comma. Blank cells are missing
        values, and so is NA in a column of numbers.

    Raises
    ------
    ValueError
        The file has no wells, an invalid well, or a well twice; a column name is missing or repeated; a row is too
        long; or the file is empty, binary or too large. The message gives the row of the file, from 1.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("dose.csv").write_text("well,dose\nB02,0\nB03,2.5\n")
    >>> aw.read_plate_map("dose.csv")["dose"].to_dict()
    {'B02': 0.0, 'B03': 2.5}
    """
    path = Path(path)
    names, rows, delimiter = _read_cells(path)
    lower = [name.lower() for name in names]
    if WELL in lower:
        wells = _wells(path, names, rows, (WELL,))
        own: tuple[str, ...] = (WELL,)
    elif "row" in lower and "column" in lower:
        own = ("row", "column")
        wells = _wells(path, names, rows, own)
    elif len(names) > 1 and all(re.fullmatch("0*[0-9]{1,2}", name) for name in names[1:]):
        return _read_matrix(path, names, rows, delimiter)
    else:
        raise ValueError(
            f"{path.name} has no wells: its first row is {quote_names(names)}. {_ACCEPTED_FORMS}"
        )
    index = _index(path, wells)
    columns = {}
    for place, name in enumerate(names):
        if lower[place] in own:
            continue
        cells = [row[place] for _, row in rows]
        if name:
            columns[name] = _series(cells, delimiter, index)
        elif any(cells):
            raise ValueError(
                f"{path.name}, column {place + 1}: the column has values but no name. Name it in the first row."
            )
    return pd.DataFrame(columns, index=index)


def _read_cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    """Return the first row, the other rows with their numbers, and the delimiter."""
    with open_regular(path) as file:
        content = file.read(LARGEST + 1)
    if b"\0" in content:
        raise ValueError(f"{path.name} is not a text file. Save the sheet as CSV in UTF-8.")
    if len(content) > LARGEST:
        raise ValueError(
            f"{path.name} is larger than {LARGEST // 1_000_000} MB, too large for a plate map with a row per well."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    text = re.sub(r"\A\s*sep=.[ \t]*(?=[\r\n])", "", text)
    first = next((line for line in text.splitlines() if line.strip(" \t,;")), "")
    delimiter = max(",;\t", key=re.sub(r'"[^"]*"', "", first).count)
    every: list[list[str]] = []
    try:
        # Strict: an unclosed quotation mark would otherwise put all rows below it into one cell.
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            every.append([cell.strip() for cell in row])  # noqa: PERF401 - keep the rows before an error
    except csv.Error as error:
        raise ValueError(
            f"{path.name}, row {len(every) + 1}, is not valid CSV: {error}. Look for an extra double quote."
        ) from error
    rows = [(number, row) for number, row in enumerate(every, 1) if any(row)]
    if len(rows) < 2:
        raise ValueError(f"{path.name} {'has only one row' if rows else 'is empty'}. {_ACCEPTED_FORMS}")
    names = rows[0][1]
    while (
        names and not names[-1] and not any(len(row) >= len(names) and row[len(names) - 1] for _, row in rows)
    ):
        names = names[:-1]
    _check_names(path, rows[0][0], names)
    width = len(names)
    for number, row in rows[1:]:
        if any(row[width:]):
            raise ValueError(
                f"{path.name}, row {number}: the row has more values than the first row has columns ({width}). Put "
                f"text that contains {delimiter!r} between double quotes."
            )
    filled = [(number, [*row[:width], *[""] * (width - len(row))]) for number, row in rows[1:]]
    return names, filled, delimiter


def _check_names(path: Path, number: int, names: Sequence[str]) -> None:
    own = (WELL, "row", "column")
    seen: set[str] = set()
    for name in names:
        key = name.lower() if name.lower() in own else name
        if key and key in seen:
            raise ValueError(
                f"{path.name}, row {number}: two columns are named {name!r}. Rename or remove one."
            )
        seen.add(key)


def _wells(
    path: Path, names: Sequence[str], rows: Iterable[tuple[int, list[str]]], own: Sequence[str]
) -> list[tuple[int, str]]:
    """Return the row number and the well of each row."""
    lower = [name.lower() for name in names]
    places = [lower.index(name) for name in own]
    return [(number, _read_well(path, number, [row[place] for place in places])) for number, row in rows]


def _read_well(path: Path, number: int, parts: Sequence[str]) -> str:
    """Return a well from its name, or from its row and column."""
    if len(parts) == 1:
        well = normalize_value(WELL, parts[0])
    else:
        row, column = parts
        is_row = re.fullmatch("[A-Za-z]{1,2}|0*[1-9][0-9]?", row)
        well = well_name(row, column) if is_row and re.fullmatch("[0-9]{1,3}", column) else ""
    if parse_well(well) is None:
        text = " ".join(repr(part) for part in parts)
        raise ValueError(
            f"{path.name}, row {number}: {text} is not a well. Wells are A01 … AF48: rows A … AF, columns 1 … 48."
        )
    return well


def _index(path: Path, wells: Sequence[tuple[int, str]]) -> pd.Index[str]:
    first: dict[str, int] = {}
    for number, well in wells:
        if well in first:
            raise ValueError(
                f"{path.name}, row {number}: well {well} is also in row {first[well]}. Remove one of them; a plate "
                "map describes one plate."
            )
        first[well] = number
    return pd.Index(list(first), name=WELL)


def _read_matrix(
    path: Path, names: Sequence[str], rows: Sequence[tuple[int, list[str]]], delimiter: str
) -> pd.DataFrame:
    """Return the property in a file that has the shape of a plate."""
    wells = []
    for number, row in rows:
        if parse_well(f"{row[0].upper()}01") is None:
            raise ValueError(
                f"{path.name}, row {number}: {row[0]!r} is not a row of a plate. The first column has A, B, … AF."
            )
        wells += [(number, _read_well(path, number, (row[0], column))) for column in names[1:]]
    cells = [cell for _, row in rows for cell in row[1:]]
    index = _index(path, wells)
    return pd.DataFrame({path.stem: _series(cells, delimiter, index)}, index=index)


def _series(
    cells: Sequence[str], delimiter: str, index: pd.Index[str]
) -> pd.Series[int] | pd.Series[float] | pd.Series[str]:
    """Return a column, numeric if all its values are numbers."""
    texts = list(cells)
    if delimiter != ",":
        texts = [re.sub(r"(?<=[0-9]),(?=[0-9])", ".", text) for text in texts]
    blank = [not text or text.lower() in _MISSING for text in texts]
    present = [text for text, missing in zip(texts, blank, strict=True) if not missing]
    if len(present) == len(texts) and all(re.fullmatch(_WHOLE, text) for text in texts):
        return pd.Series([int(text) for text in texts], index=index, dtype=np.int64)
    # A column with only NA may hold names: NA is sodium.
    if (present or not any(texts)) and all(re.fullmatch(_NUMBER, text) for text in present):
        numbers = [np.nan if missing else float(text) for text, missing in zip(texts, blank, strict=True)]
        return pd.Series(numbers, index=index, dtype=float)
    return pd.Series([cell or None for cell in cells], index=index, dtype="str")
