"""ImageXpress (MetaXpress) exports: ``TimePoint_N/ZStep_N/prefix_B02_s1_w1.TIF`` and an HTD file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.calibration import Calibration
from ...core.components import PROJECTION
from ..column import Column, Table
from ..folder import Folder
from ..layout import FoundPlanes
from ..problem import Problem
from .htd import read_sheets, saves_projections, wave_names
from .metaseries import stage_calibration
from .z_projection import is_brightest

_NAME = re.compile(
    r"(?:.*?_)?(?P<well>(?-i:A[A-F]|[A-Z]|[a-p])[0-9]{2})(?:_s(?P<site>[0-9]+))?(?:_w(?P<channel>[0-9]+?))?"
    r"(?:_z(?P<z_index>[0-9]+?))?(?P<thumb>_thumb)?"
    r"(?:_?[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})?\.tiff?",
    re.IGNORECASE,
)
_FOLDER = re.compile(r"(?P<kind>TimePoint|ZStep)_(?P<number>[0-9]+)", re.IGNORECASE)


_UNKNOWN = (
    "may be the maximum projection of the z-slices beside it, or one of them: neither an HTD file nor its pixels "
    "tell. It is used as a z-slice"
)


_STACKS = 4
"""Stacks in a row whose pixels are compared, and as many spread over the plate."""


class _Place(NamedTuple):
    """Values that the folders of an image contain."""

    plate: str
    timepoint: str
    z_index: str


class ImageXpress:
    """Folders written by MetaXpress, which may be nested in others.

    The instrument omits ``TimePoint_N`` and ``ZStep_N`` folders, and site and wave in file names, if there is only one.
    Images beside ``ZStep_N`` folders are projections. Those in ``ZStep_0`` are projections if the plate's HTD file says
    that these are saved, or, without an answer there, if they are at least as bright as all other z-slices at every
    pixel of a field of view. If the folder contains several plates, ``plate`` is a component.
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
        settings = read_sheets(folder.root, sheets)
        columns["z_index"] = _name_projections(str(folder.root), files, columns, settings, problems)
        if len(columns["plate"].texts) == 1:
            del columns["plate"]
        calibration = Calibration(channel_names=wave_names(settings))
        if "plate" not in columns:
            calibration = calibration.merged_with(stage_calibration(folder.root, files, columns))
        return FoundPlanes(files, columns, problems, calibration, head=_head)


def _head(image: str) -> str:
    """Return the folders of the plate and the prefix of an image."""
    path, _, name = image.rpartition("/")
    match = _NAME.fullmatch(name)
    return f"{_place(path).plate}/{name[: match.start('well')] if match else name}"


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
    return from_names | {"timepoint": timepoints, "z_index": z_index, "plate": plates}


def _name_projections(
    root: str,
    files: Sequence[str],
    columns: Mapping[str, Column],
    sheets: Mapping[str, Mapping[str, str]],
    problems: list[Problem],
) -> Column:
    """Return the column ``z_index`` with projections by their name."""
    plates, timepoints, z_index = columns["plate"], columns["timepoint"], columns["z_index"]
    stacks = plates.codes.astype(np.int64) * len(timepoints.texts) + timepoints.codes
    has_z = np.array([text != "" for text in z_index.texts])[z_index.codes]
    # Images beside the z-slices of their plate and timepoint are projections of them.
    projected = ~has_z & np.isin(stacks, np.unique(stacks[has_z]))
    # Elsewhere, ZStep_0 may be the projection.
    is_zero = np.array([text.isdigit() and int(text) == 0 for text in z_index.texts])[z_index.codes]
    is_zero &= ~np.isin(stacks, np.unique(stacks[projected]))
    for code in np.unique(plates.codes[is_zero]).tolist():
        rows = np.flatnonzero(plates.codes == code)
        zeros = rows[is_zero[rows]]
        plate = plates.texts[code]
        answer = saves_projections(_sheets_of(plate, sheets))
        if answer is None:
            answer = is_brightest(root, _stacks(files, columns, rows, zeros))
            if answer is None and len(zeros) < len(rows):
                problems.append(Problem(files[zeros[0]], _UNKNOWN))
        projected[zeros] = bool(answer)
    if not projected.any():
        return z_index
    return Column(
        (*z_index.texts, PROJECTION), np.where(projected, np.int32(len(z_index.texts)), z_index.codes)
    )


def _sheets_of(plate: str, sheets: Mapping[str, Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return the HTD files of a plate, or those of the nearest folder above it that has any."""
    by_plate: dict[str, list[Mapping[str, str]]] = {}
    for sheet, settings in sheets.items():
        by_plate.setdefault(_place(sheet.rpartition("/")[0]).plate, []).append(settings)
    while plate != "." and plate not in by_plate:
        plate = plate.rpartition("/")[0] or "."
    return by_plate.get(plate, [])


def _stacks(
    files: Sequence[str], columns: Mapping[str, Column], rows: NDArray[np.intp], zeros: NDArray[np.intp]
) -> Iterator[list[str]]:
    """Yield the files of some stacks, ZStep_0 first: those of one field of view, and a few others."""
    codes = np.stack([columns[name].codes for name in ("channel", "timepoint", "well", "site")])
    spread = zeros[_STACKS :: max(1, len(zeros) // _STACKS)][:_STACKS]
    for zero in (*zeros[:_STACKS], *spread):
        alike = rows[(codes[:, rows] == codes[:, [zero]]).all(axis=0)]
        if len(alike) > 1:
            yield [files[zero], *(files[row] for row in alike if row != zero)]


def _by_folder(folders: Column, texts: Sequence[str]) -> Column:
    """Return a column with one text per folder."""
    by_folder = Column.of(texts)
    return Column(by_folder.texts, by_folder.codes[folders.codes])
