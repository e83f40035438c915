"""ImageXpress (MetaXpress) exports: ``TimePoint_N/ZStep_N/prefix_B02_s1_w1.TIF`` and an HTD file."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

from ..readers.images import TIFF_SUFFIXES
from .calibration import Calibration
from .folder import Folder, file_name
from .layout import FoundPlanes
from .problem import Problem
from .values import PROJECTION

_GUID = r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}"
_NAME = re.compile(
    rf"(?:.*?_)?(?P<well>(?-i:A[A-F]|[A-Z]|[a-p])[0-9]{{2}})(?:_s(?P<site>[0-9]+))?(?:_w(?P<channel>[0-9]+?))?"
    rf"(?P<thumb>_thumb)?(?:_?{_GUID})?\.tiff?",
    re.IGNORECASE,
)
_FOLDER = re.compile(r"(?P<kind>TimePoint|ZStep)_(?P<number>[0-9]+)", re.IGNORECASE)


class ImageXpress:
    """Folders written by MetaXpress, nested in others or not.

    ``TimePoint_N`` and ``ZStep_N`` folders, and the tokens for site and wave in the names, are each left out
    by the instrument where there is a single one. Images beside ``ZStep_N`` folders are projections.
    Where the folder holds several plates, ``plate`` is a component.
    """

    name = "imagexpress"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes of a folder with TimePoint or ZStep folders, or with an HTD file."""
        signs = any(_FOLDER.search(image) for image in folder.images)
        sheets = [other for other in folder.others if other.lower().endswith(".htd")]
        if not signs and not sheets:
            return None
        rows: list[tuple[str, dict[str, str]]] = []
        problems = []
        for image in folder.images:
            match = _NAME.fullmatch(file_name(image))
            if not image.lower().endswith(TIFF_SUFFIXES) or match is None:
                problems.append(Problem(image, "not named like an ImageXpress image, …_B02_s1_w1.TIF"))
            elif match["thumb"]:
                problems.append(Problem(image, "a thumbnail"))
            else:
                tokens = {name: match[name] or "" for name in ("well", "site", "channel")}
                rows.append((image, tokens | _folder_tokens(image)))
        if not rows:
            return None
        problems += [
            Problem(other, "not an image") for other in folder.others if not other.lower().endswith(".htd")
        ]
        _name_projections(rows)
        names = ["plate", "well", "site", "timepoint", "channel", "z_index"]
        if len({row["plate"] for _, row in rows}) == 1:
            names.remove("plate")
        columns = {name: [row.get(name, "") for _, row in rows] for name in names}
        calibration = Calibration(channel_names=read_wave_names(folder.root, sheets))
        return FoundPlanes([image for image, _ in rows], columns, problems, calibration)


def _folder_tokens(image: str) -> dict[str, str]:
    """Return timepoint, z_index and plate as the folders of an image tell them."""
    tokens: dict[str, str] = {}
    above: list[str] = []
    for part in PurePosixPath(image).parts[:-1]:
        match = _FOLDER.fullmatch(part)
        if match:
            tokens["timepoint" if match["kind"].lower() == "timepoint" else "z_index"] = match["number"]
        else:
            above.append(part)
    return tokens | {"plate": "/".join(above) or "."}


def _name_projections(rows: list[tuple[str, dict[str, str]]]) -> None:
    """Name the images that lie beside the z planes of their own timepoint and plate."""
    has_z: defaultdict[tuple[str, str], bool] = defaultdict(bool)
    for _, row in rows:
        has_z[row["plate"], row.get("timepoint", "")] |= "z_index" in row
    for _, row in rows:
        if has_z[row["plate"], row.get("timepoint", "")]:
            row.setdefault("z_index", PROJECTION)


def read_wave_names(root: Path, sheets: list[str]) -> dict[str, str]:
    """Return the names of the channels from the first HTD file that can be read.

    An HTD file is lines of ``"Key", value`` in an encoding of Windows; it declares what was planned, so
    that only names are taken from it.
    """
    for sheet in sheets:
        try:
            text = (root / sheet).read_text(encoding="latin-1")
        except OSError:
            continue
        names = re.findall(r'^"WaveName([0-9]+)",\s*"([^"]*)"', text, re.MULTILINE)
        if names:
            return {str(int(number)): name for number, name in names if name}
    return {}
