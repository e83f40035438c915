"""CSV files that a spreadsheet shows as they are."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

import napari_axiswise as aw
from napari_axiswise.results.csv_text import csv_text
from napari_axiswise.ui.common.export import export


def read(text: str) -> list[list[str]]:
    return pd.read_csv(io.StringIO(text), header=None, dtype=str, keep_default_na=False).to_numpy().tolist()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *(
            (text, f"'{text}")
            for text in ("=1+1", "+A1", "-A1", "@SUM(1)", "\t=1", " =1", "＝1", '=HYPERLINK("a")')
        ),
        *((text, text) for text in ("B02", "-1", "+2.5", "1=1", "", "a-b", "'=1")),
        (-1, "-1"),
    ],
)
@pytest.mark.parametrize("dtype", [object, "category"])
def test_a_text_is_no_formula(value: object, written: str, dtype: type | str) -> None:
    table = pd.DataFrame({"a": pd.Series([value, "x"], dtype=dtype), "n": [-1, 2]})
    assert read(csv_text(table))[1:] == [[written, "-1"], ["x", "2"]]
    assert read(csv_text(table, raw=True))[1] == [str(value), "-1"]


@pytest.mark.parametrize("rows", [(), (1,)])
def test_names_of_columns_are_no_formulas(rows: Sequence[int]) -> None:
    table = pd.DataFrame({"=1+1": rows})
    assert csv_text(table).startswith("'=1+1\n")
    assert csv_text(pd.DataFrame()) == pd.DataFrame().to_csv(index=False)


def formulas(plane: object) -> pd.DataFrame:
    return pd.DataFrame({"note": ["=1+1"], "-B1": [-1.5]})


def test_tables_of_a_result_and_of_a_plot(plate: Path, tmp_path: Path) -> None:
    step = aw.Step(formulas, name="notes", output="table")
    result = aw.run(plate, [step], axis="well", executor="serial", output=tmp_path / "out")
    for raw, start in ((False, "'"), (True, "")):
        text = result.export_csv(raw=raw)[0].read_text()
        assert f"{start}=1+1," in text
        assert f",{start}-B1" in text.splitlines()[0]
    export(tmp_path / "plot.csv", lambda: formulas(None), None)  # type: ignore[arg-type]
    assert "'=1+1" in (tmp_path / "plot.csv").read_text()
