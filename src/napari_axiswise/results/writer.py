"""The worker's side of the store: chunks of Zarr arrays whose metadata the parent writes, and tables."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from .grid import ImageGrid
from .records import WrittenPlanes, WrittenTable

if TYPE_CHECKING:
    import pandas as pd

CNAME: Final = "lz4"
CLEVEL: Final = 5
SHUFFLE: Final = "shuffle"
"""How chunks are compressed, in the words of Zarr's blosc codec."""

TABLES = "tables"
"""The folder of the Parquet files, beside those of the steps."""


LONGEST_NAME = 180
"""Characters of a file's name; file systems take about 255, with the ending."""


class PlaneWriter:
    """Writes planes as chunks of Zarr version 3 arrays.

    A chunk is the plane's bytes, little-endian, through Blosc: the ``bytes`` and ``blosc`` codecs of the
    specification. It is written under another name and moved into place, so that no half of one is ever read.

    Parameters
    ----------
    root : str
        The folder of the run's output.
    components : mapping
        From component name to all its values in the dataset.
    plane_shape : tuple of int
        (Y, X) of the dataset's planes.
    """

    def __init__(
        self, root: str, components: Mapping[str, tuple[str, ...]], plane_shape: tuple[int, int]
    ) -> None:
        self._root = root
        self._components = components
        self._plane_shape = plane_shape
        self._grids: dict[tuple[tuple[str, ...], str | None], ImageGrid] = {}
        self._folders: set[Path] = set()
        self._written: dict[tuple[Any, ...], _Written] = {}

    def write(
        self,
        step: str,
        names: tuple[str, ...],
        codes: Sequence[int],
        plane: NDArray[Any],
        routed_by: str | None = None,
    ) -> None:
        """Write one plane of a step's output.

        Parameters
        ----------
        step : str
            The step.
        names : tuple of str
            The components that its output has.
        codes : sequence of int
            For each of them, the index of the plane's value.
        plane : ndarray, shape (Y, X)
            The pixels.
        routed_by : str, optional
            The component by which the step chooses its function.
        """
        grid = self._grids.setdefault(
            (names, routed_by), ImageGrid(self._components, names, routed_by, self._plane_shape)
        )
        chunk = "/".join(str(index) for index in (*grid.position(codes), 0, 0))
        path = Path(self._root, step, grid.image(codes, plane.shape), "0", "c", chunk)
        if path.parent not in self._folders:
            make_folder(self._root, path.parent)
            self._folders.add(path.parent)
        write_atomically(path, encode(plane))
        key = (step, names, routed_by, plane.shape, str(plane.dtype.newbyteorder("=")))
        self._written.setdefault(key, _Written()).add(codes, plane)

    @property
    def written(self) -> list[WrittenPlanes]:
        """What was written so far."""
        return [
            WrittenPlanes(
                step=step,
                names=names,
                routed_by=routed_by,
                codes=np.array(written.codes, np.int32).reshape(len(written.codes), -1),
                shape=shape,
                dtype=dtype,
                limits=(written.low, written.high),
            )
            for (step, names, routed_by, shape, dtype), written in self._written.items()
        ]


@dataclass
class _Written:
    """The planes of one step and shape that were written so far."""

    codes: list[tuple[int, ...]] = field(default_factory=list)
    low: float = float("inf")
    high: float = float("-inf")

    def add(self, codes: Sequence[int], plane: NDArray[Any]) -> None:
        self.codes.append(tuple(codes))
        sample = (np.abs(plane) if plane.dtype.kind == "c" else plane)[::4, ::4].astype(np.float64)
        sample = sample[np.isfinite(sample)]
        if sample.size:
            low, high = np.percentile(sample, (0.1, 99.9))
            self.low, self.high = min(self.low, float(low)), max(self.high, float(high))


def encode(plane: NDArray[Any]) -> bytes:
    """Return the bytes of a chunk that holds `plane`."""
    # Not numcodecs: that makes a semaphore on import, which a worker that is ended leaves behind.
    from imagecodecs import blosc_encode

    pixels = plane.astype(plane.dtype.newbyteorder("<"), copy=False)
    # One thread: more would take processors from the other workers.
    encoded = blosc_encode(
        pixels.tobytes(), level=CLEVEL, compressor=CNAME, shuffle=1, typesize=pixels.itemsize, numthreads=1
    )
    return bytes(encoded)


def make_folder(root: str, folder: Path) -> None:
    """Make a folder below the output, but never the output itself: once that is gone, nothing is to come back.

    Raises
    ------
    FileNotFoundError
        The output is gone.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"The output folder {root} is not there any more; run again.")
    folder.mkdir(parents=True, exist_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class TableWriter:
    """Collects the rows of a task's tables and writes one Parquet file per step.

    Parameters
    ----------
    root : str
        The folder of the run's output.
    name : str
        What tells the files of this task from those of others.
    """

    def __init__(self, root: str, name: str) -> None:
        self._root = root
        quoted = quote(name, safe=" =")
        if len(quoted) > LONGEST_NAME:
            quoted = f"{quoted[:LONGEST_NAME]}-{sha256(name.encode()).hexdigest()[:16]}"
        self._name = quoted
        self._frames: dict[str, list[pd.DataFrame]] = {}

    def add(self, step: str, frame: pd.DataFrame) -> None:
        """Add rows to the table of a step."""
        self._frames.setdefault(step, []).append(frame)

    def flush(self) -> list[WrittenTable]:
        """Write the tables and return where they are."""
        written = []
        for step, frames in self._frames.items():
            frame = concatenate(frames)
            path = Path(TABLES, step, f"{self._name}.parquet")
            target = Path(self._root, path)
            make_folder(self._root, target.parent)
            try:
                data = frame.to_parquet(index=False)
            except (TypeError, ValueError, NotImplementedError) as error:
                raise ValueError(
                    f"Step {step!r} made a table that cannot be written: {error}. "
                    "Give every column values of one type: numbers, texts or times."
                ) from error
            write_atomically(target, data)
            written.append(WrittenTable(step, path.as_posix(), len(frame)))
        return written


def concatenate(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all frames. Frames without rows do not take part in choosing the types of columns.

    Otherwise a plane without objects would turn whole numbers into fractions, and which rows it does that
    to would depend on the axis.
    """
    import pandas as pd

    full = [frame for frame in frames if len(frame)]
    return pd.concat(full or frames[:1], ignore_index=True)
