"""Exports of Operetta (Harmony) and Yokogawa: the planes, problems and calibration of their index files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from index_files import (
    BTS,
    IDX,
    MLF,
    MRF,
    NAMED,
    V6,
    harmony,
    harmony_image,
    reasons,
    record,
    rows,
    values,
    write,
    yokogawa,
)

from napari_axiswise.core.calibration import Calibration
from napari_axiswise.layouts.layout import Layout
from napari_axiswise.layouts.vendors.operetta import Operetta
from napari_axiswise.layouts.vendors.yokogawa import Yokogawa


@dataclass(frozen=True)
class Export:
    """An export, the planes that it has, and what else is told of it."""

    what: str
    layout: Layout
    texts: Mapping[str, str]
    planes: Mapping[str, Mapping[str, str]]
    others: Sequence[str] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    calibration: Calibration | None = None

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


STACK = [
    harmony_image(
        PlaneID=str(plane),
        TimepointID=str(timepoint),
        PositionX="-0.0002",
        PositionY="0.0001",
        PositionZ=f"{2 * plane}E-06",
        MeasurementTimeOffset=str(1800 * timepoint + plane),
        ImageResolutionX="3E-07",
        ImageResolutionY="2E-07",
        ChannelName="DAPI & co",
    )
    for timepoint in (0, 1, 2)
    for plane in (1, 2, 3)
]
ENTRY = {"ChannelName": "Alexa 488", "ImageResolutionX": "5E-07", "ImageResolutionY": "5E-07"}

WRONG = {
    f"{number}.tif": wrong
    for number, wrong in enumerate(
        (
            ("Row", "0", "no plate has row 0 and column 4"),
            ("Row", "33", "row 33"),
            ("Row", "x", "'x' is not an integer"),
            ("Col", "49", "column 49"),
            ("Col", "", "column unknown"),
            ("FieldID", "-1", "'-1'"),
            ("PlaneID", "9" * 4000, "9' is not an integer of up to 9 digits"),
            ("TimepointID", "1.5", "'1.5'"),
            ("ChannelID", "٣", "'٣'"),
        )
    )
}
"""Fields that no image has, by the names of images, and what is told of them."""

EXPORTS = (
    Export(
        "harmony 5 with planes and timepoints",
        Operetta(),
        {IDX: harmony(STACK), "Assaylayout/Unnamed.xml": "<AssayLayout/>", "notes.txt": "hello"},
        {
            f"Images/r03c04f01p0{z}-ch1sk{t}fk1fl1.tiff": values("C04", timepoint=str(t), z_index=str(z))
            for t in (1, 2, 3)
            for z in (1, 2, 3)
        },
        problems={"notes.txt": "not an image"},
        calibration=Calibration(
            pixel_size=(0.2, 0.3),
            unit="micrometer",
            z_step=2.0,
            time_step=1800.0,
            channel_names={"1": "DAPI & co"},
            positions={("C04", "1"): (-100.0, -200.0)},
        ),
    ),
    Export(
        "harmony 6 with entries per channel",
        Operetta(),
        {"Index.xml": harmony([harmony_image()], {"1": ENTRY, "": ENTRY}, V6)},
        {NAMED: values("C04")},
        calibration=Calibration((0.5, 0.5), "micrometer", channel_names={"1": "Alexa 488"}),
    ),
    Export(
        "harmony with times of day, and a timepoint by its number",
        Operetta(),
        {
            "Index.xml": harmony(
                harmony_image(TimepointID=str(t), AbsTime=f"2022-12-19T10:{t}0:26.58+01:00", URL=f"{t}.tif")
                for t in (0, 2, 3)
            )
        },
        {f"{t}.tif": values("C04", timepoint=str(t + 1)) for t in (0, 2, 3)},
        calibration=Calibration(time_step=600.0),
    ),
    Export(
        "a name that says sk where no timepoint is meant",
        Operetta(),
        {"Index.xml": harmony([harmony_image(URL="mask9.tif", TimepointID="1")])},
        {"mask9.tif": values("C04", timepoint="2")},
    ),
    Export(
        "images of harmony that cannot be used",
        Operetta(),
        {
            IDX: harmony(
                [
                    harmony_image(),
                    harmony_image(State="Missing", FieldID="2"),
                    harmony_image(FieldID="3"),
                    harmony_image(URL=""),
                    *(harmony_image(**{key: text}, URL=url) for url, (key, text, _) in WRONG.items()),
                ]
            )
        },
        {f"Images/{NAMED}": values("C04")},
        others=[
            "Images/r03c04f02p01-ch1sk1fk1fl1.tiff",
            "Images/extra.tif",
            *(f"Images/{url}" for url in WRONG),
        ],
        problems={
            "Images/r03c04f02p01-ch1sk1fk1fl1.tiff": "its state is Missing, not Ok",
            "Images/r03c04f03p01-ch1sk1fk1fl1.tiff": "is in Index.idx.xml, but not on disk",
            IDX: "a record names no file",
            "Images/extra.tif": "not in an index file",
            **{f"Images/{url}": reason for url, (_, _, reason) in WRONG.items()},
        },
    ),
    Export(
        "several plates of harmony, one of them with two index files",
        Operetta(),
        {
            "a/Images/Index.idx.xml": harmony([harmony_image(URL="gone.tiff")]),
            "a/Images/Index.xml": harmony([harmony_image(PositionX="0", PositionY="0")]),
            "b/Index.xml": harmony([harmony_image()]),
            "c/Index.xml": harmony([]),
            "d/Index.xml": "<html/>",
        },
        {
            f"a/Images/{NAMED}": values("C04") | {"plate": "a/Images"},
            f"b/{NAMED}": values("C04") | {"plate": "b"},
        },
        problems={
            "a/Images/Index.idx.xml": "none of the 1 images in it can be used",
            "c/Index.xml": "it names no images",
        },
        calibration=Calibration(unit="micrometer"),
    ),
    Export(
        "yokogawa with a detail and a setting",
        Yokogawa(),
        {
            MLF: yokogawa(
                [
                    record("a.tif", Time="2023-09-18T13:58:44.4+02:00"),
                    record("b.tif", ZIndex="2", Z="3.0"),
                    record("c.tif", TimePoint="2", Time="2023-09-18T13:59:44.4+02:00"),
                    record("mip.tif", ZImageProcessing="Maximum"),
                    record("sum.tif", ZImageProcessing="Sum"),
                ]
            ),
            MRF: f'<b:MeasurementDetail xmlns:b="{BTS}" b:MeasurementSettingFileName="s.mes">'
            '<b:MeasurementChannel b:Ch="1" b:HorizontalPixelDimension="0.65" b:VerticalPixelDimension="0.325"/>'
            "</b:MeasurementDetail>",
            "s.mes": f'<b:S xmlns:b="{BTS}"><b:Channel b:Ch="1" b:Target="405" b:Fluorophore=""/>'
            '<b:Channel b:Ch="2" b:Fluorophore="GFP"/><b:Channel b:Ch="?" b:Target="1"/><b:Ch>1</b:Ch></b:S>',
            "geometry_parameter.xml": "<a/>",
            "x.wpi": "<a/>",
            "x.csv": "",
        },
        {
            "a.tif": values("B03"),
            "b.tif": values("B03", z_index="2"),
            "c.tif": values("B03", timepoint="2"),
            "mip.tif": values("B03", z_index="projection"),
            "sum.tif": values("B03", z_index="projection sum"),
        },
        problems={"x.csv": "not an image"},
        calibration=Calibration(
            (0.325, 0.65), "micrometer", 3.0, 60.0, {"1": "405", "2": "GFP"}, {("B03", "1"): (-2.5, 1.5)}
        ),
    ),
    Export(
        "the record wins over the name",
        Yokogawa(),
        {MLF: yokogawa([record("x_A01_T0001F001L01A01Z01C01.tif", TimePoint="2", Row="32", Column="48")])},
        {"x_A01_T0001F001L01A01Z01C01.tif": values("AF48", timepoint="2")},
    ),
    Export(
        "folders with slashes of both kinds, and images that were made PNG",
        Yokogawa(),
        {
            "p/" + MLF: yokogawa(
                [
                    record("Image\\a.tif"),
                    record("Image/b.tif", Ch="2"),
                    record("Image\\c.tif", Ch="3"),
                    record("Image/e.tif", Ch="4"),
                ]
            )
        },
        {
            "p/Image/a.tif": values("B03"),
            "p/Image/b.tif": values("B03", channel="2"),
            **({"p/Image\\c.tif": values("B03", channel="3")} if os.sep == "/" else {}),
        },
        others=["p/Image/e.png"],
    ),
    Export(
        "what was not acquired, and what is no record's",
        Yokogawa(),
        {
            MLF: yokogawa(
                [
                    record("a.tif"),
                    record("lost.tif", Ch="2"),
                    record("autofocus failed", Type="ERR", FieldIndex="", ZIndex="", Ch="", TimePoint="7"),
                ]
            )
        },
        {"a.tif": values("B03")},
        others=["DC_1.tif", "SC_2.tif", "other.tif"],
        problems={
            MLF: "Row 2, Column 3, TimePoint 7 was not acquired: autofocus failed",
            "lost.tif": "is in MeasurementData.mlf, but not on disk",
            "DC_1.tif": "a calibration image",
            "SC_2.tif": "a calibration image",
            "other.tif": "not in MeasurementData.mlf",
        },
    ),
    Export(
        "numbers that some leave out",
        Yokogawa(),
        {MLF: yokogawa([record("a.tif", ZIndex="", FieldIndex="", TimePoint="001")])},
        {"a.tif": {"well": "B03", "timepoint": "1", "channel": "1"}},
        calibration=Calibration(unit="micrometer", positions={("B03", "1"): (-2.5, 1.5)}),
    ),
    Export(
        "stage positions and times that are none",
        Yokogawa(),
        {MLF: yokogawa(record(f"{t}.tif", X="nan", Z="1e999", Time="now", TimePoint=str(t)) for t in (1, 2))},
        {"1.tif": values("B03"), "2.tif": values("B03", timepoint="2")},
        calibration=Calibration(),
    ),
)


@pytest.mark.parametrize("export", EXPORTS, ids=str)
def test_an_export_has_the_planes_that_its_index_file_tells(tmp_path: Path, export: Export) -> None:
    folder = write(tmp_path, export.texts, [*export.planes, *(o for o in export.others if "png" not in o)])
    for other in export.others:
        (tmp_path / other).touch()
    found = export.layout.find(folder)
    expected = dict(export.planes) | {o: values("B03", channel="4") for o in export.others if "png" in o}
    assert rows(found) == expected
    told = reasons(found)
    assert sorted(told) == sorted(export.problems)
    for path, reason in export.problems.items():
        assert reason in told[path]
    if export.calibration is not None:
        assert found is not None
        assert close(found.calibration) == close(export.calibration)


def close(calibration: Calibration) -> object:
    """Return what a calibration says, without the last digits."""
    size = calibration.pixel_size
    return {**calibration.to_json(), "pixel_size": size and tuple(round(length, 9) for length in size)}
