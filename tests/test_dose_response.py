"""A dose response from end to end: the script of the documentation on the real plate, BBBC013."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import spearmanr

import napari_axiswise as aw

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BATCHES = "Channel{channel}-{batch:[0-9]}{_}-{row}-{column}.tif"
"""The same files, with the first digit of the image's number as one component more: ten wells are a batch."""


@pytest.fixture(scope="module")
def script(pytestconfig: pytest.Config) -> Iterator[ModuleType]:
    spec = spec_from_file_location("dose_response", pytestconfig.rootpath / "docs" / "dose_response.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "bbbc013"


@pytest.fixture(scope="module")
def result(script: ModuleType, folder: Path) -> aw.RunResult:
    return script.measure(folder, axis="well")


@pytest.fixture(scope="module")
def wells(script: ModuleType, folder: Path, result: aw.RunResult) -> pd.DataFrame:
    return script.by_well(result.table, aw.read_plate_map(folder / script.PLATE_MAP))


def test_every_well_is_measured(result: aw.RunResult, wells: pd.DataFrame) -> None:
    assert result.failures == {}
    assert len(result.results) == len(wells) == 96
    assert wells["ratio"].notna().all()
    assert wells["count"].min() >= 50


def test_a_nucleus_is_as_large_as_the_script_takes_it_to_be(result: aw.RunResult) -> None:
    assert result.table["area"].median() == pytest.approx(180, rel=0.15)
    assert result.table["ratio"].isna().mean() < 0.01


def test_the_rings_of_a_well_are_around_its_nuclei(result: aw.RunResult) -> None:
    nuclei, rings = (result.read(name, well="D07") for name in ("nuclei", "rings"))
    assert nuclei.shape == rings.shape == (640, 640)
    assert not np.any((nuclei > 0) & (rings > 0))
    assert set(np.unique(rings)) <= set(np.unique(nuclei))


@pytest.mark.parametrize("rows", ["ABCD", "EFGH"])
def test_the_protein_goes_into_the_nucleus_as_the_dose_rises(wells: pd.DataFrame, rows: str) -> None:
    half = wells[wells.index.str[0].isin(list(rows))]
    # Saturated from the sixth dose on: there, the order is that of chance.
    assert spearmanr(half["SBS_Doses"], half["ratio"]).statistic > 0.85
    assert half.groupby("SBS_Doses")["ratio"].mean().loc[[0, 3, 4, 5, 6]].is_monotonic_increasing
    untreated, treated = half["SBS_Doses"] == 0, half["SBS_Doses"] >= 6
    assert half.loc[untreated, "ratio"].max() < 1 < half.loc[treated, "ratio"].min()


def test_the_controls_of_rows_a_to_d_are_well_apart(script: ModuleType, wells: pd.DataFrame) -> None:
    assert script.z_prime_of(wells, "ABCD") > 0.7
    ratio = wells["ratio"]
    positive, negative = ([ratio[f"{row}{column}"] for row in "ABCD"] for column in ("12", "01"))
    assert aw.z_prime(positive, negative) > 0.7


def test_another_axis_gives_the_same_cells(script: ModuleType, folder: Path, result: aw.RunResult) -> None:
    dataset = aw.open_dataset(folder, BATCHES)
    by_batch = script.measure(dataset, axis="batch", axis_filter=["0", "4"])
    assert by_batch.failures == {}
    cells = by_batch.table.drop(columns="batch")
    measured = sorted(set(cells["well"]))
    assert len(measured) == 19
    expected = result.table[result.table["well"].isin(measured)].reset_index(drop=True)
    assert_frame_equal(
        cells.sort_values(["well", "label"], ignore_index=True)[list(expected.columns)],
        expected,
        check_exact=True,
    )
