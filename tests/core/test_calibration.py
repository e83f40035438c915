"""What the microscope wrote goes through a run: into the output, and back out of it."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import yaozarrs
from hypothesis import given
from hypothesis import strategies as st
from tifffile import imwrite

import napari_axiswise as aw
from napari_axiswise.core.calibration import Calibration, number

RECORD = (
    '<MeasurementRecord Type="IMG" Row="2" Column="3" FieldIndex="{site}" ZIndex="{z}" TimePoint="{t}" Ch="{c}" '
    'X="{x}" Y="{y}" Z="{height}" Time="2024-01-01T00:00:{second:02d}+01:00">{name}</MeasurementRecord>'
)


def write_plate(folder: Path) -> Path:
    """Write a Yokogawa plate of one well with two of everything else."""
    folder.mkdir()
    records = []
    for place in np.ndindex(2, 2, 2, 2):
        site, z, t, c = (index + 1 for index in place)
        name = f"p_B03_T{t:04d}F{site:03d}L01A01Z{z:02d}C{c:02d}.tif"
        imwrite(folder / name, np.full((8, 8), 8 * site + 4 * z + 2 * t + c, np.uint16))
        records.append(
            RECORD.format(
                site=site, z=z, t=t, c=c, x=100 * site, y=50, height=1.5 * z, second=20 * t, name=name
            )
        )
    (folder / "MeasurementData.mlf").write_text(f"<MeasurementData>{''.join(records)}</MeasurementData>")
    channels = "".join(
        f'<MeasurementChannel Ch="{c}" HorizontalPixelDimension="0.5" VerticalPixelDimension="0.25"/>'
        for c in (1, 2)
    )
    (folder / "MeasurementDetail.mrf").write_text(
        f'<MeasurementDetail MeasurementSettingFileName="a.mes">{channels}</MeasurementDetail>'
    )
    names = "".join(f'<Channel Ch="{c}" Target="{name}"/>' for c, name in ((1, "DAPI"), (2, "GFP")))
    (folder / "a.mes").write_text(f"<MeasurementSetting>{names}</MeasurementSetting>")
    return folder


KNOWN = Calibration(
    pixel_size=(0.25, 0.5),
    unit="micrometer",
    z_step=1.5,
    time_step=20.0,
    channel_names={"1": "DAPI", "2": "GFP"},
    positions={("B03", "1"): (-50.0, 100.0), ("B03", "2"): (-50.0, 200.0)},
)


def test_what_the_microscope_wrote_goes_through_a_run(tmp_path: Path) -> None:
    dataset = aw.open_dataset(write_plate(tmp_path / "plate"))
    assert dataset.calibration == KNOWN
    pipeline = aw.Pipeline([aw.Step(np.negative, name="negative")])
    result = aw.run(dataset, pipeline, axis="site", executor="serial", output=tmp_path / "out")
    assert not result.failures

    plate = tmp_path / "out"
    yaozarrs.validate_zarr_store(str(plate))
    written = json.loads((plate / "B/03/1/zarr.json").read_text())["attributes"]["ome"]
    scale, translation = written["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [20.0, 1.0, 1.5, 0.25, 0.5]
    assert translation["translation"] == [0.0, 0.0, 0.0, -50.0, 200.0]
    assert [channel["label"] for channel in written["omero"]["channels"]] == ["DAPI", "GFP"]

    again = aw.open_dataset(plate)
    assert again.components == dataset.components
    assert again.calibration == KNOWN
    assert aw.open_result(tmp_path / "out").dataset.calibration == KNOWN


@given(
    st.builds(
        Calibration,
        pixel_size=st.none() | st.tuples(st.floats(0.01, 10), st.floats(0.01, 10)),
        unit=st.sampled_from(["pixel", "micrometer"]),
        z_step=st.none() | st.floats(0.1, 5),
        time_step=st.none() | st.floats(0.1, 5000),
        channel_names=st.fixed_dictionaries({}, optional=dict.fromkeys("123", st.text(max_size=5))),
        positions=st.fixed_dictionaries(
            {}, optional=dict.fromkeys(product(["A01", "B02"], "12"), st.tuples(*[st.floats(-100, 100)] * 2))
        ),
    )
)
def test_a_calibration_survives_being_written(known: Calibration) -> None:
    assert Calibration.from_json(json.loads(json.dumps(known.to_json()))) == known
    assert known.merged_with(Calibration()) == known
    assert Calibration().merged_with(known) == known


def test_numbers_as_somebody_wrote_them() -> None:
    assert [number(text) for text in ("1.5", "1e3", "", "nan", "inf", None, "three")] == [
        1.5,
        1000,
        0,
        0,
        0,
        0,
        0,
    ]
