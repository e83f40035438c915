"""Outputs of very many planes are packed into few files with the same pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaozarrs
import zarr

import napari_axiswise as aw
from napari_axiswise.results.ngff.metadata import LARGEST_SHARD, shard_shape
from napari_axiswise.results.ngff.shards import wants_shards
from napari_axiswise.results.writer import LOOSE
from napari_axiswise.runs import run as running


def double(plane: np.ndarray) -> np.ndarray:
    return plane * 2


def double_unless(plane: np.ndarray, mark: str) -> np.ndarray:
    if Path(mark).exists():
        raise ValueError("as the test wants it")
    return plane * 2


SHARDS = (
    ((8, 2), (64, 64), "uint16", (8, 2, 64, 64)),
    ((8, 2, 5), (16384, 16384), "uint16", (1, 1, 1, 16384, 16384)),
    ((100, 2), (2048, 2048), "uint16", (32, 2, 2048, 2048)),
    ((), (9, 9), "float32", (9, 9)),
)


@pytest.mark.parametrize(("lengths", "plane", "dtype", "shape"), SHARDS)
def test_a_shard_has_as_many_planes_as_fit(
    lengths: tuple[int, ...], plane: tuple[int, int], dtype: str, shape: tuple[int, ...]
) -> None:
    assert shard_shape(lengths, plane, np.dtype(dtype)) == shape
    assert np.prod(shape) * np.dtype(dtype).itemsize <= LARGEST_SHARD


@pytest.mark.parametrize(
    ("planes", "steps", "shape", "wanted"),
    [(100_000, 1, (512, 512), False), (100_001, 1, (512, 512), True), (50_001, 1, (600, 600), True)],
)
def test_shards_are_for_very_many_planes(
    planes: int, steps: int, shape: tuple[int, int], wanted: bool
) -> None:
    assert wants_shards(planes, steps, shape) is wanted


@pytest.fixture
def always_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "wants_shards", lambda *_: True)


@pytest.mark.usefixtures("always_shards")
@pytest.mark.parametrize(
    ("axis", "executor"), [("well", "serial"), ("timepoint", "threads"), ("site", "processes")]
)
def test_an_image_is_one_file(plate: Path, tmp_path: Path, axis: str, executor: str, warm: Any) -> None:
    output = tmp_path / "out"
    result = aw.run(plate, [aw.Step(double, name="double")], axis, executor=warm(executor), output=output)
    yaozarrs.validate_zarr_store(str(output))
    assert not list(output.rglob(LOOSE))
    chunks = [path for path in output.rglob("c/**/*") if path.is_file()]
    assert len(chunks) == 4  # two wells, two sites
    where = {"well": "B03", "site": "2", "timepoint": "3", "channel": "1"}
    array = zarr.open_array(output / "B" / "03" / "1" / "0", mode="r")
    np.testing.assert_array_equal(array[2, 0], 2 * result.dataset.read(**where))
    np.testing.assert_array_equal(result.read("double", **where), array[2, 0])
    np.testing.assert_array_equal(aw.open_dataset(output).read(**where), array[2, 0])


@pytest.mark.usefixtures("always_shards")
def test_a_run_that_goes_on_adds_to_its_shards(plate: Path, tmp_path: Path) -> None:
    output, mark = tmp_path / "out", tmp_path / "mark"
    steps = [aw.Step(double_unless, {"mark": str(mark)}, name="double")]
    first = aw.run(plate, steps, "timepoint", axis_filter=["1"], executor="serial", output=output)
    assert first.plane_state("double", well="B02", site="1", timepoint="2", channel="1") == "pending"
    mark.touch()
    failed = aw.run(
        plate, steps, "timepoint", axis_filter=["2"], executor="serial", output=output, resume=True
    )
    assert failed.plane_state("double", well="B02", site="1", timepoint="2", channel="1") == "failed"
    mark.unlink()
    whole = aw.run(plate, steps, "well", executor="serial", output=output, resume=True)
    other = aw.run(plate, steps, "site", executor="serial", output=tmp_path / "other")
    for path in sorted(Path(other.output).rglob("*")):
        name = path.relative_to(other.output)
        if path.is_file() and "ledger" not in name.parts and path.name != "recipe.toml":
            assert (output / name).read_bytes() == path.read_bytes(), name
    assert not whole.missing
