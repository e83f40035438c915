"""OME-Zarr 0.5 metadata of a run's output, built and validated by yaozarrs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
import zarr
from yaozarrs import v05
from zarr.codecs import BloscCodec

from ...core.calibration import Calibration
from ...core.components import natural_key
from ...core.files import write_atomically
from ..writer import CLEVEL, CNAME, SHUFFLE


def write_group(path: Path, attributes: Mapping[str, Any]) -> None:
    """Write the metadata of a Zarr group."""
    path.mkdir(parents=True, exist_ok=True)
    document = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
    write_atomically(path / "zarr.json", json.dumps(document, indent=2).encode())


def _ome(model: Any) -> dict[str, Any]:
    return {"ome": model.model_dump(mode="json", by_alias=True, exclude_none=True)}


def multiscale(
    name: str,
    is_averaged: bool,
    axes: Sequence[str],
    levels: int,
    known: Calibration,
    position: tuple[float, float] | None = None,
    folder: str = "",
) -> v05.Multiscale:
    """Return the axes and levels of an image.

    Parameters
    ----------
    name : str
        Name of the image.
    is_averaged : bool
        Whether pixels of the smaller levels are means.
    axes : sequence of str
        Components of the leading axes.
    levels : int
        Number of levels.
    known : Calibration
        Calibration of the dataset.
    position : tuple of float, optional
        Stage position (Y, X) of the image, in the unit of the calibration.
    folder : str
        Folder of the levels, relative to the image: empty, or ending with ``/``.
    """
    length_unit = known.unit if known.pixel_size is not None else None
    kinds = {
        "timepoint": (v05.TimeAxis(name="t", unit="second" if known.time_step else None), known.time_step),
        "channel": (v05.ChannelAxis(name="c"), None),
        "z_index": (v05.SpaceAxis(name="z", unit=length_unit if known.z_step else None), known.z_step),
    }
    leading: list[tuple[Any, float | None]] = [kinds[axis] for axis in axes]
    plane: list[Any] = [v05.SpaceAxis(name=axis, unit=length_unit) for axis in "yx"]
    size = known.pixel_size or (1.0, 1.0)
    datasets = []
    for level in range(levels):
        scale = [*(step or 1.0 for _, step in leading), *(2**level * length for length in size)]
        transformations: list[Any] = [v05.ScaleTransformation(scale=scale)]
        # A mean of four pixels is centred between them; a pixel that was kept is the first of four.
        between = (2**level - 1) / 2 if is_averaged else 0.0
        if position is not None or between:
            shift = [
                start + between * length for start, length in zip(position or (0.0, 0.0), size, strict=True)
            ]
            transformations.append(
                v05.TranslationTransformation(translation=[*(0.0 for _ in leading), *shift])
            )
        datasets.append(v05.Dataset(path=f"{folder}{level}", coordinateTransformations=transformations))
    return v05.Multiscale(
        name=name,
        axes=[*(axis for axis, _ in leading), *plane],
        datasets=datasets,
        type="mean" if is_averaged else "nearest",
    )


def image_attributes(scales: v05.Multiscale, omero: v05.Omero | None) -> dict[str, Any]:
    """Return the attributes of an image group."""
    return _ome(v05.Image(multiscales=[scales], omero=omero))


def label_attributes(scales: v05.Multiscale) -> dict[str, Any]:
    """Return the attributes of the group of a label image. Its image is two groups above it."""
    label = v05.ImageLabel(source=v05.LabelSource(image="../../"))
    return _ome(v05.LabelImage.model_validate({"multiscales": [scales], "image-label": label}))


def labels_attributes(names: Sequence[str]) -> dict[str, Any]:
    """Return the attributes of the group that holds the label images of an image."""
    return _ome(v05.LabelsGroup(labels=list(names)))


def omero_channels(names: Sequence[str], limits: tuple[float, float]) -> v05.Omero:
    """Return the names and colours of channels.

    Parameters
    ----------
    names : sequence of str
        Names of the channels, in order.
    limits : tuple of float
        Contrast limits, which viewers require for each channel.
    """
    low, high = limits if np.isfinite(limits).all() else (0.0, 1.0)
    # Viewers reject an empty contrast window, such as that of black planes.
    high = high if low < high else low + 1.0
    window = v05.OmeroWindow(start=low, min=low, end=high, max=high)
    colors = cycle(_COLORS) if len(names) > 1 else ["FFFFFF"]
    channels = [
        v05.OmeroChannel(label=name, color=color, window=window, active=True)
        for name, color in zip(names, colors, strict=False)
    ]
    return v05.Omero(channels=channels)


_COLORS = ("00BFFF", "FF8C00", "BA55D3", "00FF00", "FF00FF", "FFFF00")
"""Colours of channels, used in turn."""


def array_metadata(
    axes: Sequence[str], lengths: Sequence[int], plane_shape: tuple[int, int], dtype: str, sharded: bool
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
        Name of the NumPy dtype.
    sharded : bool
        Whether the chunks are packed into shards.
    """
    memory: dict[str, Any] = {}
    zarr.create_array(
        store=memory,
        shape=(*lengths, *plane_shape),
        chunks=(*(1 for _ in axes), *plane_shape),
        shards=shard_shape(lengths, plane_shape, np.dtype(dtype)) if sharded else None,
        dtype=dtype,
        compressors=BloscCodec(
            cname=CNAME, clevel=CLEVEL, shuffle=SHUFFLE, typesize=np.dtype(dtype).itemsize
        ),
        dimension_names=(*axes, "y", "x"),
        fill_value=np.zeros((), dtype)[()],
    )
    return bytes(memory["zarr.json"].to_bytes())


