"""Which codecs of Zarr arrays are used, and codecs that expand a chunk only as far as it can be right.

Some codecs unpickle, and a chunk of a megabyte can expand to gigabytes. The metadata of an array are therefore checked
before Zarr sees them: a codec that is not listed is refused, and those that compress are replaced by `BoundedCodec`.
"""

from __future__ import annotations

import asyncio
import bz2
import gzip
import json
import lzma
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO, UnsupportedOperation
from typing import Any, Final

import numpy as np
from numcodecs.abc import Codec
from numcodecs.registry import register_codec as register_numcodec
from zarr.abc.codec import BytesBytesCodec
from zarr.registry import register_codec

from ...core.errors import PlaneError
from ...core.files import parse_json
from ..blosc import expand_blosc
from ..reader import LARGEST_PLANE

BOUNDED: Final = "napari_axiswise_bounded"
"""Name of `BoundedCodec` in the metadata that Zarr sees."""

PREFIX: Final = "numcodecs."
"""Before the names of numcodecs' codecs in metadata of version 3."""

SLACK: Final = 1 << 16
"""Bytes that a chunk may have beyond its pixels: checksums, and indices of shards."""

_DICTIONARY = 1 << 28
"""Maximum memory in bytes of LZMA's dictionary."""


def _lz4(data: bytes, limit: int) -> bytes:
    from imagecodecs import lz4_decode

    size = int.from_bytes(data[:4], "little")
    return bytes(lz4_decode(data[4:], out=min(size, limit + 1)))


def _zstd(data: bytes, limit: int) -> bytes:
    from imagecodecs import zstd_decode

    return bytes(zstd_decode(data, out=limit))


_EXPANDERS: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "blosc": expand_blosc,
    "bz2": lambda data, limit: bz2.BZ2File(BytesIO(data)).read(limit + 1),
    "gzip": lambda data, limit: gzip.GzipFile(fileobj=BytesIO(data)).read(limit + 1),
    "lz4": _lz4,
    "lzma": lambda data, limit: lzma.LZMADecompressor(memlimit=_DICTIONARY).decompress(data, limit + 1),
    "zlib": lambda data, limit: zlib.decompressobj().decompress(data, limit + 1),
    "zstd": _zstd,
}
"""How to expand what each codec has compressed, to a little more than a number of bytes at most."""

_PLAIN: Final = frozenset(
    ("adler32", "astype", "bitround", "bytes", "crc32", "crc32c", "delta", "fixedscaleoffset", "fletcher32",
     "jenkins_lookup3", "packbits", "quantize", "shuffle", "transpose")
)  # fmt: skip
"""Codecs that keep the number of bytes, or change it by a small factor."""

_DTYPE_KEYS = ("dtype", "astype", "encode_dtype", "decode_dtype")


def expand(codec: str, data: bytes, limit: int) -> bytes:
    """Expand a chunk.

    Raises
    ------
    ValueError
        It has more than `limit` bytes.
    """
    expanded = _EXPANDERS[codec](data, limit)
    if len(expanded) > limit:
        raise ValueError(f"a chunk expands to more than the {limit:,} bytes that it can have")
    return expanded


class BoundedNumcodec(Codec):  # type: ignore[misc]
    """`BoundedCodec` for arrays of version 2."""

    codec_id = BOUNDED

    def __init__(self, codec: str, limit: int) -> None:
        self.codec = codec
        self.limit = limit

    def encode(self, buf: Any) -> Any:
        """Refuse to compress."""
        raise UnsupportedOperation("Arrays that are checked are only read.")

    def decode(self, buf: Any, out: Any = None) -> bytes:
        """Expand a chunk."""
        return expand(self.codec, bytes(memoryview(buf).cast("B")), self.limit)


@dataclass(frozen=True)
class BoundedCodec(BytesBytesCodec):
    """A codec that expands a chunk to a maximum size.

    Parameters
    ----------
    codec : str
        Name of the codec that compressed it.
    limit : int
        The maximum, in bytes.
    """

    codec: str = ""
    limit: int = 0
    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: Any) -> BoundedCodec:
        """Create the codec from metadata."""
        return cls(**data["configuration"])

    def to_dict(self) -> Any:
        """Return the metadata of the codec."""
        return {"name": BOUNDED, "configuration": {"codec": self.codec, "limit": self.limit}}

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        data = await asyncio.to_thread(expand, self.codec, chunk_bytes.to_bytes(), self.limit)
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _encode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        raise UnsupportedOperation("Arrays that are checked are only read.")

    def compute_encoded_size(self, _input_byte_length: int, _chunk_spec: Any) -> int:
        """Refuse to say the size, as all codecs do whose sizes vary."""
        raise NotImplementedError


