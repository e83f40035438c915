"""Folders whose file names follow a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..core.wells import well_name
from .column import Column, ColumnEncoder
from .folder import Folder, Walk, file_name
from .layout import FoundPlanes
from .naming.heads import HEAD_NAMES
from .naming.inference import infer_patterns
from .naming.patterns import SlowPattern, TimedPattern, compile_pattern, path_tail
from .problem import Problem

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
    # InCell: "plate_B - 02(fld 03 wv Blue - FITC z 2 time 3).tif"; the names of one filter are equal.
    "incell": r"(?:.*_)?(?P<row>[A-Z]{1,2})(?: - )?(?P<column>[0-9]{1,3})\((?:fld (?P<site>[0-9]+) ?)?"
    r"(?:wv (?P<channel>.+?)(?: - (?P=channel))?)?"
    r"(?: z (?P<z_index>[0-9]+)|(?: -)? time (?P<timepoint>[0-9]+)(?: - [0-9.]+ m?s)?| wix [0-9]+)*\)",
    # ScanR: B2--W00026--P00001--Z00000--T00000--dapi.tif. The label, if there is one, tells the size of the plate.
    "scanr wells": r"(?P<well>[A-Z]{1,2}[0-9]{1,2})--W[0-9]+"
    r"--P(?P<site>[0-9]+)--Z(?P<z_index>[0-9]+)--T(?P<timepoint>[0-9]+)(?:--(?P<channel>.+))?",
    "scanr": r"(?:.*--)?W(?P<well>[0-9]+)"
    r"--P(?P<site>[0-9]+)--Z(?P<z_index>[0-9]+)--T(?P<timepoint>[0-9]+)(?:--(?P<channel>.+))?",
    # Micro-Manager 2: B02-Site_1/img_channel000_position001_time000000000_z000.tif, without axes of one value.
    "micro-manager": r"(?:(?:(?P<well>[A-Z]{1,2}[0-9]{1,2})-Site_[0-9]+|[^/]*)/)?img(?=_[cptz])"
    r"(?:_channel(?P<channel>.+?))?(?:_position(?P<site>[0-9]+))?(?:_time(?P<timepoint>[0-9]+))?"
    r"(?:_z(?P<z_index>[0-9]+))?",
    # Micro-Manager 1.4: Pos0/img_000000000_DAPI_000.tif, in B02-Site_0/ or 1-Pos_000_001/ too.
    "micro-manager 1.4": r"(?:(?:(?P<well>[A-Z]{1,2}[0-9]{1,2})-Site_|Pos(?=[0-9]))?(?P<site>[^/]*)/)?"
    r"img_(?P<timepoint>[0-9]{9})_(?P<channel>.*)_(?P<z_index>[0-9]{3})",
    # Leica's matrix screener: image--L00--S00--U01--V02--J15--E00--O00--X00--Y01--T0000--Z00--C00.ome.tif
    "leica matrix": r"[^-]*--(?:[LS][0-9]+--)*U(?P<column_index>[0-9]+)--V(?P<row_index>[0-9]+)"
    r"(?:--[JEO][0-9]+)*--(?P<site>X[0-9]+--Y[0-9]+)(?:--T(?P<timepoint>[0-9]+))?"
    r"(?:--Z(?P<z_index>[0-9]+))?--C(?P<channel>[0-9]+)",
    # Leica's export: Experiment_Position001_t00_z00_ch00.tif, Series001_z00_ch01.tif, with _s0 for a tile.
    "leica export": r"(?P<image>.*?)_?(?:(?:Position|Series|Pos)_?(?P<site>[0-9]+))?(?:_t(?P<timepoint>[0-9]+))?"
    r"(?:_s(?P<tile>[0-9]+))?(?:_z(?P<z_index>[0-9]+))?_ch(?P<channel>[0-9]+)",
    # Cytation (Gen5): B10_-1_2_4Z0_GFP_003.tif: well, read, number and name of the channel, field, time.
    "cytation": r"(?P<well>[A-Z]{1,2}[0-9]{1,2})_(?P<read>-?[0-9]+)_[0-9]+_(?P<site>[0-9]+)"
    r"(?:Z(?P<z_index>[0-9]+))?_(?P<channel>.+)_(?P<timepoint>[0-9]+)",
    # A plate with nothing but wells: plate_A01.tif
    "well": r"(?:.*_)?(?P<well>[A-H](?:0[1-9]|1[0-2]))",
}
"""Regular expressions for file names without extension, by name of the pattern.

