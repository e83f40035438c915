"""OME-Zarr 0.4 and 0.5: plates and single images, from their metadata alone.

The metadata of the plate, of all wells and of all images are read; of a very large plate, those of many images.
See https://ngff.openmicroscopy.org/specifications.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from ...core.components import natural_key
from ...core.errors import PlaneError
from ...core.files import is_address
from ...core.grid import OWN
from ...core.text import join_names
from ...planes.axes import Axes, common_axes
from ...planes.zarr.arrays import LabelImage, OwnArray, ZarrArrays
from ..agreement import agreed_calibration
from ..column import Column
from ..folder import Folder
from ..header import Header
from ..layout import FoundPlanes
from ..problem import Problem
from .image import UNSAFE, ImageDescription, describe_image, describe_images, mapping, mappings
from .run_output import NotAnOutput, find_run_output
from .union import number_planes, same_kind
from .wells import name_wells
from .zarr_metadata import Attributes, ZarrMetadata

logger = logging.getLogger(__name__)

COMPONENTS = {"t": "timepoint", "c": "channel", "z": "z_index"}
"""Components of the axes of an image. Other axes keep their names."""

_SERIES_BATCH = 16
"""Images of a series whose metadata are requested at once."""

MOST_IMAGES = 4_000
"""Images whose metadata are read on opening, about a second's worth; spread over the plate if there are more."""

MOST_REMOTE = 100
"""The same behind an address."""


class OmeZarr:
    """Plate or image in an OME-Zarr store."""

    name = "ome_zarr"

    def find(self, folder: Folder) -> FoundPlanes | None:
        """Return the planes of a folder that is a store, or that contains one store and no images.

        Raises
        ------
        ValueError
            The store has no OME metadata, or the folder contains several stores.
        """
        if folder.is_store:
            return find_planes(str(folder.root))
        if folder.images or not folder.walk.stores:
            return None
        if len(folder.walk.stores) > 1:
            raise ValueError(
                f"There are {len(folder.walk.stores)} Zarr stores in {folder.root}: "
                f"{join_names(folder.walk.stores)}. Open one of them."
            )
        return find_planes(str(folder.root), f"{folder.walk.stores[0]}/")


def find_planes(root: str, below: str = "") -> FoundPlanes:
    """Return the planes of an OME-Zarr store.

    Parameters
    ----------
    root : str
        A folder, or the address of a store.
    below : str
        Path of the store in the folder; empty, or ending with ``/``.

    Raises
    ------
    ValueError
        There is no store, it has no OME metadata, or none of its images can be used.
    """
    metadata = ZarrMetadata(root)
    attributes = metadata.attributes([below]).get(below)
    if attributes is None:
        # Servers do not always tell a missing file from one that may not be read.
        advice = " Check the address, and your credentials if it needs any." if is_address(root) else ""
        raise ValueError(
            f"There is no OME-Zarr at {root}/{below}: it has neither zarr.json nor .zattrs that can be read.{advice}"
        )
    if OWN in attributes:
        try:
            return find_run_output(metadata, below, attributes)
        except NotAnOutput as error:
            logger.info("%s/%s is read as any other OME-Zarr: %s", root, below, error)
    if "plate" in attributes:
        images, problems = _plate_images(metadata, below, mapping(attributes["plate"]))
    elif "multiscales" in attributes:
        images, problems = [_Image(below, {"image": _name(root, below)})], []
    elif "bioformats2raw.layout" in attributes:
        images, problems = _series(metadata, below), []
    elif OWN in attributes:
        raise ValueError(
            f"{root}/{below} is the output of an unfinished run. Resume the run, or open it with open_result."
        )
    else:
        raise ValueError(
            f"{root}/{below} is a Zarr store without the metadata of an OME-Zarr plate or image. "
            "Open the array in napari, and select its layer."
        )
    return _describe(metadata, images, problems)


def is_plate(root: str) -> bool:
    """Return whether a folder or address is an OME-Zarr plate."""
    return "plate" in ZarrMetadata(root).attributes([""]).get("", {})


@dataclass(frozen=True)
class _Image:
    """Image in a store: its path, ending with ``/``, and its component values."""

    path: str
    values: Mapping[str, str]


def _name(root: str, below: str) -> str:
    return re.sub(r"(\.ome)?\.zarr$", "", f"{root}/{below}".rstrip("/").rpartition("/")[2])


def _series(metadata: ZarrMetadata, below: str) -> list[_Image]:
    """Return the images of a store in the layout of bioformats2raw: 0, 1, 2 and so on."""
    images: list[_Image] = []
    for start in count(0, _SERIES_BATCH):
        paths = [f"{below}{number}/" for number in range(start, start + _SERIES_BATCH)]
        found = metadata.attributes(paths)
        images += [
            _Image(path, {"image": path.removeprefix(below)[:-1]})
            for path in paths
            if "multiscales" in found.get(path, {})
        ]
        if len(images) < start + _SERIES_BATCH:
            break
    return images


