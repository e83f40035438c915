"""Files of microscopes that bioio reads: every scene, timepoint, channel and z of each of them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_axiswise import open_dataset
from napari_axiswise.core.errors import PlaneError
from napari_axiswise.layouts import single_files
from napari_axiswise.layouts.folder import Folder, Walk
from napari_axiswise.planes import scenes

SHAPE = (20, 30)


@pytest.fixture(autouse=True)
def nothing_open() -> Iterator[None]:
    yield
    scenes._open.cache_clear()
    scenes._stack.cache_clear()


def value(t: int, c: int, z: int) -> int:
    return 100 * t + 10 * c + z


def write_czi(path: Path, times: int, channels: int, depth: int, add: int = 0, samples: int = 1) -> None:
    pytest.importorskip("bioio_czi")
    czi = pytest.importorskip("pylibCZIrw.czi")
    path.parent.mkdir(parents=True, exist_ok=True)
    with czi.create_czi(str(path)) as document:
        for t, c, z in product(range(times), range(channels), range(depth)):
            dtype = np.uint16 if samples == 1 else np.uint8
            plane = np.full((*SHAPE, samples), add + value(t, c, z), dtype)
            document.write(plane, plane={"T": t, "C": c, "Z": z})
        names = {number: f"dye {number}" for number in range(channels)}
        document.write_metadata("x", channel_names=names, scale_x=5e-7, scale_y=2.5e-7, scale_z=2e-6)


def write_scenes(path: Path) -> None:
    """Write a file of two scenes, of three timepoints and of two channels."""
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for scene, (axis, length) in enumerate((("T", 3), ("C", 2))):
            stack = np.arange(length, dtype=np.uint16)[:, None, None] + np.zeros((1, *SHAPE), np.uint16)
            tiff.write(stack + 10 * scene, metadata={"axes": f"{axis}YX"})


def test_a_czi_has_its_planes_names_and_sizes(tmp_path: Path) -> None:
    write_czi(tmp_path / "cells.czi", 2, 2, 3)
    dataset = open_dataset(tmp_path / "cells.czi")
    assert dataset.layout == "bioio"
    assert dataset.components == {
        "image": ("cells",),
        "timepoint": ("1", "2"),
        "channel": ("1", "2"),
        "z_index": ("1", "2", "3"),
    }
    assert (dataset.shape, dataset.dtype) == (SHAPE, np.uint16)
    assert (dataset.pixel_size, dataset.unit, dataset.calibration.z_step) == ((0.25, 0.5), "micrometer", 2.0)
    assert dataset.channel_names == {"1": "dye 0", "2": "dye 1"}
    for t, c, z in product(range(2), range(2), range(3)):
        plane = dataset.read(timepoint=str(t + 1), channel=str(c + 1), z_index=str(z + 1))
        assert plane.shape == SHAPE
        assert (plane == value(t, c, z)).all()


def test_a_folder_of_files_that_differ_has_the_planes_of_each(tmp_path: Path) -> None:
    write_czi(tmp_path / "a.czi", 1, 2, 1)
    write_czi(tmp_path / "b.czi", 2, 1, 2, add=1000)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "broken.czi").write_bytes((tmp_path / "a.czi").read_bytes()[:300])
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 2 + 4
    assert dataset.components["image"] == ("a", "b")
    assert {problem.path for problem in dataset.problems} == {"notes.txt", "broken.czi"}
    plane = dataset.read(image="b", timepoint="2", channel="1", z_index="2")
    assert (plane == 1000 + value(1, 0, 1)).all()
    plane = dataset.read(image="a", timepoint="1", channel="2", z_index="1")
    assert (plane == value(0, 1, 0)).all()


def test_files_in_several_folders_are_named_with_them(tmp_path: Path) -> None:
    for folder in "xy":
        write_czi(tmp_path / folder / "a.czi", 1, 1, 1)
    assert open_dataset(tmp_path).components["image"] == ("x/a", "y/a")


def test_scenes_are_sites_each_of_its_own_lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bioio_ome_tiff")
    monkeypatch.setattr(single_files, "SUFFIXES", (".ome.tiff",))
    for name in "ab":
        write_scenes(tmp_path / f"{name}.ome.tiff")
    walk = Walk(others=["a.ome.tiff", "b.ome.tiff"])
    found = single_files.SingleFiles().find(Folder(tmp_path, walk))
    assert found is not None
    assert found.file_codes is not None
    assert found.pages is not None
    told = {
        name: [column.texts[code] for code in column.codes] for name, column in found.filled_columns.items()
    }
    assert told["site"] == ["1", "1", "1", "2", "2"] * 2
    assert told["timepoint"] == ["1", "2", "3", "1", "1"] * 2
    assert told["channel"] == ["1", "1", "1", "1", "2"] * 2
    assert found.pages.tolist() == [0, 1, 2, 3, 4] * 2
    assert found.file_codes.tolist() == [0] * 5 + [1] * 5
    reader = pickle.loads(pickle.dumps(found.reader))
    with ThreadPoolExecutor(4) as pool:
        planes = list(
            pool.map(lambda page: reader.read(str(tmp_path), "a.ome.tiff", page), [0, 3, 1, 4, 2] * 4)
        )
    assert [int(plane.max()) for plane in planes] == [0, 10, 1, 11, 2] * 4
    with pytest.raises(PlaneError, match="fewer planes"):
        reader.read(str(tmp_path), "a.ome.tiff", 5)


def test_a_file_that_changed_is_opened_again(tmp_path: Path) -> None:
    write_czi(tmp_path / "a.czi", 1, 1, 1)
    dataset = open_dataset(tmp_path)
    assert dataset.read().max() == 0
    (tmp_path / "a.czi").unlink()
    with pytest.raises(PlaneError, match=r"a\.czi no longer exists"):
        dataset.read()
    write_czi(tmp_path / "a.czi", 1, 1, 1, add=7)
    assert dataset.read().max() == 7


def test_a_colour_file_says_the_way_out(tmp_path: Path) -> None:
    write_czi(tmp_path / "a.czi", 1, 1, 1, samples=3)
    with pytest.raises(PlaneError, match=r"a\.czi has a colour image.*export each colour"):
        open_dataset(tmp_path / "a.czi")


@pytest.mark.parametrize("name", ["a.czi", "a.nd2", "a.lif"])
@pytest.mark.parametrize("content", [b"", b"nothing", bytes(5000)])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, name: str, content: bytes) -> None:
    pytest.importorskip(f"bioio_{name[2:]}")
    (tmp_path / name).write_bytes(content)
    for source in (tmp_path, tmp_path / name):
        with pytest.raises(PlaneError, match=name):
            open_dataset(source)


@pytest.mark.parametrize("module", ["bioio", "bioio.plugins"])
def test_without_bioio_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    (tmp_path / "a.nd2").write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ValueError, match=r'pip install "napari-axiswise\[bioio\]"'):
        open_dataset(tmp_path / "a.nd2")


def test_a_plate_with_a_stray_file_is_left_to_others(tmp_path: Path) -> None:
    walk = Walk(images=["B02_s1.tif", "B02_s2.tif"], others=["overview.czi"])
    assert single_files.SingleFiles().find(Folder(tmp_path, walk)) is None


@pytest.mark.parametrize("name", ["a::http.czi", "memory:/a.czi"])
def test_a_name_like_an_address_is_not_followed(tmp_path: Path, name: str) -> None:
    with pytest.raises(PlaneError, match=r"looks like an address|no longer exists"):
        scenes.Scenes().read(str(tmp_path), name.replace(":/", "://"), 0)


def test_more_planes_than_any_file_has_are_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Claims:
        scenes = ("1",)
        reader = Folder(tmp_path)
        dims = SimpleNamespace(order="TCZYX", T=10**6, C=10, Z=10**5, Y=5, X=6)

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def set_scene(self, scene: int) -> None:
            pass

    monkeypatch.setattr(scenes, "_image_class", lambda path: Claims)
    (tmp_path / "a.czi").write_bytes(b"x")
    with pytest.raises(PlaneError, match="1000000000000 planes"):
        open_dataset(tmp_path / "a.czi")
