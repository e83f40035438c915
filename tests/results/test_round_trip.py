"""An output can be opened as a dataset: an identity pipeline keeps planes, names, scales and positions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr
from napari_ome_zarr import napari_get_reader
from ome_zarr_models.v05 import HCS, Image
from ome_zarr_models.v05.bioformats2raw import BioFormats2Raw

import napari_axiswise as aw


def same(plane: np.ndarray) -> np.ndarray:
    return plane


def above_zero(plane: np.ndarray) -> np.ndarray:
    return (plane > 0).astype(np.int32)


@dataclass(frozen=True)
class Case:
    """A folder of planes, and the output of an identity pipeline."""

    what: str
    pattern: str
    components: Mapping[str, tuple[str, ...]]
    missing: frozenset[int] = frozenset()
    keep: tuple[str, ...] = ("copy", "mask")
    kind: str = "plate"
    size: tuple[int, int] = (12, 10)

    def __str__(self) -> str:
        return self.what


CASES = (
    Case(
        "a plate with gaps in all its values",
        "{well}_{site}_{channel}_{timepoint}_{z_index}.tif",
        {"well": ("A01", "C12"), "site": ("3", "7"), "channel": ("2", "5"), "timepoint": ("0", "4"),
         "z_index": ("1", "projection")},
        frozenset({0, 5, 17}),
    ),
    Case("labels alone", "{well}_{site}_{channel}.tif",
         {"well": ("A01", "B02"), "site": ("1", "2"), "channel": ("1", "2")}, keep=("mask",)),
    Case("a large plane", "{well}_{channel}.tif", {"well": ("A01", "P24"), "channel": ("1", "2")}, size=(1200, 1030)),
    Case("a movie without wells", "t{timepoint}.tif", {"timepoint": ("0", "1", "5")}, kind="image"),
    Case("several images without wells", "{condition}_{timepoint}.tif",
         {"condition": ("drug", "none"), "timepoint": ("1", "2")}, kind="collection"),
    Case("batches of a plate", "{batch}_{well}_{channel}.tif",
         {"batch": ("a", "b"), "well": ("A01", "A02"), "channel": ("1",)}),
)  # fmt: skip


@dataclass
class Written:
    case: Case
    dataset: aw.Dataset
    result: aw.RunResult
    planes: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict)


@pytest.fixture(scope="module", params=CASES, ids=str)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    case: Case = request.param
    folder, output = tmp_path_factory.mktemp("planes"), tmp_path_factory.mktemp("out") / "result"
    planes = {}
    for number, codes in enumerate(np.ndindex(*map(len, case.components.values()))):
        if number in case.missing:
            continue
        values = {
            name: case.components[name][code] for name, code in zip(case.components, codes, strict=True)
        }
        plane = np.random.default_rng(number).integers(0, 60_000, case.size).astype(np.uint16)
        tifffile.imwrite(folder / case.pattern.format(**values), plane)
        planes[tuple(values.values())] = plane
    dataset = aw.open_dataset(folder, pattern=case.pattern)
    steps = [
        aw.Step(same, name="copy", keep="copy" in case.keep),
        aw.Step(above_zero, name="mask", inputs="copy", output="labels"),
    ]
    axis = next(iter(case.components))
    return Written(case, dataset, aw.run(dataset, steps, axis, executor="serial", output=output), planes)


def test_others_accept_it(written: Written) -> None:
    group = yaozarrs.validate_zarr_store(written.result.output)
    kind = {"plate": "Plate", "image": "Image", "collection": "Bf2Raw"}[written.case.kind]
    assert type(group.ome_metadata()).__name__ == kind
    model = {"plate": HCS, "image": Image, "collection": BioFormats2Raw}[written.case.kind]
    model.from_zarr(zarr.open_group(written.result.output, mode="r"))


def test_it_opens_with_the_same_planes_under_the_same_values(written: Written) -> None:
    again = aw.open_dataset(written.result.output)
    assert again.components == written.dataset.components
    assert len(again) == len(written.dataset)
    for values, plane in written.planes.items():
        where = dict(zip(written.case.components, values, strict=True))
        expected = plane if "copy" in written.case.keep else above_zero(plane)
        np.testing.assert_array_equal(again.read(**where), expected)
    assert again.calibration == written.dataset.calibration
    assert again.labels == ("mask",)


def test_its_labels_are_inputs_of_steps(written: Written) -> None:
    again = aw.open_dataset(written.result.output)
    found = aw.run(
        again, [aw.Step(same, name="copy", inputs="labels/mask")], written.result.axis, executor="serial"
    )
    values, plane = next(iter(written.planes.items()))
    where = dict(zip(written.case.components, values, strict=True))
    np.testing.assert_array_equal(found.read("copy", **where), above_zero(plane))


def test_missing_planes_are_told_from_black_ones(written: Written) -> None:
    names = tuple(written.case.components)
    grid = [dict(zip(names, values, strict=True)) for values in _grid(written.case.components)]
    states = {tuple(where.values()): written.result.plane_state("mask", **where) for where in grid}
    assert {values for values, state in states.items() if state == "written"} == set(written.planes)
    assert set(states.values()) <= {"written", "missing"}
    reopened = aw.open_result(written.result.output)
    assert {tuple(w.values()): reopened.plane_state("mask", **w) for w in grid} == states


def test_napari_ome_zarr_opens_it(written: Written) -> None:
    layers = napari_get_reader(written.result.output)(written.result.output)
    kinds = [kind for _, _, kind in layers]
    assert "labels" in kinds
    assert kinds[0] == "image"
    shown = np.asarray(layers[0][0][0])
    components = written.case.components
    leading = [name for name in written.dataset.components if name in ("timepoint", "channel", "z_index")]
    for values, plane in written.planes.items():
        codes = {name: components[name].index(value) for name, value in zip(components, values, strict=True)}
        if any(code for name, code in codes.items() if name not in leading):
            continue  # it shows the first field of each well, and these side by side
        there = shown[tuple(codes[name] for name in leading)][: plane.shape[0], : plane.shape[1]]
        np.testing.assert_array_equal(there, plane if "copy" in written.case.keep else above_zero(plane))


def _grid(components: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    lengths = [len(values) for values in components.values()]
    return [
        tuple(values[code] for values, code in zip(components.values(), codes, strict=True))
        for codes in np.ndindex(*lengths)
    ]


HOSTILE: tuple[tuple[str, Any], ...] = (
    ("components", {"well": ["A01"] * 2}),
    ("components", {"well": 5}),
    ("plane_shape", [1e9, "x"]),
    ("plane_shape", None),
    ("steps", {"copy": {"names": ["no such"]}}),
    ("steps", []),
    ("steps", {"../../etc": {"kind": "labels", "names": [], "routed_by": None, "folder": "", "shapes": [],
                             "missing": [], "failed": [], "pending": []}}),
)  # fmt: skip


@pytest.mark.parametrize(("key", "value"), HOSTILE)
def test_what_an_output_says_of_itself_is_not_trusted(tmp_path: Path, key: str, value: Any) -> None:
    tifffile.imwrite(tmp_path / "A01_1.tif", np.ones((8, 8), np.uint8))
    dataset = aw.open_dataset(tmp_path, pattern="{well}_{channel}.tif")
    output = tmp_path / "out"
    aw.run(dataset, [aw.Step(same, name="copy")], "well", executor="serial", output=output)
    document = json.loads((output / "zarr.json").read_text())
    document["attributes"]["napari_axiswise"][key] = value
    (output / "zarr.json").write_text(json.dumps(document))
    again = aw.open_dataset(output)
    assert again.read().sum() == 64


def labels_alone(folder: Path) -> aw.Dataset:
    for well in ("A01", "B02"):
        (folder / "in").mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / "in" / f"{well}.tif", np.full((8, 9), 700, np.uint16))
    dataset = aw.open_dataset(folder / "in", pattern="{well}.tif")
    step = aw.Step(above_zero, name="mask", output="labels")
    aw.run(dataset, [step], "well", executor="serial", output=folder / "out")
    return aw.open_dataset(folder / "out")


@pytest.mark.parametrize(
    "step",
    [
        aw.Step(same, name="measured"),
        aw.Step(same, name="measured", inputs="raw"),
        aw.Step(lambda labels, image: image, name="measured", inputs=("labels/mask", "raw")),
    ],
    ids=["by default", "by name", "beside labels"],
)
@pytest.mark.parametrize("use", [aw.run, aw.plan], ids=["run", "plan"])
def test_labels_are_not_the_images_of_an_output(tmp_path: Path, step: aw.Step, use: Any) -> None:
    """From MouseLand/cellpose#945: labels were measured in themselves, with a brightness of 1 for object 1."""
    dataset = labels_alone(tmp_path)
    assert dataset.inputs == ("labels/mask",)
    options = {"axis": "well"} if use is aw.run else {}
    with pytest.raises(ValueError, match=r"'measured'.*'raw'.*kept only labels.*'labels/mask'"):
        use(dataset, [step], executor="serial", **options)