def _plate_images(
    metadata: ZarrMetadata, below: str, plate: Attributes
) -> tuple[list[_Image], list[Problem]]:
    problems: list[Problem] = []
    entries: dict[str, Attributes] = {}
    for entry in mappings(plate.get("wells")):
        path = str(entry.get("path", "")).rstrip("/")
        if UNSAFE.search(path):
            problems.append(Problem(path, "names a well outside of the plate"))
        else:
            entries[path] = entry
    wells = {f"{below}{path}/": name for path, name in name_wells(plate, entries).items()}
    found = metadata.attributes(list(wells))
    fields: list[tuple[str, str, str, str]] = []
    for path, name in wells.items():
        if "well" not in found.get(path, {}):
            problems.append(Problem(path, f"well {name} has no metadata and is skipped"))
            continue
        for image in mappings(mapping(found[path]["well"]).get("images")):
            field = str(image.get("path", "")).rstrip("/")
            if UNSAFE.search(field):
                problems.append(Problem(path + field, "names an image outside of the plate"))
            else:
                fields.append((path, name, field, str(image.get("acquisition", ""))))
    return _number_sites(fields), problems


def _number_sites(fields: Sequence[tuple[str, str, str, str]]) -> list[_Image]:
    """Return the images of a plate with sites numbered from 1, as in other layouts.

    Some writers count from 0, and across the acquisitions of a well.
    """
    several = len({acquisition for *_, acquisition in fields}) > 1
    numbers = {field: int(field) for _, _, field, _ in fields if re.fullmatch("[0-9]{1,9}", field)}
    first = 1 if min(numbers.values(), default=1) == 0 else 0
    images = []
    ranks: dict[tuple[str, str], int] = {}
    for path, well, field, acquisition in sorted(fields, key=lambda row: (row[0], natural_key(row[2]))):
        rank = ranks[well, acquisition] = ranks.get((well, acquisition), 0) + 1
        site = str(rank) if several else str(numbers[field] + first) if field in numbers else field
        images.append(_Image(f"{path}{field}/", {"well": well, "site": site, "acquisition": acquisition}))
    if not several:
        return [_Image(image.path, {**image.values, "acquisition": ""}) for image in images]
    return images


def _describe(metadata: ZarrMetadata, images: Sequence[_Image], problems: list[Problem]) -> FoundPlanes:
    """Return the planes of all images. Those whose metadata are not read are taken to be like most others."""
    if not images:
        raise ValueError(
            f"There is no image in {metadata.root}. " + "; ".join(str(problem) for problem in problems[:3])
        )
    described, unusable = _read_metadata(metadata, images, problems)
    usable = _of_one_kind(images, described, unusable, problems)
    known = {image.path: described[image.path] for image in usable if image.path in described}
    calibration, differences = agreed_calibration(known)
    problems += differences
    first = next(iter(known.values()))
    axes = common_axes(image.axes for image in known.values())
    usual = Counter((other.axes, other.level) for other in known.values()).most_common(1)[0][0]
    own = [(d.axes, d.level) if (d := known.get(image.path)) else usual for image in usable]
    files = [image.path + level for image, (_, level) in zip(usable, own, strict=True)]
    names = tuple(name for name, _ in axes)
    own_arrays = {
        file: OwnArray(tuple(name for name, _ in other), level)
        for file, (other, level) in zip(files, own, strict=True)
        if tuple(name for name, _ in other) != names or level != usual[1]
    }
    found = FoundPlanes(
        files=files,
        columns={name: [image.values[name] for image in usable] for name in images[0].values},
        problems=problems,
        calibration=replace(calibration, positions=_positions(usable, known, calibration.unit)),
        header=Header(first.shape, first.dtype, axes=tuple((COMPONENTS.get(a, a), n) for a, n in axes)),
        reader=ZarrArrays(
            axes,
            _label_images(metadata, images, known, problems),
            usual[1],
            own_arrays,
            usual=usual[0] if len(known) < len(usable) else None,
            looked_at=frozenset(
                file for file, image in zip(files, usable, strict=True) if image.path in known
            )
            if len(known) < len(usable)
            else frozenset(),
        ),
    )
    same = all(other == axes for other, _ in own)
    return found if same else _with_pages(found, [other for other, _ in own], axes, metadata.root)


