"""Chunks of Blosc whose header or content is wrong are refused, and do not crash the process."""

from __future__ import annotations

import random
import struct
from contextlib import suppress

import imagecodecs
import pytest

from napari_axiswise.planes.blosc import expand_blosc

PIXELS = bytes(range(256)) * 2
CHUNK = bytes(imagecodecs.blosc_encode(PIXELS, level=5, compressor="lz4", shuffle=1, typesize=2))


def test_a_chunk_is_expanded() -> None:
    assert expand_blosc(CHUNK, len(PIXELS)) == PIXELS
    with pytest.raises(ValueError, match="expands to more than"):
        expand_blosc(CHUNK, len(PIXELS) - 1)


@pytest.mark.parametrize("place", [4, 8, 12])
@pytest.mark.parametrize("size", [0, 1, 15, 1 << 20, (1 << 32) - 1])
def test_a_header_with_other_sizes_is_refused(place: int, size: int) -> None:
    changed = bytearray(CHUNK)
    struct.pack_into("<I", changed, place, size)
    # A chunk without any bytes is one of another shape, which is found out later.
    with pytest.raises((ValueError, imagecodecs.BloscError)) if place != 4 or size else suppress(ValueError):
        expand_blosc(bytes(changed), len(PIXELS))


def test_damaged_chunks_do_not_crash() -> None:
    rng = random.Random(0)
    for _ in range(5_000):
        changed = bytearray(CHUNK[: rng.randrange(len(CHUNK) + 1)] if rng.random() < 0.2 else CHUNK)
        for _ in range(rng.randint(0, 4) if changed else 0):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        with suppress(ValueError, imagecodecs.BloscError):
            expand_blosc(bytes(changed), len(PIXELS))
