"""A dose response from end to end: the script of the documentation on a made plate, and on the real one, BBBC013."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import tifffile
from pandas.testing import assert_frame_equal
from scipy.stats import spearmanr

import napari_axiswise as aw
from napari_axiswise.functions import surround

pytestmark = pytest.mark.timeout(900)

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


RATIOS = {"A01": 0.5, "A12": 4.0, "B01": 0.8, "B12": 3.0}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Four wells of nine cells; the protein in cytoplasm is 50 above a background of 10, that in nuclei a multiple."""
    y, x = np.mgrid[:160, :160]
    nuclei = np.zeros((160, 160), np.int32)
    for number in range(9):
        row, column = divmod(number, 3)
        nuclei[((y - 30 - 50 * row) / 6) ** 2 + ((x - 30 - 50 * column) / 10) ** 2 <= 1] = number + 1
    around = surround(nuclei, width=9, gap=0) > 0
    for number, (well, ratio) in enumerate(RATIOS.items(), 1):
        protein = np.full(nuclei.shape, 10.0) + 50.0 * around + 50.0 * ratio * (nuclei > 0)
        dna = np.where(nuclei > 0, 200, 5)
        for channel, image in ((1, protein), (2, dna)):
            name = f"Channel{channel}-{number:02d}-{well[0]}-{well[1:]}.tif"
            tifffile.imwrite(tmp_path / name, image.astype(np.uint8))
    return tmp_path


def test_the_ratio_of_a_made_well_is_the_one_it_was_made_with(script: ModuleType, made: Path) -> None:
    (made / script.PLATE_MAP).write_text(
        "Row,Column,SBS_Doses,SBS_Controls\nA,1,0,-1\nA,12,10,1\nB,1,0,-1\nB,12,10,1\n"
    )
    result = script.measure(made, executor="serial")
    assert result.failures == {}
    wells = script.by_well(result.table, aw.read_plate_map(made / script.PLATE_MAP))
    assert wells["count"].to_dict() == dict.fromkeys(RATIOS, 9)
    assert wells["ratio"].to_dict() == pytest.approx(RATIOS, rel=0.1)
    doses = script.dose_table(wells)
    assert doses["mean"].to_dict() == pytest.approx({("A–D", 0): 0.65, ("A–D", 10): 3.5}, rel=0.1)
    ratio = wells["ratio"]
    expected = aw.z_prime(ratio[["A12", "B12"]], ratio[["A01", "B01"]])
    assert script.z_prime_of(wells, "ABCD") == expected


@pytest.mark.parametrize("channel", [1, 2])
def test_a_well_that_lacks_a_channel_has_failed_and_is_not_measured(
    script: ModuleType, made: Path, channel: int
) -> None:
    (made / f"Channel{channel}-02-A-12.tif").unlink()
    result = script.measure(made, executor="serial")
    assert set(result.failures) == {"A12"}
    assert f"lacks channel {channel}" in result.failures["A12"].error
    assert set(result.table["well"]) == set(RATIOS) - {"A12"}


@pytest.mark.parametrize("arguments", [["somewhere"], []], ids=["given", "found"])
def test_the_folder_is_the_one_that_is_given_or_that_of_the_tests(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("AXISWISE_DATA", "data")
    assert script.find_folder(arguments) == Path(*arguments or ("data", "bbbc013"))


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "bbbc013"


@pytest.fixture(scope="module")
def result(script: ModuleType, folder: Path) -> aw.RunResult:
    return script.measure(folder, axis="well")


@pytest.fixture(scope="module")
def wells(script: ModuleType, folder: Path, result: aw.RunResult) -> pd.DataFrame:
    return script.by_well(result.table, aw.read_plate_map(folder / script.PLATE_MAP))


@pytest.mark.slow
def test_every_well_is_measured(result: aw.RunResult, wells: pd.DataFrame) -> None:
    assert result.failures == {}
    assert len(result.results) == len(wells) == 96
    assert wells["ratio"].notna().all()
    assert wells["count"].min() >= 50


@pytest.mark.slow
def test_a_nucleus_is_as_large_as_the_script_takes_it_to_be(result: aw.RunResult) -> None:
    assert result.table["area"].median() == pytest.approx(180, rel=0.15)
    assert result.table["ratio"].isna().mean() < 0.01


@pytest.mark.slow
def test_the_rings_of_a_well_are_around_its_nuclei(result: aw.RunResult) -> None:
    nuclei, rings = (result.read(name, well="D07") for name in ("nuclei", "rings"))
    assert nuclei.shape == rings.shape == (640, 640)
    assert not np.any((nuclei > 0) & (rings > 0))
    assert set(np.unique(rings)) <= set(np.unique(nuclei))


@pytest.mark.slow
@pytest.mark.parametrize("rows", ["ABCD", "EFGH"])
def test_the_protein_goes_into_the_nucleus_as_the_dose_rises(wells: pd.DataFrame, rows: str) -> None:
    half = wells[wells.index.str[0].isin(list(rows))]
    # Saturated from the sixth dose on: there, the order is that of chance.
    assert spearmanr(half["SBS_Doses"], half["ratio"]).statistic > 0.85
    assert half.groupby("SBS_Doses")["ratio"].mean().loc[[0, 3, 4, 5, 6]].is_monotonic_increasing
    untreated, treated = half["SBS_Doses"] == 0, half["SBS_Doses"] >= 6
    assert half.loc[untreated, "ratio"].max() < 1 < half.loc[treated, "ratio"].min()


@pytest.mark.slow
def test_the_controls_of_rows_a_to_d_are_well_apart(script: ModuleType, wells: pd.DataFrame) -> None:
    assert script.z_prime_of(wells, "ABCD") > 0.7
    ratio = wells["ratio"]
    positive, negative = ([ratio[f"{row}{column}"] for row in "ABCD"] for column in ("12", "01"))
    assert aw.z_prime(positive, negative) > 0.7


@pytest.mark.slow
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
