"""The numbers of a heat map are those of the rows that there are, however often a task tells of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_axiswise as aw
from napari_axiswise.functions import PIPELINES
from napari_axiswise.plates.geometry import PlateGeometry
from napari_axiswise.ui.plate.drawing import PlateDrawing
from napari_axiswise.ui.plate.model import PlateChoice
from napari_axiswise.ui.plate.values import HeatValues

PLACE = {"timepoint": 0, "channel": 0}


@pytest.fixture(scope="module")
def result(plate: Path) -> aw.RunResult:
    return aw.run(plate, PIPELINES["Find and measure nuclei"](), "timepoint", executor="serial")


def numbers(result: aw.RunResult, column: str, times: int = 1) -> dict[str, float]:
    """By well, after each task has told of its rows so often."""
    values = HeatValues(result.store, "measurements", column, "mean", np.zeros((256, 3), np.uint8))
    for _ in range(times):
        values.update([event.result for event in result.outcomes.values()])
    components = {name: result.dataset.components[name] for name in ("well", *PLACE)}
    geometry = PlateGeometry.of(components, result.dataset.calibration, result.dataset.shape)
    assert geometry is not None
    (places, shown), *_ = values.all(geometry, PLACE)
    return {geometry.wells[well]: float(n) for (well, _), n in zip(places, shown.ravel(), strict=True)}


@pytest.mark.parametrize("column", ["area", "count"])
def test_rows_that_are_told_of_again_count_once(result: aw.RunResult, column: str) -> None:
    table = result.table[(result.table["timepoint"] == "1") & (result.table["channel"] == "1")]
    expected = aw.well_values(table, column, "count" if column == "count" else "mean").to_dict()
    assert numbers(result, column) == pytest.approx(expected)
    assert numbers(result, column, times=2) == pytest.approx(expected)


def test_a_column_that_is_not_there_is_said(result: aw.RunResult) -> None:
    drawing = PlateDrawing(result, PlateChoice("measurements", "areaa"))
    with pytest.raises(ValueError, match=r"areaa.*area"):
        drawing.update(list(result.outcomes.values()))


def test_a_step_that_has_no_wells_any_more_is_said_each_time(plate: Path) -> None:
    steps = [aw.Step(lambda stack: stack.max(axis=0), name="peak", variable="well")]
    result = aw.run(plate, steps, "timepoint", executor="serial")
    drawing = PlateDrawing(result, PlateChoice("peak"))
    for _ in range(2):
        with pytest.raises(ValueError, match="no plate"):
            drawing.update(list(result.outcomes.values()))
