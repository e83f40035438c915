"""Plate maps, values per well, roles of controls, and Z′."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import napari_axiswise as aw
from napari_axiswise.core.wells import row_name
from napari_axiswise.plates.map_file import LARGEST

wells = st.builds(lambda row, column: f"{row_name(row)}{column:02d}", st.integers(0, 31), st.integers(1, 48))


@dataclass(frozen=True)
class Read:
    """A file and what is in it: a column per property, by well."""

    name: str
    content: str | bytes
    columns: dict[str, dict[str, Any]]
    file: str = "map.csv"

    def __str__(self) -> str:
        return self.name

    @property
    def bytes(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.encode()


DOSES = {"dose": {"A01": 0, "A02": 5}}
GENES = {"gene": {"A01": "ERK", "A02": "Müller"}}
HALVES = {"dose": {"A01": 0.5, "A02": 10.0}}

READ = (
    Read("well", "well,dose\nA01,0\nA02,5\n", DOSES),
    Read("well-in-another-case", "WELL,dose\nA01,0\nA02,5\n", DOSES),
    Read("well-in-another-place", "dose,Well\n0,A01\n5,A02\n", DOSES),
    Read("well-unpadded", "well,dose\na1,0\n A2 ,5\n", DOSES),
    Read("well-with-a-dash", "well,dose\nA-1,0\nA_02,5\n", DOSES),
    Read("the-last-well", "well,dose\nAF48,1\n", {"dose": {"AF48": 1}}),
    Read("row-and-column", "Column,Row,dose\n01,A,0\n02,a,5\n", DOSES),
    Read("row-as-a-number", "row,column,dose\n1,1,0\n01,02,5\n", DOSES),
    Read("well-before-row-and-column", "row,column,well,dose\nx,y,A01,0\nx,y,A02,5\n",
         {"row": dict.fromkeys(("A01", "A02"), "x"), "column": dict.fromkeys(("A01", "A02"), "y"), **DOSES}),
    Read("in-the-order-of-the-file", "well,dose\nB01,1\nA01,0\n", {"dose": {"B01": 1, "A01": 0}}),
    Read("semicolons", "well;dose\nA01;0\nA02;5\n", DOSES),
    Read("tabs", "well\tdose\nA01\t0\nA02\t5\n", DOSES),
    Read("a-decimal-comma", "well;dose\nA01;0,5\nA02;10\n", HALVES),
    Read("a-decimal-point", "well,dose\nA01,.5\nA02,1e1\n", HALVES),
    Read("commas-in-a-text", "well;name\nA01;1,2-diol\n", {"name": {"A01": "1,2-diol"}}),
    Read("quotes", 'well,name\nA01,"salt, sugar"\n', {"name": {"A01": "salt, sugar"}}),
    Read("a-line-break-in-quotes", 'well,name\nA01,"salt\nsugar"\n', {"name": {"A01": "salt\nsugar"}}),
    Read("delimiters-in-a-quoted-name", 'well;"dose, in nM"\nA01;0\nA02;5\n', {"dose, in nM": DOSES["dose"]}),
    Read("excel-says-what-divides", "sep=;\r\nwell;dose\r\nA01;0\r\nA02;5\r\n", DOSES),
    Read("windows", "well,dose\r\nA01,0\r\nA02,5\r\n", DOSES),
    Read("old-mac", "well,dose\rA01,0\rA02,5\r", DOSES),
    Read("utf-8", "well,gene\nA01,ERK\nA02,Müller\n", GENES),
    Read("byte-order-mark", b"\xef\xbb\xbf" + "well,gene\nA01,ERK\nA02,Müller\n".encode(), GENES),
    Read("latin-1", "well,gene\nA01,ERK\nA02,Müller\n".encode("latin-1"), GENES),
    Read("blank-rows", "\n,\nwell,dose\n\nA01,0\n,\nA02,5\n\n", DOSES),
    Read("trailing-delimiters", "well,dose,,\nA01,0,,\nA02,5,,\n", DOSES),
    Read("short-rows", "well,dose,gene\nA01,0\nA02,5,ERK\n", {**DOSES, "gene": {"A01": None, "A02": "ERK"}}),
    Read("missing-numbers", "well,dose\nA01,\nA02,NA\nA03,5\n", {"dose": {"A01": None, "A02": None, "A03": 5.0}}),
    Read("missing-texts", "well,gene\nA01,\nA02,Na\n", {"gene": {"A01": None, "A02": "Na"}}),
    Read("no-properties", "well\nA01\n", {}),
    Read("numbers-too-long-for-an-integer", f"well,code\nA01,{10**30}\n", {"code": {"A01": 1e30}}),
    Read("plate", ",1,2\nA,0,5\n", DOSES, "dose.csv"),
    Read("plate-of-texts", ";01;02\na;ERK;Müller\n", GENES, "gene.csv"),
    Read("plate-with-a-name-in-the-corner", "um,1,2\nA,0,5\n", DOSES, "dose.csv"),
    Read("plate-by-rows", ",1,2\nA,1,2\nB,3,\n",
         {"dose": {"A01": 1.0, "A02": 2.0, "B01": 3.0, "B02": None}}, "dose.csv"),
)  # fmt: skip


@pytest.mark.parametrize("case", READ, ids=str)
def test_a_plate_map_is_read(tmp_path: Path, case: Read) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.bytes)
    plate_map = aw.read_plate_map(path)
    assert plate_map.index.name == "well"
    assert list(plate_map.columns) == list(case.columns)
    for name, values in case.columns.items():
        column = plate_map[name]
        assert list(column.index) == list(values)
        assert [None if pd.isna(value) else value for value in column] == list(values.values())
        is_number = all(isinstance(value, int | float) for value in values.values() if value is not None)
        assert pd.api.types.is_numeric_dtype(column) == is_number


@dataclass(frozen=True)
class Refused:
    """A file that is none, and what the message says."""

    name: str
    content: bytes
    message: str

    def __str__(self) -> str:
        return self.name


REFUSED = (
    Refused("empty", b"", r"map.csv is empty\. Give it a column 'well'"),
    Refused("blank", b"\n , ,\n\n", r"map.csv is empty\."),
    Refused("no-rows", b"well,dose\n", r"map.csv is empty but for one row"),
    Refused("no-wells", b"name,dose\nx,1\n", r"first row is 'name' and 'dose'\. Give it a column 'well'"),
    Refused("only-a-row", b"row,dose\nA,1\n", r"does not say which wells"),
    Refused("no-well-at-all", b"well,dose\nA01,1\nQ99,2\n", r"row 3: 'Q99' is no well.*A01 … AF48"),
    Refused("beyond-the-rows", b"well,dose\nAG01,1\n", r"row 2: 'AG01' is no well"),
    Refused("beyond-the-columns", b"well,dose\nA49,1\n", r"row 2: 'A49' is no well"),
    Refused("column-0", b"well,dose\nA00,1\n", r"row 2: 'A00' is no well"),
    Refused("well-missing", b"well,dose\nA01,1\n,2\n", r"row 3: '' is no well"),
    Refused("after-blank-rows", b"\nwell,dose\n\nX,1\n", r"row 4: 'X' is no well"),
    Refused("row-beyond", b"row,column,dose\nAG,1,1\n", r"row 2: 'AG' '1' is no well"),
    Refused("row-33", b"row,column,dose\n33,1,1\n", r"row 2: '33' '1' is no well"),
    Refused("row-0", b"row,column,dose\n0,1,1\n", r"row 2: '0' '1' is no well"),
    Refused("column-a", b"row,column,dose\nA,A,1\n", r"row 2: 'A' 'A' is no well"),
    Refused("twice", b"well,dose\nA01,1\nA02,1\na1,2\n", r"row 4: well A01 is in row 2 already"),
    Refused("row-twice", b"row,column\nA,1\n1,01\n", r"row 3: well A01 is in row 2 already"),
    Refused("plate-twice", b",1,2\nA,1,2\nA,1,2\n", r"row 3: well A01 is in row 2 already"),
    Refused("plate-column-twice", b",1,1\nA,1,2\n", r"two columns are named '1'"),
    Refused("plate-column-padded-twice", b",1,01\nA,1,2\n", r"row 2: well A01 is in row 2 already"),
    Refused("plate-without-letters", b",1,2\nA,1,2\n7,3,4\n", r"row 3: '7' is no row of a plate"),
    Refused("plate-beyond", b",1,49\nA,1,2\n", r"row 2: 'A' '49' is no well"),
    Refused("two-names", b"well,dose,dose\nA01,1,2\n", r"row 1: two columns are named 'dose'"),
    Refused("two-wells", b"well,Well\nA01,A01\n", r"row 1: two columns are named 'Well'"),
    Refused("no-name", b"well,,dose\nA01,1,2\n", r"column 2: it has values but no name"),
    Refused(
        "too-long", b"well,dose\nA01,1,5\n", r"row 2: it has more values than the 2 columns.*double quotes"
    ),
    Refused("excel", b"PK\x03\x04\x00\x00", r"map.csv is no text\. Save the sheet as CSV"),
    Refused("utf-16", "well,dose\nA01,1\n".encode("utf-16"), r"map.csv is no text.*UTF-8"),
    Refused("large", b"well,dose\n" + b"A01,1\n" * LARGEST, r"more than 4 MB.*a row per well"),
    Refused("open-quote", b'well,name\nA01,x\nA02,"y\nA03,z\n', r"row 3, is no CSV: .*double quote too many"),
    Refused("a-huge-cell", b"well,dose\nA01," + b"x" * 200_000 + b"\n", r"is no CSV"),
)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_is_no_plate_map_is_an_error_that_says_why_and_where(tmp_path: Path, case: Refused) -> None:
    path = tmp_path / "map.csv"
    path.write_bytes(case.content)
    with pytest.raises(ValueError, match=case.message):
        aw.read_plate_map(path)


def test_a_plate_map_that_is_not_there_is_an_error_of_its_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        aw.read_plate_map(tmp_path / "none.csv")


@given(content=st.binary(max_size=200))
def test_bytes_are_a_plate_map_or_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    try:
        plate_map = aw.read_plate_map(path)
    except ValueError as error:
        message = str(error)
    else:
        message = path.name
        assert plate_map.index.is_unique
    assert path.name in message


@given(
    values=st.dictionaries(wells, st.integers(-(10**9), 10**9), min_size=1, max_size=20),
    delimiter=st.sampled_from(",;\t"),
    padded=st.booleans(),
)
def test_what_was_written_is_what_is_read(
    tmp_path: Path, values: dict[str, int], delimiter: str, padded: bool
) -> None:
    def spelled(well: str) -> str:
        letters = well.rstrip("0123456789")
        return well if padded else f"{letters.lower()}{int(well[len(letters) :])}"

    path = tmp_path / "map.csv"
    lines = [f"{spelled(well)}{delimiter}{value}" for well, value in values.items()]
    path.write_text("\n".join([f"well{delimiter}dose", *lines]))
    assert aw.read_plate_map(path)["dose"].to_dict() == values


def test_the_plate_map_of_bbbc013(shared_data: Path) -> None:
    plate_map = aw.read_plate_map(shared_data / "bbbc013" / "1049_Metadata.csv")
    assert list(plate_map.columns) == ["ImageNumber", "SBS_Doses", "SBS_Controls"]
    assert len(plate_map) == 96
    assert plate_map.loc["A12"].to_dict() == {"ImageNumber": 12, "SBS_Doses": 10, "SBS_Controls": 1}
    roles = aw.control_roles(plate_map)
    assert roles.value_counts().to_dict() == {"": 72, "negative": 16, "positive": 8}


# ----- beside a table


def cells(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"well": ["B02", "A01", "B02"], "area": [1.0, 2.0, 4.0], **columns})


def plate_map(index: tuple[str, ...] = ("A01", "B02"), **columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(columns or {"dose": [0, 5]}, index=pd.Index(index, name="well"))


def test_a_plate_map_is_put_beside_each_row(caplog: pytest.LogCaptureFixture) -> None:
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


def test_a_well_has_one_value_however_it_is_spelled() -> None:
    table = cells().assign(well=["b2", "a1", "B02"])
    assert aw.well_values(table, "area").to_dict() == {"A01": 2.0, "B02": 2.5}
    assert aw.well_values(table, statistic="count").to_dict() == {"A01": 1, "B02": 2}


def test_wells_that_the_map_lacks_are_missing_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    table = cells().assign(well=["B10", "A01", "B02"])
    with caplog.at_level(logging.WARNING):
        joined = aw.join_plate_map(table, plate_map(index=("A01", "C01")))
    assert joined["dose"].isna().tolist() == [True, False, True]
    (record,) = caplog.records
    assert "B02, B10 (2 of 3 wells)" in record.getMessage()


def test_a_table_without_rows_is_joined_too() -> None:
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
def test_what_does_not_fit_is_an_error(case: NotJoined) -> None:
    with pytest.raises(ValueError, match=case.message):
        aw.join_plate_map(case.table, case.plate_map)


# ----- values per well


@dataclass(frozen=True)
class Summed:
    """Of the wells A01 (2), B02 (1, 4, missing), B10 (missing)."""

    values: dict[str, float]
    column: str | None = "area"
    statistic: str = "mean"
    name: str = field(default="area")

    def __str__(self) -> str:
        return f"{self.column}-{self.statistic}"


SUMMED = (
    Summed({"A01": 2.0, "B02": 2.5, "B10": math.nan}),
    Summed({"A01": 2.0, "B02": 2.5, "B10": math.nan}, statistic="median"),
    Summed({"A01": math.nan, "B02": math.sqrt(4.5), "B10": math.nan}, statistic="std"),
    Summed({"A01": 2.0, "B02": 1.0, "B10": math.nan}, statistic="min"),
    Summed({"A01": 2.0, "B02": 4.0, "B10": math.nan}, statistic="max"),
    Summed({"A01": 2.0, "B02": 5.0, "B10": math.nan}, statistic="sum"),
    Summed({"A01": 1, "B02": 2, "B10": 0}, statistic="count"),
    Summed({"A01": 1, "B02": 3, "B10": 1}, None, "count", "count"),
    Summed({"A01": 1, "B02": 3, "B10": 1}, "count", "count", "count"),
    Summed({"A01": 1, "B02": 3, "B10": 1}, "count", "mean", "count"),
    Summed({"A01": 1.0, "B02": 1 / 3, "B10": 0.0}, "bright", "mean", "bright"),
)

OBJECTS = pd.DataFrame(
    {
        "well": ["B10", "B02", "B02", "A01", "B02"],
        "area": [math.nan, 1.0, 4.0, 2.0, math.nan],
        "bright": [False, True, False, True, False],
        "class": ["round", "long", "long", "round", "round"],
    }
)


@pytest.mark.parametrize("case", SUMMED, ids=str)
def test_a_column_is_summed_up_by_well_in_natural_order(case: Summed) -> None:
    values = aw.well_values(OBJECTS, case.column, case.statistic)
    assert list(values.index) == ["A01", "B02", "B10"]
    assert (values.name, values.index.name) == (case.name, "well")
    assert values.to_dict() == pytest.approx(case.values, nan_ok=True)


def test_a_column_that_is_named_count_is_a_column() -> None:
    table = pd.DataFrame({"well": ["A01", "A01"], "count": [5, 7]})
    assert aw.well_values(table, "count").to_dict() == {"A01": 6.0}
    assert aw.well_values(table, statistic="count").to_dict() == {"A01": 2}


def test_no_rows_are_no_wells() -> None:
    assert aw.well_values(OBJECTS.iloc[:0], "area").empty
    assert aw.well_values(OBJECTS.iloc[:0], "count").empty


NOT_SUMMED: dict[str, tuple[pd.DataFrame, str | None, str, str]] = {
    "column": (OBJECTS, "volume", "mean", r"no column 'volume', only 'well', 'area'"),
    "statistic": (OBJECTS, "area", "mode", r"statistic='mode': use one of mean, median, std"),
    "text": (OBJECTS, "class", "mean", r"'class' has no numbers but \w+, for instance 'round'\. Use one of 'area'"),
    "no-column": (OBJECTS, None, "mean", r"statistic='mean' needs a column: 'well', 'area'"),
    "no-well": (OBJECTS.drop(columns="well"), "area", "mean", r"no column 'well'"),
    "no-well-to-count": (OBJECTS.drop(columns="well"), None, "count", r"no column 'well'"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_SUMMED.values(), ids=NOT_SUMMED.keys())
def test_what_cannot_be_summed_up_is_an_error(case: tuple[pd.DataFrame, str | None, str, str]) -> None:
    table, column, statistic, message = case
    with pytest.raises(ValueError, match=message):
        aw.well_values(table, column, statistic)


# ----- controls

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


def test_the_first_column_about_controls_is_used_unless_another_is_given() -> None:
    given = plate_map(dose=[0, 1], SBS_Controls=[1, -1], is_control=["neg", "pos"])
    assert list(aw.control_roles(given)) == ["positive", "negative"]
    assert list(aw.control_roles(given, "is_control")) == ["negative", "positive"]
    assert list(aw.control_roles(given, "dose")) == ["", "positive"]


@pytest.mark.parametrize(
    ("column", "message"),
    [(None, r"about controls: it has 'dose'\. Give column="), ("role", r"plate map has no column 'role'")],
)
def test_no_column_about_controls_is_an_error(column: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        aw.control_roles(plate_map(), column)


Z_PRIMES = {
    "by-hand": ([10.0, 12.0], [0.0, 2.0], 1 - 3 * 2 * math.sqrt(2) / 10),
    "either-way-round": ([0.0, 2.0], [10.0, 12.0], 1 - 3 * 2 * math.sqrt(2) / 10),
    "no-spread": ([5, 5], [1, 1, 1], 1.0),
    "missing-values": ([10.0, math.nan, 12.0], [0.0, 2.0, math.nan], 1 - 3 * 2 * math.sqrt(2) / 10),
    "equal-means": ([1.0, 3.0], [0.0, 4.0], -math.inf),
    "equal-values": ([1.0, 1.0], [1.0, 1.0], -math.inf),
}


@pytest.mark.parametrize("case", Z_PRIMES.values(), ids=Z_PRIMES.keys())
def test_z_prime(case: tuple[list[float], list[float], float]) -> None:
    positive, negative, expected = case
    assert aw.z_prime(positive, negative) == pytest.approx(expected)
    assert aw.z_prime(pd.Series(positive), np.asarray(negative)) == pytest.approx(expected)


NO_Z_PRIMES = {
    "none": ([], [1.0, 2.0], r"two or more positive controls with a value, and there are 0"),
    "one": ([1.0, 2.0], [1.0], r"two or more negative controls with a value, and there are 1"),
    "one-but-missing": ([1.0, math.nan], [1.0, 2.0], r"two or more positive.* there are 1"),
    "infinite": ([1.0, math.inf], [1.0, 2.0], r"positive control is infinite"),
}


@pytest.mark.parametrize("case", NO_Z_PRIMES.values(), ids=NO_Z_PRIMES.keys())
def test_z_prime_needs_two_finite_wells_of_each_kind(case: tuple[list[float], list[float], str]) -> None:
    positive, negative, message = case
    with pytest.raises(ValueError, match=message):
        aw.z_prime(positive, negative)


values = st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=8)


@given(values, values, st.integers(1, 100), st.integers(-100, 100))
def test_z_prime_is_at_most_1_and_knows_neither_unit_nor_offset_nor_direction(
    positive: list[float], negative: list[float], unit: int, offset: int
) -> None:
    assume(np.mean(positive) != np.mean(negative))
    expected = aw.z_prime(positive, negative)
    assert expected <= 1
    assert aw.z_prime(negative, positive) == expected
    scaled = (np.asarray(group) * unit + offset for group in (positive, negative))
    assert aw.z_prime(*scaled) == pytest.approx(expected)