Those with a slash include the folder of the file.
"""

ANY_PREFIX = ("tokens", "well")
"""Patterns whose prefix may contain values, as T001 in T001_C01."""

_SAMPLE = 500
_TRIES = 3
_PIECE = 256
"""Names that are matched at a time: few enough not to trigger full garbage collections."""


@dataclass(frozen=True)
class UserPattern:
    """Folder whose file names follow a pattern given by the user."""

    pattern: str
    name = "filenames"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes whose paths match the pattern.

        Raises
        ------
        ValueError
            No file matches. The message shows the pattern and some names.
        """
        found = self.match(folder, f"does not match the pattern {self.pattern!r}")
        if not found.files:
            examples = ", ".join(repr(image) for image in folder.images[:3])
            raise ValueError(
                f"The pattern {self.pattern!r} matches none of the {len(folder.images)} images in {folder.root}, "
                f"which are named like {examples}. Write the constant parts of the names literally and the varying "
                "parts in braces; separate folders with '/'."
            )
        return found

    def match(self, folder: Folder, reason: str) -> FoundPlanes:
        """Return the planes whose paths match the pattern; `reason` is why the others are skipped."""
        expression, parts = compile_pattern(self.pattern)
        tail = file_name if parts == 1 else partial(path_tail, parts=parts)
        return match_names(folder, expression, tail, reason)


class KnownPattern:
    """Folder whose file names follow one of the built-in patterns."""

    name = "filenames"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes by the pattern that matches the most names, if it matches at least half.

        A pattern that is inferred from the names is preferred if it matches more of them, or if the built-in one takes
        values for a prefix or an image, or a field for a well.
        """
        sample = folder.images[:: max(1, len(folder.images) // _SAMPLE)]
        patterns = {name: re.compile(text, re.IGNORECASE) for name, text in BUILT_IN.items()}
        parts = {name: _in_folder if "/" in text else _bare for name, text in BUILT_IN.items()}
        matches = {
            name: [*filter(None, map(pattern.fullmatch, map(parts[name], sample)))]
            for name, pattern in patterns.items()
        }
        best = max(matches, key=lambda name: len(matches[name]))
        known = len(matches[best])
        if known * 2 < len(sample) or not sample:
            return None
        images = {match.groupdict().get("image") for match in matches[best]}
        doubtful = len(images) > 1 or (best in ANY_PREFIX and _is_doubtful(matches[best]))
        if known < len(sample) or doubtful:
            inferred = InferredNames().find(Folder(folder.root, Walk(images=sample)))
            if inferred is not None and (
                len(inferred.files) > known or (doubtful and _reads_more(inferred, matches[best]))
            ):
                return None
        return match_names(folder, patterns[best], parts[best], f"not named like the others ({best})")


class InferredNames:
    """Folder whose file names say what they are, in a form that is not known."""

    name = "filenames"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes by the pattern inferred from the names, if only one is likely."""
        inference = infer_patterns(folder.images)
        found: FoundPlanes | None = None
        for _ in range(_TRIES):
            if not inference.is_certain:
                break
            (pattern, *_), before = inference.patterns, found
            reason = f"does not match {pattern!r}, the pattern of the other names"
            try:
                found = replace(UserPattern(pattern).match(folder, reason), pattern=pattern)
            except SlowPattern:
                return before
            if before is not None and len(found.files) <= len(before.files):
                return before
            if len(found.files) == len(folder.images):
                break
            # A sample may lack the names of a rare form: look at those that do not match, too.
            read = set(found.files)
            inference = infer_patterns(folder.images, [name for name in folder.images if name not in read])
        return found


def _is_doubtful(matches: Sequence[re.Match[str]]) -> bool:
    """Return whether names coincide, or wells can be fields or channels: f01, c01."""
    rows = {match["well"][:1] for match in matches}
    return rows in ({"f"}, {"c"}) or len({match.groups() for match in matches}) < len(matches)


def _reads_more(inferred: FoundPlanes, matches: Sequence[re.Match[str]]) -> bool:
    """Return whether inferred planes have components that neither a pattern nor heads give, for as many files.

    Where the pattern has names of images, these components have to be wells.
    """
    read = {name for match in matches for name, text in match.groupdict().items() if text}
    more = inferred.filled_columns.keys() - read - HEAD_NAMES
    return len(inferred.files) == len(matches) and ("well" in more if "image" in read else bool(more))


