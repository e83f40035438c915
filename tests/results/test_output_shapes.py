"""The output is valid, and the same for every axis and executor, for steps of every shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaozarrs
import zarr
from ome_zarr_models.v05 import HCS, Image
from ome_zarr_models.v05.bioformats2raw import BioFormats2Raw

import napari_axiswise as aw
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.results.run_log.lines import RUN_LOG

MODELS = {"Plate": HCS, "Image": Image, "Bf2Raw": BioFormats2Raw}


def same(plane: np.ndarray) -> np.ndarray:
    return plane


def crop(plane: np.ndarray) -> np.ndarray:
    return plane[4:-4, 2:-2]


def enlarge(plane: np.ndarray) -> np.ndarray:
    return np.kron(plane, np.ones((30, 30), plane.dtype))


def mean(stack: np.ndarray) -> np.ndarray:
    return stack.mean(axis=tuple(range(stack.ndim - 2)))


def mask(plane: np.ndarray) -> np.ndarray:
    return (plane > plane.mean()).astype(np.int32)


def crop_some(plane: np.ndarray) -> np.ndarray:
    return plane[: plane.shape[0] // (1 + int(plane.sum() % 2))]


def total(plane: np.ndarray) -> dict[str, float]:
    return {"total": float(plane.sum())}


@dataclass(frozen=True)
class Case:
    what: str
    steps: Sequence[aw.Step]
    kind: str = "Plate"
    axes: tuple[str, ...] = ("well", "site", "timepoint", "channel")

    def __str__(self) -> str:
        return self.what


def step(function: Callable[..., object], name: str, inputs: str = "raw", **options: object) -> aw.Step:
    return aw.Step(function, name=name, inputs=inputs, keep=True, **options)  # type: ignore[arg-type]


CASES = (
    Case("two images and labels", [step(same, "a"), step(np.sqrt, "b"), step(mask, "c", output="labels")]),
    Case("cropped labels", [step(same, "a"), step(crop, "b"), step(mask, "c", "b", output="labels")]),
    Case("large planes", [step(enlarge, "a"), step(mask, "b", "a", output="labels")]),
    Case("some planes are of another shape", [step(crop_some, "a"), step(mask, "b", "a", output="labels")]),
    Case(
        "a projection over sites beside labels of each",
        [step(mean, "a", variable="site"), step(mask, "b", output="labels")],
        axes=("well", "timepoint", "channel"),
    ),
    Case("no wells", [step(mean, "a", variable="well"), step(mask, "b", "a", output="labels")], kind="Bf2Raw",
         axes=("site", "timepoint", "channel")),
    Case("one projection of everything", [step(mean, "a", variable=("well", "site"))], kind="Bf2Raw",
         axes=("timepoint", "channel")),
    Case(
        "a function for each channel",
        [
            aw.Step({"1": same, "2": np.sqrt}, name="a", inputs="raw", group_by="channel", keep=True),
            step(mask, "b", output="labels"),
        ],
    ),
    Case("names of folders", [step(same, "labels"), step(same, "images"), step(mask, "0", output="labels"),
                              step(total, "ledger", output="table")]),
    Case("a table alone", [step(total, "a", output="table")], kind=""),
)  # fmt: skip


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> aw.Dataset:
    plan = PlatePlan(wells=("B02", "C11"), sites=2, timepoints=2, channels=2, size=40)
    return aw.open_dataset(write_plate(tmp_path_factory.mktemp("plate"), plan))


@pytest.fixture(scope="module")
def by_first_axis(
    plate: aw.Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], aw.RunResult]:
    """Return the result of a case along its first axis. It runs once for all tests: read it only."""
    cases = {str(case): case for case in CASES}

    def run(what: str) -> aw.RunResult:
        case, output = cases[what], tmp_path_factory.mktemp("output")
        return aw.run(plate, case.steps, case.axes[0], executor="serial", output=output)

    return cache(run)


def written(output: Path) -> dict[str, bytes]:
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and path.relative_to(output).parts[0] != RUN_LOG and path.name != "recipe.toml"
    }


@pytest.mark.parametrize("every_axis", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_output_is_valid_and_the_same_along_every_axis(
    plate: aw.Dataset,
    tmp_path: Path,
    by_first_axis: Callable[[str], aw.RunResult],
    case: Case,
    every_axis: bool,
) -> None:
    first = by_first_axis(str(case))
    assert not first.missing, first.failures
    expected = written(Path(first.output))
    for number, axis in enumerate(case.axes[1:] if every_axis else case.axes[-1:]):
        executor = ("threads", "serial")[number % 2]
        result = aw.run(plate, case.steps, axis, executor=executor, output=tmp_path / axis)
        assert not result.missing, result.failures
        assert written(tmp_path / axis) == expected
    if not case.kind:
        return
    for folder in (
        "",
        *(path.relative_to(tmp_path / axis).as_posix() for path in (tmp_path / axis).glob("images/*/")),
    ):
        if not (tmp_path / axis / folder / "zarr.json").exists():
            continue
        group = yaozarrs.validate_zarr_store(str(tmp_path / axis / folder))
        kind = type(group.ome_metadata()).__name__
        assert kind == case.kind or folder
        MODELS[kind].from_zarr(zarr.open_group(tmp_path / axis / folder, mode="r"))


@pytest.mark.parametrize("case", [case for case in CASES if case.kind], ids=str)
def test_the_output_opens_again(by_first_axis: Callable[[str], aw.RunResult], case: Case) -> None:
    result = by_first_axis(str(case))
    again = aw.open_dataset(result.output)
    first = next(kept.name for kept in result.pipeline.kept if kept.kind == "image")
    for row in range(0, len(again), 3):
        codes = again.index.codes[row]
        where = {
            name: values[code] for (name, values), code in zip(again.components.items(), codes, strict=True)
        }
        np.testing.assert_array_equal(again.read(**where), result.read(first, **where))


def test_processes_write_the_same_as_one_thread(
    plate: aw.Dataset, tmp_path: Path, lanes: aw.LaneExecutor
) -> None:
    for name, executor in (("serial", "serial"), ("processes", lanes)):
        aw.run(plate, CASES[0].steps, "well", executor=executor, output=tmp_path / name)
    assert written(tmp_path / "processes") == written(tmp_path / "serial")
