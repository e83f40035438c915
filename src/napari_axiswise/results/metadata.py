"""OME-Zarr 0.5 metadata of a run's output, built and validated by yaozarrs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from yaozarrs import v05
from zarr.codecs import BloscCodec

from ..calibration import Calibration
from ..components import natural_key
from .writer import CLEVEL, CNAME, SHUFFLE, write_atomically


def write_group(path: Path, attributes: Mapping[str, Any]) -> None:
    """Write the metadata of a Zarr group."""
    path.mkdir(parents=True, exist_ok=True)
    document = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    write_atomically(path / "zarr.json", json.dumps(document, indent=2).encode())


def _ome(model: Any) -> dict[str, Any]:
    return {"ome": model.model_dump(mode="json", by_alias=True, exclude_none=True)}


def image_attributes(
    name: str,
    axes: Sequence[str],
    known: Calibration,
    position: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Return the attributes of an image group.

    Parameters
    ----------
    name : str
        Of the image.
    axes : sequence of str
        Components that are its leading axes.
    known : Calibration
        Of the dataset.
    position : tuple of float, optional
        (Y, X) of the image on the stage, in the unit of lengths.
    """
    length_unit = known.unit if known.pixel_size is not None else None
    kinds = {
        "timepoint": (v05.TimeAxis(name="t", unit="second" if known.time_step else None), known.time_step),
        "channel": (v05.ChannelAxis(name="c"), None),
        "z_index": (v05.SpaceAxis(name="z", unit=length_unit if known.z_step else None), known.z_step),
    }
    leading = [kinds[axis] for axis in axes]
    plane = [v05.SpaceAxis(name=axis, unit=length_unit) for axis in "yx"]
    scale = [*(step or 1.0 for _, step in leading), *(known.pixel_size or (1.0, 1.0))]
    transformations: list[Any] = [v05.ScaleTransformation(scale=scale)]
    if position is not None:
        shift = [*(0.0 for _ in leading), *position]
        transformations.append(v05.TranslationTransformation(translation=shift))
    dataset = v05.Dataset(path="0", coordinateTransformations=transformations)
    named: list[Any] = [axis for axis, _ in leading]
    return _ome(v05.Image(multiscales=[v05.Multiscale(name=name, axes=[*named, *plane], datasets=[dataset])]))


def name_channels(path: Path, names: Sequence[str], limits: tuple[float, float]) -> None:
    """Write the names of its channels into the metadata of an image that is written.

    Parameters
    ----------
    path : Path
        Of the image.
    names : sequence of str
        In the order of the channels.
    limits : tuple of float
        The values of the pixels to show as black and as bright: viewers want them beside the names.
    """
    low, high = limits
    window = v05.OmeroWindow(start=low, min=low, end=high, max=high)
    channels = [
        v05.OmeroChannel(label=name, color=color, window=window, active=True)
        for name, color in zip(names, cycle(_COLORS), strict=False)
    ]
    attributes = json.loads((path / "zarr.json").read_bytes())["attributes"]
    omero = v05.Omero(channels=channels).model_dump(mode="json", by_alias=True, exclude_none=True)
    write_group(path, {**attributes, "ome": {**attributes["ome"], "omero": omero}})


_COLORS = ("00BFFF", "FF8C00", "BA55D3", "00FF00", "FF00FF", "FFFF00")
"""Of channels, in turn."""


def array_metadata(
    axes: Sequence[str], lengths: Sequence[int], plane_shape: tuple[int, int], dtype: str
) -> bytes:
    """Return the ``zarr.json`` of an array whose chunks are planes, as Zarr itself writes it.

    Parameters
    ----------
    axes : sequence of str
        Names of the leading axes.
    lengths : sequence of int
        Their lengths.
    plane_shape : tuple of int
        (Y, X).
    dtype : str
        As numpy writes it.
    """
    memory: dict[str, Any] = {}
    zarr.create_array(
        store=memory,
        shape=(*lengths, *plane_shape),
        chunks=(*(1 for _ in axes), *plane_shape),
        dtype=dtype,
        compressors=BloscCodec(
            cname=CNAME, clevel=CLEVEL, shuffle=SHUFFLE, typesize=np.dtype(dtype).itemsize
        ),
        dimension_names=(*axes, "y", "x"),
        fill_value=np.zeros((), dtype)[()],
    )
    return bytes(memory["zarr.json"].to_bytes())


def write_plate(root: Path, name: str, images: Iterable[str]) -> None:
    """Write the metadata of a plate, its rows and its wells.

    Parameters
    ----------
    root : Path
        The folder of the plate.
    name : str
        Of the plate.
    images : iterable of str
        Paths of its images, ``row/column/field``.
    """
    fields: dict[str, list[str]] = {}
    for image in sorted(images):
        well, _, field = image.rpartition("/")
        fields.setdefault(well, []).append(field)
    wells = [well.split("/") for well in fields]
    rows = sorted({row for row, _ in wells}, key=lambda row: (len(row), row))
    columns = sorted({column for _, column in wells}, key=int)
    plate = v05.PlateDef(
        name=name,
        rows=[v05.Row(name=row) for row in rows],
        columns=[v05.Column(name=column) for column in columns],
        wells=[
            v05.PlateWell(path=f"{row}/{column}", rowIndex=rows.index(row), columnIndex=columns.index(column))
            for row, column in wells
        ],
        field_count=max(map(len, fields.values())),
    )
    write_group(root, _ome(v05.Plate(plate=plate)))
    for row in rows:
        write_group(root / row, {})
    for well, names in fields.items():
        images_of_well = [v05.FieldOfView(path=field) for field in sorted(names, key=natural_key)]
        write_group(root / well, _ome(v05.Well(well=v05.WellDef(images=images_of_well))))