@pytest.mark.parametrize("moved", [False, True])
def test_the_images_of_an_output_of_labels_are_named(tmp_path: Path, moved: bool) -> None:
    labels_alone(tmp_path / "there")
    if moved:
        (tmp_path / "there").rename(tmp_path / "here")
    folder = tmp_path / ("here" if moved else "there")
    with pytest.raises(ValueError, match=rf"the run was made of: {re.escape(str(folder / 'in'))}\.$"):
        aw.run(aw.open_dataset(folder / "out"), [aw.Step(same)], "well", executor="serial")


@pytest.mark.parametrize(
    "recipe",
    [
        None,
        b"",
        b"\xff",
        b"= no TOML",
        b"dataset = 3",
        b"[dataset]\npath = 3",
        b"[dataset]\npath = '~nobody_knows/a'",
        b"a = " + b"[" * 100_000,
    ],
    ids=["none", "empty", "no text", "no TOML", "no table", "no text as path", "no home", "nested"],
)
def test_a_recipe_that_cannot_be_read_is_no_obstacle(tmp_path: Path, recipe: bytes | None) -> None:
    labels_alone(tmp_path)
    path = tmp_path / "out" / "recipe.toml"
    path.unlink()
    if recipe is not None:
        path.write_bytes(recipe)
    dataset = aw.open_dataset(tmp_path / "out")
    with pytest.raises(ValueError, match=r"open the images that the run was made of\.$"):
        aw.run(dataset, [aw.Step(same)], "well", executor="serial")


def test_the_recipe_of_an_output_may_name_an_address(tmp_path: Path) -> None:
    labels_alone(tmp_path)
    (tmp_path / "out" / "recipe.toml").write_text('[dataset]\npath = "s3://bucket/in.zarr"')
    with pytest.raises(ValueError, match=r"made of: s3://bucket/in\.zarr\."):
        aw.run(aw.open_dataset(tmp_path / "out"), [aw.Step(same)], "well", executor="serial")


def test_labels_of_an_output_of_labels_are_inputs(tmp_path: Path) -> None:
    step = aw.Step(
        lambda labels: {"top": int(labels.max())}, name="top", inputs="labels/mask", output="table"
    )
    assert aw.run(labels_alone(tmp_path), [step], "well", executor="serial").table["top"].tolist() == [1, 1]
