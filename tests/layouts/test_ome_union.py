"""OME-Zarr plates whose images differ: the dataset is the union, and metadata are known only where images agree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import napari_axiswise as aw

MICROMETERS = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}


@dataclass(frozen=True)
class Image:
    """An image of a plate: its axes before y and x with their lengths, names, units and scale."""

    axes: Mapping[str, int]
    labels: Sequence[str] = ()
    acquisition: int | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    scale: Mapping[str, float] = field(default_factory=dict)
    size: int = 4
    level: str = "0"
    masks: bool = False


def write_group(folder: Path, attributes: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / ".zattrs").write_text(json.dumps(attributes))


def write_image(folder: Path, image: Image, start: int) -> None:
    """Write an image whose planes have the values `start`, `start + 1` and so on."""
    names, units = [*image.axes, "y", "x"], MICROMETERS | dict(image.units)
    scale = [image.scale.get(name, 0.5) for name in names]
    axes = [{"name": n} | ({"unit": units[n]} if units.get(n) else {}) for n in names]
    level = {"path": image.level, "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    channels = {"omero": {"channels": [{"label": label} for label in image.labels]}}
    write_group(folder, {"multiscales": [{"axes": axes, "datasets": [level]}], **channels})
    lengths = tuple(image.axes.values())
    shape = (*lengths, image.size, image.size)
    numbers = np.arange(start, start + int(np.prod(lengths))).reshape(*lengths, 1, 1)
    array = zarr.create_array(
        folder / image.level, shape=shape, chunks=(1,) * len(lengths) + shape[-2:], dtype="u2", zarr_format=2
    )
    array[...] = np.broadcast_to(numbers, shape)
    if image.masks:
        write_group(folder / "labels", {"labels": ["cells"]})
        masks = Image({n: length for n, length in image.axes.items() if n != "c"})
        write_image(folder / "labels" / "cells", masks, start + 50)


def opened(folder: Path, wells: Mapping[str, Mapping[str, Image]]) -> aw.Dataset:
    write_group(folder, {"plate": {"wells": [{"path": path} for path in wells]}})
    for number, (path, images) in enumerate(wells.items(), 1):
        listed = [
            {"path": name} | ({} if image.acquisition is None else {"acquisition": image.acquisition})
            for name, image in images.items()
        ]
        write_group(folder / path, {"well": {"images": listed}})
        for place, (name, image) in enumerate(images.items()):
            write_image(folder / path / name, image, 1000 * number + 100 * place + 1)
    return aw.open_dataset(folder)


@pytest.mark.parametrize("axis", ["t", "c", "z", "q"])
@pytest.mark.parametrize("lengths", [(1, 3), (3, 1), (2, 4)], ids=str)
def test_wells_with_more_or_fewer_planes_than_the_first(
    tmp_path: Path, axis: str, lengths: tuple[int, int]
) -> None:
    # ome/ome-zarr-py#240
    dataset = opened(tmp_path, {f"A/{n}": {"0": Image({axis: m})} for n, m in enumerate(lengths, 1)})
    name = {"t": "timepoint", "c": "channel", "z": "z_index"}.get(axis, axis)
    assert len(dataset) == sum(lengths)
    for row, where in enumerate(dataset.planes.to_dict("records")):
        expected = 1000 * int(where["well"][1:]) + int(where[name])
        assert (dataset.index.read(row) == expected).all()
    missing = dataset.report().missing
    assert len(missing) == 2 * max(lengths) - sum(lengths)


def test_images_without_an_axis_that_others_have(tmp_path: Path) -> None:
    wells = {
        "A/1": {"0": Image({"c": 2}, masks=True)},
        "A/2": {"0": Image({"t": 2, "c": 2, "z": 3}, masks=True)},
        "A/3": {"0": Image({"z": 3, "c": 2}, level="full", masks=True)},
    }
    dataset = opened(tmp_path, wells)
    assert dataset.components["z_index"] == ("1", "2", "3")
    assert len(dataset) == 2 + 12 + 6
    first = {"well": "A01", "timepoint": "1", "channel": "2", "z_index": "1"}
    assert (dataset.read(**first) == 1002).all()
    second = {"well": "A02", "timepoint": "2", "channel": "2", "z_index": "3"}
    assert (dataset.read(**second) == 2012).all()
    third = {"well": "A03", "timepoint": "1", "channel": "2", "z_index": "3"}
    assert (dataset.read(**third) == 3006).all()


def test_labels_of_wells_of_different_depths(tmp_path: Path) -> None:
    dataset = opened(tmp_path, {f"A/{n}": {"0": Image({"z": n}, masks=True)} for n in (1, 3)})
    row = dataset.find(well="A03", z_index="3")
    assert (dataset.index.read_labels(row, "cells") == 2053).all()


def test_planes_of_another_size_and_projections_are_listed(tmp_path: Path) -> None:
    wells = {
        "A/1": {"0": Image({"z": 3}, size=6), "1": Image({"z": 3}), "2": Image({"z": 3})},
        "A/2": {"0": Image({"z": 4}), "0_mip": Image({"z": 1})},
    }
    dataset = opened(tmp_path, wells)
    assert len(dataset) == 10
    assert {problem.path for problem in dataset.problems} == {"A/1/0/", "A/2/0_mip/"}


def names_of(dataset: aw.Dataset) -> list[str]:
    return [dataset.channel_names.get(channel, "") for channel in dataset.components["channel"]]


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        # ome/ome-zarr-py#225
        (["DAPI", "NANOG"], ["DAPI", "pS6"], ["DAPI", ""]),
        (["DAPI", "GFP"], ["GFP", "DAPI"], ["", ""]),
        (["DAPI", "GFP"], ["DAPI", "GFP"], ["DAPI", "GFP"]),
        (["DAPI", "GFP"], [], ["", ""]),
        (["DAPI"], ["DAPI", "GFP"], ["DAPI", "GFP"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("by", ["acquisition", "well", "site"])
def test_channels_have_the_names_that_all_images_agree_on(
    tmp_path: Path, first: list[str], second: list[str], names: list[str], by: str
) -> None:
    one, other = (Image({"c": len(labels) or 2}, labels) for labels in (first, second))
    if by == "well":
        dataset = opened(tmp_path, {"A/1": {"0": one}, "A/2": {"0": other}})
    else:
        numbers = (0, 1) if by == "acquisition" else (None, None)
        images = [Image(i.axes, i.labels, n) for i, n in zip((one, other), numbers, strict=True)]
        dataset = opened(tmp_path, {"A/1": dict(zip("01", images, strict=True))})
    assert names_of(dataset) == names
    told = [problem for problem in dataset.problems if "It has no name in this dataset" in problem.reason]
    assert len(told) == sum(name == "" for name in names)


@pytest.mark.parametrize(
    ("units", "scale", "expected"),
    [
        # czbiohub-sf/iohub#304
        ({"z": "nanometer"}, {"z": 2000.0}, ((0.5, 0.5), "micrometer", 2.0)),
        ({"x": "nanometer"}, {"x": 250.0}, ((0.5, 0.25), "micrometer", 0.5)),
        ({"y": "millimeter", "x": "millimeter"}, {}, ((0.5, 0.5), "millimeter", 0.0005)),
        ({"z": ""}, {}, ((0.5, 0.5), "micrometer", None)),
    ],
)  # fmt: skip
def test_each_axis_has_its_own_unit(
    tmp_path: Path, units: dict[str, str], scale: dict[str, float], expected: tuple[Any, ...]
) -> None:
    dataset = opened(tmp_path, {"A/1": {"0": Image({"z": 2}, units=units, scale=scale)}})
    known = dataset.calibration
    assert (known.pixel_size, known.unit, known.z_step) == (
        pytest.approx(expected[0]),
        expected[1],
        expected[2],
    )
    assert not dataset.problems


@pytest.mark.parametrize("axis", ["y", "x", "z", "t"])
def test_an_unknown_unit_gives_no_size_and_a_problem(tmp_path: Path, axis: str) -> None:
    wells = {f"A/{n}": {"0": Image({"t": 2, "z": 2}, units={axis: "furlong"})} for n in (1, 2)}
    dataset = opened(tmp_path, wells)
    known = dataset.calibration
    assert {"y": known.pixel_size, "x": known.pixel_size, "z": known.z_step, "t": known.time_step}[
        axis
    ] is None
    assert [("furlong" in problem.reason, problem.path) for problem in dataset.problems] == [(True, "A/1/0/")]


@pytest.mark.parametrize("axis", ["y", "z", "t"])
def test_sizes_that_differ_are_not_those_of_the_dataset(tmp_path: Path, axis: str) -> None:
    images = [Image({"t": 2, "z": 2}), Image({"t": 2, "z": 2}, scale={axis: 0.7})]
    dataset = opened(tmp_path, {f"A/{n}": {"0": image} for n, image in enumerate(images, 1)})
    known = dataset.calibration
    assert {"y": known.pixel_size, "z": known.z_step, "t": known.time_step}[axis] is None
    (problem,) = dataset.problems
    assert (problem.path, "A/1/0/" in problem.reason) == ("A/2/0/", True)
