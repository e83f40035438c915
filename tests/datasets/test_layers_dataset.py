"""Datasets from napari layers."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_axiswise import Orchestrator, Pipeline, Step, open_dataset, process_task
from napari_axiswise.results.store import ResultStore


@dataclass
class Layer:
    """The attributes of a napari layer that a dataset uses."""

    data: Any
    axis_labels: tuple[str, ...] = ()
    name: str = "cells"
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    rgb: bool = False
    multiscale: bool = False

    def __post_init__(self) -> None:
        axes = np.ndim(self.data[0] if self.multiscale else self.data)
        self.axis_labels = self.axis_labels or tuple(f"{number}" for number in range(-axes, 0))
        self.scale = self.scale or (1.0,) * axes
        self.units = self.units or ("pixel",) * axes


def pixels(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


@dataclass(frozen=True)
class Labelled:
    labels: tuple[str, ...]
    axes: tuple[str, ...] | None
    components: tuple[str, ...]

    def __str__(self) -> str:
        return ",".join(self.axes or self.labels)


LABELLED = (
    Labelled(("t", "c", "y", "x"), None, ("timepoint", "channel")),
    Labelled(("T", " Z ", "y", "x"), None, ("timepoint", "z_index")),
    Labelled(("time", "position", "y", "x"), None, ("timepoint", "site")),
    Labelled(("timepoint", "channel", "y", "x"), None, ("timepoint", "channel")),
    Labelled(("batch", "drug dose", "y", "x"), None, ("batch", "drug_dose")),
    Labelled(("-4", "-3", "-2", "-1"), None, ("axis1", "axis2")),
    Labelled(("t", "-3", "-2", "-1"), None, ("timepoint", "axis2")),
    Labelled(("t", "t", "y", "x"), None, ("timepoint", "axis2")),
    Labelled(("t", "c", "y", "x"), ("well", "condition"), ("well", "condition")),
    Labelled(("-4", "-3", "-2", "-1"), ("site", "timepoint"), ("site", "timepoint")),
)


@pytest.mark.parametrize("case", LABELLED, ids=str)
def test_components_are_axis_labels_unless_given(case: Labelled) -> None:
    dataset = open_dataset([Layer(pixels(2, 3, 4, 5), case.labels)], axes=case.axes)
    assert tuple(dataset.components) == case.components
    assert list(dataset.components.values()) == [("1", "2"), ("1", "2", "3")]


@pytest.mark.parametrize(
    "make", [np.asarray, lambda array: da.from_array(array, chunks=(1, 2, 3, 5))], ids=["numpy", "dask"]
)
def test_every_plane_of_a_layer_is_read_back(make: Any) -> None:
    array = pixels(2, 3, 4, 5)
    dataset = open_dataset([Layer(make(array), ("t", "c", "y", "x"))])
    assert (dataset.layout, dataset.source, len(dataset)) == ("layer", "cells", 6)
    assert (dataset.shape, dataset.dtype) == ((4, 5), np.uint16)
    for t, c in np.ndindex(2, 3):
        plane = dataset.read(timepoint=str(t + 1), channel=str(c + 1))
        assert type(plane) is np.ndarray
        np.testing.assert_array_equal(plane, array[t, c])


def test_a_single_layer_needs_no_list() -> None:
    layer = Layer(pixels(2, 4, 5), ("t", "y", "x"))
    assert open_dataset(layer).components == open_dataset([layer]).components == {"timepoint": ("1", "2")}


def test_opening_a_layer_computes_nothing() -> None:
    def refuse(_: Any) -> np.ndarray:
        raise AssertionError("computed")

    array = da.zeros((3, 4, 5), chunks=(1, 4, 5), dtype=np.uint16).map_blocks(
        refuse, dtype=np.uint16, meta=np.array((), np.uint16)
    )
    dataset = open_dataset([Layer(array, ("t", "y", "x"))])
    assert len(dataset.planes) == 3


def test_the_full_resolution_of_a_multiscale_layer_is_used() -> None:
    array = pixels(2, 8, 8)
    dataset = open_dataset([Layer([array, array[:, ::2, ::2]], ("t", "y", "x"), multiscale=True)])
    assert dataset.shape == (8, 8)
    np.testing.assert_array_equal(dataset.read(timepoint="2"), array[1])


def test_the_scale_of_a_layer_with_units_is_its_pixel_size() -> None:
    array = pixels(2, 4, 5)
    units = ("pixel", "micrometer", "micrometer")
    known = open_dataset([Layer(array, ("t", "y", "x"), scale=(1, 0.5, 0.25), units=units)])
    unknown = open_dataset([Layer(array, ("t", "y", "x"), scale=(1, 0.5, 0.25))])
    assert (known.pixel_size, known.unit) == ((0.5, 0.25), "micrometer")
    assert (unknown.pixel_size, unknown.unit) == (None, "pixel")


def test_reopening_a_layer_sees_changes() -> None:
    layer = Layer(pixels(2, 4, 5), ("t", "y", "x"))
    dataset = open_dataset([layer])
    layer.data = pixels(3, 4, 5)
    assert dataset.reopen is not None
    assert dataset.components["timepoint"] == ("1", "2")
    assert dataset.reopen().components["timepoint"] == ("1", "2", "3")


@pytest.mark.parametrize("make", [np.asarray, da.from_array], ids=["numpy", "dask"])
def test_on_disk_copies_the_planes(make: Any) -> None:
    array = pixels(2, 3, 4, 5)
    dataset = open_dataset([Layer(make(array), ("t", "c", "y", "x"))])
    copy = dataset.on_disk()
    assert copy.components == dataset.components
    planes = pickle.loads(pickle.dumps(copy.index))
    assert len(pickle.dumps(copy.index)) < 4096
    for row, (t, c) in enumerate(np.ndindex(2, 3)):
        assert Path(planes.path(row)).is_file()
        np.testing.assert_array_equal(planes.read(row), array[t, c])
        np.testing.assert_array_equal(copy.read(timepoint=str(t + 1), channel=str(c + 1)), array[t, c])
    assert copy.on_disk() is copy


def test_the_copy_on_disk_is_deleted_with_the_dataset() -> None:
    copy = open_dataset([Layer(pixels(2, 4, 5), ("t", "y", "x"))]).on_disk()
    path = Path(copy.index.path(0))
    assert path.is_file()
    del copy
    assert not path.exists()


def test_on_disk_returns_a_dataset_of_files_unchanged(plate: Path) -> None:
    dataset = open_dataset(plate)
    assert dataset.on_disk() is dataset


def test_a_layer_is_processed_like_files(tmp_path: Path) -> None:
    array = pixels(2, 3, 4, 5)
    dataset = open_dataset([Layer(da.from_array(array), ("t", "c", "y", "x"))])
    store = ResultStore(tmp_path / "out", dataset.components, dataset.shape)
    orchestrator = Orchestrator(dataset, dataset.configuration("timepoint"), store.root)
    pipeline = Pipeline([Step(lambda image: image + 1, name="more")])
    for value in orchestrator.get_component_keys("timepoint"):
        context = pickle.loads(pickle.dumps(orchestrator.create_context(value)))
        store.add(process_task(context, pipeline))
    for t, c in np.ndindex(2, 3):
        values = {"timepoint": str(t + 1), "channel": str(c + 1)}
        np.testing.assert_array_equal(store.read("more", store.codes("more", values)), array[t, c] + 1)


@dataclass(frozen=True)
class Refused:
    what: str
    layers: tuple[Layer, ...]
    parts: tuple[str, ...]
    axes: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


REFUSED = (
    Refused("2-D", (Layer(pixels(4, 5)),), ("'cells'", "(4, 5)", "at least three axes")),
    Refused("rgb", (Layer(pixels(2, 4, 5, 3), rgb=True),), ("'cells'", "colour", "Split RGB")),
    Refused("no layer", (), ("no layer to open",)),
    Refused("two layers", (Layer(pixels(2, 4, 5)), Layer(pixels(2, 4, 5))), ("not 2", "Stack the layers")),
    Refused(
        "too few names", (Layer(pixels(2, 3, 4, 5)),), ("'cells'", "2 axes", "timepoint"), ("timepoint",)
    ),
    Refused("too many names", (Layer(pixels(2, 4, 5)),), ("1 axes", "site, channel"), ("site", "channel")),
    Refused(
        "one name twice", (Layer(pixels(2, 3, 4, 5)),), ("different name", "site, site"), ("site", "site")
    ),
)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_an_unsuitable_layer_is_an_error(case: Refused) -> None:
    with pytest.raises(ValueError, match=re.escape(case.parts[0])) as caught:
        open_dataset(case.layers, axes=case.axes)
    assert all(text in str(caught.value) for text in case.parts), str(caught.value)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(1, 3), st.integers(1, 3))
def test_a_layer_of_any_shape_has_a_plane_per_leading_index(
    leading: list[int], height: int, width: int
) -> None:
    array = pixels(*leading, height, width)
    dataset = open_dataset([Layer(array)])
    assert [len(values) for values in dataset.components.values()] == leading
    assert len(dataset) == np.prod(leading)
    for codes in np.ndindex(*leading):
        values = {f"axis{number}": str(code + 1) for number, code in enumerate(codes, 1)}
        np.testing.assert_array_equal(dataset.read(**values), array[codes])


def test_a_layer_with_units_has_z_and_time_steps() -> None:
    from napari.layers import Image

    layer = Image(
        np.zeros((2, 3, 8, 8)),
        scale=(30, 2, 0.5, 0.5),
        units=("s", "um", "um", "um"),
        axis_labels=tuple("tzyx"),
    )
    known = open_dataset([layer]).calibration
    assert (known.time_step, known.z_step, known.pixel_size) == (30, 2, (0.5, 0.5))
