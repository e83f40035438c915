"""What every reader can do, and what no reader may."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PlaneError

LARGEST_PLANE = 4 << 30
"""Bytes of the largest plane that is read: a damaged or hostile header must not fill the memory."""


class MissingExtra(ValueError):
    """What reads a file is not installed."""


class PlaneReader(ABC):
    """Reads planes of one kind of storage. Small and picklable: it goes to workers with every task."""

    @property
    def labels(self) -> Mapping[str, object]:
        """Label images that lie beside the planes, by name."""
        return {}

    @abstractmethod
    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane, shape (Y, X).

        Parameters
        ----------
        root : str
            The folder, file or address that was opened.
        file : str
            Relative to `root`, with ``/`` between the parts.
        page : int
            Which plane of the file, from 0.

        Raises
        ------
        PlaneError
            The plane cannot be read. The message names the file and says what to do.
        """

    def read_labels(self, root: str, file: str, page: int, name: str) -> NDArray[Any]:
        """Return the labels `name` that lie beside a plane, shape (Y, X).

        Raises
        ------
        PlaneError
            There are none.
        """
        raise PlaneError(f"{self.path(root, file)} has no labels {name!r}.")

    def path(self, root: str, file: str) -> str:
        """Return where a file is, for those who are to find it."""
        return str(PurePath(root, file))


@contextmanager
def plane_errors(path: str) -> Iterator[None]:
    """Turn whatever goes wrong in reading a plane into a `PlaneError` that says where, and what to do."""
    try:
        yield
    except (PlaneError, MissingExtra):
        raise
    except FileNotFoundError as error:
        raise PlaneError(f"{path} no longer exists. Put it back, or open the folder again.") from error
    except Exception as error:
        raise PlaneError(
            f"{path} cannot be read ({type(error).__name__}: {error}). It may be cut short or damaged: "
            "copy or export it again, or move it away."
        ) from error


def check_plane(path: str, shape: Sequence[int], dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the shape of a plane that can be read.

    Raises
    ------
    PlaneError
        It is no (Y, X) plane, has no pixels, or claims to be larger than `LARGEST_PLANE`.
    """
    if len(shape) != 2:
        raise PlaneError(
            f"{path} holds an image of shape {tuple(shape)}, not a (Y, X) plane. "
            "Colour images are not supported: save each colour as a file of its own."
        )
    if min(shape) < 1:
        raise PlaneError(f"{path} has a plane of shape {tuple(shape)}; there is nothing to read.")
    if math.prod(shape) * dtype.itemsize > LARGEST_PLANE:
        raise PlaneError(
            f"{path} says that a plane is {shape[0]} × {shape[1]} pixels of {dtype}, "
            f"more than the {LARGEST_PLANE >> 30} GiB that are read at once. "
            "If that is true, cut it into tiles; if not, export it again."
        )
    return shape[0], shape[1]
