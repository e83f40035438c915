"""Reading plate maps from CSV files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import napari_axiswise as aw
from napari_axiswise.core.wells import row_name
from napari_axiswise.plates.map_file import LARGEST

wells = st.builds(lambda row, column: f"{row_name(row)}{column:02d}", st.integers(0, 31), st.integers(1, 48))


@dataclass(frozen=True)
class Read:
    """A file, and the columns that are expected, by well."""

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
    Read("excel-names-the-delimiter", "sep=;\r\nwell;dose\r\nA01;0\r\nA02;5\r\n", DOSES),
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
    """A file that is not a plate map, and the error message."""

    name: str
    content: bytes
    message: str

    def __str__(self) -> str:
        return self.name


REFUSED = (
    Refused("empty", b"", r"map.csv is empty\. It needs a column 'well'"),
    Refused("blank", b"\n , ,\n\n", r"map.csv is empty\."),
    Refused("no-rows", b"well,dose\n", r"map.csv has only one row"),
    Refused("no-wells", b"name,dose\nx,1\n", r"first row is 'name' and 'dose'\. It needs a column 'well'"),
    Refused("only-a-row", b"row,dose\nA,1\n", r"map.csv has no wells"),
    Refused("not-a-well", b"well,dose\nA01,1\nQ99,2\n", r"row 3: 'Q99' is not a well.*A01 … AF48"),
    Refused("beyond-the-rows", b"well,dose\nAG01,1\n", r"row 2: 'AG01' is not a well"),
    Refused("beyond-the-columns", b"well,dose\nA49,1\n", r"row 2: 'A49' is not a well"),
    Refused("column-0", b"well,dose\nA00,1\n", r"row 2: 'A00' is not a well"),
    Refused("well-missing", b"well,dose\nA01,1\n,2\n", r"row 3: '' is not a well"),
    Refused("after-blank-rows", b"\nwell,dose\n\nX,1\n", r"row 4: 'X' is not a well"),
    Refused("row-beyond", b"row,column,dose\nAG,1,1\n", r"row 2: 'AG' '1' is not a well"),
    Refused("row-33", b"row,column,dose\n33,1,1\n", r"row 2: '33' '1' is not a well"),
    Refused("row-0", b"row,column,dose\n0,1,1\n", r"row 2: '0' '1' is not a well"),
    Refused("column-a", b"row,column,dose\nA,A,1\n", r"row 2: 'A' 'A' is not a well"),
    Refused("twice", b"well,dose\nA01,1\nA02,1\na1,2\n", r"row 4: well A01 is also in row 2"),
    Refused("row-twice", b"row,column\nA,1\n1,01\n", r"row 3: well A01 is also in row 2"),
    Refused("plate-twice", b",1,2\nA,1,2\nA,1,2\n", r"row 3: well A01 is also in row 2"),
    Refused("plate-column-twice", b",1,1\nA,1,2\n", r"two columns are named '1'"),
    Refused("plate-column-padded-twice", b",1,01\nA,1,2\n", r"row 2: well A01 is also in row 2"),
    Refused("plate-without-letters", b",1,2\nA,1,2\n7,3,4\n", r"row 3: '7' is not a row of a plate"),
    Refused("plate-beyond", b",1,49\nA,1,2\n", r"row 2: 'A' '49' is not a well"),
    Refused("two-names", b"well,dose,dose\nA01,1,2\n", r"row 1: two columns are named 'dose'"),
    Refused("two-wells", b"well,Well\nA01,A01\n", r"row 1: two columns are named 'Well'"),
    Refused("no-name", b"well,,dose\nA01,1,2\n", r"column 2: the column has values but no name"),
    Refused("too-long", b"well,dose\nA01,1,5\n", r"row 2: the row has more values.*\(2\).*double quotes"),
    Refused("excel", b"PK\x03\x04\x00\x00", r"map.csv is not a text file\. Save the sheet as CSV"),
    Refused(
        "large-excel", b"PK\x03\x04\x00\x00" + b"x" * LARGEST, r"is not a text file\. Save the sheet as CSV"
    ),
    Refused("utf-16", "well,dose\nA01,1\n".encode("utf-16"), r"map.csv is not a text file.*UTF-8"),
    Refused("large", b"well,dose\n" + b"A01,1\n" * LARGEST, r"larger than 4 MB.*a row per well"),
    Refused(
        "open-quote", b'well,name\nA01,x\nA02,"y\nA03,z\n', r"row 3, is not valid CSV: .*extra double quote"
    ),
    Refused("a-huge-cell", b"well,dose\nA01," + b"x" * 200_000 + b"\n", r"is not valid CSV"),
)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_file_that_is_not_a_plate_map_is_an_error(tmp_path: Path, case: Refused) -> None:
    path = tmp_path / "map.csv"
    path.write_bytes(case.content)
    with pytest.raises(ValueError, match=case.message):
        aw.read_plate_map(path)


def test_a_missing_plate_map_is_an_error(tmp_path: Path) -> None:
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
def test_a_plate_map_survives_writing_and_reading(
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
