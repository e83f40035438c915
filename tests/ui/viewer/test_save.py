"""A result can be kept elsewhere: copied with all that it needs, and its tables as CSV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import napari_axiswise as aw
from napari_axiswise.functions import PIPELINES
from napari_axiswise.ui.plate.layer import PLATE
from napari_axiswise.ui.viewer.layers import RESULT
from napari_axiswise.ui.viewer.save import write_result


@pytest.fixture(scope="module")
def result(plate: Path) -> aw.RunResult:
    return aw.run(plate, PIPELINES["Find and measure nuclei"](), "well", executor="serial")


def layer(output: str | None) -> tuple[np.ndarray, dict[str, object], str]:
    metadata = {} if output is None else {RESULT: {"step": "nuclei", "output": output}}
    return np.zeros((2, 2)), {"name": "some", "metadata": metadata}, "labels"


def test_a_copy_is_the_same_result(result: aw.RunResult, tmp_path: Path) -> None:
    copy = aw.open_result(result.save(tmp_path / "kept"))
    where = {"well": "B02", "site": "1", "timepoint": "2", "channel": "1"}
    np.testing.assert_array_equal(copy.read("nuclei", **where), result.read("nuclei", **where))
    pd.testing.assert_frame_equal(copy.table, result.table)
    assert copy.output == str(tmp_path / "kept")


def test_tables_are_csv_where_that_is_asked_for(result: aw.RunResult, tmp_path: Path) -> None:
    kept = result.save(tmp_path / "kept", csv=True)
    read = pd.read_csv(
        kept / "tables" / "measurements.csv", dtype={"site": str, "channel": str, "timepoint": str}
    )
    pd.testing.assert_frame_equal(read, result.table, check_dtype=False)


def test_places_are_in_pixels_and_in_the_unit_of_the_plate(result: aw.RunResult) -> None:
    columns = list(result.table.columns)
    assert columns[columns.index("y") :][:4] == ["y", "x", "y_micrometer", "x_micrometer"]
    np.testing.assert_allclose(result.table["x_micrometer"], 0.65 * result.table["x"])


def test_the_writer_copies_the_result_that_layers_show(result: aw.RunResult, tmp_path: Path) -> None:
    target = tmp_path / "kept.ome.zarr"
    assert write_result(str(target), [layer(None), layer(result.output)]) == [str(target)]
    assert repr(aw.open_result(target)).startswith("<RunResult by well: 2 done")


def test_the_layer_of_a_plate_shows_a_result_too(result: aw.RunResult, tmp_path: Path) -> None:
    plate = np.zeros((2, 2, 3)), {"metadata": {PLATE: {"output": result.output}}}, "image"
    assert write_result(str(tmp_path / "kept"), [plate]) == [str(tmp_path / "kept")]


@pytest.mark.parametrize(
    ("outputs", "says"), [((None,), "None of these layers"), (("a", "b"), "results of 2 runs")]
)
def test_what_is_no_result_is_not_saved(tmp_path: Path, outputs: tuple[str | None, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        write_result(str(tmp_path / "kept"), [layer(output) for output in outputs])


def test_nothing_is_overwritten(result: aw.RunResult, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not empty"):
        result.save(tmp_path)
    with pytest.raises(FileExistsError, match="inside the result"):
        result.save(Path(result.output, "copy"))
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_copy_cannot_be_at_an_address(
    result: aw.RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for save in (result.save, aw.open_result, lambda path: write_result(path, [layer(result.output)])):
        with pytest.raises(ValueError, match="cannot be at the address s3://bucket/out"):
            save("s3://bucket/out")
    assert list(tmp_path.iterdir()) == []
