"""Built-in steps equal the scipy and scikit-image calls that they wrap."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage import filters, measure, segmentation

from napari_axiswise import Calibration, Pipeline, Step, functions, open_dataset, run
from napari_axiswise.functions import (
    PIPELINES,
    gaussian,
    intensity_statistics,
    label_objects,
    local_threshold,
    measure_regions,
    measure_translocation,
    otsu_threshold,
    project,
    select,
    split_touching,
    subtract_background,
    surround,
)
from napari_axiswise.functions import labels as label_functions
from napari_axiswise.results.tables import with_positions

masks = arrays(bool, st.tuples(st.integers(2, 24), st.integers(2, 24)))


def cells(*leading: int) -> np.ndarray:
    """Return bright discs on a dark background, with seeded noise."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    image = np.full((*leading, 64, 64), 100.0)
    for row, column, radius in ((12, 14, 6), (30, 40, 8), (30, 53, 7), (52, 20, 5)):
        image += 900.0 * (np.hypot(y - row, x - column) <= radius)
    return random.poisson(image).astype(np.uint16)


@dataclass(frozen=True)
class SameAs:
    """A step, and the plain call that it equals."""

    step: Callable[..., Any]
    params: dict[str, Any]
    plain: Callable[[np.ndarray], np.ndarray]
    leading: tuple[int, ...] = ()

    def __str__(self) -> str:
        params = "-".join(f"{name}={value}" for name, value in self.params.items())
        return "-".join(filter(None, (self.step.__name__, params, "x".join(map(str, self.leading)))))


def plane_by_plane(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda stack: np.stack([function(plane) for plane in stack])


def smooth(image: np.ndarray) -> np.ndarray:
    return filters.gaussian(image, sigma=2.5, preserve_range=True)


SAME = (
    SameAs(gaussian, {}, lambda image: filters.gaussian(image, sigma=1, preserve_range=True)),
    SameAs(gaussian, {"sigma": 2.5}, smooth),
    SameAs(gaussian, {"sigma": 2.5}, plane_by_plane(smooth), (3,)),
    SameAs(subtract_background, {}, lambda image: ndimage.white_tophat(image, size=(51, 51))),
    SameAs(subtract_background, {"radius": 3.4}, lambda image: ndimage.white_tophat(image, size=(7, 7))),
    SameAs(otsu_threshold, {}, lambda image: image > filters.threshold_otsu(image)),
    SameAs(otsu_threshold, {}, lambda image: image > filters.threshold_otsu(image), (3,)),
    SameAs(local_threshold, {}, lambda image: image > filters.threshold_local(image, 51)),
    SameAs(
        local_threshold,
        {"block_size": 20, "offset": 5.0},
        lambda image: image > filters.threshold_local(image, 21) + 5.0,
    ),
    SameAs(label_objects, {"min_size": 0}, lambda image: measure.label(image != 0)),
    SameAs(
        surround, {"width": 3, "gap": 0}, lambda image: segmentation.expand_labels(image, 3) * (image == 0)
    ),
    SameAs(select, {"index": 0}, lambda image: image[0], (3,)),
    SameAs(select, {"index": -1}, lambda image: image[2], (3,)),
    SameAs(project, {}, lambda image: image.max(axis=0), (3,)),
    SameAs(project, {}, lambda image: image.max(axis=(0, 1)), (2, 3)),
    SameAs(project, {}, lambda image: image),
    SameAs(project, {"method": "mean"}, lambda image: image.mean(axis=(0, 1)), (2, 3)),
    SameAs(project, {"method": "sum"}, lambda image: image.sum(axis=(0, 1, 2)), (2, 1, 3)),
)


@pytest.mark.parametrize("case", SAME, ids=str)
def test_a_step_equals_the_plain_call(case: SameAs) -> None:
    image = cells(*case.leading)
    before = image.copy()
    returned, expected = case.step(image, **case.params), case.plain(image)
    np.testing.assert_array_equal(returned, expected)
    assert returned.shape == expected.shape
    np.testing.assert_array_equal(image, before, err_msg="the input is left as it was")


@dataclass(frozen=True)
class Typed:
    step: Callable[..., Any]
    dtype: str


TYPES = (
    Typed(gaussian, "float64"),
    Typed(subtract_background, "uint16"),
    Typed(otsu_threshold, "bool"),
    Typed(local_threshold, "bool"),
    Typed(label_objects, "int32"),
    Typed(split_touching, "int32"),
    Typed(surround, "int32"),
    Typed(project, "uint16"),
)


@pytest.mark.parametrize("case", TYPES, ids=lambda case: case.step.__name__)
def test_a_step_has_one_dtype_for_empty_and_full_images(case: Typed) -> None:
    for image in (cells(), np.zeros((64, 64), np.uint16), np.full((64, 64), 65535, np.uint16)):
        returned = case.step(image)
        assert (returned.shape, str(returned.dtype)) == ((64, 64), case.dtype)


@pytest.mark.parametrize("case", TYPES, ids=lambda case: case.step.__name__)
def test_nothing_is_found_in_an_image_of_zeros(case: Typed) -> None:
    for shape in ((64, 64), (1, 1), (3, 64)):
        assert not case.step(np.zeros(shape, np.uint16)).any()


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_otsu_marks_nothing_in_a_constant_image(value: int) -> None:
    assert not otsu_threshold(np.full((9, 9), value, np.uint16)).any()


def test_gaussian_does_not_smooth_over_leading_axes() -> None:
    stack = np.zeros((3, 9, 9))
    stack[1, 4, 4] = 1.0
    smoothed = gaussian(stack)
    assert not smoothed[0].any()
    assert not smoothed[2].any()
    assert smoothed[1].sum() == pytest.approx(1.0, abs=0.01)


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=5, max_side=4)))
def test_a_maximum_projection_is_over_all_leading_axes_and_keeps_the_dtype(stack: np.ndarray) -> None:
    projected = project(stack)
    assert (projected.shape, projected.dtype) == (stack.shape[-2:], stack.dtype)
    np.testing.assert_array_equal(projected, stack.reshape(-1, *stack.shape[-2:]).max(axis=0))


