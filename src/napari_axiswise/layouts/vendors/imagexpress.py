"""ImageXpress (MetaXpress) exports: ``TimePoint_N/ZStep_N/prefix_B02_s1_w1.TIF`` and an HTD file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...core.calibration import Calibration
from ..column import Column, Table
from ..folder import Folder
from ..layout import FoundPlanes
from ..problem import Problem
from ..values import PROJECTION
from .metaseries import stage_calibration

_NAME = re.compile(
    r"(?:.*?_)?(?P<well>(?-i:A[A-F]|[A-Z]|[a-p])[0-9]{2})(?:_s(?P<site>[0-9]+))?(?:_w(?P<channel>[0-9]+?))?"
    r"(?:_z(?P<z_index>[0-9]+?))?(?P<thumb>_thumb)?"
    r"(?:_?[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})?\.tiff?",
    re.IGNORECASE,
)
_FOLDER = re.compile(r"(?P<kind>TimePoint|ZStep)_(?P<number>[0-9]+)", re.IGNORECASE)

_LONGEST_SHEET = 4 << 20
"""Characters of an HTD file to read. Real ones have a few thousand."""


class _Place(NamedTuple):
    """Values that the folders of an image contain."""

    plate: str
    timepoint: str
    z_index: str


class ImageXpress:
    """Folders written by MetaXpress, which may be nested in others.

    The instrument omits ``TimePoint_N`` and ``ZStep_N`` folders, and site and wave in file names, if there is only one.
    Images beside ``ZStep_N`` folders are projections. If the folder contains several plates, ``plate`` is a component.
    """

    name = "imagexpress"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes of a folder with ``TimePoint_N`` or ``ZStep_N`` folders, or an HTD file."""
        above = {image.rpartition("/")[0] for image in folder.images}
        sheets = folder.named(lambda name: name.endswith(".htd"))
        if not sheets and not any(_FOLDER.fullmatch(part) for path in above for part in path.split("/")):
            return None
        places = {path: _place(path) for path in above}
        table = Table(("folder", "well", "site", "channel", "z_index"))
        files: list[str] = []
        problems: list[Problem] = []
        for image in folder.images:
            path, _, name = image.rpartition("/")
            match = _NAME.fullmatch(name)
            if match is None:
                problems.append(Problem(image, "not named like an ImageXpress image, …_B02_s1_w1.TIF"))
                continue
            well, site, channel, z_index, thumb = match.groups("")
            if thumb:
                problems.append(Problem(image, "a thumbnail"))
                continue
            table.add((path, well, site, channel, z_index or places[path].z_index))
            files.append(image)
        if not files:
            return None
        read = set(sheets)
        problems += [Problem(other, "not an image") for other in folder.others if other not in read]
        columns = _columns(table.columns(), places)
        calibration = Calibration(channel_names=read_wave_names(folder.root, sheets))
        if "plate" not in columns:
            calibration = calibration.merged_with(stage_calibration(folder.root, files, columns))
        return FoundPlanes(files, columns, problems, calibration)


def _place(path: str) -> _Place:
    """Return the values in the path of a folder."""
    numbers = {"timepoint": "", "zstep": ""}
    plate: list[str] = []
    for part in path.split("/"):
        match = _FOLDER.fullmatch(part)
        if match:
            numbers[match["kind"].lower()] = match["number"]
        elif part:
            plate.append(part)
    return _Place("/".join(plate) or ".", numbers["timepoint"], numbers["zstep"])


def _columns(from_names: dict[str, Column], places: dict[str, _Place]) -> dict[str, Column]:
    """Combine the values from file names with those from folders into columns of components."""
    folders, z_index = from_names.pop("folder"), from_names["z_index"]
    used = [places[path] for path in folders.texts]
    timepoints = _by_folder(folders, [place.timepoint for place in used])
    plates = _by_folder(folders, [place.plate for place in used])
    # Images beside the z-slices of their plate and timepoint are projections of them.
    stacks = plates.codes.astype(np.int64) * len(timepoints.texts) + timepoints.codes
    has_z = np.array([text != "" for text in z_index.texts])[z_index.codes]
    projected = ~has_z & np.isin(stacks, np.unique(stacks[has_z]))
    if projected.any():
        codes = np.where(projected, np.int32(len(z_index.texts)), z_index.codes)
        z_index = Column((*z_index.texts, PROJECTION), codes)
    columns = from_names | {"timepoint": timepoints, "z_index": z_index}
    return columns if len(plates.texts) == 1 else columns | {"plate": plates}


def _by_folder(folders: Column, texts: Sequence[str]) -> Column:
    """Return a column with one text per folder."""
    by_folder = Column.of(texts)
    return Column(by_folder.texts, by_folder.codes[folders.codes])


def read_wave_names(root: Path, sheets: Sequence[str]) -> dict[str, str]:
    """Return the names of the channels from the first readable HTD file.

    An HTD file has lines of ``"Key", value`` in a Windows encoding. It describes the planned acquisition, so only names
    are read from it.
    """
    for sheet in sheets:
        try:
            with (root / sheet).open(encoding="latin-1") as file:
                text = file.read(_LONGEST_SHEET)
        except OSError:
            continue
        names = re.findall(r'^"WaveName([0-9]{1,9})",\s*"([^"\n]*)"', text, re.MULTILINE)
        if names:
            return {str(int(number)): name for number, name in names if name}
    return {}
