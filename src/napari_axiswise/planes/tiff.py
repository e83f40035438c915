"""Map of a TIFF: which of its pages is which plane."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PlaneError
from ..core.text import join_names
from .axes import Axes, axes_text
from .ome_blocks import expand_blocks, is_own, read_blocks, read_sizes
from .page_map import UNLABELLED, PageMap
from .reader import check_plane

if TYPE_CHECKING:
    from tifffile import TiffFile

GREY = (0, 1)
"""Photometric interpretations of a TIFF page that is not in colour."""

_REDUCED_OR_MASK = 1 | 4
_WITH_AXES = ("fluoview", "lsm", "nih", "scanimage", "stk")
"""tifffile's names of formats whose own metadata have axes."""

_MOST_TAGS = 4096
"""Maximum number of tags of a page, as of tifffile."""

_LONGEST = 64 << 20
"""Maximum length of an OME-XML in a TIFF, in characters."""


class _Page(NamedTuple):
    """What a page says of itself; whether it is a smaller copy or a mask, and whether its SubIFDs are not."""

    shape: tuple[int, ...]
    dtype: str
    is_copy: bool
    damage: str
    is_repeated: bool

    @property
    def look(self) -> str:
        return f"{' × '.join(map(str, self.shape))} {self.dtype}"


def open_tiff(path: str) -> TiffFile:
    """Open a TIFF without the parts of tifffile that open other files which its metadata name."""
    from tifffile import TiffFile

    return TiffFile(path, is_ome=False, is_mmstack=False, is_ndtiff=False)


def map_pages(tiff: TiffFile, path: str) -> PageMap:
    """Return which pages of a TIFF are which planes.

    An OME-TIFF says so in its ``TiffData``. Otherwise, planes are the pages of the most common shape and type that are
    not smaller copies, of all series, in order; ImageJ and other software may name their axes.

    Raises
    ------
    PlaneError
        A page of the planes is not 2-D, or the metadata claim more planes than the file has bytes.
    ValueError
        Its planes are in other files.
    """
    tiff.pages.cache = True
    size = tiff.filehandle.size
    offsets, loss = page_offsets(tiff)
    if not offsets:
        raise PlaneError(f"{path} has no page that can be read{loss and f': {loss}'}. Export it again.")
    pages: list[_Page | None] = list(_walk(tiff, len(offsets), size))
    damaged = {number: page.damage for number, page in enumerate(pages) if page is not None and page.damage}
    problems = [f"page {number + 1} cannot be read" for number, page in enumerate(pages) if page is None]
    problems += [loss] if loss else []
    inside = [str(number + 1) for number, page in enumerate(pages) if page is not None and page.is_repeated]
    if inside:
        problems.append(f"SubIFDs that are as large as their pages are left out: of {join_names(inside)}")
    if tiff.pages.first.is_ome:
        axes, places = _ome_places(tiff.pages.first.description, path, len(pages), size, problems)
    else:
        axes, places = _places(tiff, pages, path, size, problems)
    used = places[..., 0][places[..., 0] >= 0]
    problems += _left_out(pages, used)
    if len(used):
        check_tiff_page(path, tiff.pages[int(used.min())])
    return PageMap(axes, places, len(pages), damaged, tuple(problems))


def page_offsets(tiff: TiffFile) -> tuple[list[int], str]:
    """Return where each page of a TIFF begins, without those in SubIFDs, and why it may have had more.

    Each page tells where the next one is. Where that is not a page, tifffile only logs it; in a circle it gets lost.
    """
    form, file = tiff.tiff, tiff.filehandle
    try:
        offset = tiff.pages.first.offset
    except IndexError:
        return [], ""
    seen: dict[int, None] = {}
    while offset:
        name = f"page {len(seen) + 1} and those after it are lost"
        if offset in seen:
            return list(seen), f"{name}: what should be the next page is one of those before it"
        file.seek(offset)
        head = file.read(form.tagnosize)
        tags = struct.unpack(form.tagnoformat, head)[0] if len(head) == form.tagnosize else 0
        if not 0 < tags <= _MOST_TAGS:
            return list(seen), f"{name}: it is truncated or damaged"
        seen[offset] = None
        following = file.read(tags * form.tagsize + form.offsetsize)[tags * form.tagsize :]
        if len(following) < form.offsetsize:
            break  # the page itself is incomplete
        offset = struct.unpack(form.offsetformat, following)[0]
    return list(seen), ""


