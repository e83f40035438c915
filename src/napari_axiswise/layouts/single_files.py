"""Microscope files with a whole acquisition: Nikon's ``.nd2``, Zeiss's ``.czi``, Leica's ``.lif``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from ..core.calibration import Calibration
from ..core.errors import PlaneError
from ..planes.reader import check_plane, plane_errors
from ..planes.scenes import AXES, LOCK, SceneFile, Scenes, open_scenes
from .column import Column
from .filenames import stem
from .folder import Folder
from .header import AXIS_COMPONENTS, Header
from .layout import FoundPlanes
from .problem import Problem

SUFFIXES = (".nd2", ".czi", ".lif")
"""Suffixes of the files, in lower case."""


class SingleFiles:
    """Files that bioio reads. Each file is a value of ``image``, and its scenes are sites.

    A folder with more images than such files is left to other layouts.
    """

    name = "bioio"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes of all such files. Each is opened, as their axes may differ.

        Raises
        ------
        ValueError
            The package that reads them is not installed.
        PlaneError
            None of the files can be read.
        """
        files = folder.named(lambda name: name.endswith(SUFFIXES))
        if not files or len(files) < len(folder.images):
            return None
        problems: list[Problem] = []
        lengths: dict[str, tuple[tuple[int, ...], ...]] = {}
        header: Header | None = None
        error: PlaneError | None = None
        for file in files:
            path = str(folder.root / file)
            try:
                with LOCK, plane_errors(path):
                    opened = open_scenes(path)
                    header = header or _header(path, opened)
            except PlaneError as failure:
                problems.append(Problem(file, str(failure)))
                error = failure
            else:
                lengths[file] = opened.lengths
        if header is None:
            raise error or PlaneError(f"There is no plane in {folder.root}.")
        read = set(files)
        strays = [file for file in (*folder.images, *folder.others) if file not in read]
        problems += [Problem(file, f"not one of {', '.join(SUFFIXES)}") for file in strays]
        return _planes(lengths, header, problems)


def _header(path: str, opened: SceneFile) -> Header:
    image = opened.image
    image.set_scene(0)
    dtype = np.dtype(image.dtype)
    return Header(check_plane(path, (image.dims.Y, image.dims.X), dtype), dtype, _calibration(image))


def _calibration(image: Any) -> Calibration:
    """Return the calibration of a file. bioio returns lengths in micrometers."""
    size, step = image.physical_pixel_sizes, _property(image, "time_interval")
    known = all(length is not None and length > 0 for length in (size.Y, size.X))
    seconds = step.total_seconds() if isinstance(step, timedelta) else step
    names = {str(number): str(name) for number, name in enumerate(_property(image, "channel_names") or (), 1)}
    return Calibration(
        pixel_size=(float(size.Y), float(size.X)) if known else None,
        unit="micrometer" if known else "pixel",
        z_step=abs(float(size.Z)) if known and size.Z else None,
        time_step=float(seconds) if seconds and seconds > 0 else None,
        channel_names=names,
    )


def _property(image: Any, name: str) -> Any:
    """Return a property of an image, or None if its file does not have it."""
    try:
        return getattr(image, name)
    except (NotImplementedError, AttributeError, KeyError, TypeError, ValueError):
        return None


def _planes(
    lengths: dict[str, tuple[tuple[int, ...], ...]], header: Header, problems: Sequence[Problem]
) -> FoundPlanes:
    """Return one row per plane of each scene of each file."""
    files = list(lengths)
    scenes = [
        (code, site, shape) for code, file in enumerate(files) for site, shape in enumerate(lengths[file])
    ]
    counts = [math.prod(shape) for _, _, shape in scenes]
    file_codes = np.repeat(np.array([code for code, _, _ in scenes], np.int32), counts)
    sites = np.repeat(np.array([site for _, site, _ in scenes], np.int32), counts)
    starts = np.searchsorted(file_codes, np.arange(len(files)))
    at = np.concatenate(
        [np.indices(shape, np.int32).reshape(len(AXES), -1) for _, _, shape in scenes], axis=1
    )
    several = len({file.rpartition("/")[0] for file in files}) > 1
    names = [file.rpartition(".")[0] if several else stem(file) for file in files]
    image = Column.of(names)
    columns = {"image": Column(image.texts, image.codes[file_codes])}
    if len(scenes) > len(files):
        columns["site"] = _numbered(sites)
    columns |= {AXIS_COMPONENTS[axis]: _numbered(index) for axis, index in zip(AXES, at, strict=True)}
    return FoundPlanes(
        files,
        columns,
        problems,
        header.calibration,
        file_codes=file_codes,
        pages=(np.arange(len(file_codes)) - starts[file_codes]).astype(np.int32),
        header=header,
        reader=Scenes(),
    )


def _numbered(index: np.ndarray[Any, np.dtype[np.int32]]) -> Column:
    return Column([str(number + 1) for number in range(int(index.max(initial=0)) + 1)], index)
