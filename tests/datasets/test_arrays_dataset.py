"""Datasets from arrays, and from stacks with unlabelled axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import xarray
from tifffile import imwrite

import napari_axiswise as aw
from napari_axiswise.cli.main import main
from napari_axiswise.datasets.opening import read_axes

PIXELS = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)


@pytest.mark.parametrize("array", [PIXELS, dask.array.from_array(PIXELS, chunks=(1, 1, 4, 5))])
def test_an_array_with_named_axes(array: Any, lanes: aw.LaneExecutor) -> None:
    dataset = aw.open_dataset(array, axes=("well", "timepoint"))
    assert dataset.layout == "array"
    assert dataset.components == {"well": ("1", "2"), "timepoint": ("1", "2", "3")}
    np.testing.assert_array_equal(dataset.read(well="2", timepoint="3"), PIXELS[1, 2])
    result = aw.run(dataset, aw.Pipeline([aw.Step(np.negative, name="neg")]), axis="well", executor=lanes)
    np.testing.assert_array_equal(result.read("neg", well="1", timepoint="2"), np.negative(PIXELS[0, 1]))


def test_xarray_dimensions_become_components_and_coordinates_values() -> None:
    array = xarray.DataArray(
        np.moveaxis(PIXELS, 2, 0),
        dims=("y", "drug", "T", "x"),
        coords={"drug": ["none", "taxol"], "T": [0.0, 0.5, 1.0]},
        name="cells",
    )
    dataset = aw.open_dataset(array)
    assert dataset.components == {"drug": ("none", "taxol"), "timepoint": ("0.0", "0.5", "1.0")}
    assert dataset.source == "cells"
    np.testing.assert_array_equal(dataset.read(drug="taxol", timepoint="0.5"), PIXELS[1, 1])


def test_repeated_coordinates_are_replaced_by_numbers() -> None:
    array = xarray.DataArray(PIXELS, dims=("drug", "t", "y", "x"), coords={"drug": ["none", "none"]})
    assert aw.open_dataset(array).components["drug"] == ("1", "2")


@pytest.mark.parametrize(
    ("array", "axes", "message"),
    [
        (PIXELS, None, "have no names"),
        (PIXELS, ("well",), "has 2 axes before Y and X"),
        (PIXELS, ("well", "well"), "a different name for each"),
        (PIXELS[0, 0], (), "there is no axis besides Y and X"),
    ],
)
def test_an_array_with_unsuitable_axes_is_an_error(
    array: Any, axes: Sequence[str] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        aw.open_dataset(array, axes=axes)


@pytest.mark.parametrize(
    "axes",
    [{"timepoint": 2, "z_index": 3}, {"z_index": 6}, ("timepoint",), {"batch": 3, "timepoint": 2}],
)
def test_axes_given_for_the_pages_of_a_stack(tmp_path: Path, axes: Sequence[str] | Mapping[str, int]) -> None:
    pages = PIXELS.reshape(6, 4, 5)
    imwrite(tmp_path / "stack.tif", pages, metadata=None)
    dataset = aw.open_dataset(tmp_path / "stack.tif", axes=axes)
    lengths = axes if isinstance(axes, Mapping) else {axes[0]: 6}
    assert {name: len(dataset.components[name]) for name in lengths} == dict(lengths)
    for page, index in enumerate(np.ndindex(*lengths.values())):
        where = {name: str(place + 1) for name, place in zip(lengths, index, strict=True)}
        np.testing.assert_array_equal(dataset.read(**where), pages[page])


@pytest.mark.parametrize("axes", [("t", "z"), {"t": 4}, {"t": 2, "z": 4}, ()])
def test_axes_that_do_not_fit_a_stack_are_an_error(tmp_path: Path, axes: Any) -> None:
    imwrite(tmp_path / "stack.tif", PIXELS.reshape(6, 4, 5), metadata=None)
    with pytest.raises(ValueError, match="The files have 6 pages each"):
        aw.open_dataset(tmp_path / "stack.tif", axes=axes)


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("timepoint", ["timepoint"]),
        (" timepoint, z_index ,", ["timepoint", "z_index"]),
        ("t 3, z 2", {"t": 3, "z": 2}),
    ],
)
def test_axes_are_parsed_from_text(text: str, axes: Any) -> None:
    assert read_axes(text) == axes


def test_the_command_accepts_axes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imwrite(tmp_path / "stack.tif", PIXELS.reshape(6, 4, 5), metadata=None)
    assert main(["check", str(tmp_path / "stack.tif"), "--axes", "timepoint 2, z_index 3"]) == 0
    assert "timepoint 2 (1, 2), z_index 3 (1, 2, 3)" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "stack.tif"), "--axes", "timepoint of 2"]) == 2
