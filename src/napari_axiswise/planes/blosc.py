"""Expanding Blosc's chunks of others."""

from __future__ import annotations

import struct

_HEADER = struct.Struct("<4B3I")
"""Two versions, flags, size of an item, and numbers of bytes: in all, in a block, and compressed."""


def expand_blosc(data: bytes, limit: int) -> bytes:
    """Expand a chunk that Blosc has compressed.

    Blosc believes the sizes in the header of a chunk, and reads and writes beyond it if they are wrong.

    Raises
    ------
    ValueError
        The sizes in the header are not those of the chunk, or it has more than `limit` bytes.
    """
    # Not numcodecs, which creates a semaphore on import that a killed worker leaves behind.
    from imagecodecs import blosc_decode

    if len(data) < _HEADER.size:
        raise ValueError("a chunk is shorter than the header of Blosc")
    _, _, _, item, size, block, compressed = _HEADER.unpack_from(data)
    if compressed != len(data) or not item or (size and not 0 < block <= size):
        raise ValueError("a chunk has another size than the header of Blosc says")
    if size > limit:
        raise ValueError(f"a chunk expands to more than the {limit:,} bytes that it can have")
    return bytes(blosc_decode(data, numthreads=1, out=size))
