"""Stacks of z-slices of which some are missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from napari_axiswise.core.calibration import Calibration
from napari_axiswise.functions import label_objects
from napari_axiswise.pipeline.stacks import slices_refusal
from napari_axiswise.pipeline.unit_info import UnitInfo

CALIBRATION = Calibration((0.5, 0.25), "micrometer", z_step=2.0)


def unit(slices: Sequence[str]) -> UnitInfo:
    known = {"well": ("A01",), "z_index": ("1", "2", "3", "4", "projection")}
    return UnitInfo.of(known, {"well": "A01"}, {"z_index": tuple(slices)}, CALIBRATION)


@pytest.mark.parametrize(
    ("slices", "lacking", "step"),
    [("1234", "", 2.0), ("123", "", 2.0), ("124", "3", None), ("234", "1", 2.0), ("14", "2 and 3", None)],
)
def test_slices_that_are_missing_are_refused_where_distances_count(
    slices: str, lacking: str, step: float | None
) -> None:
    info = unit(slices)
    assert info.spacing == (step, 0.5, 0.25)
    refusal = slices_refusal(label_objects, info)
    assert (f"lacks z_index {lacking}," in refusal) if lacking else not refusal


def test_a_projection_alone_and_functions_of_users_are_not_refused() -> None:
    assert not slices_refusal(label_objects, unit(["projection"]))
    assert not slices_refusal(np.mean, unit("124"))