def page_at(tiff: TiffFile, offset: int, number: int) -> Any:
    """Return the page that begins at an offset. tifffile would walk through all pages before it."""
    from tifffile import TiffPage

    tiff.filehandle.seek(offset)
    return TiffPage(tiff, index=number)


def _walk(tiff: TiffFile, count: int, size: int) -> Iterator[_Page | None]:
    for number in range(count):
        try:
            page: Any = tiff.pages[number]
        except Exception:  # tifffile raises many types for damaged pages
            yield None
        else:
            is_copy = bool(page.subfiletype & _REDUCED_OR_MASK)
            yield _Page(page.shape, str(page.dtype), is_copy, tiff_damage(page, size), _is_repeated(page))


def _is_repeated(page: Any) -> bool:
    """Return whether the SubIFDs of a page have pixels of the same size, instead of smaller copies."""
    try:
        inside = page.pages[0] if page.subifds else None
    except Exception:  # tifffile raises many types for damaged pages
        return False
    return inside is not None and inside.shape == page.shape


def _left_out(pages: Sequence[_Page | None], used: NDArray[np.int64]) -> Iterator[str]:
    """Yield a problem for each look of pages that are not planes."""
    looks: dict[str, list[int]] = {}
    for number in sorted(set(range(len(pages))).difference(used.tolist())):
        page = pages[number]
        if page is not None:
            looks.setdefault(page.look + " (a smaller copy or a mask)" * page.is_copy, []).append(number + 1)
    planes = next((pages[number] for number in used.tolist()), None)
    others = f" beside planes of {planes.look}" if planes is not None else ""
    for look, numbers in looks.items():
        count = "1 page" if len(numbers) == 1 else f"{len(numbers):,} pages"
        yield f"{count} of {look} left out{others}: {join_names(map(str, numbers))}"


def _ome_places(
    description: str, path: str, pages: int, size: int, problems: list[str]
) -> tuple[Axes, NDArray[np.int64]]:
    """Return the axes of the first image of an OME-XML, and the place of each of its planes."""
    root = ome_root(description)
    pixels = None if root is None else root.find("{*}Image/{*}Pixels")
    if root is None or pixels is None:
        problems.append("its OME-XML has no image that can be read, so that its pages are numbered")
        return _unlabelled(pages), _in_order(_unlabelled(pages), pages)
    axes = read_sizes(pixels.attrib, [channel.attrib for channel in pixels.findall("{*}Channel")])
    total = math.prod(length for _, length in axes)
    _check_claim(path, total, size)
    sources: dict[tuple[str, str], int] = {}
    data = []
    for element in pixels.findall("{*}TiffData"):
        uuid = element.find("{*}UUID")
        source = ("", "") if uuid is None else (uuid.get("FileName", ""), (uuid.text or "").strip())
        data.append((sources.setdefault(source, len(sources)), element.attrib))
    own = _own_source(sources, PurePath(path).name, root.get("UUID", ""), problems)
    blocks = read_blocks(axes, data) if data else np.zeros((1, 4), np.int64)
    found = expand_blocks(blocks[np.isin(blocks[:, 0], own)], total, pages)
    lacking = int((found < 0).sum())
    if lacking:
        problems.append(f"its OME-XML has {total:,} planes, of which the file lacks {lacking:,}")
    places = np.stack([found, np.where(found < 0, -1, 0)], axis=1)
    return axes, places.reshape(*(length for _, length in axes), 2)


