"""How a plate is drawn: thumbnails, heat maps, and signs for what is not there."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from napari_axiswise.core.events import TaskEvent
from napari_axiswise.planes.table import Planes
from napari_axiswise.plates.geometry import PlateGeometry
from napari_axiswise.results.step_output import STATES as NOTED
from napari_axiswise.ui.plate.picture import (
    FLOOR,
    YELLOW,
    ColourScale,
    PlatePicture,
    fit,
    floor,
    grey_table,
    label_table,
    sign,
)
from napari_axiswise.ui.plate.states import FieldState, PlateStates, RecordedStates, fields_of

COMPONENTS = {
    "well": ("B02", "B03", "C02"),
    "site": ("1", "2"),
    "timepoint": ("1", "2", "3"),
    "channel": ("1",),
}
GREY = ColourScale(grey_table(), (0.0, 255.0))


def geometry(*without: str) -> PlateGeometry:
    made = PlateGeometry.of({name: values for name, values in COMPONENTS.items() if name not in without})
    assert made is not None
    return made


def picture(scale: ColourScale = GREY) -> PlatePicture:
    made = PlatePicture(geometry(), floor(geometry().shape), scale)
    made.set_states(np.zeros((3, 2), np.uint8))
    return made


def box(made: PlatePicture, well: int, field: int) -> np.ndarray:
    top, left, bottom, right = made.geometry.boxes[well, field]
    return made.rgb[top:bottom, left:right]


def planes(*missing: tuple[int, ...]) -> Planes:
    codes = np.array([code for code in np.ndindex(3, 2, 3, 1) if code not in missing], np.int32)
    pages = np.zeros(len(codes), np.int32)
    return Planes(COMPONENTS, codes, ("file",), pages, pages, "")


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 2), [[0.5, 2.5], [8.5, 10.5]]),
        ((1, 1), [[5.5]]),
        ((2, 4), [[0, 1, 2, 3], [8, 9, 10, 11]]),
        ((4, 8), None),
    ],
)
def test_planes_are_made_to_fit(shape: tuple[int, int], expected: list[list[float]] | None) -> None:
    plane = np.array([[0, 1, 2, 3], [8, 9, 10, 11]], np.uint16)
    fitted = fit(plane[None], shape)
    assert fitted.shape == (1, *shape)
    assert fitted.dtype == np.float32
    np.testing.assert_allclose(
        fitted[0], plane.repeat(2, axis=0).repeat(2, axis=1) if expected is None else expected
    )


def test_labels_are_not_averaged() -> None:
    labels = np.array([[[0, 200], [200, 0]]], np.uint8)
    assert set(np.unique(fit(labels, (1, 1), exact=True))) <= {0, 200}


@pytest.mark.parametrize(
    ("value", "limits", "expected"),
    [(0, (0, 100), 0), (100, (0, 100), 255), (50, (0, 100), 128), (7, (7, 7), 0), (900, (0, 100), 255)],
)
def test_images_are_grey_within_the_limits(value: float, limits: tuple[float, float], expected: int) -> None:
    made = picture(ColourScale(grey_table(), limits))
    made.set_values(np.array([[1, 0]]), np.full((1, 4, 4), value))
    made.draw()
    assert (box(made, 1, 0) == expected).all()
    assert (made.shown == [[False, False], [True, False], [False, False]]).all()


def test_other_limits_change_what_was_drawn_before() -> None:
    made = picture()
    made.set_values(np.array([[0, 0], [2, 1]]), np.full((2, 4, 4), 51))
    made.draw()
    assert (box(made, 2, 1) == 51).all()
    made.set_scale(ColourScale(grey_table(), (0.0, 51.0)))
    assert made.draw()
    assert (box(made, 0, 0) == 255).all()
    assert (box(made, 2, 1) == 255).all()
    assert not made.draw()


def test_neighbouring_labels_have_different_colours() -> None:
    table = label_table().astype(int)
    assert (table[0] == 0).all()
    assert np.abs(np.diff(table[1:], axis=0)).sum(axis=1).min() > 60
    assert table[1:].sum(axis=1).min() > 120


# ---------------------------------------------------------------------- signs


@pytest.mark.parametrize("size", [(20, 20), (60, 60), (12, 16)])
def test_signs_and_black_are_told_apart_without_colours(size: tuple[int, int]) -> None:
    grey = {state: sign(state, *size).astype(int).sum(axis=2) for state in FieldState}
    grey["black"] = np.zeros(size, int)  # type: ignore[index]
    for one, other in combinations(grey.values(), 2):
        # Not the brightness of the whole, the shape.
        outline = [drawing > np.median(drawing) for drawing in (one, other)]
        assert (outline[0] != outline[1]).mean() > 0.02 or np.abs(np.median(one) - np.median(other)) > 100


def test_what_is_not_there_has_a_sign_and_goes_when_it_comes() -> None:
    made = picture()
    states = np.array([[0, 4], [3, 3], [1, 1]], np.uint8)
    made.set_states(states)
    made.draw()
    for field, state in enumerate((FieldState.PENDING, FieldState.MISSING)):
        drawn = box(made, 0, field)
        np.testing.assert_array_equal(drawn, sign(state, *drawn.shape[:2]))
    top, left = made.geometry.corners[1] + made.geometry.gap
    inner = made.geometry.cell - 2 * made.geometry.gap
    # One for the whole well, where all fields have the same.
    np.testing.assert_array_equal(
        made.rgb[top : top + inner, left : left + inner], sign(FieldState.FAILED, inner, inner)
    )
    made.set_values(np.array([[1, 1]]), np.zeros((1, 4, 4)))
    made.draw()
    assert (box(made, 1, 1) == 0).all()
    failed = box(made, 1, 0)
    np.testing.assert_array_equal(failed, sign(FieldState.FAILED, *failed.shape[:2]))


def test_wells_that_the_dataset_lacks_are_hatched() -> None:
    made = picture()
    row, column = made.geometry.empty_places[0]
    gap, cell = made.geometry.gap, made.geometry.cell
    top, left = made.geometry.top + row * cell + gap, made.geometry.left + column * cell + gap
    drawn = made.rgb[top : top + cell - 2 * gap, left : left + cell - 2 * gap]
    np.testing.assert_array_equal(drawn, sign(FieldState.MISSING, *drawn.shape[:2]))


def test_the_well_that_is_looked_at_has_a_frame() -> None:
    made = picture()
    made.draw()
    before = made.rgb.copy()
    marked = made.marked(1, 0)
    np.testing.assert_array_equal(made.rgb, before)
    changed = np.argwhere((marked != before).any(axis=2))
    top, left = made.geometry.corners[1]
    assert (changed >= (top, left)).all()
    assert (changed < (top + made.geometry.cell, left + made.geometry.cell)).all()
    assert tuple(marked[top, left]) == YELLOW
    assert tuple(before[top, left]) == FLOOR


# ---------------------------------------------------------------------- states

STATES = {
    "done": FieldState.DONE,
    "failed": FieldState.FAILED,
    "lost": FieldState.FAILED,
    "started": FieldState.RUNNING,
    "cancelled": FieldState.PENDING,
}


@pytest.mark.parametrize(("status", "state"), STATES.items())
@pytest.mark.parametrize(
    ("axis", "where"),
    [
        ("well", np.array([[0, 0], [1, 1], [0, 0]], bool)),
        ("site", np.array([[0, 1], [0, 1], [0, 1]], bool)),
        ("timepoint", np.ones((3, 2), bool)),
        ("channel", None),
        ("timepoint,well", np.array([[0, 0], [1, 1], [0, 0]], bool)),
        ("site,well", np.array([[0, 0], [0, 1], [0, 0]], bool)),
    ],
)
def test_a_task_tells_of_its_fields_whatever_the_axis(
    axis: str, where: np.ndarray | None, status: str, state: FieldState
) -> None:
    states = PlateStates(planes(), axis)
    parts = axis.split(",")
    value = ",".join(COMPONENTS[name][1 if len(COMPONENTS[name]) > 1 else 0] for name in parts)
    states.update(TaskEvent(value, status))  # type: ignore[arg-type]
    found = states.of(geometry(), {"timepoint": 1, "channel": 0})
    expected = np.where(np.ones((3, 2), bool) if where is None else where, state, FieldState.PENDING)
    np.testing.assert_array_equal(found, expected)
    if "timepoint" in parts:
        assert (states.of(geometry(), {"timepoint": 0, "channel": 0}) == FieldState.PENDING).all()


def test_what_was_not_taken_is_missing_whatever_its_task_did() -> None:
    states = PlateStates(planes((0, 1, 2, 0)), "well")
    for event in (TaskEvent("B02", "failed"), TaskEvent("B03", "done")):
        states.update(event)
    assert states.of(geometry(), {"timepoint": 2}).tolist() == [[3, 4], [2, 2], [0, 0]]
    assert states.of(geometry(), {"timepoint": 1}).tolist() == [[3, 3], [2, 2], [0, 0]]


def test_without_planes_what_a_done_task_did_not_write_was_not_taken() -> None:
    states = PlateStates(planes(*np.ndindex(3, 2, 3, 1)), "well")
    for event in (TaskEvent("B02", "failed"), TaskEvent("B03", "done")):
        states.update(event)
    assert states.of(geometry(), {"timepoint": 2}).tolist() == [[3, 3], [4, 4], [0, 0]]


def test_what_a_run_has_noted_of_its_planes_is_known_again() -> None:
    names = ("timepoint", "site", "well", "channel")
    noted = np.full((3, 2, 3, 1), NOTED.index("written"), np.uint8)
    noted[2, 1, 0, 0] = NOTED.index("missing")
    states = PlateStates(planes(*np.ndindex(3, 2, 3, 1)), "well", RecordedStates(names, noted))
    for event in (TaskEvent("B02", "failed"), TaskEvent("B03", "done")):
        states.update(event)
    assert states.of(geometry(), {"timepoint": 2, "channel": 0}).tolist() == [[3, 4], [2, 2], [0, 0]]
    assert states.of(geometry(), {"timepoint": 1, "channel": 0}).tolist() == [[3, 3], [2, 2], [0, 0]]


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (("done", "done"), FieldState.DONE),
        (("done", "failed"), FieldState.FAILED),
        (("done", "started"), FieldState.RUNNING),
        (("done",), FieldState.PENDING),
    ],
)
def test_a_well_of_several_tasks_is_done_when_all_are(statuses: tuple[str, ...], state: FieldState) -> None:
    states = PlateStates(planes(), "site")
    for value, status in zip(COMPONENTS["site"], statuses, strict=False):
        states.update(TaskEvent(value, status))  # type: ignore[arg-type]
    assert (states.of(geometry("site"), {"timepoint": 0}) == state).all()


def test_fields_of_planes() -> None:
    codes = np.array([[2, 0, 1], [0, 2, 0]], np.int32)
    assert fields_of(geometry(), ("well", "timepoint", "site"), codes).tolist() == [[2, 1], [0, 0]]
    assert fields_of(geometry("site"), ("well", "timepoint"), codes[:, :2]).tolist() == [[2, 0], [0, 0]]