def _of_one_kind(
    images: Sequence[_Image],
    described: Mapping[str, ImageDescription],
    unusable: AbstractSet[str],
    problems: list[Problem],
) -> list[_Image]:
    """Return the images without those of another kind, which become problems."""
    groups = {
        image.path: (image.values.get("well", image.path), image.values.get("acquisition"))
        for image in images
    }
    reasons = same_kind(described, groups)
    # Images of another kind, such as projections, have the same name in every well.
    odd_names = {_field(path) for path in reasons}
    odd_names -= {_field(path) for path in described if path not in reasons}
    for image in images:
        name = _field(image.path)
        if image.path not in described and image.path not in unusable and name in odd_names:
            reasons[image.path] = f"{name} is of another kind in other wells; open it separately"
    problems += [Problem(image.path, reasons[image.path]) for image in images if image.path in reasons]
    return [image for image in images if image.path not in reasons and image.path not in unusable]


def _field(path: str) -> str:
    """Return the name of an image in its well."""
    return path.rstrip("/").rpartition("/")[2]


def _with_pages(found: FoundPlanes, own: Sequence[Axes], axes: Axes, root: str) -> FoundPlanes:
    """Return planes with one row for each that its image has, where images have axes of their own."""
    file_codes, pages = number_planes(own, axes, root)
    columns = {name: Column(c.texts, c.codes[file_codes]) for name, c in found.filled_columns.items()}
    places = np.unravel_index(pages, [length for _, length in axes])
    for (name, length), index in zip(axes, places, strict=True):
        texts = [str(number + 1) for number in range(length)]
        columns[COMPONENTS.get(name, name)] = Column(texts, index.astype(np.int32))
    return replace(found, columns=columns, file_codes=file_codes, pages=pages)


def _read_metadata(
    metadata: ZarrMetadata, images: Sequence[_Image], problems: list[Problem]
) -> tuple[dict[str, ImageDescription], set[str]]:
    """Return the images whose metadata could be read, and the paths of those that cannot be used.

    Raises
    ------
    ValueError
        None of the images can be used.
    """
    most = MOST_REMOTE if is_address(metadata.root) else MOST_IMAGES
    chosen = [images[place] for place in np.unique(np.linspace(0, len(images) - 1, most).astype(int))]
    found = describe_images(metadata, [image.path for image in chosen])
    described = {path: image for path, image in found.items() if not isinstance(image, Exception)}
    failed = {path: str(error) for path, error in found.items() if isinstance(error, Exception)}
    problems += [Problem(path, error) for path, error in failed.items()]
    # Once each, for the first image.
    units = {reason: path for path, image in reversed(described.items()) for reason in image.problems}
    problems += [Problem(path or _name(metadata.root, ""), reason) for reason, path in units.items()]
    if not described:
        raise ValueError(f"No image in {metadata.root} can be used. {problems[-1]}")
    if len(chosen) < len(images):
        reason = (
            f"the metadata of {len(chosen):,} of {len(images):,} images are read; the others are taken to be like "
            "most of these. The report names images that differ"
        )
        problems.append(Problem(metadata.root, reason))
    return described, set(failed)


def _positions(
    images: Sequence[_Image], known: Mapping[str, ImageDescription], unit: str
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the stage position of each site, as far as its images agree on it."""
    found: dict[tuple[str, str], set[tuple[float, float]]] = {}
    for image in images:
        if image.path in known and "well" in image.values and known[image.path].calibration.unit == unit:
            place = image.values["well"], image.values["site"]
            found.setdefault(place, set()).add(known[image.path].position)
    return {place: positions.pop() for place, positions in found.items() if len(positions) == 1}


def _label_images(
    metadata: ZarrMetadata,
    images: Sequence[_Image],
    known: Mapping[str, ImageDescription],
    problems: list[Problem],
) -> dict[str, LabelImage]:
    """Return the label images that accompany the images of the first well."""
    found: dict[str, LabelImage] = {}
    well = next(image for image in images if image.path in known).values.get("well")
    paths = [image.path for image in images if image.path in known and image.values.get("well") == well]
    groups = metadata.attributes([f"{path}labels/" for path in paths])
    for path in paths:
        image = known[path]
        names = groups.get(f"{path}labels/", {}).get("labels")
        for name in names if isinstance(names, list) else ():
            if not isinstance(name, str) or UNSAFE.search(name) or name in found:
                continue
            try:
                labels = describe_image(metadata, f"{path}labels/{name}/")
            except (ValueError, PlaneError) as error:
                problems.append(Problem(f"{path}labels/{name}", str(error)))
                continue
            if labels.shape == image.shape:
                found[name] = LabelImage(f"labels/{name}/{labels.level}", labels.axes)
            else:
                reason = f"has shape {labels.shape}, but its image has {image.shape}; it is not used"
                problems.append(Problem(f"{path}labels/{name}", reason))
    return found
