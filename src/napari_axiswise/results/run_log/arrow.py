"""Rows of tables and points in the run log, as Arrow streams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..records import WrittenTable

if TYPE_CHECKING:
    import pandas as pd


def to_arrow(frame: pd.DataFrame) -> bytes:
    """Return rows as an Arrow stream.

    Raises
    ------
    ValueError
        A column has values of different types.
    """
    import pyarrow as pa

    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"its table cannot be written: {error}. Give every column values of one type: numbers, texts or times."
        ) from error
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def read_rows(root: Path, table: WrittenTable) -> list[Any]:
    """Return the Arrow tables in a stretch of a file, one per unit."""
    import pyarrow as pa

    with (root / table.path).open("rb") as file:
        file.seek(table.start)
        source = pa.BufferReader(file.read(table.stop - table.start))
    tables = []
    while source.tell() < table.stop - table.start:
        with pa.ipc.open_stream(source) as stream:
            tables.append(stream.read_all())
    return tables
