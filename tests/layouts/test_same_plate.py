"""One plate in every layout: the same planes, pixel for pixel, under the same component values."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
import zarr
from tifffile import imread, imwrite

import napari_axiswise as aw
from napari_axiswise.core.wells import parse_well, row_name
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.layouts.registry import FILE_LAYOUTS, LAYOUTS

WELLS, SITES, TIMEPOINTS, CHANNELS = ("B02", "B03"), ("1", "2"), ("1", "2"), ("1", "2")
COMPONENTS = {"well": WELLS, "site": SITES, "timepoint": TIMEPOINTS, "channel": CHANNELS}
PIXEL_SIZE = 1.3672

Pixels = np.ndarray[Any, Any]
"""Shape (wells, sites, timepoints, channels, Y, X)."""


def places() -> Iterator[tuple[tuple[int, ...], tuple[str, str, str, str]]]:
    """Yield the indices and the values of all planes."""
    values = (WELLS, SITES, TIMEPOINTS, CHANNELS)
    for indices in itertools.product(*(range(len(column)) for column in values)):
        yield indices, tuple(column[index] for column, index in zip(values, indices, strict=True))  # type: ignore[misc]


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """Plate 3435 where it is there, or one like it."""
    real = pytestconfig.rootpath.parent / "shared" / "data" / "imagexpress" / "9987_Plate_3435"
    if real.is_dir():
        return real
    plan = PlatePlan(wells=WELLS, sites=2, timepoints=2, channels=2, size=64, pixel_size=PIXEL_SIZE)
    return write_plate(tmp_path_factory.mktemp("plate"), plan)


@pytest.fixture(scope="module")
def pixels(plate: Path) -> Pixels:
    planes = np.empty((2, 2, 2, 2), dtype=object)
    for indices, (well, site, timepoint, channel) in places():
        folder = plate / f"TimePoint_{timepoint}"
        (file,) = [path for path in folder.iterdir() if f"_{well}_s{site}_w{channel}" in path.name]
        planes[indices] = imread(file)
    return np.array(planes.tolist())


def row_and_column(well: str) -> tuple[int, int]:
    """Return the row and the column of a well, from 1."""
    place = parse_well(well)
    assert place is not None
    return place[0] + 1, place[1] + 1


# ---------------------------------------------------------------------------------------- writers


def write_imagexpress(folder: Path, pixels: Pixels) -> None:
    for indices, (well, site, timepoint, channel) in places():
        target = folder / "2023-02-21" / "1334" / f"TimePoint_{timepoint}"
        target.mkdir(parents=True, exist_ok=True)
        name = f"plate_{well}_s{site}_w{channel}C4D1F2A0-0000-4111-8222-0123456789AB.tif"
        imwrite(target / name, pixels[indices])
        imwrite(target / name.replace("C4D1", "_thumbC4D1"), pixels[indices][::8, ::8])


def write_operetta(folder: Path, pixels: Pixels) -> None:
    (folder / "Images").mkdir(parents=True)
    records = []
    for indices, (well, site, timepoint, channel) in places():
        row, column = row_and_column(well)
        name = f"r{row:02d}c{column:02d}f{int(site):02d}p01-ch{channel}sk{timepoint}fk1fl1.tiff"
        imwrite(folder / "Images" / name, pixels[indices])
        records.append(
            f"<Image><id>{name}</id><State>Ok</State><URL>{name}</URL><Row>{row}</Row><Col>{column}</Col>"
            f"<FieldID>{site}</FieldID><PlaneID>1</PlaneID><TimepointID>{int(timepoint) - 1}</TimepointID>"
            f"<ChannelID>{channel}</ChannelID><ChannelName>wave {channel}</ChannelName>"
            f'<ImageResolutionX Unit="m">{PIXEL_SIZE}E-06</ImageResolutionX>'
            f'<ImageResolutionY Unit="m">{PIXEL_SIZE}E-06</ImageResolutionY></Image>'
        )
    (folder / "Images" / "Index.idx.xml").write_text(
        '\ufeff<?xml version="1.0" encoding="utf-8"?>\n'
        '<EvaluationInputData xmlns="http://www.perkinelmer.com/PEHH/HarmonyV5"><Images>'
        f"{''.join(records)}</Images></EvaluationInputData>",
        encoding="utf-8",
    )


def write_yokogawa(folder: Path, pixels: Pixels) -> None:
    folder.mkdir(parents=True)
    records = []
    for indices, (well, site, timepoint, channel) in places():
        row, column = row_and_column(well)
        name = f"plate_{well}_T{int(timepoint):04d}F{int(site):03d}L01A0{channel}Z01C{int(channel):02d}.tif"
        imwrite(folder / name, pixels[indices])
        records.append(
            f'<bts:MeasurementRecord bts:Type="IMG" bts:Row="{row}" bts:Column="{column}" bts:TimePoint="{timepoint}" '
            f'bts:FieldIndex="{site}" bts:ZIndex="1" bts:Ch="{channel}" bts:X="0" bts:Y="0" bts:Z="0">'
            f"{name}</bts:MeasurementRecord>"
        )
    (folder / "MeasurementData.mlf").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n<bts:MeasurementData bts:Version="1.0" '
        f'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0">{"".join(records)}</bts:MeasurementData>'
    )


def write_ome_zarr(version: str) -> Callable[[Path, Pixels], None]:
    def write_group(path: Path, attributes: dict[str, Any]) -> None:
        path.mkdir(parents=True, exist_ok=True)
        if version == "0.5":
            document = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": attributes}}
            (path / "zarr.json").write_text(json.dumps(document))
        else:
            (path / ".zgroup").write_text('{"zarr_format": 2}')
            (path / ".zattrs").write_text(json.dumps(attributes))

    def write(folder: Path, pixels: Pixels) -> None:
        paths = [f"{well[0]}/{int(well[1:])}" for well in WELLS]
        write_group(folder, {"plate": {"wells": [{"path": path} for path in paths]}})
        for well, path in enumerate(paths):
            write_group(folder / path, {"well": {"images": [{"path": "0"}, {"path": "1"}]}})
            for site in range(2):
                image = folder / path / str(site)
                axes = [{"name": name} for name in "tc"]
                axes += [{"name": name, "unit": "micrometer"} for name in "yx"]
                scale = [{"type": "scale", "scale": [1, 1, PIXEL_SIZE, PIXEL_SIZE]}]
                datasets = [{"path": "0", "coordinateTransformations": scale}]
                write_group(image, {"multiscales": [{"axes": axes, "datasets": datasets}]})
                zarr.save_array(
                    str(image / "0"), pixels[well, site], zarr_format=3 if version == "0.5" else 2
                )

    return write


def write_hyperstacks(folder: Path, pixels: Pixels) -> None:
    folder.mkdir(parents=True)
    for well, site in itertools.product(range(2), range(2)):
        stack = pixels[well, site][:, np.newaxis]
        imwrite(folder / f"{WELLS[well]}_s{SITES[site]}.tif", stack, imagej=True, metadata={"axes": "TZCYX"})


def write_ome_tiffs(folder: Path, pixels: Pixels) -> None:
    folder.mkdir(parents=True)
    for well, site in itertools.product(range(2), range(2)):
        imwrite(
            folder / f"{WELLS[well]}_s{SITES[site]}.ome.tif",
            pixels[well, site],
            ome=True,
            metadata={"axes": "TCYX"},
        )


def write_companion(folder: Path, pixels: Pixels) -> None:
    """Write a file per well, whose pages are sites, timepoints and channels, and a companion that says so."""
    folder.mkdir(parents=True)
    images, wells = [], []
    for number, name in enumerate(WELLS):
        row, column = row_and_column(name)
        imwrite(folder / f"{name}.tif", pixels[number].reshape(-1, *pixels.shape[-2:]), metadata=None)
        samples = ""
        for site in range(2):
            image = f"Image:{2 * number + site}"
            samples += f'<WellSample ID="S:{image}" Index="{2 * number + site}"><ImageRef ID="{image}"/></WellSample>'
            images.append(
                f'<Image ID="{image}"><Pixels ID="P:{image}" DimensionOrder="XYCTZ" Type="{pixels.dtype}" SizeC="2" '
                f'SizeX="{pixels.shape[-1]}" SizeY="{pixels.shape[-2]}" SizeZ="1" SizeT="2">'
                f'<TiffData IFD="{4 * site}" PlaneCount="4"><UUID FileName="{name}.tif">urn:uuid:{number}</UUID>'
                "</TiffData></Pixels></Image>"
            )
        wells.append(f'<Well ID="W:{number}" Row="{row - 1}" Column="{column - 1}">{samples}</Well>')
    (folder / "plate.companion.ome").write_text(
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Plate ID="Plate:0">{"".join(wells)}</Plate>{"".join(images)}</OME>'
    )


def write_named(pattern: str) -> Callable[[Path, Pixels], None]:
    """Return a writer of a file per plane."""

    def write(folder: Path, pixels: Pixels) -> None:
        folder.mkdir(parents=True)
        for indices, (well, site, timepoint, channel) in places():
            row, column = row_and_column(well)
            name = pattern.format(
                well=well, site=int(site), time=int(timepoint), channel=int(channel), row=row, column=column,
                letter=row_name(row - 1), number=(row - 1) * 12 + column,
            )  # fmt: skip
            imwrite(folder / name, pixels[indices])

    return write


ONE_Z = {"z_index": ("1",)}
WRITERS: dict[str, tuple[str, Callable[[Path, Pixels], None], dict[str, tuple[str, ...]]]] = {
    "imagexpress": ("imagexpress", write_imagexpress, {}),
    "operetta": ("operetta", write_operetta, ONE_Z),
    "yokogawa": ("yokogawa", write_yokogawa, ONE_Z),
    "ome-zarr 0.4": ("ome_zarr", write_ome_zarr("0.4"), {}),
    "ome-zarr 0.5": ("ome_zarr", write_ome_zarr("0.5"), {}),
    "hyperstacks": ("filenames", write_hyperstacks, {}),
    "ome-tiffs": ("filenames", write_ome_tiffs, {}),
    "companion": ("ome_tiff", write_companion, ONE_Z),
    "tokens": ("filenames", write_named("exp_{well}_s{site}_w{channel}_t{time}.tif"), {}),
    "names of harmony": (
        "filenames",
        write_named("r{row:02d}c{column:02d}f{site:02d}p01-ch{channel}sk{time}fk1fl1.tiff"),
        ONE_Z,
    ),
    "names of a CV8000": (
        "filenames",
        write_named("plate_{well}_T{time:04d}F{site:03d}L01A01Z01C{channel:02d}.tif"),
        ONE_Z,
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_images_are_the_same_planes(tmp_path: Path, pixels: Pixels, name: str) -> None:
    layout, write, more = WRITERS[name]
    write(tmp_path / "export", pixels)
    dataset = aw.open_dataset(tmp_path / "export")
    assert dataset.layout == layout
    several = {component: values for component, values in dataset.components.items() if len(values) > 1}
    assert several == COMPONENTS
    assert set(dataset.components) - set(COMPONENTS) <= {"z_index"}
    assert {n: dataset.components.get(n) for n in more} == more
    assert len(dataset) == 16
    for indices, (well, site, timepoint, channel) in places():
        plane = dataset.read(well=well, site=site, timepoint=timepoint, channel=channel)
        np.testing.assert_array_equal(plane, pixels[indices])
        assert plane.dtype == pixels.dtype


@pytest.mark.parametrize("name", WRITERS)
def test_every_layout_passes_the_conformance_test(tmp_path: Path, pixels: Pixels, name: str) -> None:
    layout, write, _ = WRITERS[name]
    write(tmp_path / "export", pixels)
    known = next(known for known in (*LAYOUTS, *FILE_LAYOUTS) if known.name == layout)
    aw.check_layout(known, tmp_path / "export")


@pytest.mark.parametrize("name", ["imagexpress", "operetta", "yokogawa", "ome-zarr 0.5", "tokens"])
def test_a_whole_export_is_reported_as_whole(tmp_path: Path, pixels: Pixels, name: str) -> None:
    WRITERS[name][1](tmp_path / "export", pixels)
    report = aw.open_dataset(tmp_path / "export").report()
    assert report.planes == report.planes_of_grid == 16
    told = [problem for problem in report.problems if "thumbnail" not in problem.reason]
    assert not told


def test_an_array_with_named_dimensions(pixels: Pixels) -> None:
    array = xarray.DataArray(
        np.moveaxis(pixels, (0, 1), (1, 0)),
        dims=("site", "well", "time", "c", "y", "x"),
        coords={"well": list(WELLS), "site": [1, 2]},
    )
    dataset = aw.open_dataset(array)
    assert {name: dataset.components[name] for name in COMPONENTS} == COMPONENTS
    for indices, (well, site, timepoint, channel) in places():
        plane = dataset.read(well=well, site=site, timepoint=timepoint, channel=channel)
        np.testing.assert_array_equal(plane, pixels[indices])


def test_every_layout_gives_the_same_result(tmp_path: Path, pixels: Pixels) -> None:
    outputs = []
    for name in ("imagexpress", "yokogawa", "ome-zarr 0.5"):
        WRITERS[name][1](tmp_path / name, pixels)
        result = aw.run(
            aw.open_dataset(tmp_path / name), aw.Pipeline([aw.Step(np.negative, name="neg")]), axis="timepoint",
            executor="serial",
        )  # fmt: skip
        outputs.append(
            [result.read("neg", well=w, site=s, timepoint=t, channel=c) for _, (w, s, t, c) in places()]
        )
    for output in outputs[1:]:
        np.testing.assert_array_equal(output, outputs[0])


def test_an_index_file_opens_its_folder(tmp_path: Path, pixels: Pixels) -> None:
    write_operetta(tmp_path / "operetta", pixels)
    write_yokogawa(tmp_path / "yokogawa", pixels)
    for path in ("operetta/Images/Index.idx.xml", "yokogawa/MeasurementData.mlf"):
        assert len(aw.open_dataset(tmp_path / path)) == 16


def test_an_export_without_its_index_is_opened_by_its_names(tmp_path: Path, pixels: Pixels) -> None:
    write_yokogawa(tmp_path / "plate", pixels)
    (tmp_path / "plate" / "MeasurementData.mlf").write_text("<bts:MeasurementData")
    dataset = aw.open_dataset(tmp_path / "plate")
    assert dataset.layout == "filenames"
    assert len(dataset) == 16
    assert "the index is not used" in {p.path: p.reason for p in dataset.problems}["MeasurementData.mlf"]
