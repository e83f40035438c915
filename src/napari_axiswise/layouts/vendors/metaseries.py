"""Calibration, times and stage positions in the XML that MetaXpress writes into its TIFF files."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...core.calibration import UNITS, Calibration, number
from ...core.components import is_projection, natural_key, normalize_value
from ..column import Column
from ..values import MISSING_VALUE

MOST_PLACES = 400
"""Maximum number of sites whose positions are read. If there are more, only the first well is read."""

MOST_VALUES = 10
"""Number of timepoints and z-slices from which the steps are computed."""

_TIME = "%Y%m%d %H:%M:%S.%f"


def read_settings(description: str) -> dict[str, str]:
    """Return the settings in the description of a TIFF by name; empty if it is not from MetaXpress.

    Raises
    ------
    ValueError
        The XML defines entities, which MetaXpress does not write.
    """
    from defusedxml import ElementTree

    if not description.startswith("<MetaData>"):
        return {}
    try:
        root = ElementTree.fromstring(description)
    except ElementTree.ParseError:
        if "<!ENTITY" in description:
            raise
        return {}
    return {prop.get("id", ""): prop.get("value", "") for prop in root.iter("prop")}


def pixel_calibration(settings: Mapping[str, str]) -> Calibration:
    """Return a calibration with the pixel size, or an empty one if it was not calibrated."""
    size = number(settings.get("spatial-calibration-y")), number(settings.get("spatial-calibration-x"))
    unit = UNITS.get(settings.get("spatial-calibration-units", ""), "pixel")
    calibrated = settings.get("spatial-calibration-state", "on") == "on" and unit != "pixel" and min(size) > 0
    return Calibration(size, unit) if calibrated else Calibration()


def stage_calibration(root: Path, files: Sequence[str], columns: Mapping[str, Column]) -> Calibration:
    """Return z-step, time step and stage positions from the headers of a few files.

    Parameters
    ----------
    root : Path
        Folder that the files are relative to.
    files : sequence of str
        TIFF files.
    columns : mapping
        Component values of the files: ``well``, ``site``, ``channel``, ``timepoint``, ``z_index``.
    """
    codes = np.stack([columns[name].codes for name in ("well", "site", "channel", "timepoint", "z_index")])
    _, places = np.unique(codes[:2], axis=1, return_index=True)
    if len(places) > MOST_PLACES:
        places = places[codes[0, places] == codes[0, 0]][:MOST_PLACES]
    unit = "micrometer"
    positions = {}
    for row in places.tolist():
        settings = _settings_of(root / files[row])
        with suppress(KeyError, ValueError):
            place = float(settings["stage-position-y"]), float(settings["stage-position-x"])
            texts = {name: columns[name].texts[columns[name].codes[row]] for name in ("well", "site")}
            well, site = (normalize_value(name, text or MISSING_VALUE) for name, text in texts.items())
            positions[well, site] = place
    alike = codes == codes[:, :1]
    z_rows = np.flatnonzero(alike[[0, 1, 2, 3]].all(axis=0))
    time_rows = np.flatnonzero(alike[[0, 1, 2, 4]].all(axis=0))
    heights = [
        _settings_of(root / files[row]).get("z-position")
        for row in _first_of_each(z_rows, columns["z_index"])
    ]
    times = [
        _seconds(_settings_of(root / files[row])) for row in _first_of_each(time_rows, columns["timepoint"])
    ]
    # A missing height would be a step of several slices, or to height 0.
    z_step = _step([number(height) for height in heights]) if all(heights) else 0.0
    time_step = _step([time for time in times if time])
    return Calibration(unit=unit, z_step=z_step or None, time_step=time_step or None, positions=positions)


def _first_of_each(rows: np.ndarray, column: Column) -> list[int]:
    """Return the first row of each of the first values in natural order, or an empty list if there is a single value.

    Projections are not at a height of the stack.
    """
    codes, first = np.unique(column.codes[rows], return_index=True)
    row_of = {column.texts[code]: int(rows[place]) for code, place in zip(codes, first, strict=True)}
    values = sorted((text for text in row_of if not is_projection("z_index", text)), key=natural_key)
    return [row_of[value] for value in values[:MOST_VALUES]] if len(values) > 1 else []


def _settings_of(path: Path) -> dict[str, str]:
    from tifffile import TiffFile

    try:
        with TiffFile(path) as tiff:
            return read_settings(tiff.pages.first.description)
    except Exception:  # tifffile raises many types for damaged files
        return {}


def _seconds(settings: Mapping[str, str]) -> float:
    with suppress(ValueError):
        return datetime.strptime(settings.get("acquisition-time-local", ""), _TIME).timestamp()
    return 0.0


def _step(places: Sequence[float]) -> float:
    """Return the median distance between successive positions or times."""
    steps = [abs(after - before) for before, after in pairwise(places)]
    return round(statistics.median(steps), 6) if steps else 0.0
