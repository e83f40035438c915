"""Real plates and time-lapses, as their READMEs describe them. Skipped if the data are absent."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

import napari_axiswise as aw
from napari_axiswise.functions import PIPELINES

YOKOGAWA = "CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack"
MOVIE = "EMBO_2012_Group3--empty--empty--W0002--P001"


@dataclass(frozen=True)
class RealData:
    """A dataset, its components, and some of its planes with their files."""

    folder: str
    layout: str
    counts: dict[str, int]
    planes: int
    shape: tuple[int, int]
    dtype: str
    files: dict[str, dict[str, str]]
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    skipped: int = 0

    def __str__(self) -> str:
        return self.folder


DATA = (
    RealData(
        "imagexpress/9987_Plate_3435",
        "imagexpress",
        {"well": 2, "site": 2, "timepoint": 2, "channel": 2},
        16,
        (256, 256),
        "uint16",
        {
            "TimePoint_1/9987_B02_s1_w1.TIF": {"well": "B02", "site": "1", "timepoint": "1", "channel": "1"},
            "TimePoint_2/9987_B03_s2_w1.TIF": {"well": "B03", "site": "2", "timepoint": "2", "channel": "1"},
            "TimePoint_2/9987_B02_s1_w2.TIF": {"well": "B02", "site": "1", "timepoint": "2", "channel": "2"},
        },
        {"well": ("B02", "B03")},
    ),
    RealData(
        "imagexpress/9987_Plate_3434",
        "imagexpress",
        {"well": 2, "site": 2, "timepoint": 1, "channel": 3, "z_index": 3},
        36,
        (256, 256),
        "uint16",
        {
            "TimePoint_1/ZStep_0/9987_B02_s1_w1.TIF": {
                "well": "B02",
                "site": "1",
                "channel": "1",
                "z_index": "projection",
            },
            "TimePoint_1/ZStep_2/9987_B03_s2_w3.TIF": {
                "well": "B03",
                "site": "2",
                "channel": "3",
                "z_index": "2",
            },
        },
        {"well": ("B02", "B03"), "z_index": ("1", "2", "projection")},
    ),
    RealData(
        "imagexpress/9987_Plate_3420",
        "imagexpress",
        {"well": 1, "timepoint": 1},
        1,
        (256, 256),
        "uint16",
        {"TimePoint_1/9987_B02.TIF": {}},
    ),
    RealData(
        "imagexpress",
        "imagexpress",
        {"plate": 3, "well": 2, "site": 2, "timepoint": 2, "channel": 3, "z_index": 3},
        53,
        (256, 256),
        "uint16",
        {"9987_Plate_3420/TimePoint_1/9987_B02.TIF": {"plate": "9987_Plate_3420"}},
        skipped=1,
    ),
    RealData(
        "operetta",
        "operetta",
        {"well": 1, "site": 2, "timepoint": 1, "channel": 1, "z_index": 1},
        2,
        (1080, 1080),
        "uint16",
        {"Images/r03c03f02p01-ch1sk1fk1fl1.tiff": {"site": "2"}},
        {"well": ("C03",)},
        skipped=1,
    ),
    RealData(
        f"yokogawa/{YOKOGAWA}_20230918_135839/{YOKOGAWA}",
        "yokogawa",
        {"well": 3, "site": 4, "timepoint": 1, "channel": 2, "z_index": 4},
        96,
        (2000, 2000),
        "uint16",
        {
            f"{YOKOGAWA}_E03_T0001F002L01A02Z03C02.tif": {
                "well": "E03",
                "site": "2",
                "channel": "2",
                "z_index": "3",
            }
        },
        {"well": ("D08", "E03", "F08")},
        skipped=6,
    ),
    RealData(
        "bbbc013",
        "filenames",
        {"well": 96, "channel": 2},
        192,
        (640, 640),
        "uint8",
        {
            "Channel1-01-A-01.tif": {"well": "A01", "channel": "1"},
            "Channel2-96-H-12.tif": {"well": "H12", "channel": "2"},
        },
        skipped=1,
    ),
    RealData(
        "mitocheck/mitocheck-movie",
        "filenames",
        {"well": 1, "site": 1, "timepoint": 30, "z_index": 1},
        30,
        (190, 211),
        "uint8",
        {
            f"{MOVIE}--T00000--Z000--C.tif": {"timepoint": "0"},
            f"{MOVIE}--T00010--Z000--C.tif": {"timepoint": "10"},
            f"{MOVIE}--T00029--Z000--C.tif": {"timepoint": "29"},
        },
        {"timepoint": tuple(str(number) for number in range(30))},
    ),
    RealData(
        "mitocheck/batch_process",
        "filenames",
        {"image": 4},
        4,
        (364, 260),
        "uint8",
        {"xy_8bit__mitocheck_incenp_t70.tif": {"image": "xy_8bit__mitocheck_incenp_t70"}},
        skipped=2,
    ),
    RealData(
        "nuclei",
        "filenames",
        {"image": 2},
        2,
        (512, 512),
        "uint16",
        {"img2d.tif": {"image": "img2d"}},
        skipped=1,
    ),
)


@pytest.mark.parametrize("case", DATA, ids=str)
def test_a_real_dataset_has_the_components_in_its_readme(shared_data: Path, case: RealData) -> None:
    dataset = aw.open_dataset(shared_data / case.folder)
    assert dataset.layout == case.layout
    assert {name: len(values) for name, values in dataset.components.items()} == case.counts
    assert {name: dataset.components[name] for name in case.values} == case.values
    assert len(dataset) == len(dataset.planes) == case.planes
    assert (dataset.shape, str(dataset.dtype)) == (case.shape, case.dtype)
    assert len(dataset.problems) == case.skipped, [str(problem) for problem in dataset.problems]


@pytest.mark.parametrize("case", DATA, ids=str)
def test_a_real_plane_has_the_pixels_of_its_file(shared_data: Path, case: RealData) -> None:
    dataset = aw.open_dataset(shared_data / case.folder)
    for file, values in case.files.items():
        plane = dataset.read(**values)
        assert plane.ndim == 2
        np.testing.assert_array_equal(plane, tifffile.imread(shared_data / case.folder / file))


def test_files_on_disk_take_precedence_over_the_htd_file(shared_data: Path) -> None:
    dataset = aw.open_dataset(shared_data / "imagexpress" / "9987_Plate_3435")
    assert len(dataset.channel_names) == 4
    assert len(dataset.components["channel"]) == len(dataset.components["timepoint"]) == 2
    assert dataset.channel_names["1"] == "DAPI"


def test_a_real_plate_has_a_pixel_size(shared_data: Path) -> None:
    dataset = aw.open_dataset(shared_data / "imagexpress" / "9987_Plate_3435")
    assert dataset.pixel_size == pytest.approx((1.3672, 1.3672))
    assert dataset.unit == "micrometer"


def test_calibration_images_are_not_planes(shared_data: Path) -> None:
    dataset = aw.open_dataset(shared_data / "yokogawa")
    skipped = {Path(problem.path).name[:3] for problem in dataset.problems if problem.path.endswith(".tif")}
    assert skipped == {"DC_", "SC_"}


def test_a_96_well_plate_has_every_well(shared_data: Path) -> None:
    dataset = aw.open_dataset(shared_data / "bbbc013")
    wells = tuple(f"{row}{column:02d}" for row in "ABCDEFGH" for column in range(1, 13))
    assert dataset.components["well"] == wells


def test_the_nuclei_pipeline_finds_125_nuclei_within_5_percent(shared_data: Path, tmp_path: Path) -> None:
    truth = len(np.unique(tifffile.imread(shared_data / "nuclei" / "mask2d.tif"))) - 1
    assert truth == 125
    pipeline = PIPELINES["Find and measure nuclei"]()
    image = shared_data / "nuclei" / "img2d.tif"
    result = aw.run(image, pipeline, axis="image", executor="serial", output=tmp_path / "out")
    labels = result.read("nuclei")
    assert result.failures == {}
    assert labels.max() == len(result.table) == pytest.approx(truth, rel=0.05)
    assert set(result.table["image"]) == {"img2d"}
    assert (result.table["area"] > 0).all()


def test_a_real_ome_zarr_plate(shared_data: Path) -> None:
    dataset = aw.open_dataset(shared_data / "ome_zarr" / "plate-v04.zarr")
    assert dataset.layout == "ome_zarr"
    assert dataset.components == {"well": ("E07", "E08"), "site": ("1",), "channel": ("1", "2", "3")}
    assert (dataset.shape, str(dataset.dtype)) == ((256, 512), "uint16")
    assert dataset.pixel_size == (2.7336, 2.7336)
    assert dataset.channel_names["2"] == "Best-Focus-Projection_FITC_05"
    stored = zarr.open_array(shared_data / "ome_zarr/plate-v04.zarr/E/08/0/0", mode="r")
    np.testing.assert_array_equal(dataset.read(well="E08", channel="3"), stored[2])
    assert dataset.report().is_complete


def test_calibration_from_the_instruments(shared_data: Path) -> None:
    operetta = aw.open_dataset(shared_data / "operetta").calibration
    assert operetta.pixel_size == pytest.approx((1.195952, 1.195952))
    assert operetta.channel_names == {"1": "Fluorescein (FITC)"}
    # Upwards on the stage is upwards in the image: y is negative above the middle of the well.
    assert operetta.positions == {("C03", "1"): (-645.814, -645.814), ("C03", "2"): (-645.814, 645.814)}
    lapse = aw.open_dataset(shared_data / "imagexpress" / "9987_Plate_3435").calibration
    assert lapse.time_step == pytest.approx(30, abs=0.1)
    assert lapse.positions["B03", "2"] == (19885.0, 32300.0)
    stack = aw.open_dataset(shared_data / "imagexpress" / "9987_Plate_3434").calibration
    assert stack.z_step == pytest.approx(3, abs=0.01)
    yokogawa = aw.open_dataset(shared_data / "yokogawa").calibration
    assert (yokogawa.pixel_size, yokogawa.unit, yokogawa.z_step) == ((0.325, 0.325), "micrometer", 3.0)
    assert yokogawa.positions["D08", "1"] == (-402.9, -567.1)
