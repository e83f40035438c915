"""Arrays of others are read with codecs that are known, and their chunks expand only as far as they can be right."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from napari_axiswise.core.errors import PlaneError
from napari_axiswise.planes.zarr.arrays import read_zarr_plane

PLANE = np.arange(64 * 64, dtype="<u2").reshape(64, 64)

BOMB = bytes(1 << 24)
"""Far more than a plane has."""

COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "numcodecs.gzip": lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:]),
    "zstd": imagecodecs.zstd_encode,
    "blosc": lambda data: imagecodecs.blosc_encode(data, typesize=2),
    "numcodecs.zlib": zlib.compress,
    "numcodecs.bz2": bz2.compress,
    "numcodecs.lzma": lzma.compress,
    "numcodecs.lz4": lambda data: len(data).to_bytes(4, "little") + imagecodecs.lz4_encode(data),
}
"""Compression by each codec, with several parts where there may be."""


def write_array(folder: Path, compressors: list[Any], chunk: bytes, **changes: Any) -> None:
    """Write an array of version 3 with one plane."""
    metadata = {
        "zarr_format": 3, "node_type": "array", "shape": [1, 64, 64], "data_type": "uint16", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 64, 64]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, *compressors], "attributes": {},
    }  # fmt: skip
    (folder / "a/c/0/0").mkdir(parents=True)
    (folder / "a/zarr.json").write_text(json.dumps(metadata | changes))
    (folder / "a/c/0/0/0").write_bytes(chunk)


def write_array_2(folder: Path, compressor: Any, filters: Any, chunk: bytes, dtype: str = "<u2") -> None:
    """Write an array of version 2 with one plane."""
    metadata = {"zarr_format": 2, "shape": [1, 64, 64], "chunks": [1, 64, 64], "dtype": dtype, "fill_value": 0,
                "order": "C", "compressor": compressor, "filters": filters, "dimension_separator": "/"}  # fmt: skip
    (folder / "a/0/0").mkdir(parents=True)
    (folder / "a/.zarray").write_text(json.dumps(metadata))
    (folder / "a/0/0/0").write_bytes(chunk)


def read(folder: Path) -> Any:
    return read_zarr_plane(str(folder), "a", (0,))


@pytest.mark.parametrize("codec", COMPRESS)
@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("is_bomb", [False, True], ids=["plane", "bomb"])
def test_a_chunk_expands_only_as_far_as_it_can_be_right(
    tmp_path: Path, codec: str, version: int, is_bomb: bool
) -> None:
    chunk = COMPRESS[codec](BOMB if is_bomb else PLANE.tobytes())
    if version == 3:
        write_array(tmp_path, [{"name": codec, "configuration": {}}], chunk)
    else:
        write_array_2(tmp_path, {"id": codec.removeprefix("numcodecs.")}, None, chunk)
    if is_bomb:
        with pytest.raises(PlaneError, match="cannot be read"):
            read(tmp_path)
    else:
        np.testing.assert_array_equal(read(tmp_path), PLANE)


def test_a_bomb_in_a_shard_and_behind_another_codec(tmp_path: Path) -> None:
    twice = gzip.compress(gzip.compress(BOMB))
    index = np.array([0, len(twice)], "<u8").tobytes()
    inner = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "gzip", "configuration": {}}]
    shards = {"name": "sharding_indexed", "configuration": {
        "chunk_shape": [1, 64, 64], "codecs": [*inner, inner[1]], "index_codecs": inner[:1], "index_location": "end",
    }}  # fmt: skip
    write_array(tmp_path, [], twice + index, codecs=[shards])
    with pytest.raises(PlaneError, match="more than the"):
        read(tmp_path)


@pytest.mark.parametrize(
    "codec", ["pickle", "json2", "msgpack2", "vlen-utf8", "categorize", "base64", "other"]
)
def test_codecs_that_are_not_for_images_are_refused(tmp_path: Path, codec: str) -> None:
    for place in ("compressor", "filters"):
        folder = tmp_path / place
        compressor = {"id": codec} if place == "compressor" else None
        write_array_2(folder, compressor, [{"id": codec}] if place == "filters" else None, PLANE.tobytes())
        with pytest.raises(PlaneError, match=f"codec '{codec}'"):
            read(folder)
    write_array(tmp_path, [{"name": f"numcodecs.{codec}", "configuration": {}}], PLANE.tobytes())
    with pytest.raises(PlaneError, match=f"codec '{codec}'"):
        read(tmp_path)


@pytest.mark.parametrize("dtype", ["|O", "<M8[s]", "<U4", "|V8"])
def test_arrays_of_anything_but_numbers_are_refused(tmp_path: Path, dtype: str) -> None:
    write_array_2(tmp_path / "dtype", None, None, PLANE.tobytes(), dtype)
    write_array_2(tmp_path / "filter", None, [{"id": "delta", "dtype": dtype}], PLANE.tobytes())
    for folder in ("dtype", "filter"):
        with pytest.raises(PlaneError, match="not numbers"):
            read(tmp_path / folder)


@pytest.mark.parametrize(
    "changes",
    [{"codecs": 5}, {"codecs": [None]}, {"chunk_grid": {}}, {"data_type": {}}, {"zarr_format": 4},
     {"shape": [-1, 2, 2]},
     {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 1 << 20, 1 << 20]}}}],
    ids=str,
)  # fmt: skip
def test_metadata_that_make_no_sense_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_array(tmp_path, [], PLANE.tobytes(), **changes)
    with pytest.raises(PlaneError):
        read(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of Unix")
def test_a_chunk_that_is_a_pipe_or_far_too_large_is_not_read(tmp_path: Path) -> None:
    write_array(tmp_path, [], PLANE.tobytes())
    chunk = tmp_path / "a/c/0/0/0"
    os.truncate(chunk, 1 << 40)
    with pytest.raises(PlaneError, match="more than a chunk"):
        read(tmp_path)
    chunk.unlink()
    os.mkfifo(chunk)
    with pytest.raises(PlaneError, match="a pipe or a device"):
        read(tmp_path)
