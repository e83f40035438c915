"""Projections beside z-slices: how they are recognised, and that they are never part of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_axiswise as aw
from napari_axiswise.core.components import is_projection

TRUE, FALSE = (f'"HTSInfoFile", Version 1.0\r\n"ZProjection", {text}\r\n' for text in ("TRUE", "FALSE"))


def write(path: Path, value: float | np.ndarray, height: float | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    prop = f'<MetaData><prop id="z-position" value="{height}"/></MetaData>' if height is not None else None
    pixels = np.broadcast_to(np.asarray(value), (8, 8)).astype(np.uint16)
    tifffile.imwrite(path, pixels, description=prop, metadata=None)


@dataclass(frozen=True)
class Export:
    """Files of an ImageXpress export with the value of their pixels, and the expected ``z_index`` of each value."""

    what: str
    images: Mapping[str, int]
    z_index: Mapping[int, str]
    sheets: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


STACK = {"ZStep_0/x_B02_w1.tif": 9, "ZStep_1/x_B02_w1.tif": 3, "ZStep_2/x_B02_w1.tif": 5}
PROJECTED, SLICES = {9: "projection", 3: "1", 5: "2"}, {9: "0", 3: "1", 5: "2"}
DARK = {"ZStep_0/x_B02_w1.tif": 1, "ZStep_1/x_B02_w1.tif": 3}

EXPORTS = (
    # fmi-faim/faim-ipa#201
    Export("the HTD file says TRUE", DARK, {1: "projection", 3: "1"}, {"x.HTD": TRUE}),
    Export("the HTD file says FALSE", STACK, SLICES, {"x.HTD": FALSE}),
    Export("the brightest image", STACK, PROJECTED),
    Export("an HTD file without an answer", STACK, PROJECTED, {"x.HTD": '"WaveName1", "DAPI"\r\n'}),
    Export("HTD files that disagree", STACK, PROJECTED, {"x.HTD": TRUE, "y.HTD": FALSE}),
    Export("a darker image", DARK, {1: "0", 3: "1"}),
    Export(
        "z in the names", {f"TimePoint_1/x_B02_w1_z{z}.tif": 9 - z for z in range(3)}, {9: "projection", 8: "1", 7: "2"}
    ),
    Export(
        "an HTD file in the folder of a timepoint",
        {f"TimePoint_1/{name}": value for name, value in DARK.items()},
        {1: "projection", 3: "1"},
        {"TimePoint_1/x.htd": TRUE},
    ),
    Export(
        "each plate has its own HTD file",
        {f"p{p}/{name}": 10 * p + value for p in (1, 2) for name, value in STACK.items()},
        {19: "projection", 13: "1", 15: "2", 29: "0", 23: "1", 25: "2"},
        {"p1/x.HTD": TRUE, "p2/x.HTD": FALSE},
    ),
    Export(
        "an HTD file above several plates",
        {f"p{p}/{name}": 10 * p + value for p in (1, 2) for name, value in DARK.items()},
        {11: "projection", 13: "1", 21: "projection", 23: "1"},
        {"x.HTD": TRUE},
    ),
    Export(
        "projections beside a stack that is counted from 0",
        {"x_B02_w1.tif": 20, **STACK},
        {20: "projection", **SLICES},
        {"x.HTD": TRUE},
    ),
    Export("a ZStep_0 alone", {"ZStep_0/x_B02_w1.tif": 9}, {9: "0"}),
    Export(
        "one of several stacks is darker",
        {**STACK, "ZStep_0/x_C02_w1.tif": 0, "ZStep_1/x_C02_w1.tif": 4},
        {**SLICES, 0: "0", 4: "1"},
    ),
)  # fmt: skip


@pytest.mark.parametrize("export", EXPORTS, ids=str)
def test_which_images_of_imagexpress_are_projections(tmp_path: Path, export: Export) -> None:
    for name, value in export.images.items():
        write(tmp_path / name, value)
    for name, text in export.sheets.items():
        (tmp_path / name).write_bytes(text.encode("latin-1") + b'"Note", "\x82\x81"\r\n')
    dataset = aw.open_dataset(tmp_path)
    found = {int(dataset.index.read(row)[0, 0]): z for row, z in enumerate(dataset.planes["z_index"])}
    assert found == export.z_index
    assert [problem.path for problem in dataset.problems] == list(export.problems)


def test_a_projection_by_its_pixels_is_the_brightest_at_each_of_them(tmp_path: Path) -> None:
    left, right = np.zeros((2, 8, 8), np.uint16)
    left[:, :4], right[:, 4:] = 50, 70
    for z, pixels in enumerate((np.maximum(left, right), left, right)):
        write(tmp_path / f"ZStep_{z}" / "x_B02_w1.tif", pixels)
    assert aw.open_dataset(tmp_path).components["z_index"] == ("1", "2", "projection")


def test_identical_images_do_not_tell_whether_one_is_a_projection(tmp_path: Path) -> None:
    for z in range(3):
        write(tmp_path / f"ZStep_{z}" / "x_B02_w1.tif", 7)
    dataset = aw.open_dataset(tmp_path)
    assert dataset.components["z_index"] == ("0", "1", "2")
    (problem,) = dataset.problems
    assert problem.path == "ZStep_0/x_B02_w1.tif"
    assert "projection" in problem.reason


def test_the_z_step_is_that_of_the_slices(tmp_path: Path) -> None:
    heights = {0: 2.0, 1: 10.0, 2: 13.0, 10: 37.0, 11: 40.0}
    for z, height in heights.items():
        write(tmp_path / f"ZStep_{z}" / "x_B02_w1.tif", 90 - z, height)
    (tmp_path / "x.HTD").write_text(TRUE)
    assert aw.open_dataset(tmp_path).calibration.z_step == pytest.approx(3.0)


def test_a_slice_without_a_height_gives_no_z_step(tmp_path: Path) -> None:
    for z, height in {1: 10.0, 2: None}.items():
        write(tmp_path / f"ZStep_{z}" / "x_B02_w1.tif", z, height)
    assert aw.open_dataset(tmp_path).calibration.z_step is None


def brightest(stack: np.ndarray) -> dict[str, float]:
    return {"count": float(np.prod(stack.shape[:-2])), "top": float(stack.max())}


def measured(folder: Path, variable: str | tuple[str, ...]) -> aw.RunResult:
    dataset = aw.open_dataset(folder, pattern="{well}_{channel}_{z_index}.tif")
    step = aw.Step(brightest, name="top", inputs="raw", output="table", variable=variable)
    return aw.run(dataset, [step], axis="well", executor="serial")


@pytest.mark.parametrize("variable", ["z_index", ("channel", "z_index")], ids=str)
def test_projections_are_never_stacked_with_slices(tmp_path: Path, variable: str | tuple[str, ...]) -> None:
    for well in ("A01", "A02"):
        for z in ("1", "2", "projection", "projection mean"):
            write(tmp_path / f"{well}_dapi_{z}.tif", 99 if z.startswith("proj") else int(z))
    table = measured(tmp_path, variable).table
    assert table[["count", "top"]].to_numpy().tolist() == [[2.0, 2.0]] * 2


def test_steps_after_a_stack_of_slices_leave_the_projection_out_as_well(tmp_path: Path) -> None:
    for z in ("1", "2", "projection"):
        write(tmp_path / f"A01_dapi_{z}.tif", 9 if z == "projection" else int(z))
    dataset = aw.open_dataset(tmp_path, pattern="{well}_{channel}_{z_index}.tif")
    steps = [
        aw.Step(np.negative, name="stacked", inputs="raw", variable="z_index"),
        aw.Step(np.positive, name="copy", inputs="raw", variable=()),
        aw.Step(np.add, name="sum", inputs=("copy", "stacked"), variable=()),
    ]
    result = aw.run(dataset, steps, axis="well", executor="serial")
    assert not result.failures
    assert (result.read("sum", z_index="2") == 0).all()
    with pytest.raises(KeyError):
        result.read("sum", z_index="projection")


def test_a_projection_without_slices_is_a_unit_of_its_own(tmp_path: Path) -> None:
    for name, value in {"dapi_1": 1, "dapi_2": 2, "gfp_projection": 9}.items():
        write(tmp_path / f"A01_{name}.tif", value)
    table = measured(tmp_path, "z_index").table
    assert dict(zip(table["channel"], table["top"], strict=True)) == {"dapi": 2.0, "gfp": 9.0}


def test_a_stack_of_channels_and_slices_names_the_slices_that_a_projection_does_not_replace(
    tmp_path: Path,
) -> None:
    for name, value in {"dapi_1": 1, "dapi_2": 2, "gfp_projection": 9}.items():
        write(tmp_path / f"A01_{name}.tif", value)
    (error,) = measured(tmp_path, ("channel", "z_index")).failures.values()
    assert "channel gfp, z_index 1" in str(error.error)


def test_projections_of_several_kinds_are_not_stacked_with_each_other(tmp_path: Path) -> None:
    for z in ("projection", "projection mean"):
        write(tmp_path / f"A01_dapi_{z}.tif", 9)
    (error,) = measured(tmp_path, "z_index").failures.values()
    assert "projection and projection mean are projections" in str(error.error)


@pytest.mark.parametrize(
    "value", ["projection", "Projection sum", "MIP", "max", "MaxProj", "zproj", "max_projection", "EDF"]
)
def test_what_counts_as_a_projection(value: str) -> None:
    assert is_projection("z_index", value)
    assert not is_projection("condition", value)


@pytest.mark.parametrize("value", ["1", "z01", "top", "middle", "", "projector", "std 2"])
def test_what_does_not_count_as_a_projection(value: str) -> None:
    assert not is_projection("z_index", value)


def test_a_projection_in_a_file_name_is_not_stacked(tmp_path: Path) -> None:
    for z, value in (("z1", 3), ("z2", 5), ("MIP", 9)):
        write(tmp_path / f"A01_dapi_{z}.tif", value)
        write(tmp_path / f"A02_dapi_{z}.tif", value)
    assert set(measured(tmp_path, "z_index").table["top"]) == {5.0}
