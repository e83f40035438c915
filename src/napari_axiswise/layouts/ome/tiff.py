"""OME-TIFF with planes in several files or images: companion files, and sets of files that share an XML."""

from __future__ import annotations

import math
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...core.calibration import Calibration
from ...core.text import join_names
from ...planes.images import TIFF_SUFFIXES
from ...planes.ome_blocks import ALL
from ...planes.tiff import open_tiff, page_offsets
from ..agreement import agreed_calibration
from ..column import Column
from ..folder import Folder, file_name
from ..header import AXIS_COMPONENTS
from ..layout import FoundPlanes
from ..named_files import EXACT, NamedFiles
from ..problem import Problem
from .xml import COMPANION, OmeImage, OmeXml, read_ome_xml

_OME_SUFFIXES = tuple(f".ome{suffix}" for suffix in TIFF_SUFFIXES)

_ENDING = re.compile(r"(\.companion)?(\.ome)?(\.tiff?|\.btf|\.tf[28])?$", re.IGNORECASE)

_SMALLEST_PAGE = 42
"""Minimum size of a page of a TIFF in bytes."""


class OmeTiff:
    """Files that are listed in an OME-XML, which is in a ``.companion.ome`` file or in one of them.

    Images of a plate have a ``well`` and a ``site``, numbered from 1 in each well. Other images have a ``site``.
    Files with a single image each are left to layouts that read file names.
    """

    name = "ome_tiff"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes of a folder with a companion file, or with OME-TIFFs of several files or images.

        A folder with a single file stands for that file. Other files that it names are searched in the real folder.
        """
        is_alone = len(folder.images) + len(folder.others) == 1
        companions = folder.named(lambda name: name.endswith(COMPANION))
        suffixes = TIFF_SUFFIXES if is_alone else _OME_SUFFIXES
        heads = companions or [image for image in folder.images if image.lower().endswith(suffixes)]
        if not heads:
            return None
        first = read_ome_xml(folder.root / heads[0])
        is_shared = bool(first.elsewhere) or not all(
            first.is_own(source, file_name(heads[0])) for source in first.sources
        )
        if not companions and not is_shared and len(first.images) < 2 and not first.wells:
            return None
        planes = _Planes(Folder(folder.root) if is_alone and is_shared else folder)
        planes.add(heads[0], first)
        for head in heads[1:]:
            if head not in planes.used:
                planes.add(head, read_ome_xml(folder.root / head))
        found = planes.found(*() if is_alone else (*folder.images, *folder.others))
        if found is None and companions:
            return FoundPlanes((), {}, planes.problems or [Problem(heads[0], "it names no files")])
        return found


@dataclass(frozen=True, eq=False)
class _Part:
    """Planes of one image: rows of file code, page, and an index for each axis."""

    image: OmeImage
    rows: NDArray[np.int64]
    head: str
    plate: str
    well: str
    site: str


class _Planes:
    """Collector of the planes of one or more OME-XMLs, limited to files that the walk found."""

    def __init__(self, folder: Folder) -> None:
        self.used: set[str] = set()
        self.problems: list[Problem] = []
        self._root = folder.root
        there = [image for image in folder.images if image.lower().endswith(TIFF_SUFFIXES)]
        self._there = NamedFiles([*there, *folder.named(lambda name: name.endswith(COMPANION))])
        self._names: dict[str, str] = {}
        self._codes: dict[str, int] = {}
        self._claimed: dict[str, int] = {}
        self._parts: list[_Part] = []
        self._heads: set[str] = set()

    def add(self, head: str, ome: OmeXml) -> None:
        """Add the planes in the OME-XML of a file."""
        self.used.add(head)
        self._heads.add(head)
        if ome.problem:
            self.problems.append(Problem(head, ome.problem))
        if ome.elsewhere:
            other = self._named(head, ome.elsewhere)
            there = read_ome_xml(self._root / other) if other and other not in self._heads else None
            if there is not None and there.elsewhere:
                self.problems.append(Problem(head, f"its XML refers to {other}, which has none either"))
            elif there is not None:
                self.add(other, there)
            return
        is_own = [ome.is_own(source, file_name(head)) for source in ome.sources]
        files = [
            head if own else self._named(head, name)
            for own, (name, _) in zip(is_own, ome.sources, strict=True)
        ]
        if head.lower().endswith(COMPANION):
            files = [file if file != head else self._nameless(head) for file in files]
        for number, image in enumerate(ome.images, 1):
            plate, well, site = ome.wells.get(image.id, ("", "", str(number)))
            if ome.wells and not well:
                self.problems.append(Problem(head, f"its image {number} is not in a well"))
                continue
            rows = self._rows(head, image, files)
            if len(rows):
                self.problems += [Problem(head, problem) for problem in image.problems]
                self._parts.append(_Part(image, rows, head, plate, well, site))

    def found(self, *files: str) -> FoundPlanes | None:
        """Return all planes, or None if there are none. Report those of `files` that no OME-XML names."""
        parts = self._uniform_parts()
        if not parts:
            return None
        self.problems += [Problem(file, "no OME-XML names it") for file in files if file not in self.used]
        rows = np.concatenate([part.rows for part in parts])
        part_of_row = np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])
        columns = {
            "image": [_ENDING.sub("", part.head) for part in parts],
            "plate": [part.plate for part in parts],
            "well": [part.well for part in parts],
            "site": [part.site for part in parts],
        }
        several = {name for name, texts in columns.items() if len(set(texts)) > 1}
        kept = several | ({"well", "site"} if any(columns["well"]) else set())
        used = {name: _by_part(texts, part_of_row) for name, texts in columns.items() if name in kept}
        for place, axis in enumerate("TCZ", 2):
            values, codes = np.unique(rows[:, place], return_inverse=True)
            used[AXIS_COMPONENTS[axis]] = Column(
                tuple(str(value + 1) for value in values), codes.astype(np.int32)
            )
        # Several plates have wells of the same name.
        calibration, differences = _calibration(parts, "well" in kept and not kept & {"image", "plate"})
        return FoundPlanes(
            tuple(self._codes),
            used,
            [*self.problems, *differences],
            calibration,
            file_codes=rows[:, 0].astype(np.int32),
            pages=rows[:, 1].astype(np.int32),
        )

    def _named(self, head: str, name: str) -> str:
        """Return the file that the XML of `head` names; empty if the walk did not find it."""
        found, likeness = self._there.find(head.removesuffix(file_name(head)), name)
        if len(found) == 1 and (likeness == EXACT or self._names.setdefault(found[0], name) == name):
            self.used.add(found[0])
            return found[0]
        if found:
            own = f", as does {self._names[found[0]][:200]!r}" if len(found) == 1 else ". Keep one of them"
            reason = f"it names the file {name[:200]!r}, which fits {join_names(found)}{own}"
            self.problems.append(Problem(head, reason))
            return ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(head), name.replace("\\", "/")))
        outside = path.startswith(("/", "../")) or path == ".." or re.match("[A-Za-z]:", path)
        reason = "is outside of the opened folder" if outside else "does not exist"
        self.problems.append(Problem(head, f"it names the file {name[:200]!r}, which {reason}"))
        return ""

    def _nameless(self, head: str) -> str:
        self.problems.append(Problem(head, "it has planes without the name of their file"))
        return ""

    def _rows(self, head: str, image: OmeImage, files: Sequence[str]) -> NDArray[np.int64]:
        """Return the planes of an image as rows: file, page, and indices for T, C and Z."""
        sizes = dict(image.axes)
        blocks = image.blocks[[bool(files[source]) for source in image.blocks[:, 0]]]
        sources, pages, starts, counts = blocks.T.copy()
        for row in np.flatnonzero(counts == ALL):
            counts[row] = max(0, self._length(head, files[sources[row]]) - pages[row])
        counts = np.minimum(counts, math.prod(sizes.values()) - starts)
        claimed, ends = np.zeros((2, len(files)), np.int64)
        np.add.at(claimed, sources, counts)
        np.maximum.at(ends, sources, pages + counts)
        codes = np.full(len(files), -1)
        for source in np.unique(sources):
            file = files[source]
            total = self._claimed.get(file, 0) + int(claimed[source])
            if max(total, int(ends[source])) > self._size(file) // _SMALLEST_PAGE:
                reason = f"it claims that {file} has {total} planes, more than fit into it"
                self.problems.append(Problem(head, reason))
            else:
                self._claimed[file] = total
                codes[source] = self._codes.setdefault(file, len(self._codes))
        counts[codes[sources] < 0] = 0
        block = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(len(block)) - np.repeat(np.cumsum(counts) - counts, counts)
        at = dict(zip(sizes, np.unravel_index(starts[block] + within, tuple(sizes.values())), strict=True))
        columns = codes[sources[block]], pages[block] + within, at["T"], at["C"], at["Z"]
        return np.stack(columns, axis=1)

    def _size(self, file: str) -> int:
        try:
            return (self._root / file).stat().st_size
        except OSError:
            return 0

    def _length(self, head: str, file: str) -> int:
        """Return the number of pages of a file whose XML does not state it."""
        try:
            with open_tiff(str(self._root / file)) as tiff:
                return len(page_offsets(tiff)[0])
        except Exception as error:  # tifffile raises many types for damaged files
            self.problems.append(Problem(file, f"{head} names it, but it cannot be read: {error}"))
            return 0

    def _uniform_parts(self) -> list[_Part]:
        """Return the parts with the most common shape and type of planes, and report the others."""
        planes: Counter[tuple[str, str, str]] = Counter()
        for part in self._parts:
            planes[part.image.pixels] += len(part.rows)
        most = max(planes, key=lambda pixels: planes[pixels], default=("", "", ""))
        self.problems += [
            Problem(part.head, f"its image {part.image.id} has {pixels}, but most have {' × '.join(most)}")
            for part in self._parts
            if (pixels := " × ".join(part.image.pixels)) != " × ".join(most)
        ]
        return [part for part in self._parts if part.image.pixels == most]


def _calibration(parts: Sequence[_Part], has_positions: bool) -> tuple[Calibration, list[Problem]]:
    """Return what the images agree on, with their positions, and a problem for what they do not."""
    heads = Counter(part.head for part in parts)
    images = {
        part.head if heads[part.head] == 1 else f"{part.head}, image {part.image.id}": part.image
        for part in parts
    }
    calibration, problems = agreed_calibration(images)
    positions = {
        (part.well, part.site): part.image.position for part in parts if part.image.position is not None
    }
    same_unit = all(part.image.calibration.unit == calibration.unit for part in parts)
    return replace(calibration, positions=positions if has_positions and same_unit else {}), problems


def _by_part(texts: Sequence[str], part_of_row: NDArray[np.intp]) -> Column:
    by_part = Column.of(texts)
    return Column(by_part.texts, by_part.codes[part_of_row])