register_numcodec(BoundedNumcodec, BOUNDED)
register_codec(BOUNDED, BoundedCodec)


def check_array(document: bytes) -> tuple[bytes, int]:
    """Return the metadata of an array as Zarr may see them, and the size of a chunk in bytes before compression.

    Parameters
    ----------
    document : bytes
        The contents of ``zarr.json`` or ``.zarray``. The metadata of a group are returned as they are, with 0.

    Raises
    ------
    PlaneError
        The array does not hold numbers, its chunks are too large, or a codec is unknown or unsafe.
    """
    try:
        metadata = parse_json(document)
        if not isinstance(metadata, dict):
            raise TypeError("its metadata are no object")
        if metadata.get("node_type") == "group":
            return document, 0
        is_new = metadata["zarr_format"] == 3
        dtype = _number_type(metadata["data_type" if is_new else "dtype"])
        chunks = metadata["chunk_grid"]["configuration"]["chunk_shape"] if is_new else metadata["chunks"]
        size = _chunk_size(chunks, dtype)
        if is_new:
            metadata["codecs"] = [_check_codec(codec, size, dtype) for codec in metadata["codecs"]]
        else:
            compressor, filters = metadata.get("compressor"), metadata.get("filters")
            metadata["compressor"] = compressor and _check_numcodec(compressor, size)
            metadata["filters"] = filters and [_check_numcodec(each, size) for each in filters]
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise PlaneError(
            f"The metadata of an array are damaged ({type(error).__name__}: {error})."
        ) from error
    return json.dumps(metadata).encode(), size


def _number_type(name: object) -> np.dtype[Any]:
    dtype = np.dtype(name) if isinstance(name, str) else np.dtype(object)
    if dtype.kind not in "biufc":
        raise PlaneError("The array contains objects, not numbers. It is not an image.")
    return dtype


def _chunk_size(shape: Any, dtype: np.dtype[Any]) -> int:
    lengths = [int(length) for length in shape]
    size = math.prod(lengths) * dtype.itemsize
    if min(lengths, default=1) < 1 or size > LARGEST_PLANE:
        raise PlaneError(
            f"The array says that it has chunks of shape {tuple(lengths)}, more than the limit of "
            f"{LARGEST_PLANE >> 30} GiB."
        )
    return size


def _limit(size: int) -> int:
    """Return how large a chunk can be between two codecs: some store numbers of fewer bytes as others of more."""
    return min(4 * size, LARGEST_PLANE) + SLACK


def _check_codec(codec: Any, size: int, dtype: np.dtype[Any]) -> Any:
    """Return the metadata of a codec of version 3 as Zarr may see it."""
    if isinstance(codec, str):
        codec = {"name": codec}
    name, configuration = codec["name"].removeprefix(PREFIX), codec.get("configuration") or {}
    if name == "sharding_indexed":
        inner = _chunk_size(configuration["chunk_shape"], dtype)
        for key in ("codecs", "index_codecs"):
            configuration[key] = [_check_codec(each, inner, dtype) for each in configuration[key]]
        return codec
    if name in _EXPANDERS:
        return {"name": BOUNDED, "configuration": {"codec": name, "limit": _limit(size)}}
    _check_plain(name, configuration)
    return codec


def _check_numcodec(codec: Any, size: int) -> Any:
    """Return the metadata of a codec of version 2 as Zarr may see it."""
    if codec["id"] in _EXPANDERS:
        return {"id": BOUNDED, "codec": codec["id"], "limit": _limit(size)}
    _check_plain(codec["id"], codec)
    return codec


def _check_plain(name: str, configuration: Mapping[str, Any]) -> None:
    if name not in _PLAIN:
        raise PlaneError(
            f"The array is stored with the codec {name!r}, which is not used for images, or may run code. "
            "Save it again with blosc, zstd or gzip."
        )
    for key in _DTYPE_KEYS:
        if configuration.get(key) is not None:
            _number_type(configuration[key])
