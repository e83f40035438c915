"""Names of wells, and sizes of plates."""

from __future__ import annotations

import pytest

from napari_axiswise.core.wells import (
    PLATE_SIZES,
    numbered_wells,
    parse_well,
    plate_size,
    row_name,
    split_well,
    well_name,
)


def test_names_and_positions_of_all_wells_match() -> None:
    rows, columns = PLATE_SIZES[-1]
    for row in range(rows):
        for column in range(columns):
            name = well_name(str(row + 1), str(column + 1))
            assert name == well_name(row_name(row).lower(), f"{column + 1:03}")
            assert parse_well(name) == (row, column)
            assert split_well(name) == (row_name(row), f"{column + 1:02}")


@pytest.mark.parametrize("text", ["", "A1", "A00", "A49", "AG01", "a01", "A001", "01", "A01 ", "Ä01"])
def test_texts_that_are_no_well_of_a_standard_plate(text: str) -> None:
    assert parse_well(text) is None


@pytest.mark.parametrize(
    ("wells", "size"),
    [
        ([], (0, 0)),
        (["field"], (0, 0)),
        (["A49"], (0, 0)),
        (["A01"], (2, 3)),
        (["B04"], (3, 4)),
        (["D06"], (4, 6)),
        (["F08"], (6, 8)),
        (["H12", "A01"], (8, 12)),
        (["P24"], (16, 24)),
        (["AF48", "blank"], (32, 48)),
    ],
)
def test_plate_size(wells: list[str], size: tuple[int, int]) -> None:
    assert plate_size(wells) == size


@pytest.mark.parametrize(
    ("last", "names"),
    [
        (6, {"1": "A01", "6": "A06"}),
        (97, {"1": "A01", "97": "E01"}),
        (1536, {"1": "A01", "1536": "AF48"}),
        (1537, {}),
    ],
)
def test_numbered_wells(last: int, names: dict[str, str]) -> None:
    assert numbered_wells(["1", str(last)]) == names
    assert numbered_wells(["0", str(last)]) == {}
