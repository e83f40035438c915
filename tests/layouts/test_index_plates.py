"""Whole plates of Operetta and Yokogawa."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from index_files import (
    LAYOUTS,
)

from napari_axiswise import Dataset, open_dataset
from napari_axiswise.layouts import registry


def opened(monkeypatch: pytest.MonkeyPatch, path: Path) -> Dataset:
    monkeypatch.setattr(registry, "LAYOUTS", (*LAYOUTS, *registry.LAYOUTS))
    return open_dataset(path)


def test_a_plate_of_harmony_opens(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = opened(monkeypatch, shared_data / "operetta")
    assert dataset.layout == "operetta"
    assert {n: v for n, v in dataset.components.items() if n in ("well", "site", "channel", "timepoint")} == {
        "well": ("C03",),
        "site": ("1", "2"),
        "timepoint": ("1",),
        "channel": ("1",),
    }
    assert dataset.calibration.pixel_size == pytest.approx((1.1959521619, 1.1959521619))
    assert dataset.calibration.channel_names == {"1": "Fluorescein (FITC)"}
    assert dataset.calibration.positions == {
        ("C03", "1"): (-645.814, -645.814),
        ("C03", "2"): (-645.814, 645.814),
    }
    assert dataset.index.read(0).shape == dataset.shape == (1080, 1080)
    assert [problem.path for problem in dataset.problems] == ["LICENSE"]


def test_a_plate_of_yokogawa_opens(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = opened(monkeypatch, shared_data / "yokogawa")
    assert dataset.layout == "yokogawa"
    assert dataset.components["well"] == ("D08", "E03", "F08")
    counts = {name: len(dataset.components[name]) for name in ("site", "channel", "z_index")}
    assert counts == {"site": 4, "channel": 2, "z_index": 4}
    assert len(dataset.index) == 96
    calibration = dataset.calibration
    assert (calibration.pixel_size, calibration.z_step) == ((0.325, 0.325), 3.0)
    assert calibration.positions["D08", "3"] == (247.0, -567.1)
    assert [calibration.channel_names[channel] for channel in "12"] == ["405", "488"]
    assert sum(problem.reason == "a calibration image" for problem in dataset.problems) == 6
    assert not dataset.index.read(0).any()


def test_fast_sequences_keep_their_timepoints(tmp_path: Path) -> None:
    records = []
    for number in range(3):
        name = f"r01c01f01p01-ch1sk1fk{number + 1}fl1.tiff"
        tifffile.imwrite(tmp_path / name, np.full((4, 4), number, np.uint8))
        records.append(
            f"<Image><URL>{name}</URL><Row>1</Row><Col>1</Col><FieldID>1</FieldID><PlaneID>1</PlaneID>"
            f"<TimepointID>{number}</TimepointID><ChannelID>1</ChannelID></Image>"
        )
    (tmp_path / "Index.idx.xml").write_text(f"<EvaluationInputData>{''.join(records)}</EvaluationInputData>")
    dataset = open_dataset(tmp_path)
    assert dataset.components["timepoint"] == ("1", "2", "3")
    assert [int(dataset.read(timepoint=value)[0, 0]) for value in "123"] == [0, 1, 2]


def test_timelines_are_a_component_where_there_are_several(tmp_path: Path) -> None:
    records = []
    for timeline, timepoint in ((1, 1), (1, 2), (2, 1), (2, 2)):
        name = f"p_A01_T{timepoint:04d}F001L{timeline:02d}A01Z01C01.tif"
        tifffile.imwrite(tmp_path / name, np.full((4, 4), 10 * timeline + timepoint, np.uint8))
        records.append(
            f'<MeasurementRecord Type="IMG" Row="1" Column="1" TimePoint="{timepoint}" FieldIndex="1" ZIndex="1" '
            f'TimelineIndex="{timeline}" Ch="1">{name}</MeasurementRecord>'
        )
    (tmp_path / "MeasurementData.mlf").write_text(f"<MeasurementData>{''.join(records)}</MeasurementData>")
    dataset = open_dataset(tmp_path)
    assert dataset.components["timeline"] == ("1", "2")
    assert int(dataset.read(timeline="2", timepoint="1")[0, 0]) == 21