def _own_source(
    sources: Mapping[tuple[str, str], int], file: str, uuid: str, problems: list[str]
) -> list[int]:
    """Return the indices of the sources that are the file itself.

    Raises
    ------
    ValueError
        All planes are in other files.
    """
    own = [index for source, index in sources.items() if is_own(source, file, uuid)]
    if own or not sources:
        return own or [0]
    names = [name for name, _ in sources]
    if len(names) > 1:
        raise ValueError(f"its OME-XML has its planes in other files: {join_names(names)}")
    problems.append(f"its OME-XML calls it {names[0][:200]!r}; it seems to have been renamed")
    return [0]


def ome_root(description: str) -> Any:
    """Return the root of an OME-XML, or None if it is not XML.

    Raises
    ------
    ValueError
        It is too long, or contains entities.
    """
    from defusedxml import DefusedXmlException, ElementTree

    if len(description) > _LONGEST:
        raise ValueError(f"its OME-XML is longer than {_LONGEST >> 20} MiB")
    try:
        return ElementTree.fromstring(description, forbid_dtd=True)
    except DefusedXmlException as error:
        raise ValueError(f"its OME-XML contains entities ({error})") from error
    except ElementTree.ParseError:
        return None


def _places(
    tiff: TiffFile, pages: Sequence[_Page | None], path: str, size: int, problems: list[str]
) -> tuple[Axes, NDArray[np.int64]]:
    """Return the axes and places of the planes of a TIFF that is not an OME-TIFF."""
    planes = _main_group(pages)
    if not planes:
        raise PlaneError(f"{path} has no page that can be read. Export it again.")
    axes = _named_axes(tiff, planes)
    claimed = math.prod(length for _, length in axes)
    _check_claim(path, claimed, size)
    first: Any = tiff.pages[planes[0]]
    if len(pages) == 1 and claimed > 1 and first.is_contiguous and first.compression == 1:
        # ImageJ and others write contiguous pixels with a single page directory.
        there = min(claimed, max(1, (size - first.dataoffsets[0]) // first.nbytes))
        located = np.stack([np.full(there, planes[0]), np.arange(there)], axis=1)
    else:
        located = np.stack([planes, np.zeros(len(planes), np.int64)], axis=1)
    if len(located) > claimed:
        problems.append(
            f"its metadata have {axes_text(axes)}, but it has {len(located)} planes, which are numbered instead"
        )
        axes, claimed = _unlabelled(len(located)), len(located)
    elif len(located) < claimed:
        problems.append(
            f"its metadata have {claimed} planes, of which the file lacks {claimed - len(located)}"
        )
    places = np.full((claimed, 2), -1, np.int64)
    places[: len(located)] = located
    return axes, places.reshape(*(length for _, length in axes), 2)


def _main_group(pages: Sequence[_Page | None]) -> list[int]:
    """Return the numbers of the pages that are planes: those with the most common shape and type, else the largest."""
    known = {number: page for number, page in enumerate(pages) if page is not None}
    whole = [number for number, page in known.items() if not page.is_copy]
    flat = [number for number in whole if len(known[number].shape) == 2]
    own = flat or whole or list(known)
    counts = Counter(known[number][:2] for number in own)
    usual = max(counts, key=lambda look: (counts[look], math.prod(look[0])), default=None)
    return [number for number in own if known[number][:2] == usual]


def _named_axes(tiff: TiffFile, planes: Sequence[int]) -> Axes:
    """Return the axes that the metadata of a TIFF have; pages are numbered if there are none."""
    from tifffile.tifffile import shaped_description_metadata

    first: Any = tiff.pages[planes[0]]
    if tiff.is_imagej:
        return _imagej_axes(tiff.imagej_metadata or {}, len(planes))
    if first.is_shaped:
        metadata = shaped_description_metadata(first.shaped_description)
        lengths = [int(length) for length in metadata.get("shape", ())][:-2]
        letters = str(metadata.get("axes", ""))[:-2]
        # Files that were appended to describe only their first pages.
        return _labelled(letters, lengths) if math.prod(lengths) >= len(planes) else _unlabelled(len(planes))
    if not any(getattr(tiff, f"is_{name}") for name in _WITH_AXES) or page_offsets(tiff)[1]:
        return _unlabelled(len(planes))
    with open_tiff(tiff.filehandle.path) as again:  # its series change how pages are read
        series = again.series[0]
        return _labelled(series.axes[:-2], series.shape[:-2])


def _imagej_axes(metadata: Mapping[str, Any], planes: int) -> Axes:
    """Return the axes of an ImageJ hyperstack, slowest first. Its metadata have the fastest first."""
    names = {"c": "channels", "z": "slices", "t": "frames"}
    order = str(metadata.get("order", "czt")).lower()
    order = order if sorted(order) == sorted(names) else "czt"
    lengths = [max(1, int(metadata.get(names[letter], 1))) for letter in reversed(order)]
    product = math.prod(lengths)
    if product == 1:
        return _unlabelled(max(planes, int(metadata.get("images", 1)) if planes == 1 else 1))
    rest = planes // product if planes % product == 0 else 1
    return _labelled("Q" + order[::-1].upper(), [max(1, rest), *lengths])


def _labelled(letters: str, lengths: Iterable[int]) -> Axes:
    """Return axes without those of length 1; letters without a meaning here become those of `UNLABELLED`."""
    several = list(lengths)
    letters = letters if len(letters) == len(several) else "?" * len(several)
    used: set[str] = set()
    free = iter(UNLABELLED)
    axes = []
    for letter, length in zip(letters, several, strict=True):
        if length > 1:
            known = letter in "TCZ" and letter not in used
            name = letter if known else next(free, "")
            if not name:
                raise ValueError(f"it has {len(several)} axes. Export it with fewer")
            used.add(name)
            axes.append((name, length))
    return tuple(axes)


def _unlabelled(planes: int) -> Axes:
    return _labelled("?", [planes])


def _in_order(axes: Axes, planes: int) -> NDArray[np.int64]:
    places = np.stack([np.arange(planes), np.zeros(planes, np.int64)], axis=1)
    return places.reshape(*(length for _, length in axes), 2)


def _check_claim(path: str, planes: int, size: int) -> None:
    if planes > size:
        raise PlaneError(f"{path} claims to have {planes:,} pages, more than its bytes. Export it again.")


def check_tiff_page(path: str, page: Any) -> tuple[int, int]:
    """Return the shape of a TIFF page after checking that it is a plane.

    Raises
    ------
    PlaneError
        It has several values per pixel; see also `check_plane`.
    """
    if page.samplesperpixel > 1 and page.photometric in GREY:
        raise PlaneError(
            f"{path} has {page.samplesperpixel} values per pixel in a page of shape "
            f"{tuple(page.shape)}. Save each of them as a page or a file of its own."
        )
    return check_plane(path, page.shape, np.dtype(page.dtype))


def tiff_damage(page: Any, size: int) -> str:
    """Return why the pixels of a TIFF page are incomplete; empty if they are complete.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.
    size : int
        Size of the file in bytes.
    """
    counts = page.databytecounts
    end = max(map(sum, zip(page.dataoffsets, counts, strict=False)), default=0)
    if end > size:
        return f"it is truncated: its pixels extend to byte {end}, but the file has {size} bytes"
    # Pixels of fewer than 8, or of 10, 12 or 14 bits are packed, and each row starts with a byte of its own.
    needed = math.prod(page.shape[:-1]) * math.ceil(page.shape[-1] * page.bitspersample / 8)
    if page.compression == 1 and sum(counts) < needed:
        return f"its plane of shape {page.shape} needs {needed} bytes, but has {sum(counts)}"
    return ""
