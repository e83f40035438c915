"""Any folder, through a pattern for the names of its files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..components import well_name
from .dataset import Problem
from .folder import Folder, file_name
from .layout import FoundFiles

BUILT_IN: dict[str, str] = {
    # …_s1_w2_t3, as in "exp_B02_s1_w2_t3.tif"; each token may be missing, and MetaXpress adds a GUID.
    "tokens": r"(?:.*?[_-])?(?P<well>(?-i:A[A-F]|[A-Z]|[a-p])[0-9]{1,2})"
    r"(?=_[swtz][0-9]+)(?:_s(?P<site>[0-9]+))?(?:_w(?P<channel>[0-9]+?))?"
    r"(?:_t(?P<timepoint>[0-9]+))?(?:_z(?P<z_index>[0-9]+))?"
    r"(?:_?[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})?",
    # Channel1-01-A-01.tif: the number of the image, then row and column.
    "broad": r"Channel(?P<channel>[0-9]+)-[0-9]+-(?P<row>[A-Z]{1,2})-(?P<column>[0-9]+)",
    # …--W0002--P001--T00000--Z000--C.tif
    "mitocheck": r".*--W(?P<well>[0-9]+)--P(?P<site>[0-9]+)--T(?P<timepoint>[0-9]+)--Z(?P<z_index>[0-9]+)"
    r"--C?(?P<channel>[^-.]*)",
    # Cellomics: plate_O01f00d2.TIF
    "cellomics": r".*_(?P<well>[A-Z]{1,2}[0-9]{2})f(?P<site>[0-9]+)d(?P<channel>[0-9]+)",
    # CQ1: W0001F0001T0001Z000C1.tif
    "cq1": r".*?W(?P<well>[0-9]+)F(?P<site>[0-9]+)T(?P<timepoint>[0-9]+)Z(?P<z_index>[0-9]+)C(?P<channel>[0-9]+)",
    # CV7000, CV8000: plate_D08_T0001F004L01A02Z04C02.tif
    "yokogawa": r".*_(?P<well>[A-Z]{1,2}[0-9]{2})_T(?P<timepoint>[0-9]+)F(?P<site>[0-9]+)L[0-9]+A[0-9]+"
    r"Z(?P<z_index>[0-9]+)C(?P<channel>[0-9]+)",
    # Harmony: r03c03f01p01-ch1sk1fk1fl1.tiff
    "harmony": r"r(?P<row>[0-9]+)c(?P<column>[0-9]+)f(?P<site>[0-9]+)p(?P<z_index>[0-9]+)"
    r"-ch(?P<channel>[0-9]+)sk(?P<timepoint>[0-9]+).*",
    # A plate with nothing but wells: plate_A01.tif
    "well": r"(?:.*_)?(?P<well>[A-H](?:0[1-9]|1[0-2]))",
}
"""Regular expressions for names without their extension, by how they are called."""

_PART = re.compile(r"(?P<literal>[^{}*]+)|\{(?P<name>\w+)(?::(?P<regex>(?:[^{}]|\{[^{}]*\})+))?\}|\*|[{}]")
"""A part of a user's pattern."""

_SAMPLE = 500


def compile_pattern(pattern: str) -> tuple[re.Pattern[str], int]:
    """Return the regular expression of a user's pattern, and how many parts of a path it looks at.

    Parameters
    ----------
    pattern : str
        A relative path with ``{component}`` for what is to be read, such as
        ``"{batch}/{well}_{condition}_t{timepoint}.tif"``. ``{component:regex}`` says what it may be,
        ``{_}`` and ``*`` are for what does not matter. ``{row}`` and ``{column}`` make a well.

    Raises
    ------
    ValueError
        The pattern has no component, or one of them twice, or a regular expression that is none.
    """
    names: list[str] = []
    expression = ""
    for part in _PART.finditer(pattern):
        literal, name, regex = part["literal"], part["name"], part["regex"]
        if literal:
            expression += re.escape(literal)
        elif name and name != "_":
            if name in names:
                raise ValueError(
                    f"The pattern {pattern!r} has {{{name}}} twice; use {{_}} for what does not matter."
                )
            names.append(name)
            expression += f"(?P<{name}>{regex or _EXPRESSIONS.get(name, '[^/]+?')})"
        elif name == "_" or part[0] == "*":
            expression += "[^/]*?"
        else:
            raise ValueError(
                f"The pattern {pattern!r} has a brace that names no component; names are letters, digits and _, "
                "as in '{well}_s{site}.tif'."
            )
    if not names:
        raise ValueError(
            f"The pattern {pattern!r} names no component. Put what is to be read into braces, "
            f"as in '{{well}}_s{{site}}_w{{channel}}.tif'."
        )
    try:
        return re.compile(expression, re.IGNORECASE), pattern.count("/") + 1
    except re.error as error:
        raise ValueError(f"The pattern {pattern!r} cannot be used: {error}.") from error


