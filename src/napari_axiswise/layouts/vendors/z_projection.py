"""Whether an image is the maximum projection of the z-slices beside it, by its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.errors import PlaneError
from ...planes.images import ImageFiles

MOST_SLICES = 6
"""Z-slices of a stack that are compared with its first image."""


def is_brightest(root: str, stacks: Iterable[Sequence[str]]) -> bool | None:
    """Return whether the first image of each stack is at least as bright as all others, at every pixel.

    Parameters
    ----------
    root : str
        Folder that the files are relative to.
    stacks : iterable of sequence of str
        Files of each stack. At most `MOST_SLICES` images are compared with the first.

    Returns
    -------
    bool or None
        None if that cannot be known: images cannot be read, or all are identical.
    """
    brighter = False
    for stack in stacks:
        answer = _is_brightest(root, stack[0], stack[1 : MOST_SLICES + 1])
        if answer is False:
            return False
        brighter = brighter or answer is True
    return brighter or None


def _is_brightest(root: str, image: str, slices: Sequence[str]) -> bool | None:
    reader = ImageFiles()
    brighter = False
    try:
        first = reader.read(root, image, 0)
        for file in slices:
            other = reader.read(root, file, 0)
            if other.shape != first.shape:
                return None
            if (other > first).any():
                return False
            brighter = brighter or bool((other < first).any())
    except PlaneError:
        return None
    return brighter or None