def test_a_sum_does_not_overflow() -> None:
    assert project(np.full((300, 2, 2), 255, np.uint8), method="sum").max() == 300 * 255


def test_an_unknown_projection_is_an_error_that_lists_the_methods() -> None:
    with pytest.raises(ValueError, match=r"'median'.*max, mean, sum"):
        project(cells(2), method="median")  # type: ignore[arg-type]


def test_a_selected_plane_does_not_hold_the_others() -> None:
    assert select(cells(2), 1).base is None


@pytest.mark.parametrize(
    ("leading", "index", "message"),
    [
        ((2,), 2, r"index=2: the stack has 2 planes, from 0 to 1"),
        ((2,), -3, r"index=-3"),
        ((), 0, r"shape \(N, Y, X\), and this one is \(64, 64\)"),
        ((2, 3), 0, r"this one is \(2, 3, 64, 64\): stack one component"),
    ],
)
def test_selecting_a_missing_plane_is_an_error(leading: tuple[int, ...], index: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        select(cells(*leading), index)


LABELLERS = (label_objects, split_touching)


@pytest.mark.parametrize("labeller", LABELLERS)
@given(mask=masks, min_size=st.integers(0, 30))
def test_labels_are_consecutive_whole_numbers_within_the_mask(
    labeller: Callable[..., np.ndarray], mask: np.ndarray, min_size: int
) -> None:
    labels = labeller(mask, min_size=min_size)
    found = np.unique(labels)
    assert labels.dtype == np.int32
    assert labels.shape == mask.shape
    assert not labels[~mask].any()
    assert set(found) | {0} == set(range(labels.max() + 1))
    assert all(np.sum(labels == number) >= min_size for number in found if number)


@pytest.mark.parametrize("labeller", LABELLERS)
@given(mask=masks)
def test_no_object_is_lost_with_a_minimum_size_of_one_pixel(
    labeller: Callable[..., np.ndarray], mask: np.ndarray
) -> None:
    np.testing.assert_array_equal(labeller(mask, min_size=1) > 0, mask)


@pytest.mark.parametrize("labeller", LABELLERS)
@given(mask=masks)
def test_an_object_does_not_extend_into_the_background(
    labeller: Callable[..., np.ndarray], mask: np.ndarray
) -> None:
    labels = labeller(mask, min_size=1)
    parts = measure.label(mask)
    for number in range(1, labels.max() + 1):
        assert len(np.unique(parts[labels == number])) == 1


@given(masks, st.integers(1, 20))
def test_label_objects_keeps_the_objects_of_minimum_size(mask: np.ndarray, min_size: int) -> None:
    parts = measure.label(mask)
    sizes = np.bincount(parts.ravel())[1:]
    kept = label_objects(mask, min_size=min_size)
    assert kept.max() == np.sum(sizes >= min_size)
    np.testing.assert_array_equal(kept > 0, np.isin(parts, 1 + np.flatnonzero(sizes >= min_size)))


def test_two_touching_discs_are_split_and_a_single_one_is_not() -> None:
    y, x = np.mgrid[:40, :60]
    discs = (np.hypot(y - 20, x - 20) <= 10) | (np.hypot(y - 20, x - 37) <= 10)
    assert label_objects(discs).max() == 1
    assert split_touching(discs).max() == 2
    assert split_touching(np.hypot(y - 20, x - 30) <= 12).max() == 1


@given(mask=masks, most=st.sampled_from([0, 1000]))
def test_the_distance_to_the_background_is_that_of_scipy(mask: np.ndarray, most: int) -> None:
    if mask.all():
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_functions, "MOST_PARTS", most)
        found = label_functions.distance_to_background(measure.label(mask))
    np.testing.assert_array_equal(found, ndimage.distance_transform_edt(mask))


