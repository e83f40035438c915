"""Plate maps: joined to tables, and the roles of controls."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

import napari_axiswise as aw


def cells(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"well": ["B02", "A01", "B02"], "area": [1.0, 2.0, 4.0], **columns})


def plate_map(index: tuple[str, ...] = ("A01", "B02"), **columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(columns or {"dose": [0, 5]}, index=pd.Index(index, name="well"))


def test_a_plate_map_is_joined_to_each_row(caplog: pytest.LogCaptureFixture) -> None:
    joined = aw.join_plate_map(cells(), plate_map())
    assert joined.to_dict("list") == {
        "well": ["B02", "A01", "B02"],
        "area": [1.0, 2.0, 4.0],
        "dose": [5, 0, 5],
    }
    assert not caplog.records


def test_rows_keep_their_index_and_wells_their_spelling() -> None:
    table = cells().assign(well=["b2", "a1", "B02"]).set_axis([7, 3, 3])
    joined = aw.join_plate_map(table, plate_map())
    assert list(joined.index) == [7, 3, 3]
    assert list(joined["well"]) == ["b2", "a1", "B02"]
    assert list(joined["dose"]) == [5, 0, 5]


def test_spellings_of_a_well_share_one_value() -> None:
    table = cells().assign(well=["b2", "a1", "B02"])
    assert aw.well_values(table, "area").to_dict() == {"A01": 2.0, "B02": 2.5}
    assert aw.well_values(table, statistic="count").to_dict() == {"A01": 1, "B02": 2}


def test_wells_that_are_not_in_the_map_have_missing_values_and_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = cells().assign(well=["B10", "A01", "B02"])
    with caplog.at_level(logging.WARNING):
        joined = aw.join_plate_map(table, plate_map(index=("A01", "C01")))
    assert joined["dose"].isna().tolist() == [True, False, True]
    (record,) = caplog.records
    assert "B02, B10 (2 of 3 wells)" in record.getMessage()


def test_a_table_without_rows_is_joined() -> None:
    joined = aw.join_plate_map(cells().iloc[:0], plate_map())
    assert list(joined.columns) == ["well", "area", "dose"]
    assert len(joined) == 0


@dataclass(frozen=True)
class NotJoined:
    table: pd.DataFrame
    plate_map: pd.DataFrame
    message: str


NOT_JOINED = {
    "no-well": NotJoined(cells().drop(columns="well"), plate_map(), r"no column 'well', only 'area'"),
    "clash": NotJoined(cells(), plate_map(area=[1, 2]), r"have 'area'\. Rename.*'map_area'"),
    "a-column-well": NotJoined(cells(), plate_map(well=[1, 2]), r"have 'well'"),
    "twice": NotJoined(cells(), plate_map(index=("A01", "A01")), r"A01 twice"),
}


@pytest.mark.parametrize("case", NOT_JOINED.values(), ids=NOT_JOINED.keys())
def test_an_unsuitable_table_or_plate_map_is_an_error(case: NotJoined) -> None:
    with pytest.raises(ValueError, match=case.message):
        aw.join_plate_map(case.table, case.plate_map)


def test_a_path_is_not_a_plate_map() -> None:
    for use in (lambda path: aw.join_plate_map(cells(), path), aw.control_roles):
        with pytest.raises(TypeError, match=r"'doses\.xlsx' is a path.*read_plate_map"):
            use("doses.xlsx")


ROLES = {
    "positive": [
        1, 1.0, "1", "+1", "1.0", "pos", "POS", "Positive", "positive control", "pos_ctrl", "pos.", " positive ",
        "Positive-Control",
    ],
    "negative": [-1, -1.0, "-1", "-1.0", "neg", "Negative", "negative control", "neg.ctrl"],
    "": [
        0, 2, 10, -10, 1.5, "", None, math.nan, "sample", "0", "11", "position", "negated", "DMSO",
        "not positive", "control",
    ],
}  # fmt: skip


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role or "none")
def test_the_role_of_a_well(role: str) -> None:
    for value in ROLES[role]:
        roles = aw.control_roles(plate_map(index=("C03",), control=[value]))
        assert roles.to_dict() == {"C03": role}, repr(value)


def test_the_first_control_column_is_used_by_default() -> None:
    wells = plate_map(dose=[0, 1], SBS_Controls=[1, -1], is_control=["neg", "pos"])
    assert list(aw.control_roles(wells)) == ["positive", "negative"]
    assert list(aw.control_roles(wells, "is_control")) == ["negative", "positive"]
    assert list(aw.control_roles(wells, "dose")) == ["", "positive"]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (None, r"'control' in its name; its columns are 'dose'\. Give column="),
        ("role", r"plate map has no column 'role'"),
    ],
)
def test_a_missing_control_column_is_an_error(column: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        aw.control_roles(plate_map(), column)
