"""Durations are right whatever is done to the machine's clock while a run goes on."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

import pytest

import napari_axiswise as aw
from napari_axiswise.core.clock import now
from napari_axiswise.functions import PIPELINES


@pytest.mark.parametrize("hours", [5, -5], ids=["forwards", "backwards"])
def test_a_clock_that_jumps_changes_no_duration(
    hours: int, plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps = count()
    real = time.time
    before = now()
    monkeypatch.setattr(time, "time", lambda: real() + 3600 * hours * next(jumps))
    result = aw.run(
        aw.open_dataset(plate),
        PIPELINES["Find and measure nuclei"](),
        axis="timepoint",
        executor="serial",
        output=tmp_path / "run",
        time_limit=1800,
    )
    assert not result.failures
    timings = result.timings
    assert ((timings["seconds"] >= 0) & (timings["seconds"] < 1800)).all()
    assert ((timings["started"] >= before) & (timings["stopped"] <= now())).all()
    work = timings[["reading", "computing", "writing"]].sum(axis=1)
    assert (work <= timings["seconds"] + 0.1).all()
