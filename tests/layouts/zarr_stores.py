"""OME-Zarr plates and images that tests write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr

SIZE = 12


@dataclass(frozen=True)
class StorePlan:
    """What an OME-Zarr plate of the tests has: images by the path of their well, each with its acquisition."""

    version: str = "0.5"
    wells: Mapping[str, Mapping[str, int | None]] = field(
        default_factory=lambda: {"B/02": {"0": None, "1": None}, "C/03": {"0": None}}
    )
    axes: str = "tczyx"
    lengths: tuple[int, ...] = (2, 2, 3)
    labels: tuple[str, ...] = ()


def pixel(well: str, image: str, place: tuple[int, ...]) -> int:
    """Return the value of all pixels of a plane."""
    return int(f"{ord(well[0]) - 64}{int(well[2:])}{int(image)}{''.join(map(str, place))}") % 60_000


def write_attributes(folder: Path, version: str, attributes: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if version == "0.5":
        document = {
            "zarr_format": 3,
            "node_type": "group",
            "attributes": {"ome": {"version": "0.5", **attributes}},
        }
        (folder / "zarr.json").write_text(json.dumps(document))
    else:
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps(attributes))


def image_attributes(plan: StorePlan, axes: str) -> dict[str, Any]:
    types = {"t": "time", "c": "channel"}
    units = {"t": "second"} | dict.fromkeys("zyx", "micrometer")
    scale = [{"t": 30.0, "c": 1.0, "z": 2.0}.get(axis, 0.5) for axis in axes]
    return {
        "multiscales": [
            {
                "axes": [
                    {"name": axis, "type": types.get(axis, "space")}
                    | ({"unit": units[axis]} if axis in units else {})
                    for axis in axes
                ],
                "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
                "version": plan.version,
            }
        ],
        "omero": {"channels": [{"label": "DAPI"}, {"label": "GFP"}]},
    }


def write_image(folder: Path, plan: StorePlan, well: str, image: str) -> None:
    write_attributes(folder, plan.version, image_attributes(plan, plan.axes))
    array = np.zeros((*plan.lengths, SIZE, SIZE), np.uint16)
    for place in np.ndindex(*plan.lengths):
        array[place] = pixel(well, image, place)
    write_array(folder / "0", array, plan.version)
    if not plan.labels:
        return
    write_attributes(folder / "labels", plan.version, {"labels": list(plan.labels)})
    label_axes = plan.axes.replace("c", "")
    lengths = [n for axis, n in zip(plan.axes, plan.lengths, strict=False) if axis != "c"]
    for number, name in enumerate(plan.labels, 1):
        labels = np.zeros((*lengths, SIZE, SIZE), np.uint32)
        for place in np.ndindex(*lengths):
            labels[place] = pixel(well, image, place) * 10 + number
        write_attributes(folder / "labels" / name, plan.version, image_attributes(plan, label_axes))
        write_array(folder / "labels" / name / "0", labels, plan.version)


def write_array(folder: Path, array: np.ndarray[Any, Any], version: str) -> None:
    made = zarr.create_array(
        folder,
        shape=array.shape,
        chunks=(*(1 for _ in array.shape[:-2]), *array.shape[-2:]),
        dtype=array.dtype,
        zarr_format=3 if version == "0.5" else 2,
        chunk_key_encoding=None if version == "0.5" else {"name": "v2", "separator": "/"},
        overwrite=True,
    )
    made[...] = array


def write_plate(folder: Path, plan: StorePlan) -> Path:
    rows = sorted({well.split("/")[0] for well in plan.wells})
    columns = sorted({well.split("/")[1] for well in plan.wells})
    acquisitions = {number for images in plan.wells.values() for number in images.values()} - {None}
    plate: dict[str, Any] = {
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {
                "path": well,
                "rowIndex": rows.index(well.split("/")[0]),
                "columnIndex": columns.index(well.split("/")[1]),
            }
            for well in plan.wells
        ],
        "version": plan.version,
        "field_count": max(map(len, plan.wells.values())),
    }
    if acquisitions:
        plate["acquisitions"] = [{"id": number} for number in sorted(acquisitions)]
    write_attributes(folder, plan.version, {"plate": plate})
    for well, images in plan.wells.items():
        listed = [
            {"path": image} | ({} if acquisition is None else {"acquisition": acquisition})
            for image, acquisition in images.items()
        ]
        write_attributes(folder / well, plan.version, {"well": {"images": listed, "version": plan.version}})
        for image in images:
            write_image(folder / well / image, plan, well, image)
    return folder
