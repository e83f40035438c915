"""Units of pixel sizes, z steps and time steps: each quantity has its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_files import reasons

from napari_axiswise import open_dataset
from napari_axiswise.core.calibration import calibrate

PLANES = np.zeros((3, 5, 6), np.uint16)


@pytest.mark.parametrize(
    ("metadata", "seconds"),
    [
        ({"finterval": 15, "tunit": "min"}, 900),
        ({"finterval": 0.25, "tunit": "hour"}, 900),
        ({"finterval": 2, "tunit": "days"}, 172_800),
        ({"finterval": 500, "tunit": "ms"}, 0.5),
        ({"finterval": 500_000, "tunit": "usec"}, 0.5),
        ({"finterval": 3, "tunit": "sec."}, 3),
        ({"finterval": 3}, 3),
        ({"finterval": 3, "fps": 7}, 3),
        ({"fps": 4}, 0.25),
        ({"finterval": 3, "tunit": "fortnight"}, None),
    ],
)
def test_the_frame_interval_of_imagej_has_a_unit(
    tmp_path: Path, metadata: dict[str, object], seconds: float | None
) -> None:
    """4DNucleome/PartSeg#1323, cgohlke/tifffile#78."""
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, PLANES, imagej=True, metadata={"axes": "TYX", **metadata})
    dataset = open_dataset(path)
    assert dataset.calibration.time_step == pytest.approx(seconds)
    is_listed = seconds is None or "finterval" not in metadata
    assert ("movie.tif" in reasons(dataset)) == is_listed


@pytest.mark.parametrize(
    ("units", "size", "z_step", "unit"),
    [
        ({"unit": "um", "zunit": "nm"}, (0.5, 0.25), 0.003, "micrometer"),
        ({"unit": "um", "yunit": "nm"}, (0.5, 250), 3000, "nanometer"),
        ({"unit": "\\u00B5m"}, (0.5, 0.25), 3, "micrometer"),
        ({"unit": "Micrometers", "zunit": "nanometres"}, (0.5, 0.25), 0.003, "micrometer"),
        ({"unit": "microns", "zunit": "micron"}, (0.5, 0.25), 3, "micrometer"),
        ({"unit": "um", "zunit": "inches"}, (0.5, 0.25), 76_200, "micrometer"),
        ({"unit": "furlong"}, None, None, "pixel"),
        ({"unit": "um", "yunit": "furlong"}, None, None, "pixel"),
        ({"unit": "um", "zunit": "furlong"}, (0.5, 0.25), None, "micrometer"),
    ],
)
def test_each_length_of_imagej_has_a_unit(
    tmp_path: Path, units: dict[str, str], size: tuple[float, float] | None, z_step: float | None, unit: str
) -> None:
    path = tmp_path / "stack.tif"
    metadata = {"axes": "ZYX", "spacing": 3, **units}
    tifffile.imwrite(path, PLANES, imagej=True, resolution=(4, 2), metadata=metadata)
    dataset = open_dataset(path)
    if units.get("yunit") == "nm":
        size = (0.5, 250)
    assert dataset.calibration.pixel_size == (None if size is None else pytest.approx(size))
    assert dataset.calibration.z_step == (None if z_step is None else pytest.approx(z_step))
    assert dataset.calibration.unit == unit
    assert ("furlong" in str(reasons(dataset))) == ("furlong" in units.values())


def test_lengths_are_converted_to_the_unit_of_y() -> None:
    calibration, problems = calibrate((500, "nm"), (0.5, "µm"), (2, "um"), (500_000, "µs"))
    assert (calibration.pixel_size, calibration.unit) == ((500, 500), "nanometer")
    assert (calibration.z_step, calibration.time_step, problems) == (2000, 0.5, ())


def test_an_unknown_unit_gives_no_size_and_says_so() -> None:
    calibration, problems = calibrate((1, "reference frame"), (1, "µm"), (1, "µm"), (1, "frame"))
    assert calibration.pixel_size is calibration.z_step is calibration.time_step is None
    assert problems == ("the unit 'reference frame' of y is unknown, so that its size is not used",)
