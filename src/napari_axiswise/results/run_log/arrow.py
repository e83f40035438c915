"""Rows of tables and points in the run log, as Arrow streams."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.files import open_regular, parse_json
from ..records import WrittenTable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


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


def read_rows(path: Path, table: WrittenTable) -> list[pa.Table]:
    """Return the Arrow tables in a stretch of a file, one per unit.

    Parameters
    ----------
    path : Path
        The file, as `path_below` returns it for the path of the table.
    table : WrittenTable
        The stretch.

    Raises
    ------
    OSError
        It cannot be read, or is shorter.
    ValueError
        It is damaged, or would need more memory than its bytes.
    """
    import pyarrow as pa

    size = table.stop - table.start
    with open_regular(path) as file:
        if file.seek(0, os.SEEK_END) < table.stop:
            raise OSError(f"{path} is shorter than the run log says.")
        file.seek(table.start)
        data = pa.py_buffer(file.read(size))
    tables: list[pa.Table] = []
    start = 0
    try:
        while start < size:
            _check_stream(data.slice(start), table.rows)
            source = pa.BufferReader(data.slice(start))
            with pa.ipc.open_stream(source) as stream:
                tables.append(stream.read_all())
            # Offsets that are wrong would be followed out of the data.
            tables[-1].validate(full=True)
            start += source.tell()
    except (pa.ArrowException, struct.error, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error})") from error
    if sum(unit.num_rows for unit in tables) != table.rows:
        raise ValueError(f"{path} does not have the {table.rows:,} rows that the run log says")
    return tables


def _check_stream(data: pa.Buffer, most_rows: int) -> None:
    """Check that an Arrow stream needs no more memory than its bytes, before any of its data are read.

    Raises
    ------
    ValueError
        It has more rows than it can have, is compressed, which this package never does, or has columns whose rows share
        bytes.
    """
    import pyarrow as pa

    schema = None
    rows = 0
    for message in pa.ipc.MessageReader.open_stream(pa.BufferReader(data)):
        if message.type == "schema":
            schema = pa.ipc.read_schema(message)
            about = (schema.metadata or {}).get(b"pandas", b"{}")
            names_twice = len(set(schema.names)) < len(schema.names)
            if (
                names_twice
                or not all(map(_is_plain, schema.types))
                or not isinstance(parse_json(about), dict)
            ):
                raise ValueError("an Arrow stream has columns of an unusual type")
            continue
        if message.type not in ("record batch", "dictionary"):
            raise ValueError(f"an Arrow stream has a {message.type}")
        header = message.metadata.to_pybytes()
        batch = _follow(header, _field(header, _follow(header, 0), _HEADER))
        if message.type == "dictionary":
            batch = _follow(header, _field(header, batch, _DICTIONARY_DATA))
        length = _field(header, batch, _LENGTH)
        count = struct.unpack_from("<q", header, length)[0] if length else 0
        rows += count if message.type == "record batch" else 0
        if rows > most_rows or not 0 <= count <= data.size or _field(header, batch, _COMPRESSION):
            raise ValueError("an Arrow stream has more rows than the run log says, or is compressed")
    if schema is None:
        raise ValueError("an Arrow stream has no schema")


def _is_plain(kind: pa.DataType) -> bool:
    """Return whether every row of a column of this type has bytes of its own."""
    import pyarrow as pa

    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _is_plain(kind.storage_type)
    if types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_plain(kind.value_type) and not types.is_null(kind.value_type)
    return any(
        is_kind(kind)
        for is_kind in (types.is_primitive, types.is_string, types.is_large_string, types.is_binary,
                        types.is_large_binary, types.is_decimal, types.is_null)
    )  # fmt: skip


# Numbers of fields in https://github.com/apache/arrow/blob/main/format/Message.fbs, of which pyarrow shows neither the
# rows nor the compression of a batch before it is read.
_HEADER = 2
_DICTIONARY_DATA = 1
_LENGTH = 0
_COMPRESSION = 3


def _field(data: bytes, table: int, number: int) -> int:
    """Return the position of a field of a FlatBuffers table; 0 if the table lacks it."""
    fields = table - struct.unpack_from("<i", data, table)[0]
    if fields < 0 or 4 + 2 * number >= struct.unpack_from("<H", data, fields)[0]:
        return 0
    offset: int = struct.unpack_from("<H", data, fields + 4 + 2 * number)[0]
    return table + offset if offset else 0


def _follow(data: bytes, position: int) -> int:
    """Return the position of the table to which a position of a FlatBuffer refers."""
    return position + int(struct.unpack_from("<I", data, position)[0])