@pytest.mark.parametrize("labeller", LABELLERS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_nonzero_pixels_are_the_mask(labeller: Callable[..., np.ndarray], dtype: Any) -> None:
    mask = cells() > 500
    np.testing.assert_array_equal(labeller(mask.astype(dtype) * 7), labeller(mask))


def test_measure_regions_equals_regionprops() -> None:
    image = cells()
    labels = label_objects(image > 500)
    table = measure_regions(labels, image)
    regions = measure.regionprops(labels, image)
    assert isinstance(table, pd.DataFrame)
    assert list(table["label"]) == [region.label for region in regions] == [1, 2, 3]
    assert list(table["area"]) == [region.area for region in regions]
    assert list(table["intensity_mean"]) == [region.intensity_mean for region in regions]
    np.testing.assert_allclose(table[["y", "x"]], [region.centroid for region in regions])


def test_only_requested_properties_are_measured() -> None:
    image = cells()
    table = measure_regions(label_objects(image > 500), image, properties=("label", "area"))
    assert list(table.columns) == ["label", "area"]


def test_a_table_without_objects_has_the_columns() -> None:
    image = cells()
    empty = measure_regions(np.zeros(image.shape, np.int32), image)
    full = measure_regions(label_objects(image > 500), image)
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert {"label", "area", "y", "x", "intensity_mean"} <= set(empty.columns)


def test_a_ring_has_the_requested_width_and_gap() -> None:
    y, x = np.mgrid[:41, :41]
    distance = np.hypot(y - 20, x - 20)
    point = np.where(distance == 0, 7, 0)
    np.testing.assert_array_equal(surround(point, width=4, gap=2), 7 * ((distance > 2) & (distance <= 6)))


@given(
    arrays(np.int32, (16, 16), elements=st.sampled_from([0, 0, 0, 0, 3, 5])),
    st.integers(1, 5),
    st.integers(0, 3),
)
def test_rings_are_outside_objects_and_have_their_labels(labels: np.ndarray, width: int, gap: int) -> None:
    rings = surround(labels, width, gap)
    assert not rings[labels != 0].any()
    assert set(np.unique(rings)) <= set(np.unique(labels)) | {0}
    if labels.any():
        to_any = ndimage.distance_transform_edt(labels == 0)
        np.testing.assert_array_equal(rings != 0, (to_any > gap) & (to_any <= gap + width))
        for number in np.unique(rings[rings != 0]):
            to_own = ndimage.distance_transform_edt(labels != number)
            np.testing.assert_allclose(to_own[rings == number], to_any[rings == number])


@pytest.mark.parametrize(("width", "gap"), [(0, 1), (-1, 1), (3, -1), (np.nan, 1)])
def test_a_ring_without_width_is_an_error(width: float, gap: float) -> None:
    with pytest.raises(ValueError, match=rf"width={width}, gap={gap}"):
        surround(np.zeros((4, 4), np.int32), width, gap)


def two_cells(background: float = 10.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return nuclei of 100 and 30 and cytoplasm of 50 and 60, above a constant background."""
    y, x = np.mgrid[:40, :80]
    nuclei = np.where(np.hypot(y - 20, x - 20) <= 6, 1, 0) + np.where(np.hypot(y - 20, x - 60) <= 6, 2, 0)
    rings = surround(nuclei, width=4, gap=0)
    image = np.array([0.0, 100.0, 30.0])[nuclei] + np.array([0.0, 50.0, 60.0])[rings] + background
    return nuclei, rings, image


@pytest.mark.parametrize("background", [0.0, 10.0, 500.0])
def test_translocation_is_the_ratio_of_means_above_the_background(background: float) -> None:
    nuclei, rings, image = two_cells(background)
    table = measure_translocation(nuclei, rings, image)
    assert list(table.columns) == ["label", "y", "x", "area", "nucleus_mean", "ring_mean", "ratio"]
    assert list(table["label"]) == [1, 2]
    assert list(table["area"]) == [np.sum(nuclei == 1), np.sum(nuclei == 2)]
    np.testing.assert_allclose(table[["y", "x"]], [(20, 20), (20, 60)])
    np.testing.assert_allclose(table["nucleus_mean"], [100, 30])
    np.testing.assert_allclose(table["ring_mean"], [50, 60])
    np.testing.assert_allclose(table["ratio"], [2.0, 0.5])


def test_the_background_is_a_percentile_outside_nuclei_and_rings() -> None:
    nuclei, rings, image = two_cells()
    outside = (nuclei == 0) & (rings == 0)
    image[outside] = np.random.default_rng(0).permutation(np.sum(outside))
    for percentile in (0, 5, 50):
        table = measure_translocation(nuclei, rings, image, percentile)
        expected = 110 - np.percentile(image[outside], percentile)
        assert table["nucleus_mean"][0] == pytest.approx(expected)


def test_a_nucleus_without_a_ring_or_with_a_dark_one_has_no_ratio() -> None:
    nuclei, rings, image = two_cells()
    rings[rings == 1] = 0
    image[rings == 2] = 10.0
    table = measure_translocation(nuclei, rings, image)
    assert table["ring_mean"].isna().tolist() == [True, False]
    assert table["ratio"].isna().all()
    np.testing.assert_allclose(table["nucleus_mean"], [100, 30])


def test_a_table_without_nuclei_has_the_same_dtypes() -> None:
    full = measure_translocation(*two_cells())
    empty = measure_translocation(*(np.zeros((9, 9), kind) for kind in (np.int32, np.int32, np.uint8)))
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert str(empty["ratio"].dtype) == str(full["ratio"].dtype) == "float64"


def test_arrays_of_different_shapes_are_an_error() -> None:
    nuclei, rings, image = two_cells()
    with pytest.raises(ValueError, match=r"nuclei \(40, 80\), rings \(40, 80\) and image \(2, 40, 80\)"):
        measure_translocation(nuclei, rings, np.stack([image, image]))


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=4, max_side=5)))
def test_intensity_statistics_describe_all_pixels(image: np.ndarray) -> None:
    (row,) = intensity_statistics(image).to_dict("records")
    assert (row["min"], row["max"]) == (image.min(), image.max())
    assert row["mean"] == pytest.approx(image.mean())
    assert row["std"] == pytest.approx(image.std())
    assert row["min"] <= row["p01"] <= row["median"] <= row["p99"] <= row["max"]
    assert row["median"] == pytest.approx(np.median(image))


@pytest.mark.parametrize("name", [name for name in functions.__all__ if name != "PIPELINES"])
def test_every_built_in_step_has_a_docstring_and_is_importable(name: str) -> None:
    step = getattr(functions, name)
    assert pickle.loads(pickle.dumps(step)) is step
    parameters = inspect.signature(step).parameters
    doc = inspect.getdoc(step)
    assert doc is not None
    assert all(f"{parameter} :" in doc for parameter in parameters)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_built_in_pipeline_is_new_each_time_and_keeps_an_output(name: str) -> None:
    first, second = PIPELINES[name](), PIPELINES[name]()
    assert first is not second
    assert [step.name for step in first] == [step.name for step in second]
    assert first.steps[-1] in first.kept
    first.check({"well": ("A01",), "timepoint": ("1", "2")}, axis="well")


def volume() -> tuple[np.ndarray, np.ndarray]:
    """Two boxes of labels in a stack of four z-slices, and an image of them."""
    labels = np.zeros((4, 24, 30), np.int32)
    labels[1:3, 4:9, 20:25] = 1
    labels[0:2, 14:19, 2:7] = 2
    return labels, labels * 100.0


def test_objects_of_a_z_stack_have_z_y_and_x() -> None:
    """From CellProfiler/CellProfiler#3352: z stood under y, and y under x."""
    labels, image = volume()
    table = measure_regions(labels, image)
    assert table[["z", "y", "x"]].to_numpy().tolist() == [[1.5, 6, 22], [0.5, 16, 4]]
    assert table["area"].tolist() == [50, 50]
    assert not {"eccentricity", "centroid-2"} & set(table.columns)
    moved = measure_translocation(labels, np.zeros_like(labels), image)
    assert moved[["z", "y", "x"]].to_numpy().tolist() == [[1.5, 6, 22], [0.5, 16, 4]]
    with pytest.raises(ValueError, match=r"perimeter.*single planes"):
        measure_regions(labels, image, ("label", "perimeter"))


def test_a_shell_goes_by_the_voxel_size() -> None:
    labels = np.zeros((5, 9, 9), np.int32)
    labels[2, 4, 4] = 1
    shell = surround(labels, width=2, gap=0, spacing=(1.0, 0.5, 0.5))
    assert shell[:, 4, 4].tolist() == [0, 1, 0, 1, 0]
    assert shell[2, 4].tolist() == [0, 0, 1, 1, 0, 1, 1, 0, 0]
    for unknown in (None, (None, 0.5, 0.5)):
        with pytest.raises(ValueError, match="z step"):
            surround(labels, spacing=unknown)


REFUSED = [
    Step(subtract_background, variable="z_index"),
    Step(local_threshold, variable="z_index"),
    Step(split_touching, variable="z_index", output="labels"),
    Step(label_objects, variable="timepoint", output="labels"),
    Step(surround, variable="timepoint", output="labels"),
    Step(measure_regions, variable="timepoint", inputs=("raw", "raw")),
    Step(measure_regions, {"properties": ("label", "perimeter")}, variable="z_index", inputs=("raw", "raw")),
]


@pytest.mark.parametrize("step", REFUSED, ids=lambda step: f"{step.name} {step.variable[0]}")
def test_a_stack_that_a_built_in_step_cannot_take_is_refused_before_the_run(step: Step) -> None:
    components = {"well": ("A01",), "timepoint": ("1", "2"), "z_index": ("1", "2")}
    with pytest.raises(ValueError, match=rf"{step.name}.*single planes"):
        Pipeline([step]).configured((), None).check(components, axis="well")


def test_a_step_after_a_projection_gets_planes() -> None:
    components = {"well": ("A01",), "z_index": ("1", "2")}
    steps = [Step(project), Step(subtract_background), Step(label_objects, output="labels")]
    Pipeline(steps).configured(("z_index",), None).check(components, axis="well")


def test_a_stack_that_only_the_run_can_know_is_the_error_of_its_unit() -> None:
    dataset = open_dataset(np.ones((1, 2, 8, 8), np.uint8), axes=("well", "z_index"))
    steps = [Step(gaussian, variable="z_index"), Step(subtract_background, variable="z_index")]
    result = run(dataset, steps, "well", executor="serial")
    assert "subtract_background works on single planes" in result.failures["1"].error


def test_positions_in_a_z_stack_are_in_micrometers() -> None:
    rows = pd.DataFrame({"z": [1.5], "y": [6.0], "x": [22.0]})
    known = Calibration((0.5, 0.25), "micrometer", z_step=2.0)
    table = with_positions(rows, known)
    assert table[["z_micrometer", "y_micrometer", "x_micrometer"]].to_numpy().tolist() == [[3.0, 3.0, 5.5]]
    assert "z_micrometer" not in with_positions(rows, replace(known, z_step=None))
