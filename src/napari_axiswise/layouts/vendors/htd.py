"""HTD files of MetaXpress: lines of ``"Key", value`` that describe the planned acquisition of a plate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from io import TextIOWrapper
from pathlib import Path

from ...core.files import open_regular

_LONGEST_SHEET = 4 << 20
"""Characters of an HTD file to read. Real ones have a few thousand."""

_LINE = re.compile(r'^"([^"\n]{1,64})",[ \t]*"?([^"\r\n]*)', re.MULTILINE)


def read_sheets(root: Path, sheets: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the settings in each HTD file that can be read, by path.

    Plans are often not followed to the end, so only names and the kinds of images are to be taken from them.
    """
    found = {}
    for sheet in sheets:
        try:
            # A Windows encoding.
            with open_regular(root / sheet) as file:
                text = TextIOWrapper(file, "latin-1").read(_LONGEST_SHEET)
        except OSError:
            continue
        found[sheet] = {key: value.strip() for key, value in _LINE.findall(text)}
    return found


def wave_names(sheets: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the names of the channels from the first HTD file that has any."""
    for settings in sheets.values():
        waves = {
            str(int(match[1])): name
            for key, name in settings.items()
            if (match := re.fullmatch("WaveName([0-9]{1,9})", key))
        }
        if waves:
            return {number: name for number, name in waves.items() if name}
    return {}


def saves_projections(sheets: Iterable[Mapping[str, str]]) -> bool | None:
    """Return whether projections are saved with the z-slices; None if no HTD file says so, or if they disagree."""
    answers = {
        settings["ZProjection"].upper() == "TRUE" for settings in sheets if settings.get("ZProjection")
    }
    return answers.pop() if len(answers) == 1 else None
