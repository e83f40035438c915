"""Dataset.report: missing planes, and damaged or unusual files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tifffile import imwrite

import napari_axiswise as aw
from napari_axiswise.cli.main import main
from napari_axiswise.datasets.report import missing_codes
from napari_axiswise.layouts.layout import FoundPlanes, make_planes


def write_plate(folder: Path, wells: tuple[str, ...] = ("A01", "A02", "B01")) -> Path:
    """Write a plate of 2 sites, 2 channels and 3 timepoints."""
    folder.mkdir(parents=True)
    for number, well in enumerate(wells):
        for site in (1, 2):
            for channel in (1, 2):
                for timepoint in (1, 2, 3):
                    value = number * 100 + site * 20 + channel * 7 + timepoint
                    plane = np.full((16, 20), value, np.uint16)
                    imwrite(folder / f"{well}_s{site}_w{channel}_t{timepoint}.tif", plane)
    return folder


def test_a_complete_plate(tmp_path: Path) -> None:
    report = aw.open_dataset(write_plate(tmp_path / "plate")).report()
    assert report.is_complete
    assert (report.planes, report.planes_of_grid) == (36, 36)
    assert report.coverage.to_dict("list") == {
        "planes": [12] * 3,
        "expected": [12] * 3,
        "missing": [0] * 3,
        "share": [1.0] * 3,
    }
    assert report.matrix.to_numpy().tolist() == [[12, 12, 0], [12, 0, 0]]
    assert list(report.matrix.index) == ["A", "B"]
    assert str(report).splitlines()[2:5] == [
        "pixels: 16 × 20 uint16",
        "planes: 36 of 36",
        "wells: 3 (# complete, 0–9 tenths of its planes, · no well):",
    ]


def test_missing_planes_are_listed(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate")
    for timepoint in (1, 2, 3):
        (folder / f"A02_s1_w2_t{timepoint}.tif").unlink()
    (folder / "B01_s2_w1_t3.tif").unlink()
    report = aw.open_dataset(folder).report()
    assert not report.is_complete
    assert report.coverage["missing"].to_dict() == {"A01": 0, "A02": 3, "B01": 1}
    assert report.missing.astype(str).to_dict("records") == [
        {"well": "A02", "site": "1", "timepoint": timepoint, "channel": "2"} for timepoint in "123"
    ] + [{"well": "B01", "site": "2", "timepoint": "3", "channel": "1"}]
    text = str(report)
    assert "planes: 32 of 36; 4 missing:" in text
    assert "well B01, site 2, timepoint 3: channel 1" in text


def test_an_incomplete_plate_runs(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate")
    (folder / "A02_s1_w2_t1.tif").unlink()
    dataset = aw.open_dataset(folder)
    result = aw.run(dataset, aw.Pipeline([aw.Step(np.negative)]), axis="well", executor="serial")
    assert not result.failures
    assert result.timings["planes"].sum() == 35
    assert len(dataset.report().missing) == 1


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def write_another_shape(path: Path) -> None:
    imwrite(path, np.zeros((16, 21), np.uint16))


def write_another_type(path: Path) -> None:
    imwrite(path, np.zeros((16, 20), np.uint8))


def write_another_pixel_size(path: Path) -> None:
    imwrite(path, np.zeros((16, 20), np.uint16), imagej=True, resolution=(4, 4), metadata={"unit": "um"})


def write_no_image(path: Path) -> None:
    path.write_text("II*")


def claim_many_pixels(path: Path) -> None:
    imwrite(path, np.zeros((16, 20), np.uint16))
    data = bytearray(path.read_bytes())
    for tag in (256, 257):
        place = data.index(tag.to_bytes(2, "little"), 8)
        data[place + 2 : place + 12] = (
            (4).to_bytes(2, "little") + (1).to_bytes(4, "little") + (10**6).to_bytes(4, "little")
        )
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (make_empty, "the file is empty"),
        (cut_short, "truncated"),
        (write_another_shape, "planes of shape 16 × 21, where most files have 16 × 20"),
        (write_another_type, "pixels of type uint8, where most files have uint16"),
        (write_another_pixel_size, "a pixel size of 0.25 × 0.25, where most files have unknown"),
        (write_no_image, "not an image"),
        (claim_many_pixels, "more than the limit of 4 GiB"),
        (Path.unlink, "the file does not exist any more"),
    ],
)
@pytest.mark.parametrize("name", ["A01_s1_w1_t1.tif", "B01_s2_w1_t2.tif"])
def test_a_damaged_or_unusual_file_is_a_problem(
    tmp_path: Path, spoil: Callable[[Path], None], reason: str, name: str
) -> None:
    folder = write_plate(tmp_path / "plate")
    dataset = aw.open_dataset(folder)
    spoil(folder / name)
    problems = dataset.report().problems
    assert [problem.path for problem in problems] == [name]
    assert reason in problems[0].reason


def test_a_stack_of_another_length_is_a_problem(tmp_path: Path) -> None:
    for well, length in (("A01", 3), ("A02", 3), ("A03", 2)):
        stack = np.zeros((length, 1, 1, 8, 8), np.uint8)
        imwrite(tmp_path / f"{well}_s1.tif", stack, imagej=True, metadata={"axes": "TZCYX"})
    (problem,) = aw.open_dataset(tmp_path).report().problems
    assert problem.path == "A03_s1.tif"
    assert problem.reason == "axes T 2, where most files have T 3"


def test_channels_with_identical_files_are_a_problem(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate")
    shutil.copy(folder / "A02_s1_w1_t2.tif", folder / "A02_s1_w2_t2.tif")
    problems = aw.open_dataset(folder).report().problems
    assert [problem.path for problem in problems] == ["A02_s1_w2_t2.tif"]
    assert "channels 1 and 2 have identical files" in problems[0].reason
    assert "1 of the 18 places" in problems[0].reason


def test_odd_file_names_are_escaped(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate")
    for name in ("new\nline.txt", "turned\u202eabout.txt", "smile 😀.txt", os.fsdecode(b"not\xffutf8.txt")):
        (folder / name).write_text("")
    report = aw.open_dataset(folder).report()
    lines = [line.strip() for line in str(report).splitlines()]
    assert {
        r"new\nline.txt: not an image",
        r"turned\u202eabout.txt: not an image",
        "smile 😀.txt: not an image",
        r"not\udcffutf8.txt: not an image",
    } <= set(lines)
    str(report).encode()


def test_a_layer_in_memory_has_a_report() -> None:
    from napari.layers import Image

    layer = Image(np.zeros((3, 4, 8, 8), np.uint8), axis_labels=("t", "z", "y", "x"))
    report = aw.open_dataset([layer]).report()
    assert report.is_complete
    assert report.by == "timepoint"
    assert list(report.coverage["planes"]) == [4, 4, 4]


def test_the_missing_planes_of_a_well(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate")
    (folder / "A02_s1_w2_t1.tif").unlink()
    (folder / "B01_s2_w1_t3.tif").unlink()
    report = aw.open_dataset(folder).report()
    assert report.missing_of("B01").astype(str).to_dict("records") == [
        {"well": "B01", "site": "2", "timepoint": "3", "channel": "1"}
    ]
    assert report.missing_of("A01").empty
    assert report.missing_of("H12").empty


def test_the_command_prints_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_plate(tmp_path / "plate")
    assert main(["check", str(folder)]) == 0
    assert capsys.readouterr().out.strip() == str(aw.open_dataset(folder).report())
    (folder / "A02_s1_w2_t1.tif").unlink()
    assert main(["check", str(folder)]) == 1
    assert main(["check", str(tmp_path / "nowhere")]) == 2


@given(
    rows=st.sets(
        st.tuples(st.sampled_from("ABC"), st.integers(1, 4).map(str), st.integers(1, 3).map(str)), min_size=1
    )
)
def test_planes_and_missing_planes_make_up_the_grid(rows: set[tuple[str, str, str]]) -> None:
    columns = dict(zip(("batch", "site", "channel"), zip(*sorted(rows), strict=True), strict=True))
    files = [f"{number}.tif" for number in range(len(rows))]
    planes, _ = make_planes("/", FoundPlanes(files, {n: list(c) for n, c in columns.items()}), {})
    missing = missing_codes(planes)
    present = set(map(tuple, planes.codes.tolist()))
    absent = set(map(tuple, missing.tolist()))
    assert not present & absent
    assert len(present) + len(absent) == np.prod([len(values) for values in planes.components.values()])
    assert all(planes.row(codes) is not None for codes in present)
    assert all(planes.row(codes) is None for codes in absent)


def test_files_deleted_after_opening(tmp_path: Path) -> None:
    folder = write_plate(tmp_path / "plate")
    dataset = aw.open_dataset(folder)
    shutil.rmtree(folder)
    report = dataset.report()
    assert len(report.problems) == 36
    result = aw.run(dataset, aw.Pipeline([aw.Step(np.negative)]), axis="well", executor="serial")
    assert set(result.failures) == {"A01", "A02", "B01"}
    assert "no longer exists" in result.failures["A01"].error


def test_a_report_keeps_what_opening_lists_of_a_file_that_looks_unusual(tmp_path: Path) -> None:
    for well, count in (("A01", 3), ("A02", 3), ("A03", 2)):
        metadata = {"axes": "TYX", "unit": "um"}
        pixels = np.zeros((count, 4, 4), np.uint16)
        imwrite(
            tmp_path / f"plate_{well}.tif", pixels, imagej=True, resolution=(count, count), metadata=metadata
        )
    dataset = aw.open_dataset(tmp_path)
    reasons = [problem.reason for problem in dataset.report().problems if problem.path == "plate_A03.tif"]
    assert any("so it is not used" in reason for reason in reasons)
    assert any("axes" in reason for reason in reasons)