class AnyImages:
    """Folder whose file names follow no known pattern: each file is a separate image."""

    name = "filenames"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return all images, with their paths without extension as the component ``image``.

        If patterns could read the names, the best two are in the first problem.
        """
        if not folder.images:
            return None
        problems = [Problem(other, "not an image") for other in folder.others]
        advice = infer_patterns(folder.images).advice
        if advice:
            problems.insert(0, Problem(".", f"each file is an image of its own. {advice}"))
        images = [image.rpartition(".")[0] for image in folder.images]
        return FoundPlanes(folder.images, {"image": images}, problems)


class OneImage:
    """Single image file."""

    name = "tiff"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the file, with its name without extension as the component ``image``."""
        files = [*folder.images, *folder.others]
        return FoundPlanes(files, {"image": [stem(file) or file for file in files]})


def stem(image: str) -> str:
    """Return the name of a file without folders and extension."""
    return file_name(image).rpartition(".")[0]


def _bare(image: str) -> str:
    """Return the name of an image without folders, extension and ``.ome``."""
    bare = stem(image)
    return bare[:-4] if bare[-4:].lower() == ".ome" else bare


def _in_folder(image: str) -> str:
    """Return the bare name of an image after that of its folder, if it is in one."""
    above = image.rpartition("/")[0].rpartition("/")[2]
    return f"{above}/{_bare(image)}" if above else _bare(image)


def match_names(
    folder: Folder, expression: re.Pattern[str] | TimedPattern, part: Callable[[str], str], reason: str
) -> FoundPlanes:
    """Return the images whose names match a regular expression, with its named groups as components.

    Parameters
    ----------
    folder : Folder
        Folder with the images.
    expression : re.Pattern or TimedPattern
        Its groups ``row`` and ``column`` are combined into a well, as are ``row_index`` and ``column_index``, which
        count from 0.
    part : callable
        Returns the part of an image's path that must match.
    reason : str
        Reason for skipping the other images.
    """
    groups = expression.groupindex
    encoders = {name: ColumnEncoder() for name in groups}
    files: list[str] = []
    problems: list[Problem] = []
    for start in range(0, len(folder.images), _PIECE):
        piece = folder.images[start : start + _PIECE]
        matches = list(map(expression.fullmatch, map(part, piece)))
        if all(matches):
            files += piece
        else:
            files += [image for image, match in zip(piece, matches, strict=True) if match]
            problems += [
                Problem(image, reason) for image, match in zip(piece, matches, strict=True) if not match
            ]
        columns = list(zip(*(match.groups("") for match in matches if match), strict=True))
        for name, encoder in encoders.items():
            encoder.add(columns[groups[name] - 1] if columns else ())
    problems += [Problem(other, "not an image") for other in folder.others]
    found = {name: encoder.column() for name, encoder in encoders.items()}

    def head(image: str) -> str:
        """Return what is before the first value."""
        text = part(image)
        match = expression.fullmatch(text)
        start = (
            min((match.start(name) for name in groups if match[name] is not None), default=0) if match else 0
        )
        return image[: image.rindex(text) + start]

    return FoundPlanes(files, _with_wells(found), problems, head=head)


def _with_wells(columns: dict[str, Column]) -> dict[str, Column]:
    """Combine row and column into a well if all of them are valid."""
    for names, shift in ((("row", "column"), 0), (("row_index", "column_index"), 1)):
        if "well" in columns or not set(names) <= set(columns):
            continue
        rows, numbers = (columns[name] for name in names)
        pairs, codes = np.unique(
            rows.codes.astype(np.int64) * len(numbers.texts) + numbers.codes, return_inverse=True
        )
        texts = [
            (rows.texts[pair // len(numbers.texts)], numbers.texts[pair % len(numbers.texts)])
            for pair in pairs
        ]
        if all(re.fullmatch(r"(?:[A-Za-z]{1,2}|[0-9]+)/[0-9]+", "/".join(pair)) for pair in texts):
            wells = Column([_well(row, column, shift) for row, column in texts], codes.astype(np.int32))
            return {name: column for name, column in columns.items() if name not in names} | {"well": wells}
    return columns


def _well(row: str, column: str, shift: int) -> str:
    return well_name(str(int(row) + shift) if row.isdigit() else row, str(int(column) + shift))
