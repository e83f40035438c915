"""OME-Zarr plates and images of versions 0.4 and 0.5: what they hold, from their metadata alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from zarr_stores import SIZE, StorePlan, pixel, write_array, write_attributes, write_image, write_plate

import napari_axiswise as aw
from napari_axiswise.core.errors import PlaneError
from napari_axiswise.layouts.ome import zarr as zarr_layout
from napari_axiswise.layouts.ome.zarr_metadata import ZarrMetadata


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plate_with_sparse_wells(tmp_path: Path, version: str) -> None:
    dataset = aw.open_dataset(write_plate(tmp_path / "plate.zarr", StorePlan(version)))
    assert dataset.layout == "ome_zarr"
    assert dataset.components == {
        "well": ("B02", "C03"),
        "site": ("1", "2"),
        "timepoint": ("1", "2"),
        "channel": ("1", "2"),
        "z_index": ("1", "2", "3"),
    }
    assert len(dataset) == 3 * 12
    plane = dataset.read(well="B02", site="2", timepoint="2", channel="1", z_index="3")
    assert (plane == pixel("B/02", "1", (1, 0, 2))).all()
    with pytest.raises(KeyError, match="no plane"):
        dataset.read(well="C03", site="2", timepoint="2", channel="1", z_index="3")
    assert not dataset.problems


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_names_and_sizes_are_kept(tmp_path: Path, version: str) -> None:
    dataset = aw.open_dataset(write_plate(tmp_path / "plate.zarr", StorePlan(version)))
    known = dataset.calibration
    assert (known.pixel_size, known.unit, known.z_step, known.time_step) == (
        (0.5, 0.5),
        "micrometer",
        2.0,
        30.0,
    )
    assert known.channel_names == {"1": "DAPI", "2": "GFP"}


def test_sites_are_numbered_within_each_acquisition(tmp_path: Path) -> None:
    wells = {"A/01": {"0": 0, "1": 0, "2": 1, "3": 1}, "A/02": {"0": 0, "1": 1}}
    plan = StorePlan(wells=wells, axes="yx", lengths=())
    dataset = aw.open_dataset(write_plate(tmp_path / "plate.zarr", plan))
    assert dataset.components == {"acquisition": ("0", "1"), "well": ("A01", "A02"), "site": ("1", "2")}
    assert (dataset.read(well="A01", site="1", acquisition="1") == pixel("A/01", "2", ())).all()
    assert (dataset.read(well="A02", site="1", acquisition="1") == pixel("A/02", "1", ())).all()


@pytest.mark.parametrize("paths", [("0", "1"), ("1", "2")])
def test_sites_count_from_one_however_their_images_are_called(tmp_path: Path, paths: tuple[str, ...]) -> None:
    plan = StorePlan(wells={"A/1": dict.fromkeys(paths)}, axes="yx", lengths=())
    dataset = aw.open_dataset(write_plate(tmp_path / "plate.zarr", plan))
    assert dataset.components == {"well": ("A01",), "site": ("1", "2")}


def test_a_folder_with_one_store_in_it_is_that_store(tmp_path: Path) -> None:
    write_plate(tmp_path / "exported" / "plate.zarr", StorePlan())
    (tmp_path / "notes.txt").write_text("thanks")
    assert len(aw.open_dataset(tmp_path)) == 36
    write_plate(tmp_path / "another.zarr", StorePlan())
    with pytest.raises(ValueError, match=r"2 Zarr stores.*another\.zarr"):
        aw.open_dataset(tmp_path)


def test_a_single_image(tmp_path: Path) -> None:
    plan = StorePlan()
    write_image(tmp_path / "cells.ome.zarr", plan, "A/1", "0")
    dataset = aw.open_dataset(tmp_path / "cells.ome.zarr")
    assert dataset.components["image"] == ("cells",)
    assert (dataset.read(timepoint="1", channel="2", z_index="1") == pixel("A/1", "0", (0, 1, 0))).all()


def test_a_series_of_images(tmp_path: Path) -> None:
    plan = StorePlan(axes="cyx", lengths=(2,))
    write_attributes(tmp_path / "s.zarr", "0.4", {"bioformats2raw.layout": 3})
    for number in range(18):
        write_image(tmp_path / "s.zarr" / str(number), plan, "A/1", str(number))
    dataset = aw.open_dataset(tmp_path / "s.zarr")
    assert dataset.components["image"] == tuple(map(str, range(18)))
    assert (dataset.read(image="17", channel="2") == pixel("A/1", "17", (1,))).all()


def test_a_store_without_ome_metadata_is_an_error(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "plain.zarr", shape=(2, 3, 3), dtype="u1")
    with pytest.raises(ValueError, match="without the metadata of an OME-Zarr"):
        aw.open_dataset(tmp_path / "plain.zarr")


def add(labels: np.ndarray[Any, Any], plane: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(labels + plane.astype(np.uint32), dtype=np.float64)


@pytest.mark.parametrize("variable", [(), ("channel",), ("z_index",)])
def test_steps_take_the_labels_of_a_plate(
    tmp_path: Path, variable: tuple[str, ...], lanes: aw.LaneExecutor
) -> None:
    plan = StorePlan(labels=("cells", "nuclei"))
    dataset = aw.open_dataset(write_plate(tmp_path / "plate.zarr", plan))
    assert dataset.labels == ("cells", "nuclei")
    pipeline = aw.Pipeline([aw.Step(add, inputs=("labels/nuclei", "raw"), name="sum")])
    result = aw.run(dataset, pipeline, axis="well", variable=variable, executor=lanes)
    assert not result.failures
    plane = result.read("sum", well="C03", site="1", timepoint="2", channel="2", z_index="3")
    assert (plane == pixel("C/03", "0", (1, 2)) * 10 + 2 + pixel("C/03", "0", (1, 1, 2))).all()


def test_labels_that_are_not_there_are_an_error_before_anything_runs(
    tmp_path: Path, lanes: aw.LaneExecutor
) -> None:
    dataset = aw.open_dataset(write_plate(tmp_path / "plate.zarr", StorePlan(labels=("nuclei",))))
    with pytest.raises(ValueError, match=r"'labels/cells', which the dataset does not have.*labels/nuclei"):
        aw.run(
            dataset, aw.Pipeline([aw.Step(add, inputs=("labels/cells", "raw"))]), axis="well", executor=lanes
        )


def test_opening_looks_at_as_many_images_as_fit_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = StorePlan(wells={f"A/{column}": {"0": None} for column in range(1, 13)}, axes="yx", lengths=())
    folder = write_plate(tmp_path / "plate.zarr", plan)
    asked: list[str] = []
    read = ZarrMetadata._documents

    def listen(self: ZarrMetadata, paths: list[str], name: str) -> dict[str, dict[str, Any]]:
        asked.extend(paths)
        return read(self, paths, name)

    monkeypatch.setattr(ZarrMetadata, "_documents", listen)
    monkeypatch.setattr(zarr_layout, "MOST_IMAGES", 3)
    dataset = aw.open_dataset(folder)
    assert len(dataset) == 12
    looked_at = {path.rsplit("/0", 1)[0] for path in asked if path.count("/") == 3 and "labels" not in path}
    assert len(looked_at) == 3
    (problem,) = dataset.problems
    assert "3 of 12 images" in problem.reason


# ---------------------------------------------------------------------------------------- what is not as it should be


def spoil_attributes(folder: Path, change: Mapping[str, Any]) -> None:
    document = json.loads((folder / "zarr.json").read_text())
    ome = document["attributes"]["ome"]
    for key, value in change.items():
        ome[key] = value(ome[key])
    (folder / "zarr.json").write_text(json.dumps(document))


def remove_well_metadata(folder: Path) -> None:
    (folder / "B/02/zarr.json").unlink()


def break_well_metadata(folder: Path) -> None:
    (folder / "B/02/zarr.json").write_text("[" * 100_000)


def lead_out_of_the_plate(folder: Path) -> None:
    shutil.copytree(folder / "B", folder.parent / "secret")
    spoil_attributes(
        folder,
        {"plate": lambda plate: {**plate, "wells": [{"path": "../secret/02"}, {"path": "C/03"}, "x", None]}},
    )


def name_an_absolute_image(folder: Path) -> None:
    spoil_attributes(folder / "B/02", {"well": lambda _: {"images": [{"path": "/etc"}, {"path": "a\\b"}]}})


def link_out_of_the_plate(folder: Path) -> None:
    shutil.move(folder / "B", folder.parent / "secret")
    (folder / "B").symlink_to(folder.parent / "secret")


def claim_a_huge_image(folder: Path) -> None:
    for image in "01":
        path = folder / "B/02" / image / "0" / "zarr.json"
        document = json.loads(path.read_text())
        document["shape"] = [2, 2, 3, 10**6, 10**6]
        path.write_text(json.dumps(document))


def forget_the_axes(folder: Path) -> None:
    for image in "01":
        spoil_attributes(
            folder / "B/02" / image,
            {"multiscales": lambda scales: [{**scales[0], "axes": [{"name": axis} for axis in "tczxy"]}]},
        )


@pytest.mark.parametrize(
    "spoil",
    [
        remove_well_metadata,
        break_well_metadata,
        lead_out_of_the_plate,
        name_an_absolute_image,
        link_out_of_the_plate,
        claim_a_huge_image,
        forget_the_axes,
    ],
)
def test_a_well_that_cannot_be_used_is_a_problem_and_the_others_open(tmp_path: Path, spoil: Any) -> None:
    folder = write_plate(tmp_path / "plate.zarr", StorePlan())
    spoil(folder)
    dataset = aw.open_dataset(folder)
    assert dataset.problems
    assert dataset.components["well"] == ("C03",)
    assert (
        dataset.read(site="1", timepoint="1", channel="1", z_index="1") == pixel("C/03", "0", (0, 0, 0))
    ).all()


def test_a_chunk_that_is_cut_short_costs_its_plane(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate.zarr", StorePlan())
    chunk = folder / "B/02/0/0/c/0/0/0/0/0"
    chunk.write_bytes(chunk.read_bytes()[:10])
    dataset = aw.open_dataset(folder)
    where = {"well": "B02", "site": "1", "timepoint": "1", "channel": "1"}
    with pytest.raises(PlaneError, match=r"B/02/0/0 cannot be read"):
        dataset.read(**where, z_index="1")
    assert dataset.read(**where, z_index="2").shape == (SIZE, SIZE)


def test_a_chunk_that_is_a_link_out_of_the_plate_is_not_read(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate.zarr", StorePlan())
    chunk = folder / "B/02/0/0/c/0/0/0/0/0"
    shutil.move(chunk, tmp_path / "secret")
    chunk.symlink_to(tmp_path / "secret")
    with pytest.raises(PlaneError, match="a link out of the plate"):
        aw.open_dataset(folder).read(well="B02", site="1", timepoint="1", channel="1", z_index="1")


def test_an_image_of_another_shape_that_was_not_looked_at_is_an_error_where_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zarr_layout, "MOST_IMAGES", 1)
    folder = write_plate(tmp_path / "plate.zarr", StorePlan())
    write_image(folder / "C/03/0", StorePlan(lengths=(1, 2, 3)), "C/03", "0")
    dataset = aw.open_dataset(folder)
    assert dataset.read(well="C03", site="1", timepoint="1", channel="1", z_index="1").any()
    with pytest.raises(PlaneError, match="differs from most images"):
        dataset.read(well="C03", site="1", timepoint="2", channel="1", z_index="1")


def test_an_array_that_would_unpickle_is_not_read(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate.zarr", StorePlan("0.4"))
    path = folder / "B/02/0/0/.zarray"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"filters": [{"id": "pickle", "protocol": 5}]}))
    with pytest.raises(PlaneError):
        aw.open_dataset(folder).read(well="B02", site="1", timepoint="1", channel="1", z_index="1")


# ---------------------------------------------------------------------------------------- shapes that writers give


def test_images_of_another_kind_are_left_out_in_all_wells(tmp_path: Path) -> None:
    plan = StorePlan(wells={"A/1": {"0": None}, "A/2": {"0": None}}, axes="zyx", lengths=(3,))
    folder = write_plate(tmp_path / "plate.zarr", plan)
    for well in plan.wells:
        path = folder / well
        spoil_attributes(path, {"well": lambda old: {"images": [*old["images"], {"path": "0_mip"}]}})
        write_image(path / "0_mip", StorePlan(axes="zyx", lengths=(1,)), well, "0")
    dataset = aw.open_dataset(folder)
    assert len(dataset) == 6
    assert dataset.components["site"] == ("1",)
    assert [problem.path for problem in dataset.problems] == ["A/1/0_mip/", "A/2/0_mip/"]


def test_a_plate_that_is_not_as_its_first_well_is_told(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate.zarr", StorePlan(wells={"A/1": {"0": None}, "A/2": {"0": None}}))
    write_image(folder / "A/2/0", StorePlan(lengths=(3, 2, 3)), "A/2", "0")
    (problem,) = aw.open_dataset(folder).report().problems
    assert problem.path == "A/2/0/"
    assert "axes t 3, c 2, z 3" in problem.reason


def test_labels_of_another_shape_are_a_problem(tmp_path: Path) -> None:
    folder = write_plate(
        tmp_path / "plate.zarr", StorePlan(wells={"A/1": {"0": None}}, labels=("cells", "nuclei"))
    )
    write_array(folder / "A/1/0/labels/cells/0", np.zeros((2, 3, 6, 6), np.uint32), "0.5")
    dataset = aw.open_dataset(folder)
    assert dataset.labels == ("nuclei",)
    assert [problem.path for problem in dataset.problems] == ["A/1/0/labels/cells"]


def test_a_single_image_has_a_report_without_problems(tmp_path: Path) -> None:
    write_image(tmp_path / "cells.ome.zarr", StorePlan(labels=("nuclei",)), "A/1", "0")
    dataset = aw.open_dataset(tmp_path / "cells.ome.zarr")
    assert dataset.report().is_complete
    assert dataset.index.read_labels(0, "nuclei").any()


@pytest.mark.parametrize("zero_based", [True, False])
def test_wells_by_numbers(tmp_path: Path, zero_based: bool) -> None:
    paths = ("0/0", "0/1") if zero_based else ("1/1", "1/2")
    folder = tmp_path / "plate.zarr"
    plan = StorePlan(axes="yx", lengths=())
    wells = [{"path": path, "rowIndex": 0, "columnIndex": number} for number, path in enumerate(paths)]
    write_attributes(folder, "0.5", {"plate": {"wells": wells}})
    for path in paths:
        write_attributes(folder / path, "0.5", {"well": {"images": [{"path": "0"}]}})
        write_image(folder / path / "0", plan, "A/1", "0")
    assert aw.open_dataset(folder).components["well"] == ("A01", "A02")


def test_a_series_with_something_else_in_it_ends(tmp_path: Path) -> None:
    write_attributes(tmp_path / "s.zarr", "0.4", {"bioformats2raw.layout": 3})
    write_attributes(tmp_path / "s.zarr" / "0", "0.4", {"foo": 1})
    with pytest.raises(ValueError, match="no image"):
        aw.open_dataset(tmp_path / "s.zarr")


@pytest.mark.parametrize("length", [10**13, 10**30])
def test_more_planes_than_there_can_be(tmp_path: Path, length: int) -> None:
    folder = write_plate(tmp_path / "plate.zarr", StorePlan(wells={"A/1": {"0": None}}))
    path = folder / "A/1/0/0/zarr.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"shape": [length, 2, 3, SIZE, SIZE]}))
    with pytest.raises(ValueError, match="claims to have"):
        aw.open_dataset(folder)


def test_a_name_of_thousands_of_digits_is_a_name(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate.zarr", StorePlan(axes="yx", lengths=()))
    spoil_attributes(folder / "C/03", {"well": lambda _: {"images": [{"path": "9" * 5000}]}})
    assert aw.open_dataset(folder).read(well="B02", site="1").shape == (SIZE, SIZE)


def test_a_store_among_images_is_told(tmp_path: Path) -> None:
    write_plate(tmp_path / "plate.zarr", StorePlan())
    tifffile.imwrite(tmp_path / "A01_s1.tif", np.zeros((4, 4), np.uint8))
    (problem,) = aw.open_dataset(tmp_path).problems
    assert problem.path == "plate.zarr"
    assert "open it separately" in problem.reason