LARGEST_SHARD = 1 << 29
"""Maximum size of a shard of several planes, in bytes before compression."""


def shard_shape(
    lengths: Sequence[int], plane_shape: tuple[int, int], dtype: np.dtype[Any]
) -> tuple[int, ...]:
    """Return the shape of a shard: as many planes as fit, along the last leading axes first."""
    room = max(1, LARGEST_SHARD // max(1, int(np.prod(plane_shape)) * dtype.itemsize))
    shape: list[int] = []
    for length in reversed(lengths):
        shape.insert(0, min(length, room))
        room = room // length if shape[0] == length else 1
        room = max(1, room)
    return (*shape, *plane_shape)


def plate_attributes(name: str, images: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the attributes of the groups of a plate, its rows and its wells, keyed by path.

    Parameters
    ----------
    name : str
        Name of the plate.
    images : iterable of str
        Paths of images, ``row/column/field``.
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
    groups: dict[str, dict[str, Any]] = {"": _ome(v05.Plate(plate=plate)), **{row: {} for row in rows}}
    for well, names in fields.items():
        images_of_well = [v05.FieldOfView(path=field) for field in sorted(names, key=natural_key)]
        groups[well] = _ome(v05.Well(well=v05.WellDef(images=images_of_well)))
    return groups


def series_attributes(images: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the attributes of the groups of a collection of images in the bioformats2raw layout."""
    return {
        "": _ome(v05.Bf2Raw.model_validate({"bioformats2raw.layout": 3})),
        "OME": _ome(v05.Series(series=list(images))),
    }


def series_xml(images: Mapping[str, tuple[tuple[str, ...], tuple[int, ...], str]]) -> bytes:
    """Return the OME-XML of a collection of images, which readers of the bioformats2raw layout require.

    Parameters
    ----------
    images : mapping
        From path to axes, shape and dtype.
    """
    root = Element("OME", xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06")
    for number, (path, (axes, shape, dtype)) in enumerate(images.items()):
        sizes = dict(zip(axes, map(str, shape), strict=True))
        image = SubElement(root, "Image", ID=f"Image:{path}", Name=path)
        SubElement(
            SubElement(
                image, "Pixels", ID=f"Pixels:{number}", DimensionOrder="XYZCT", Type=_XML_TYPES.get(dtype, dtype),
                SizeX=sizes["x"], SizeY=sizes["y"], SizeZ=sizes.get("z", "1"), SizeC=sizes.get("c", "1"),
                SizeT=sizes.get("t", "1"),
            ),
            "MetadataOnly",
        )  # fmt: skip
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


_XML_TYPES = {"float32": "float", "float64": "double", "bool": "bit", "complex64": "complex",
              "complex128": "double-complex"}  # fmt: skip
"""Pixel types in OME-XML that differ from NumPy's names."""
