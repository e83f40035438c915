"""Base class of plane readers, and checks that all of them share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import MissingPackage, PlaneError, missing_package

LARGEST_PLANE = 4 << 30
"""Maximum size of a plane in bytes, so that a damaged or hostile header cannot fill the memory."""


class PlaneReader(ABC):
    """Reader of planes from one kind of storage. It must be small and picklable, as it is sent to workers."""

    @property
    def labels(self) -> Mapping[str, object]:
        """Label images that accompany the planes, by name."""
        return {}

    @property
    def has_images(self) -> bool:
        """Whether the planes are images; False for the output of a run that kept only labels."""
        return True

    @property
    def made_of(self) -> str:
        """Path or address of the images that label images without images were made of; empty if unknown."""
        return ""

    def of_files(self, files: Iterable[str]) -> PlaneReader:
        """Return a reader that knows of these files only, and is smaller."""
        return self

    @abstractmethod
    def read(self, root: str, file: str, page: int) -> NDArray[Any]:
        """Return one plane, shape (Y, X).

        Parameters
        ----------
        root : str
            The opened folder, file or address.
        file : str
            Path relative to `root`, with ``/`` as separator.
        page : int
            Number of the plane in the file, from 0.

        Raises
        ------
        PlaneError
            The plane cannot be read.
        """

    def read_labels(self, root: str, file: str, page: int, name: str) -> NDArray[Any]:
        """Return the labels `name` of a plane, shape (Y, X).

        Raises
        ------
        PlaneError
            There are no such labels.
        """
        raise PlaneError(f"{self.path(root, file)} has no labels {name!r}.")

    def path(self, root: str, file: str) -> str:
        """Return the full path or address of a file, for messages."""
        return str(PurePath(root, file))


@contextmanager
def plane_errors(path: str) -> Iterator[None]:
    """Turn any exception while reading a plane into a `PlaneError` that names the file."""
    try:
        yield
    except (PlaneError, MissingPackage):
        raise
    except FileNotFoundError as error:
        raise PlaneError(f"{path} no longer exists. Put it back, or open the folder again.") from error
    except ImportError as error:
        raise missing_package(path, "a package", "", error) from error
    except Exception as error:
        raise PlaneError(
            f"{path} cannot be read ({type(error).__name__}: {error}). It may be truncated or damaged: "
            "copy or export it again, or remove it."
        ) from error


def check_plane(path: str, shape: Sequence[int], dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the shape of a plane after checking that it can be read.

    Raises
    ------
    PlaneError
        It is not 2-D, is empty, or claims to be larger than `LARGEST_PLANE`.
    """
    if len(shape) != 2:
        is_colour = len(shape) == 3 and not {3, 4}.isdisjoint((shape[0], shape[-1]))
        advice = (
            "Colour images are not supported: save each colour as a separate file."
            if is_colour
            else "Save each of its planes as a page or a file of its own."
        )
        raise PlaneError(f"{path} has an image of shape {tuple(shape)}, not a (Y, X) plane. {advice}")
    if min(shape) < 1:
        raise PlaneError(f"{path} has an empty plane of shape {tuple(shape)}. Export it again.")
    if math.prod(shape) * dtype.itemsize > LARGEST_PLANE:
        raise PlaneError(
            f"{path} says that a plane is {shape[0]} × {shape[1]} pixels of {dtype}, "
            f"more than the limit of {LARGEST_PLANE >> 30} GiB. "
            "If that is correct, cut it into tiles; if not, export it again."
        )
    return shape[0], shape[1]
