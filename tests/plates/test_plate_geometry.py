"""Positions of wells and fields of view in a picture of a plate."""

from __future__ import annotations

import numpy as np
import pytest

from napari_axiswise.core.calibration import Calibration
from napari_axiswise.core.wells import row_name
from napari_axiswise.plates.geometry import PlateGeometry

PLATES = {6: (2, 3), 24: (4, 6), 96: (8, 12), 384: (16, 24), 1536: (32, 48)}


def wells_of(rows: int, columns: int) -> tuple[str, ...]:
    return tuple(f"{row_name(row)}{column + 1:02d}" for row in range(rows) for column in range(columns))


def geometry(
    sites: int | None = None,
    positions: dict[tuple[str, str], tuple[float, float]] | None = None,
    wells: tuple[str, ...] = ("B02", "B03"),
    shape: tuple[int, int] = (1, 1),
) -> PlateGeometry:
    fields = {} if sites is None else {"site": tuple(str(site) for site in range(1, sites + 1))}
    plate = PlateGeometry.of(
        {"well": wells, **fields, "timepoint": ("1", "2")}, Calibration(positions=positions or {}), shape
    )
    assert plate is not None
    return plate


def relative(plate: PlateGeometry, well: int = 0) -> np.ndarray:
    """Return the boxes of a well in units of the first field's size, relative to the top left field."""
    boxes = plate.boxes[well].astype(float)
    size = boxes[0, 2:] - boxes[0, :2]
    return np.round((boxes[:, :2] - boxes[:, :2].min(axis=0)) / size, 1)


@pytest.mark.parametrize(("count", "size"), PLATES.items())
def test_the_plate_is_the_smallest_standard_size(count: int, size: tuple[int, int]) -> None:
    plate = geometry(9, wells=wells_of(*size))
    assert (plate.rows, plate.columns) == size
    assert len(plate.wells) == count
    assert not plate.empty_places
    assert plate.shape[0] * plate.shape[1] < 4_000_000
    assert (plate.boxes[..., 2:] > plate.boxes[..., :2]).all()
    assert geometry(wells=(plate.wells[-1],)).empty_places[-1] != (size[0] - 1, size[1] - 1)


@pytest.mark.parametrize("components", [{}, {"site": ("1",)}, {"well": ("left", "right")}, {"well": ()}])
def test_without_wells_there_is_no_plate(components: dict[str, tuple[str, ...]]) -> None:
    assert PlateGeometry.of(components) is None


GRIDS = {
    1: [(0, 0)],
    2: [(0, 0), (0, 1)],
    4: [(0, 0), (0, 1), (1, 0), (1, 1)],
    5: [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)],
    9: [(row, column) for row in range(3) for column in range(3)],
}


@pytest.mark.parametrize(("sites", "expected"), GRIDS.items())
def test_fields_without_positions_are_in_rows(sites: int, expected: list[tuple[int, int]]) -> None:
    assert relative(geometry(sites)).tolist() == [list(map(float, place)) for place in expected]


def test_fields_differ_in_components_other_than_well_and_sliders() -> None:
    plate = PlateGeometry.of(
        {
            "well": ("A01",),
            "batch": ("1", "2"),
            "site": ("1", "2", "3"),
            "channel": ("1", "2"),
            "z_index": ("1",),
        }
    )
    assert plate is not None
    assert list(plate.field_components) == ["batch", "site"]
    assert plate.boxes.shape == (1, 6, 4)
    for field in range(6):
        assert plate.field(plate.field_values(field)) == field
    assert plate.field_values(4) == {"batch": 1, "site": 1}


SERPENTINE = [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0), (2, 0), (2, 1), (2, 2)]
CROSS = [(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)]
CORNERS = [(0, 0), (0, 2), (2, 0), (2, 2)]
COLUMN = [(2, 0), (1, 0), (0, 0)]


@pytest.mark.parametrize(
    ("places", "expected"),
    [(SERPENTINE, SERPENTINE), (CROSS, CROSS), (CORNERS, [(0, 0), (0, 1), (1, 0), (1, 1)]), (COLUMN, COLUMN)],
)
@pytest.mark.parametrize("origin", ["plate", "well"])
def test_fields_are_at_their_stage_positions(
    places: list[tuple[int, int]], expected: list[tuple[int, int]], origin: str
) -> None:
    random = np.random.default_rng(0)
    positions = {}
    for number, well in enumerate(("B02", "B03")):
        for site, (y, x) in enumerate(places, 1):
            start = 9000.0 * number if origin == "plate" else 0.0
            jitter = random.normal(0, 2, 2)
            positions[well, str(site)] = (300.0 * y + jitter[0] - 700, 400.0 * x + jitter[1] + start)
    plate = geometry(len(places), positions, shape=(3, 4))
    for well in (0, 1):
        assert relative(plate, well).tolist() == [list(map(float, place)) for place in expected]
    box = plate.boxes[0, 0]
    assert (box[2] - box[0]) / (box[3] - box[1]) == pytest.approx(0.75, abs=0.03)


def test_neighbours_touch() -> None:
    positions = {("B02", str(site)): (650.0 * y, 650.0 * x) for site, (y, x) in enumerate(SERPENTINE, 1)}
    top, left, bottom, right = geometry(9, positions).boxes[0].T
    assert right[0] == left[1]
    assert right[1] == left[2]
    assert bottom[2] == top[3]
    assert bottom[3] == top[8]


def test_an_incomplete_well_has_its_fields_in_the_usual_places() -> None:
    places = dict(enumerate(SERPENTINE, 1))
    positions = {
        (well, str(site)): (100.0 * y, 100.0 * x + 9000 * (well == "B03"))
        for well in ("B02", "B03")
        for site, (y, x) in places.items()
        if well == "B02" or site > 3
    }
    plate = geometry(9, positions)
    shift = plate.corners[1] - plate.corners[0]
    np.testing.assert_array_equal(plate.boxes[1], plate.boxes[0] + np.tile(shift, 2))


def test_a_well_with_other_positions_has_its_own_arrangement() -> None:
    places = {"B02": [(0, 0), (0, 5)], "B03": [(5, 0), (0, 0)], "B04": [(0, 0), (0, 5)]}
    positions = {
        (well, str(site)): (float(y), float(x))
        for well, own in places.items()
        for site, (y, x) in enumerate(own, 1)
    }
    plate = geometry(2, positions, wells=tuple(places))
    assert relative(plate, 0).tolist() == [[0, 0], [0, 1]]
    assert relative(plate, 1).tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize(
    "positions",
    [{("B02", "1"): (0.0, 0.0)}, {(well, site): (1.0, 1.0) for well in ("B02", "B03") for site in "12"}],
    ids=["not all sites", "all at one place"],
)
def test_incomplete_or_equal_positions_are_ignored(
    positions: dict[tuple[str, str], tuple[float, float]],
) -> None:
    assert relative(geometry(2, positions)).tolist() == [[0, 0], [0, 1]]


def test_well_and_field_at_a_position() -> None:
    plate = geometry(4)
    for well in (0, 1):
        for field, (top, left, bottom, right) in enumerate(plate.boxes[well].tolist()):
            for y, x in ((top, left), (bottom - 1, right - 1)):
                assert plate.well_at(y, x) == well
                assert plate.field_at(y, x) == field
    top, left = plate.corners[0]
    assert plate.well_at(top, left) == 0
    assert plate.field_at(top, left) is None
    for y, x in ((-5, -5), (plate.top + 1, plate.left + 1), (plate.shape[0] - 1, plate.shape[1] - 1)):
        assert plate.well_at(y, x) is None
        assert plate.field_at(y, x) is None
