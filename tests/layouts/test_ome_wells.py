"""Names of the wells of OME-Zarr plates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import napari_axiswise as aw
from napari_axiswise.layouts.ome.wells import name_wells


def plate(rows: str, columns: str) -> dict[str, Any]:
    """Return the attributes of a plate with the names of its rows and columns, separated by spaces."""
    return {
        "rows": [{"name": name} for name in rows.split()],
        "columns": [{"name": name} for name in columns.split()],
    }


def at(row: int, column: int) -> dict[str, int]:
    return {"rowIndex": row, "columnIndex": column}


NUMBERS = plate("0 1 2 3 4", "0 1 2")


@pytest.mark.parametrize(
    ("attributes", "wells", "names"),
    [
        # glencoesoftware/bioformats2raw#119
        (plate("0 1", "0 1"), {"0/0": at(0, 0), "1/1": at(1, 1)}, ["A01", "B02"]),
        (NUMBERS, {"4/2": at(4, 2)}, ["E03"]),
        ({}, {"4/11": at(4, 11)}, ["E12"]),
        ({}, {"4/11": at(3, 10)}, ["D11"]),
        (plate("1 2", "1 2"), {"1/1": at(0, 0), "2/2": at(1, 1)}, ["A01", "B02"]),
        # A plate that lists only the rows and columns it has.
        (plate("2 5", "3"), {"2/3": at(0, 0), "5/3": at(1, 0)}, ["B03", "E03"]),
        (plate("A C", "1 07"), {"A/1": at(0, 0), "C/07": at(1, 1)}, ["A01", "C07"]),
        (plate("A B", "0 1"), {"A/0": at(0, 0), "A/1": at(0, 1), "B/1": at(1, 1)}, ["A00", "A01", "B01"]),
        (plate("0 1", "0 1"), {"1/0": {}, "1/1": {}}, ["B01", "B02"]),
        ({}, {"AA/01": {}, "b/2": {}}, ["AA01", "B02"]),
        (NUMBERS, {"1/1": {"row_index": 1, "column_index": 1}}, ["B02"]),
        # Two wells are never one.
        (plate("A a", "1"), {"A/1": at(0, 0), "a/1": at(1, 0)}, ["A01", "B01"]),
        ({}, {"A/1": {}, "A/01": {}}, ["A/1", "A/01"]),
        ({}, {"A/1": at(0, 0), "a/1": at(0, 0)}, ["A/1", "a/1"]),
        ({}, {"1/1": at(0, 0), "01/1": at(0, 0)}, ["1/1", "01/1"]),
        (plate("x y", "p q"), {"row x/p": at(0, 0), "row y/q": at(1, 1)}, ["A01", "B02"]),
        ({}, {"A/1": at(0, 0), "blank": {}}, ["A01", "blank"]),
        ({"rows": "x", "columns": [None, 3]}, {"q": {"rowIndex": True}}, ["q"]),
    ],
)  # fmt: skip
def test_names_of_wells(attributes: dict[str, Any], wells: Mapping[str, Any], names: list[str]) -> None:
    assert list(name_wells(attributes, wells).values()) == names


def test_a_numbered_well_beside_a_named_one_keeps_its_number(tmp_path: Path) -> None:
    for name in ("1", "A01"):
        tifffile.imwrite(tmp_path / f"{name}_s1.tif", np.zeros((4, 4), np.uint8))
    assert aw.open_dataset(tmp_path, pattern="{well}_s{site}.tif").components["well"] == ("1", "A01")