_EXPRESSIONS = {
    "well": r"[A-Za-z]{1,2}[-_ ]?[0-9]{1,3}|[0-9]+",
    "row": r"[A-Za-z]{1,2}|[0-9]+",
    "column": r"[0-9]+",
}
"""What components may be if a pattern does not say; all others, anything within a name."""


def _row_column(found: Mapping[str, str]) -> str:
    row, column = found.get("row", ""), found.get("column", "")
    return f"{row},{column}" if row.isdigit() else f"{row}{column}"


def _components(match: re.Match[str]) -> dict[str, str]:
    found = {name: value or "" for name, value in match.groupdict().items()}
    if "well" not in found and re.fullmatch(r"[A-Za-z]{1,2}[0-9]+|[0-9]+,[0-9]+", _row_column(found)):
        found["well"] = well_name(found.pop("row"), found.pop("column"))
    return found


@dataclass(frozen=True)
class UserPattern:
    """A folder whose owner says how its files are named."""

    pattern: str
    name = "filenames"

    def find(self, folder: Folder) -> FoundFiles | None:
        """Return the planes whose path fits the pattern.

        Raises
        ------
        ValueError
            No file fits. The message shows the pattern and some names.
        """
        expression, parts = compile_pattern(self.pattern)
        matches = []
        for image in folder.images:
            tail = PurePosixPath(image).parts[-parts:]
            matches.append(expression.fullmatch("/".join(tail)))
        if not any(matches):
            examples = ", ".join(repr(image) for image in folder.images[:3])
            raise ValueError(
                f"The pattern {self.pattern!r} matches none of the {len(folder.images)} images in {folder.root}, "
                f"which are named like {examples}. Write what is the same in every name as it is, and what "
                "changes in braces; folders are divided by '/'."
            )
        return _found(folder, matches, f"does not match the pattern {self.pattern!r}")


class KnownPattern:
    """A folder whose files are named as some instrument or collection names them."""

    name = "filenames"

    def find(self, folder: Folder) -> FoundFiles | None:
        """Return the planes by the pattern that explains the most names, if it explains at least half."""
        stems = [file_name(image).rpartition(".")[0] for image in folder.images]
        sample = stems[:: max(1, len(stems) // _SAMPLE)]
        patterns = {name: re.compile(text, re.IGNORECASE) for name, text in BUILT_IN.items()}
        explained = {name: sum(map(bool, map(p.fullmatch, sample))) for name, p in patterns.items()}
        best = max(explained, key=lambda name: explained[name])
        if explained[best] * 2 < len(sample):
            return None
        return _found(
            folder, [patterns[best].fullmatch(stem) for stem in stems], f"not named like the others ({best})"
        )


class AnyImages:
    """A folder whose names say nothing: each file is an image of its own."""

    name = "filenames"

    def find(self, folder: Folder) -> FoundFiles | None:
        """Return every image, with its path without extension as the component ``image``."""
        return FoundFiles(
            folder.images,
            {"image": [image.rpartition(".")[0] for image in folder.images]},
            [Problem(other, "not an image") for other in folder.others],
        )


def _found(folder: Folder, matches: Sequence[re.Match[str] | None], reason: str) -> FoundFiles:
    rows = [(image, _components(match)) for image, match in zip(folder.images, matches, strict=True) if match]
    problems = [
        Problem(image, reason) for image, match in zip(folder.images, matches, strict=True) if not match
    ]
    problems += [Problem(other, "not an image") for other in folder.others]
    names = list(rows[0][1])
    return FoundFiles([image for image, _ in rows], {n: [row[n] for _, row in rows] for n in names}, problems)
