"""`suggest_patterns`: the patterns that could read the file names of a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..filenames import UserPattern
from ..folder import Folder
from ..layout import make_planes
from .inference import infer_patterns


@dataclass(frozen=True)
class SuggestedPattern:
    """Pattern that could read the file names of a folder.

    Parameters
    ----------
    pattern : str
        The pattern, for `open_dataset`.
    components : mapping
        Values of each component that the pattern gives.
    """

    pattern: str
    components: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        counts = ", ".join(f"{len(values)} × {name}" for name, values in self.components.items())
        return f"{self.pattern} ({counts})"


def suggest_patterns(folder: str | os.PathLike[str]) -> tuple[SuggestedPattern, ...]:
    """Suggest patterns for the file names of a folder.

    Reads the names of all images in the folder and its subfolders, but no image. Parts that vary become components by
    their values: wells of any plate, ``s1``, ``T0001`` or ``Ch2``, dates and times, and names of channels.

    Parameters
    ----------
    folder : path
        Folder of images.

    Returns
    -------
    tuple of SuggestedPattern
        At most 12, the likeliest first; empty if the names have nothing in common. The first has the fewest parts whose
        component is a guess, and then a file for every combination of values.

    Raises
    ------
    FileNotFoundError
        The folder does not exist.

    Examples
    --------
    >>> (suggestion,) = aw.suggest_patterns("sample-plate")
    >>> suggestion.pattern
    'TimePoint_{timepoint:[0-9]+}/Synthetic_{well}_s{site:[0-9]+}_w{channel:[0-9]+}.TIF'
    >>> suggestion.components["site"]
    ('1', '2')
    """
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is not a folder. Give the folder that has the images.")
    walked = Folder(path)
    suggestions = []
    for pattern in infer_patterns(walked.images).patterns:
        found = UserPattern(pattern).match(walked, "does not match")
        planes, _ = make_planes(str(walked.root), found, {})
        suggestions.append(SuggestedPattern(pattern, planes.components))
    return tuple(suggestions)
