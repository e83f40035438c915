"""OME-Zarr 0.4 and 0.5: plates and single images, from their metadata alone.

The metadata of the plate, of all wells and of the images in the first well are read.
See https://ngff.openmicroscopy.org/specifications.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from ...core.calibration import Calibration
from ...core.components import natural_key
from ...core.errors import PlaneError
from ...core.grid import OWN
from ...core.text import join_names
from ...planes.zarr_arrays import LabelImage, ZarrArrays
from ..folder import Folder
from ..header import Header
from ..layout import FoundPlanes
from ..problem import Problem
from .image import UNSAFE, ImageDescription, describe_image, mapping, mappings
from .run_output import NotAnOutput, find_run_output
from .wells import name_wells
from .zarr_metadata import Attributes, ZarrMetadata

logger = logging.getLogger(__name__)

COMPONENTS = {"t": "timepoint", "c": "channel", "z": "z_index"}
"""Components of the axes of an image. Other axes keep their names."""

_SERIES_BATCH = 16
"""Images of a series whose metadata are requested at once."""

_MORE_TRIED = 5
"""Images to try if those of the first well cannot be used."""


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
    try:
        attributes = metadata.attributes([below])[below]
    except KeyError:
        raise ValueError(
            f"There is no OME-Zarr at {root}/{below}: it has neither zarr.json nor .zattrs."
        ) from None
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
    """Return the planes of images, assuming that the images of all wells are like those of the first."""
    if not images:
        raise ValueError(
            f"There is no image in {metadata.root}. " + "; ".join(str(problem) for problem in problems[:3])
        )
    first_well = [image for image in images if image.values.get("well") == images[0].values.get("well")]
    others = images[len(first_well) :: max(1, len(images) // _MORE_TRIED)]
    described: dict[str, ImageDescription] = {}
    unusable: set[str] = set()
    for image in (*first_well, *others):
        if image not in first_well and described:
            break
        try:
            described[image.path] = describe_image(metadata, image.path)
        except (ValueError, PlaneError) as error:
            problems.append(Problem(image.path, str(error)))
            unusable.add(image.path)
    if not described:
        raise ValueError(f"No image in {metadata.root} can be used. {problems[-1]}")
    first = next(iter(described.values()))
    # Images of another shape, such as projections, have the same name in every well.
    other_kinds = {
        _field(path)
        for path, other in described.items()
        if (other.axes, other.shape, other.level) != (first.axes, first.shape, first.level)
    }
    usable = []
    for image in images:
        if _field(image.path) in other_kinds:
            problems.append(Problem(image.path, "has another shape than the first image; open it separately"))
        elif image.path not in unusable:
            usable.append(image)
    positions = {
        (image.values["well"], image.values["site"]): described[image.path].position
        for image in usable
        if image.path in described and "well" in image.values
    }
    header = Header(first.shape, first.dtype, {COMPONENTS.get(a, a): n for a, n in first.axes}, first.axes)
    names = list(images[0].values)
    return FoundPlanes(
        files=[image.path + first.level for image in usable],
        columns={name: [image.values[name] for image in usable] for name in names},
        problems=problems,
        calibration=first.calibration.merged_with(
            Calibration(unit=first.calibration.unit, positions=positions)
        ),
        header=header,
        reader=ZarrArrays(first.axes, _label_images(metadata, described, problems), first.level),
    )


def _field(path: str) -> str:
    """Return the name of an image in its well."""
    return path.rstrip("/").rpartition("/")[2]


def _label_images(
    metadata: ZarrMetadata, images: Mapping[str, ImageDescription], problems: list[Problem]
) -> dict[str, LabelImage]:
    """Return the label images that accompany the images with known metadata."""
    found: dict[str, LabelImage] = {}
    groups = metadata.attributes([f"{path}labels/" for path in images])
    for path, image in images.items():
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
